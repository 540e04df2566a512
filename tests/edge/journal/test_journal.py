"""Stamps, the chain, boots, reading, pruning and signatures of the journal."""

import asyncio
from functools import partial
from pathlib import Path

import msgspec
import pytest

from edge.core.clock import ManualClock
from edge.journal.identity import DeviceSecrets
from edge.store.errors import StoreBroken, StoreFull
from edge.store.files import SystemFiles
from edge.store.transaction import Transaction
from edge.sync.signer import Signer
from protocols.crypto import sm2
from protocols.journal import chain
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.payments.facts import Incarnation, KeyRotated, Refund, Settlement, Share, TurnstilePassed, decode
from protocols.values.errors import RuleViolation
from tests.support.edge import DEVICE, EPOCH, Edge, edge_at, open_edge

GOLDEN = Path(__file__).with_name("golden_v1.hex")
PASSED = TurnstilePassed(1, 9, passed=True)


async def passed(edge: Edge, *, business_ms: int | None = None) -> int:
    unit = partial(append_passed, edge, business_ms)
    return await edge.writer.submit(unit)


def append_passed(edge: Edge, business_ms: int | None, tx: Transaction) -> int:
    return edge.journal.append(tx, Kind.TURNSTILE_PASSED, PASSED, subject="p1", business_ms=business_ms).seq


@pytest.mark.rule(17)
async def test_rule_17_an_entry_carries_its_stamps_and_the_chain_covers_its_very_bytes(tmp_path: Path) -> None:
    clock = ManualClock()
    with edge_at(tmp_path, clock=clock) as edge:
        edge.time.anchor(server_ms=clock.now_ms() + 5_000, round_trip_ms=40)
        clock.advance(1_000)
        edge.journal.prices_version, edge.journal.rules_version = 11, 12
        seq = await passed(edge)
        entry = edge.journal.entry(seq)
        assert (entry.device, entry.epoch, entry.seq, entry.boot) == (DEVICE, EPOCH, 2, 1)
        assert entry.business_ms == clock.now_ms() + 5_020
        assert (entry.offset_ms, entry.subject) == (5_020, "p1")
        assert 20 <= entry.uncertainty_ms <= 25
        assert (entry.prices_version, entry.rules_version) == (11, 12)
        previous, bodies = edge.journal.read(0, max_entries=10, max_bytes=10_000)
        assert previous == chain.genesis(DEVICE, EPOCH)
        assert chain.links(previous, bodies)[-1] == edge.journal.head


