"""Every alteration at or before the last checkpoint is seen; what cannot be seen without hardware is shown to be so."""

from collections import Counter
from datetime import UTC, datetime
from random import Random
from typing import Any

import apsw
import pytest

from cloud.sync import heartbeats
from cloud.sync.store_memory import MemoryStore
from edge.journal.verify import Fault, Verdict, receipt_fault, verify
from edge.leases import audit
from protocols.crypto import sm2
from protocols.journal import chain
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.sync.messages import Heartbeat
from tests.simulation.edits import EDITS, Journalled, cheaper, reckon_from
from tests.simulation.tamper import Gateway, MemoryReader, opened, tamper
from tests.simulation.tampered import Written, write_journal
from tests.support.edge import DEVICE, EPOCH

ALTERATIONS = 500
ENTRIES = 600


@pytest.fixture(scope="module")
def written() -> Written:
    return write_journal(7, entries=400)


@pytest.mark.rule(17, 20, 21, 22)
async def test_every_random_alteration_up_to_the_last_checkpoint_is_seen() -> None:
    seen = await tamper(1, ALTERATIONS, entries=ENTRIES)
    missed = Counter(one.what for one in seen if not one.by)
    assert not missed
    assert len(seen) == ALTERATIONS
    assert {one.by for one in seen} == {"verify", "opening", "cloud"}
    met = {one.what for one in seen}
    assert met > set(EDITS), "every kind of alteration was drawn"


def test_the_same_seed_writes_the_same_journal_bit_by_bit(written: Written) -> None:
    assert write_journal(7, entries=400).image == written.image
    assert write_journal(8, entries=400).image != written.image


def look(connection: apsw.Connection, written: Written) -> Verdict:
    reader = MemoryReader(connection)
    return verify(reader, written.publics, device=DEVICE, epoch=EPOCH, audit=lambda: audit.verify(reader))


def sale_after(rows: Journalled, seq: int) -> int:
    return next(row[0] for row in rows.entries if row[0] > seq and row[1] == Kind.SETTLEMENT)


def forged(connection: apsw.Connection, rows: Journalled, seq: int) -> None:
    """A meal a fen cheaper, the chain, the sums and the person's balance to match."""
    bodies = [row[5] for row in rows.entries if row[0] > seq]
    reckon_from(connection, rows, seq, [cheaper(rows.row(seq)[5]), *bodies])
    person = int(decode_entry(rows.row(seq)[5]).subject[1:])
    connection.execute("UPDATE lease_balances SET amount = amount + 1 WHERE person = ? AND bucket = 1", (person,))


def mark(written: Written, seq: int) -> str:
    """What the receipt of an entry said."""
    rows = Journalled.read(MemoryReader(opened(written.image)), written.last_checkpoint, {})
    return chain.receipt_mark(rows.row(seq)[4])


def receipt(connection: apsw.Connection, seq: int, said: str) -> Fault | None:
    return receipt_fault(MemoryReader(connection), seq, said)


async def spoke(written: Written, connection: apsw.Connection, *, heard: int | None = None) -> bool:
    async with written.cloud.asked(heard=heard) as tx:
        return await Gateway(written, connection, Random(1)).speak(tx)
    raise AssertionError("asked")


@pytest.mark.rule(21)
async def test_rule_21_what_no_checkpoint_and_no_cloud_has_yet_is_only_told_by_a_receipt(written: Written) -> None:
    connection = opened(written.image)
    rows = Journalled.read(MemoryReader(connection), written.last_checkpoint, written.privates)
    seq = sale_after(rows, written.last_checkpoint)
    said = mark(written, seq)
    forged(connection, rows, seq)
    assert look(connection, written).whole
    assert receipt(connection, seq, said) is not None
    assert not await spoke(written, connection)


@pytest.mark.rule(21)
async def test_rule_21_who_has_the_key_file_can_sign_anew_and_is_found_by_what_the_cloud_has(written: Written) -> None:
    connection = opened(written.image)
    rows = Journalled.read(MemoryReader(connection), written.last_checkpoint, written.privates)
    seq = sale_after(rows, rows.keys[-1][1])
    said = mark(written, seq)
    forged(connection, rows, seq)
    key_id, public = written.publics[-1]
    points: list[Any] = connection.execute(
        "SELECT seq, hash FROM entries WHERE seq >= ? AND seq IN (SELECT seq FROM checkpoints)", (seq,)
    ).fetchall()
    for at, head in points:
        message = chain.signed_bytes(DEVICE, EPOCH, at, head)
        made = sm2.sign(private=written.privates[key_id], public=public, message=message, nonce=bytes(31) + b"\7")
        connection.execute("UPDATE checkpoints SET head = ?, signature = ? WHERE seq = ?", (head, made, at))
    assert look(connection, written).whole, "the disk alone cannot tell"
    assert receipt(connection, seq, said) is not None, "a receipt can"
    assert await spoke(written, connection), "and the cloud, which has the entries as they were"


@pytest.mark.rule(21)
async def test_rule_21_an_old_image_is_found_by_a_cloud_that_has_more_and_else_by_receipts(written: Written) -> None:
    end, image = written.older[-3]
    connection = opened(image)
    assert look(connection, written).whole
    assert await spoke(written, connection)
    seq = sale_after(Journalled.read(MemoryReader(opened(written.image)), 0, {}), end)
    assert "is not here" in str(receipt(opened(image), seq, mark(written, seq)))
    assert not await spoke(written, opened(image), heard=end), (
        "a cloud that never heard of more takes it for the present"
    )


@pytest.mark.rule(21)
async def test_rule_21_a_clone_is_found_as_soon_as_both_have_spoken_and_not_before(written: Written) -> None:
    async with written.cloud.asked() as tx:
        clone = Gateway(written, opened(written.image), Random(2))
        assert not await clone.speak(tx), "alone, it is the gateway"
        assert await Gateway(written, opened(written.image), Random(3)).speak(tx)
    marks = {chain.receipt_mark(Gateway(written, opened(written.image), Random(n)).journal.head) for n in (2, 3)}
    assert len(marks) == 2, "receipts of the two differ from the first entry on"


@pytest.mark.rule(21, 22)
async def test_rule_21_a_copy_made_before_a_change_of_keys_is_kept_as_a_branch_too(written: Written) -> None:
    rotated = written.cloud.keys[1].until_seq
    _end, image = max(pair for pair in written.older if pair[0] < rotated)
    gateway = Gateway(written, opened(image), Random(1))
    while gateway.journal.head_seq <= rotated:
        gateway.passed(5)
    kept: set[tuple[int, int]] = set()
    async with written.cloud.asked() as tx:
        assert await gateway.speak(tx)
        kept = {(key[2], key[3]) for key in written.cloud.world.inbox}
    assert (1, gateway.journal.head_seq) in kept, "both branches fed people, both are kept"


@pytest.mark.rule(20)
async def test_rule_20_an_image_that_speaks_after_the_original_takes_back_nothing_it_told(written: Written) -> None:
    world, device = written.cloud.world, written.cloud.device
    applied = world.streams[DEVICE, EPOCH, 0].applied_through
    told: list[int] = []
    async with written.cloud.asked() as tx:
        for head_seq in (applied + 20, applied + 1):
            beat = Heartbeat(EPOCH, 1, head_seq, bytes(32), 100 * head_seq, 1, 0, {}, 0, 0, (), 0, 0)
            await heartbeats.note(MemoryStore(tx), device, beat, generation=1, now=datetime.now(UTC))
            told.append(world.beats[DEVICE, EPOCH, 0][0].head_seq)
    assert told == [applied + 20, applied + 20]
