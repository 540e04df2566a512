"""What the journal's proof says of a whole journal, and of each way to alter one."""

import asyncio
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import pytest

from edge.core.clock import ManualClock
from edge.journal.verify import Part, Verdict, file_faults, receipt_fault, verify
from edge.leases import audit
from edge.store.connection import Reader
from edge.store.errors import StoreBroken
from edge.sync.signer import Signer
from protocols.crypto import sm2
from protocols.journal import chain
from protocols.journal.codec import decode_entry, encode_entry
from protocols.journal.kinds import Kind
from protocols.payments.facts import Refund, Share
from tests.support.edge import DEVICE, EPOCH, Edge, edge_at

ROOT = Path(__file__).parents[3]
Change = Callable[[apsw.Connection], object]


async def a_day(edge: Edge, *, rotate: bool = True) -> None:
    """Some meals, a refund, checkpoints by two keys, and a few entries no checkpoint covers yet."""
    signer = Signer(edge.secrets, edge.journal, edge.writer, edge.reader, edge.time)

    async def sign() -> None:
        stood = edge.journal.committed()
        await signer.checkpoint(stood.seq, stood.head)

    await edge.grant(1, 2, 3)
    made = await edge.settle(3, 1)
    for number in range(1, 12):
        edge.clock.advance(5_000)
        made = await edge.settle(1 + number % 3, 1_000 + number)
        if number in {3, 7, 9}:
            await sign()
        if number == 5 and rotate:
            await signer.rotate()
            await sign()
    back = Refund("a", 1, 1, 1, 3, DEVICE, EPOCH, made.seq, 1, 2, 0, 5, 20261120, 400, (Share(1, 400),), (0,))

    def refund(tx: object) -> None:
        edge.book.give_back(tx, 3, back.shares)  # type: ignore[arg-type]
        edge.journal.append(tx, Kind.REFUND, back, subject="p3")  # type: ignore[arg-type]

    await edge.writer.submit(refund)
    edge.writer.run(lambda _tx: None)
    signer.close()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("written")

    async def write() -> None:
        with edge_at(folder, clock=ManualClock()) as edge:
            await a_day(edge)

    asyncio.run(write())
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "copy"))


def proof(folder: Path, *, quick: bool = False) -> Verdict:
    edge_keys = json.loads((folder / "device.key").read_text())["keys"]
    keys = [(int(key["id"]), sm2.public_key(bytes.fromhex(key["private"]))) for key in edge_keys]
    reader = Reader(folder / "journal.db")
    try:
        return verify(
            reader,
            keys,
            device=DEVICE,
            epoch=EPOCH,
            audit=lambda: audit.verify(reader),
            every_signature=not quick,
        )
    finally:
        reader.close()


def altered(folder: Path, change: str | Change) -> Verdict:
    connection = apsw.Connection(str(folder / "journal.db"))
    if isinstance(change, str):
        connection.execute(change)
    else:
        change(connection)
    connection.close()
    return proof(folder)


def words(verdict: Verdict) -> str:
    return "; ".join(f"{fault.part} {fault.seq}: {fault.words}" for fault in verdict.faults)


@pytest.mark.rule(17, 20, 22)
def test_a_journal_with_two_keys_and_a_refund_is_whole(folder: Path) -> None:
    verdict = proof(folder)
    assert verdict.whole, words(verdict)
    assert (verdict.first_seq, verdict.last_seq, verdict.checkpoints) == (1, 15, 4)
    assert verdict.signed_through == 12
    assert verdict.sum_fen == 1 + sum(range(1_001, 1_012)) - 400
    assert proof(folder, quick=True) == verdict