@pytest.mark.rule(17)
async def test_rule_17_a_changed_byte_on_the_disk_is_found_at_the_start(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        for _ in range(5):
            await passed(edge)
        body = edge.reader.rows("SELECT body FROM entries WHERE seq = 3")[0][0]
        changed = body[:-1] + bytes([body[-1] ^ 1])
        edge.writer.run(lambda tx: tx.execute("UPDATE entries SET body = ? WHERE seq = 3", (changed,)) and None)
    with pytest.raises(StoreBroken, match="entry 3"):
        open_edge(tmp_path)


@pytest.mark.rule(19)
async def test_rule_19_business_time_never_steps_below_the_mark_even_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock()
    with edge_at(tmp_path, clock=clock) as edge:
        clock.advance(60_000)
        await passed(edge)
        mark = edge.journal.business_ms
        clock.jump(-3_600_000)
        await passed(edge)
        assert edge.journal.business_ms == mark
        assert edge.journal.now().now_ms == mark
        assert edge.journal.now().uncertainty_ms >= 3_600_000
    behind = ManualClock(clock.now_ms() - 86_400_000)
    with edge_at(tmp_path, clock=behind) as edge:
        seq = await passed(edge, business_ms=5)
        assert edge.journal.entry(seq).business_ms == mark


@pytest.mark.rule(19)
async def test_rule_19_a_wall_clock_set_wrong_moves_nothing_once_the_cloud_told_the_time(tmp_path: Path) -> None:
    clock = ManualClock()
    with edge_at(tmp_path, clock=clock) as edge:
        edge.time.anchor(server_ms=clock.now_ms(), round_trip_ms=10)
        true_ms = clock.now_ms()
        clock.jump(10 * 86_400_000)
        clock.advance(2_000)
        seq = await passed(edge)
        assert abs(edge.journal.entry(seq).business_ms - (true_ms + 2_000)) <= 10


@pytest.mark.rule(21)
async def test_rule_21_each_boot_appends_a_nonce_that_two_copies_of_a_disk_cannot_share(tmp_path: Path) -> None:
    nonces = set()
    for boot in (1, 2, 3):
        with edge_at(tmp_path) as edge:
            entry = edge.journal.entry(edge.journal.head_seq)
            assert (entry.kind, entry.boot) == (Kind.INCARNATION, boot)
            nonces.add(decode(Incarnation, entry.payload).nonce)
    assert len(nonces) == 3


async def test_a_unit_that_fails_leaves_head_sum_and_chain_as_they_were(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await edge.grant(1)
        before = (edge.journal.head_seq, edge.journal.head, edge.journal.sum_fen, edge.book.balance(1, 1))

        def failing(tx: Transaction) -> None:
            edge.book.spend(tx, 1, (Share(1, 500),))
            edge.journal.append(tx, Kind.SETTLEMENT, PASSED)
            raise ValueError("no")

        outcomes = await asyncio.gather(
            edge.writer.submit(failing), edge.settle(1, 700), edge.writer.submit(failing), return_exceptions=True
        )
        assert isinstance(outcomes[0], ValueError)
        assert edge.journal.head_seq == before[0] + 1
        assert edge.book.balance(1, 1) == before[3] - 700
        edge.journal.hash_at(edge.journal.head_seq)
    with edge_at(tmp_path) as again:
        assert again.book.balance(1, 1) == before[3] - 700


@pytest.mark.rule(20)
async def test_rule_20_the_sum_of_a_stream_is_settlements_less_refunds(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        await edge.grant(1)
        made = await edge.settle(1, 1_500)
        back = Refund("a", 1, 1, 1, 1, DEVICE, EPOCH, made.seq, 1, 2, 0, 5, 20261120, 400, (Share(1, 400),), (0,))
        await edge.writer.submit(lambda tx: edge.journal.append(tx, Kind.REFUND, back), in_hand=True)
        stood = edge.journal.committed()
        assert (stood.sum_fen, stood.waiting_fen, stood.waiting) == (1_100, 1_100, 3)
        edge.journal.acknowledge(applied_through=made.seq, safe_through=0, generation=1)
        assert edge.journal.committed().waiting_fen == -400


@pytest.mark.rule(20)
async def test_rule_20_checkpoints_are_signed_over_the_head_and_made_once(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        signer = Signer(edge.secrets, edge.journal, edge.writer, edge.reader, edge.time)
        await passed(edge)
        mark = await signer.checkpoint(edge.journal.head_seq, edge.journal.head)
        covered = chain.signed_bytes(DEVICE, EPOCH, mark.seq, mark.head)
        assert sm2.verify(public=edge.secrets.newest().public, message=covered, signature=mark.signature)
        edge.writer.run(lambda _tx: None)
        await asyncio.sleep(0.1)
        assert await signer.checkpoint(mark.seq, mark.head) == mark
        signer.close()


@pytest.mark.capability("IOT-02", "PLT-10")
@pytest.mark.rule(22)
async def test_rule_22_a_new_key_is_named_by_an_entry_the_old_key_signed(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        signer = Signer(edge.secrets, edge.journal, edge.writer, edge.reader, edge.time)
        old = edge.secrets.newest()
        assert await signer.rotate() == old.key_id + 1
        entry = edge.journal.entry(edge.journal.head_seq)
        said = decode(KeyRotated, entry.payload)
        assert entry.kind == Kind.KEY_ROTATED
        assert sm2.verify(public=old.public, message=said.public_key, signature=said.signature)
        assert signer.key_at(entry.seq).key_id == old.key_id, "the cloud learns the new key from this entry"
        assert signer.key_at(entry.seq + 1).public == said.public_key
        assert signer.last_of_key(entry.seq) == entry.seq, "a batch ends there: one key vouches for it"
        assert signer.last_of_key(entry.seq + 1) is None
        assert signer.session_keys()[0].key_id == old.key_id, "until the cloud has the entry"
        edge.journal.acknowledge(applied_through=entry.seq, safe_through=0, generation=1)
        shown = [key.key_id for key in signer.session_keys()]
        assert shown == [said.key_id, old.key_id], "a cloud put back knows that one"
        signer.close()


@pytest.mark.rule(23)
async def test_rule_23_entries_of_version_1_read_as_they_were_written_and_keep_their_bytes(tmp_path: Path) -> None:
    lines = GOLDEN.read_text().split()
    assert len(lines) >= 3
    for line in lines:
        body = bytes.fromhex(line)
        entry = decode_entry(body)
        assert entry.format == 1
        assert msgspec.msgpack.encode(entry) == body
    sale = decode(Settlement, decode_entry(bytes.fromhex(lines[1])).payload)
    assert (sale.person, sale.amount_fen, sale.shares) == (17, 1_800, (Share(1, 1_300), Share(4, 500)))


@pytest.mark.rule(23)
async def test_rule_23_an_entry_of_a_kind_not_known_here_is_read_and_sent_as_it_is(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        seq = (await edge.writer.submit(lambda tx: edge.journal.append(tx, 250, b"\x93\x01\x02\x03"))).seq
        entry = edge.journal.entry(seq)
        assert (entry.kind, entry.payload) == (250, b"\x93\x01\x02\x03")


@pytest.mark.rule(24)
@pytest.mark.lesson("square-24h", "greengrass-spool")
async def test_rule_24_only_what_is_safe_in_a_backup_is_pruned_however_old_the_rest_is(tmp_path: Path) -> None:
    clock = ManualClock()
    with edge_at(tmp_path, clock=clock) as edge:
        for _ in range(10):
            clock.advance(3 * 86_400_000)
            await passed(edge)
        far_ms = clock.now_ms() + 1_000 * 86_400_000
        assert await edge.writer.submit(lambda tx: edge.journal.prune(tx, before_ms=far_ms)) == 0
        edge.journal.acknowledge(applied_through=9, safe_through=6, generation=1)
        assert await edge.writer.submit(lambda tx: edge.journal.prune(tx, before_ms=far_ms)) == 5
        _previous, bodies = edge.journal.read(6, max_entries=100, max_bytes=1 << 20)
        assert [decode_entry(body).seq for body in bodies] == [7, 8, 9, 10, 11]
        with pytest.raises(KeyError):
            edge.journal.read(3, max_entries=1, max_bytes=100)
    with edge_at(tmp_path, clock=clock) as edge:
        assert edge.journal.head_seq == 12


async def test_a_day_is_found_by_its_instants(tmp_path: Path) -> None:
    clock = ManualClock()
    with edge_at(tmp_path, clock=clock) as edge:
        seqs = []
        for _ in range(20):
            clock.advance(3_600_000)
            seqs.append(await passed(edge))
        start = edge.journal.entry(seqs[4]).business_ms
        end = edge.journal.entry(seqs[9]).business_ms
        assert [entry.seq for entry in edge.journal.entries_between(start, end)] == seqs[4:9]
        assert edge.journal.entries_between(end + 10**12, end + 10**13) == []


async def test_a_batch_holds_at_least_one_entry_and_ends_at_its_bounds(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        for _ in range(9):
            await passed(edge)
        assert len(edge.journal.read(0, max_entries=4, max_bytes=1 << 20)[1]) == 4
        assert len(edge.journal.read(0, max_entries=4, max_bytes=1)[1]) == 1
        assert edge.journal.read(10, max_entries=4, max_bytes=1)[1] == []


async def test_an_entry_too_long_to_be_taken_is_never_written(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge:
        with pytest.raises(RuleViolation, match="bytes"):
            await edge.writer.submit(lambda tx: edge.journal.append(tx, 250, b"x" * 70_000))
        assert edge.journal.head_seq == 1


def test_acknowledging_what_is_not_here_is_refused(tmp_path: Path) -> None:
    with edge_at(tmp_path) as edge, pytest.raises(RuleViolation):
        edge.journal.acknowledge(applied_through=99, safe_through=0, generation=1)


@pytest.mark.lesson("square-24h", "iotedge-2h")
@pytest.mark.rule(24)
async def test_thirty_days_offline_expire_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    with edge_at(tmp_path, clock=clock) as edge:
        await edge.grant(1, amount=10_000_000)

        def day(tx: Transaction) -> None:
            for _ in range(200):
                append_passed(edge, None, tx)
                edge.journal.prune(tx, before_ms=clock.now_ms())

        for _ in range(30):
            clock.advance(86_400_000)
            await edge.writer.submit(day)
        assert edge.journal.committed().waiting == 30 * 200 + 1
        assert edge.reader.row("SELECT count(*) FROM entries") == (30 * 200 + 1,)


def test_rule_22_a_key_that_the_disk_has_no_room_for_is_no_key(tmp_path: Path) -> None:
    class Full(SystemFiles):
        def write(self, path: Path, data: bytes) -> None:
            if path.with_suffix(".key").exists():
                raise OSError(28, "the disk is full")
            super().write(path, data)

    kept = DeviceSecrets(tmp_path / "device.key", Full())
    with pytest.raises(StoreFull):
        kept.make_next(2)
    assert [key.key_id for key in kept.keys] == [key.key_id for key in DeviceSecrets(tmp_path / "device.key").keys]
