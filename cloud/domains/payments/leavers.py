"""Leavers are paid what is available now and the rest as leases close (rule 14)."""

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.domains.identity import service as identity
from cloud.domains.identity.events import record
from cloud.domains.payments.money import post_for_person
from cloud.domains.payments.tables import Bucket
from cloud.ledger import service as ledger
from cloud.ledger.accounts import available, cash_desk, issuer
from protocols.ledger.accounts import Transfer, TransferKind
from protocols.payments.reference import BucketKind

_CASH = int(BucketKind.CASH)


async def begin(core: Core, tx: Transaction, person_id: int) -> None:
    """Pay what is available and ask every site for the rest."""
    await tx.execute(
        "INSERT INTO payments_leavers (person_id, left_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        person_id,
        core.clock.now(),
    )
    await pay(core, tx, person_id)


async def pay(core: Core, tx: Transaction, person_id: int) -> bool:
    """Pay out what is available now; True once nothing is left anywhere, which closes the leaver.

    Cash is paid to the person; a subsidy goes back to who gave it.
    """
    assert tx.organisation_id is not None
    query = "SELECT left_at FROM payments_leavers WHERE person_id = $1 AND closed_at IS NULL FOR UPDATE"
    if await tx.fetchrow(query, person_id) is None:
        return True
    held = await ledger.balances_of(tx, person_id)
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
    paid = sum(t.amount for t in transfers if t.kind == TransferKind.WITHDRAWAL)
    if transfers:
        times = await tx.fetchval("SELECT count(*) FROM ledger_causes WHERE cause LIKE $1", f"leaver:{person_id}:%")
        cause = f"leaver:{person_id}:{times + 1}"
        await post_for_person(core, tx, person_id, transfers, cause=cause, memo="leaver", size=False)
        await tx.execute("UPDATE payments_leavers SET paid_fen = paid_fen + $2 WHERE person_id = $1", person_id, paid)
    outside = sum(amount for each in held for _, _, amount in each.at)
    if outside:
        await ledger.recall(tx, person_id, outside)
        return False
    if any(each.in_doubt for each in held):
        return False
    await tx.execute("UPDATE payments_leavers SET closed_at = $2 WHERE person_id = $1", person_id, core.clock.now())
    await identity.close_leaver(core, tx, person_id)
    await record(
        tx, at=core.clock.now(), actor="system", action="payments.leaver_paid", target=f"person:{person_id}",
        after={"buckets": len(held)},
    )  # fmt: skip
    return True


async def pay_waiting(core: Core, tx: Transaction, *, most: int = 500) -> int:
    """Look at every leaver who still has money at a site; answers how many closed. A job runs it every few minutes."""
    rows = await tx.fetch(
        "SELECT person_id FROM payments_leavers WHERE closed_at IS NULL ORDER BY person_id LIMIT $1", most
    )
    return sum([await pay(core, tx, row["person_id"]) for row in rows])