@pytest.mark.rule(17)
@pytest.mark.parametrize(
    ("change", "part", "seq"),
    [
        ("UPDATE entries SET body = CAST(substr(body, 1, 90) || x'00' AS BLOB) WHERE seq = 5", Part.ENTRY, 5),
        ("UPDATE entries SET hash = zeroblob(32) WHERE seq = 4", Part.ENTRY, 4),
        ("UPDATE entries SET hash = x'00' WHERE seq = 14", Part.ENTRY, 14),
        ("UPDATE entries SET body = x'c0' WHERE seq = 1", Part.ENTRY, 1),
        ("UPDATE entries SET sum_fen = sum_fen + 1 WHERE seq = 6", Part.ENTRY, 6),
        ("UPDATE entries SET kind = 31 WHERE seq = 6", Part.ENTRY, 6),
        ("UPDATE entries SET business_ms = business_ms - 1 WHERE seq = 6", Part.ENTRY, 6),
        ("DELETE FROM entries WHERE seq = 9", Part.ENTRY, 9),
        ("DELETE FROM entries WHERE seq <= 3", Part.STATE, 4),
        ("DELETE FROM entries WHERE seq > 13", Part.LEASES, 0),
        ("DELETE FROM entries WHERE seq >= 11", Part.CHECKPOINT, 12),
        ("UPDATE checkpoints SET signature = zeroblob(64) WHERE seq = 10", Part.CHECKPOINT, 10),
        ("UPDATE checkpoints SET head = zeroblob(32) WHERE seq = 10", Part.CHECKPOINT, 10),
        ("UPDATE checkpoints SET key_id = 1 WHERE seq = 10", Part.CHECKPOINT, 10),
        ("UPDATE checkpoints SET seq = 11 WHERE seq = 10", Part.CHECKPOINT, 11),
        ("UPDATE stream_keys SET first_seq = 7", Part.KEY, 0),
        ("DELETE FROM stream_keys", Part.KEY, 0),
        ("UPDATE journal_state SET applied_through = 99", Part.STATE, 15),
        ("UPDATE journal_state SET applied_through = 14", Part.CHECKPOINT, 14),
        ("UPDATE journal_state SET boot = 4", Part.STATE, 15),
        ("DELETE FROM journal_state", Part.STATE, 0),
        ("DELETE FROM entries", Part.CHECKPOINT, 5),
        ("UPDATE lease_balances SET amount = amount + 1 WHERE person = 2", Part.LEASES, 0),
        ("UPDATE lease_log SET amount = amount + 1 WHERE n = 2", Part.LEASES, 0),
        ("UPDATE entries SET body = 'text' WHERE seq = 6", Part.ENTRY, 6),
        ("UPDATE entries SET sum_fen = 'much' WHERE seq = 6", Part.ENTRY, 6),
        ("UPDATE checkpoints SET head = 'text' WHERE seq = 10", Part.CHECKPOINT, 10),
        ("UPDATE checkpoints SET signature = 'text' WHERE seq = 10", Part.CHECKPOINT, 10),
        ("UPDATE checkpoints SET signature = CAST(x'ff' AS TEXT) WHERE seq = 10", Part.FILE, 0),
    ],
)
def test_rule_17_each_alteration_is_named_with_its_place(folder: Path, change: str, part: Part, seq: int) -> None:
    verdict = altered(folder, change)
    assert (part, seq) in {(fault.part, fault.seq) for fault in verdict.faults}, words(verdict)
    assert not verdict.whole
    assert verdict.broken


def forge(connection: apsw.Connection, *, seq: int, resigned: bytes = b"") -> None:
    """One meal made a fen cheaper, and every later hash and sum reckoned anew, as someone with the program could."""
    rows: list[Any] = connection.execute("SELECT seq, body FROM entries ORDER BY seq").fetchall()
    head = chain.genesis(DEVICE, EPOCH)
    for at, body in rows:
        made = body
        if at == seq:
            entry = decode_entry(body)
            made = encode_entry(type(entry)(*[*(getattr(entry, n) for n in entry.__struct_fields__[:-1]), b"\xc0"]))
        head = chain.link(head, made)
        connection.execute("UPDATE entries SET body = ?, hash = ? WHERE seq = ?", (made, head, at))
        if at == 12 and resigned:
            connection.execute("UPDATE checkpoints SET head = ?, signature = ? WHERE seq = 12", (head, resigned))


@pytest.mark.rule(20)
def test_rule_20_a_chain_reckoned_anew_is_betrayed_by_the_checkpoints(folder: Path) -> None:
    verdict = altered(folder, partial(forge, seq=11))
    assert (Part.CHECKPOINT, 12) in {(fault.part, fault.seq) for fault in verdict.faults}, words(verdict)
    assert "one of the entries 11 to 12 was altered" in words(verdict)


