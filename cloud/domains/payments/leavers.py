"""Leavers are paid what is available now and the rest as leases close (rule 14)."""

from collections.abc import Sequence
from typing import Final

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.domains.identity import service as identity
from cloud.domains.identity.events import record
from cloud.domains.payments.money import post_for_person
from cloud.domains.payments.tables import Bucket
from cloud.ledger import service as ledger
from cloud.ledger.accounts import available, cash_desk, issuer
from protocols.ledger.accounts import Owner, Transfer, TransferKind
from protocols.payments.reference import BucketKind

_CASH: Final = int(BucketKind.CASH)
_WAITING: Final = """
SELECT l.person_id FROM payments_leavers AS l
WHERE l.organisation_id = app_organisation() AND l.person_id > $1 AND (l.closed_at IS NULL OR EXISTS (
    SELECT 1 FROM ledger_balances AS b
    WHERE b.owner = l.person_id AND b.owner_kind = ANY ($3::smallint[]) AND b.balance > 0))
ORDER BY l.person_id LIMIT $2
"""


async def begin(core: Core, tx: Transaction, person_id: int) -> None:
    """Pay what is available and ask every site for the rest."""
    await tx.execute(
        "INSERT INTO payments_leavers (person_id, left_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        person_id,
        core.clock.now(),
    )
    await pay(core, tx, person_id)


async def pay(core: Core, tx: Transaction, person_id: int) -> bool:
    """Pay out what is available now; True where that closes the leaver: nothing is left anywhere.

    Cash is paid to the person; a subsidy goes back to who gave it. What arrives late, after the leaver was closed, is
    paid like the rest. The person's row is locked.
    """
    query = "SELECT closed_at IS NOT NULL AS closed FROM payments_leavers WHERE person_id = $1 FOR UPDATE"
    leaver = await tx.fetchrow(query, person_id)
    if leaver is None:
        return False
    held = await ledger.balances_of(tx, person_id)
    paid = await _pay_out(core, tx, person_id, held)
    outside = sum(amount for each in held for _, _, amount in each.at)
    if outside:
        await ledger.recall(tx, person_id, outside)
    if leaver["closed"] and paid:
        await _record(core, tx, person_id, {"late_fen": paid})
    if leaver["closed"] or outside or any(each.in_doubt for each in held):
        return False
    await tx.execute("UPDATE payments_leavers SET closed_at = $2 WHERE person_id = $1", person_id, core.clock.now())
    await identity.close_leaver(core, tx, person_id)
    await _record(core, tx, person_id, {"buckets": len(held), "paid_fen": paid})
    return True


async def _pay_out(core: Core, tx: Transaction, person_id: int, held: Sequence[ledger.BucketBalance]) -> int:
    """Empty what is available; answers what the person got in cash."""
    assert tx.organisation_id is not None
    kinds = {
        b["id"]: b["kind"] for b in await Bucket.filter(id__in=[each.bucket for each in held]).values("id", "kind")
    }
    transfers = []
    for each in held:
        if each.available:
            cash = kinds.get(each.bucket) == _CASH
            target = (cash_desk if cash else issuer)(tx.organisation_id, each.bucket)
            kind = TransferKind.WITHDRAWAL if cash else TransferKind.CLEARING
            transfers.append(Transfer(kind, available(person_id, each.bucket), target, each.available))
    if not transfers:
        return 0
    paid = sum(t.amount for t in transfers if t.kind == TransferKind.WITHDRAWAL)
    times = await tx.fetchval(
        "SELECT count(*) FROM ledger_causes WHERE organisation_id = app_organisation() AND cause LIKE $1",
        f"leaver:{person_id}:%",
    )
    cause = f"leaver:{person_id}:{times + 1}"
    await post_for_person(core, tx, person_id, transfers, cause=cause, memo="leaver", size=False)
    await tx.execute("UPDATE payments_leavers SET paid_fen = paid_fen + $2 WHERE person_id = $1", person_id, paid)
    return paid


async def pay_waiting(core: Core, tx: Transaction, *, after: int = 0, most: int = 500) -> tuple[int, int]:
    """Look at leavers of this organisation who may have money somewhere; answers how many closed, and whom it saw last.

    A job runs it every minute, page by page: from `after` on, 0 once there are no more.
    """
    rows = await tx.fetch(_WAITING, after, most, [int(Owner.PERSON), int(Owner.IN_DOUBT)])
    closed = sum([await pay(core, tx, row["person_id"]) for row in rows])
    return closed, rows[-1]["person_id"] if len(rows) == most else 0


async def _record(core: Core, tx: Transaction, person_id: int, after: dict[str, int]) -> None:
    await record(
        tx, at=core.clock.now(), actor="system", action="payments.leaver_paid", target=f"person:{person_id}",
        after=after,
    )  # fmt: skip
