"""A power cut at any instant: what a diner was told is there, and the chain is whole."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.leases.audit import verify
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.payments.facts import Settlement, decode
from tests.support.edge import edge_at

ROOT = Path(__file__).resolve().parents[3]


def settle_until_killed(folder: Path, *, after_s: float) -> list[tuple[int, str]]:
    """Receipts told before kill -9."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'firmware-sim'}"}
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.support.edge_worker", str(folder), "4"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    )
    assert worker.stdout is not None
    first = worker.stdout.readline()
    assert first, "the worker did not begin"
    time.sleep(after_s)
    worker.send_signal(signal.SIGKILL)
    rest = worker.stdout.read()
    worker.wait(timeout=10)
    lines = [line for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]
    return [(int(line.split()[1]), line.split()[2]) for line in lines]


@pytest.mark.rule(18, 21)
@pytest.mark.lesson("odoo-125037")
@pytest.mark.timeout(120)
def test_rule_18_odoo_125037_what_was_told_before_kill_9_is_there_after_it(tmp_path: Path) -> None:
    chance = random.Random(42)
    told: dict[int, str] = {}
    for _ in range(6):
        for seq, attempt in settle_until_killed(tmp_path, after_s=chance.uniform(0.02, 0.4)):
            assert seq not in told
            told[seq] = attempt
    with edge_at(tmp_path) as edge:
        kept = {}
        boots = []
        for (body,) in edge.reader.rows("SELECT body FROM entries ORDER BY seq"):
            entry = decode_entry(body)
            if entry.kind == Kind.SETTLEMENT:
                kept[entry.seq] = decode(Settlement, entry.payload).attempt
            elif entry.kind == Kind.INCARNATION:
                boots.append(entry.boot)
        assert told.items() <= kept.items()
        assert len(kept) - len(told) <= 6 * 4 * 2, "only the commits under way at a kill were not told"
        assert boots == list(range(1, 8))
        assert verify(edge.reader) == []
        total = sum(100 for _ in kept)
        assert edge.journal.sum_fen == total