@pytest.mark.rule(20)
def test_rule_20_a_head_put_into_the_checkpoint_needs_the_key(folder: Path) -> None:
    verdict = altered(folder, partial(forge, seq=11, resigned=bytes(range(64))))
    assert "not by the device's key 2" in words(verdict)


@pytest.mark.rule(20)
async def test_rule_20_a_checkpoint_that_is_due_and_missing_shows_by_the_entries_own_clock(tmp_path: Path) -> None:
    with edge_at(tmp_path, clock=(clock := ManualClock())) as edge:
        signer = Signer(edge.secrets, edge.journal, edge.writer, edge.reader, edge.time)
        await edge.grant(1)
        for _ in range(3):
            for _ in range(12):
                clock.advance(5_000)
                await edge.settle(1, 10)
            stood = edge.journal.committed()
            await signer.checkpoint(stood.seq, stood.head)
        edge.writer.run(lambda _tx: None)
        signer.close()
    assert proof(tmp_path).whole
    verdict = altered(tmp_path, "DELETE FROM checkpoints WHERE seq = 25")
    assert [fault.part for fault in verdict.faults] == [Part.PACE]
    assert not verdict.broken, "a failing disk may have lost it: the entries still stand under the next one"
    assert verdict.signed_through == 37


@pytest.mark.rule(24)
async def test_rule_24_a_pruned_journal_is_whole_from_its_oldest_entry_on(tmp_path: Path) -> None:
    with edge_at(tmp_path, clock=ManualClock()) as edge:
        await a_day(edge)
        edge.journal.acknowledge(applied_through=12, safe_through=12, generation=1)
        edge.writer.run(edge.journal.keep_acknowledged)
        far_ms = edge.clock.now_ms() + 10**9
        assert edge.writer.run(lambda tx: edge.journal.prune(tx, before_ms=far_ms)) == 11
        edge.writer.run(lambda tx: edge.book.forget_log(tx, before_seq=11))
    verdict = proof(tmp_path)
    assert verdict.whole, words(verdict)
    assert (verdict.first_seq, verdict.signed_through) == (12, 12)
    with edge_at(tmp_path, clock=ManualClock()) as edge:
        assert edge.journal.head_seq == 16, "and it opens"
    assert not altered(tmp_path, "DELETE FROM entries WHERE seq = 12").whole


@pytest.fixture
def pruned(folder: Path) -> Path:
    """Pruned through entry 6, more of it safe."""
    with edge_at(folder, clock=ManualClock()) as edge:
        edge.journal.acknowledge(applied_through=12, safe_through=12, generation=1)
        edge.writer.run(edge.journal.keep_acknowledged)
        seventh_ms = edge.journal.entry(7).business_ms
        assert edge.writer.run(lambda tx: edge.journal.prune(tx, before_ms=seventh_ms)) == 6
        edge.writer.run(lambda tx: edge.book.forget_log(tx, before_seq=6))
        assert edge.writer.run(lambda tx: edge.journal.prune(tx, before_ms=seventh_ms)) == 0
    assert proof(folder).whole
    return folder


@pytest.mark.rule(24)
@pytest.mark.parametrize(
    ("change", "part", "seq"),
    [
        ("UPDATE entries SET body = zeroblob(50) WHERE seq = 7", Part.ENTRY, 7),
        ("UPDATE entries SET sum_fen = sum_fen + 1 WHERE seq = 7", Part.ENTRY, 7),
        ("UPDATE entries SET sum_fen = sum_fen + 1", Part.ENTRY, 7),
        ("DELETE FROM entries WHERE seq < 9; DELETE FROM checkpoints WHERE seq < 9", Part.ENTRY, 7),
        ("UPDATE journal_state SET pruned_seq = 7", Part.STATE, 7),
        ("UPDATE journal_state SET pruned_seq = 5", Part.ENTRY, 6),
        ("UPDATE journal_state SET pruned_hash = zeroblob(32)", Part.ENTRY, 7),
        ("UPDATE journal_state SET pruned_hash = zeroblob(5)", Part.STATE, 7),
    ],
)
def test_rule_24_the_oldest_entry_is_proven_and_a_removed_safe_prefix_is_no_pruning(
    pruned: Path, change: str, part: Part, seq: int
) -> None:
    verdict = altered(pruned, change)
    assert (verdict.faults[0].part, verdict.first_broken) == (part, seq), words(verdict)


