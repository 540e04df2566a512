"""A crash at any write, sync, truncate, delete or rename of a day loses nothing that somebody was told.

CRASH_POINTS=all goes through every one of them, CRASH_POINTS=n through n; a fixed sample otherwise.
"""

import os
from pathlib import Path

import pytest

from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from tests.simulation import disk
from tests.simulation.clockwork import SimLoop, run, sealed_world
from tests.simulation.crash_points import Points, chosen, measure

SAMPLE = 8
ASKED = os.environ.get("CRASH_POINTS", str(SAMPLE))


@pytest.mark.rule(18, 20, 21, 22, 24)
@pytest.mark.lesson("odoo-125037")
@pytest.mark.timeout(3_600)
def test_every_crash_point_recovers_with_what_was_told_present_once() -> None:
    figures = measure(most=None if ASKED == "all" else int(ASKED))
    assert figures.failures == []
    assert figures.recovered == figures.variants
    assert figures.variants == figures.points * 5
    assert figures.told > 50


def test_the_day_holds_every_kind_of_operation(tmp_path: Path) -> None:
    kinds = Points(tmp_path).all_operations()
    done = {kind.split(maxsplit=1)[0] for kind in kinds}
    assert done == {"write", "sync", "truncate", "delete", "rename"}
    for file in ("journal.db", "journal.db-wal", "replica.db-wal", "device.partial"):
        assert f"write {file}" in kinds, "the log is moved into the database, keys are made, on the way"
    assert Points(tmp_path / "again").all_operations() == kinds


def test_the_day_holds_every_act_of_a_site(tmp_path: Path) -> None:
    async def main(loop: SimLoop) -> tuple[set[int], int]:
        day = await Points(tmp_path).live(loop)
        await day.machine.boot()
        first = decode_entry(day.machine.committed()[0]).seq
        await day.machine.stop()
        return {decode_entry(body).kind for body in day.cloud.entries}, first

    loop = SimLoop()
    with sealed_world(1):
        kinds, first = run(main(loop), loop=loop)
    assert first > 1, "what was safe has been pruned"
    assert kinds == {
        Kind.INCARNATION,
        Kind.SETTLEMENT,
        Kind.REFUND,
        Kind.CASH_TAKEN,
        Kind.CASH_VOIDED,
        Kind.LEASE_RETURNED,
        Kind.SHRINK_ANSWERED,
        Kind.CUTOFF_PASSED,
        Kind.KEY_ROTATED,
        Kind.DAY_CLOSED,
    }


def test_a_sample_is_spread_over_the_day_and_always_the_same() -> None:
    kinds = ["write a"] * 597 + ["sync a", "rename b", "delete c"]
    found = chosen(kinds, 12, 1)
    assert found == chosen(kinds, 12, 1)
    assert {598, 599, 600} <= set(found)
    assert {(point - 1) // 50 for point in found} == set(range(12))
    assert chosen(kinds, None, 1) == chosen(kinds, 900, 1) == list(range(1, 601))


def test_a_disk_whose_syncs_do_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def lies(_file: object, _flags: int) -> None:
        return None

    monkeypatch.setattr(disk._SimFile, "xSync", lies)
    assert measure(most=4, variants=2).failures


def test_keys_kept_without_a_sync_are_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    points = Points(tmp_path, variants=2)
    monkeypatch.setattr(disk.SimDisk, "sync", lambda _disk, _path: None)
    kinds = points.all_operations()
    named = [number for number, kind in enumerate(kinds, 1) if kind == "rename device.key"]
    points.cut_at(named[-1] + 3, kinds[named[-1] + 2])
    assert points.figures.failures