@pytest.mark.rule(24)
def test_rule_24_a_safe_prefix_removed_from_a_whole_journal_is_no_pruning(folder: Path) -> None:
    safe = "UPDATE journal_state SET applied_through = 12, safe_through = 12"
    assert altered(folder, safe).whole
    verdict = altered(folder, "DELETE FROM entries WHERE seq < 4; DELETE FROM checkpoints WHERE seq < 4")
    assert "entries 1 to 3 are not here" in words(verdict)


@pytest.mark.rule(17)
def test_rule_17_a_changed_oldest_entry_of_a_short_pruned_journal_is_found_at_the_start(pruned: Path) -> None:
    altered(pruned, "UPDATE entries SET body = (SELECT body FROM entries WHERE seq = 8) WHERE seq = 7")
    with pytest.raises(StoreBroken, match="oldest entry here, 7"):
        edge_at(pruned, clock=ManualClock()).__enter__()


@pytest.mark.rule(23)
@pytest.mark.parametrize("gone", [0, 6])
def test_rule_23_a_store_of_a_version_that_kept_no_place_of_pruning_is_proven_and_opens(
    folder: Path, gone: int
) -> None:
    older = f"""
        DELETE FROM entries WHERE seq <= {gone}; DELETE FROM checkpoints WHERE seq <= {gone};
        DELETE FROM lease_log WHERE after_seq < {gone};
        UPDATE journal_state SET applied_through = 12, safe_through = 12;
        ALTER TABLE journal_state DROP COLUMN pruned_seq; ALTER TABLE journal_state DROP COLUMN pruned_hash;
        ALTER TABLE journal_state DROP COLUMN pruned_sum_fen;
        UPDATE parts SET version = 1 WHERE part = 'journal'
    """
    assert altered(folder, older).whole, "also before a newer version has opened it"
    with edge_at(folder, clock=ManualClock()) as edge:
        assert edge.journal.head_seq == 16
        stands = edge.reader.row("SELECT pruned_seq, pruned_hash FROM journal_state")
        assert stands == (gone, b"")
    verdict = proof(folder)
    assert verdict.whole, words(verdict)
    assert verdict.first_seq == gone + 1
    assert not altered(folder, f"DELETE FROM entries WHERE seq = {gone + 1}").whole


async def test_a_journal_is_proven_while_entries_are_being_written(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text("[store]\nfolder = 'state'\n")
    with edge_at(tmp_path / "state", clock=ManualClock()) as edge:
        await a_day(edge)
        done = command(tmp_path, "verify")
        await edge.settle(1, 5)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.splitlines()[-1] == "the journal is whole"
        assert edge.journal.committed().seq == 16, "and the gateway goes on"


def test_the_command_names_the_first_broken_entry(folder: Path) -> None:
    state = folder / "edge.toml"
    state.write_text("[store]\nfolder = '.'\n")
    reader = Reader(folder / "journal.db")
    mark = chain.receipt_mark(reader.rows("SELECT hash FROM entries WHERE seq = 6")[0][0])
    assert receipt_fault(reader, 6, mark) is None
    assert file_faults(reader) == []
    reader.close()
    assert command(folder, "verify", "--quick", "--receipt", f"QMR7-1-6-{mark}").returncode == 0
    assert "the receipt says" in command(folder, "verify", "--receipt", "7-1-6-00000000").stdout
    altered(folder, "UPDATE entries SET hash = zeroblob(32) WHERE seq = 4")
    done = command(folder, "verify")
    assert done.returncode == 1
    assert "THE JOURNAL IS NOT WHOLE, first at entry 4" in done.stdout


def test_the_command_says_so_where_there_is_no_journal(tmp_path: Path) -> None:
    (tmp_path / "edge.toml").write_text("")
    done = command(tmp_path, "verify")
    assert done.returncode == 1
    assert "there is no journal" in done.stdout


def command(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "edge", *arguments, "--config", str(folder / "edge.toml")]
    return subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
