"""Refunds asked for away from the till: the cloud executes each once, back to the buckets that paid (rule 10)."""

import json

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Conflict, NotFound
from cloud.core.idempotency import once
from cloud.core.sessions import User
from cloud.domains.canteen import queries, rules
from cloud.domains.canteen.settlement_schemas import RefundRequestIn, RefundRequestOut, ShareOut
from cloud.domains.identity.events import record
from cloud.domains.payments import service as payments
from cloud.sync import service as sync
from protocols.payments.facts import Settlement
from protocols.values.errors import RuleViolation
from protocols.values.ids import EntryId


class RefundTooMuch(Conflict):
    """All refunds of a settlement together never pass what was paid."""

    code = "refund_too_much"
    title = "More than was paid cannot be given back"


async def execute(core: Core, user: User, entry: EntryId, body: RefundRequestIn, key: str) -> RefundRequestOut:
    """Give back part of a settlement, once for a key. Raises NotFound, RefundTooMuch."""
    async with core.database.transaction(user.organisation_id) as tx:

        async def make() -> RefundRequestOut:
            return await _execute(core, tx, user, entry, body)

        scope = f"canteen.refund:{entry}:{user.id}"
        return await once(tx, scope=scope, key=key, request=body, answer=RefundRequestOut, make=make)


async def _execute(core: Core, tx: Transaction, user: User, entry: EntryId, body: RefundRequestIn) -> RefundRequestOut:
    # two requests for one settlement wait for each other here; tills' refunds are facts and are never refused
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"refund:{entry}")
    row = await queries.settlement(tx, entry)
    if row is None:
        raise NotFound("there is no such settlement")
    paid = (await sync.entry(tx, entry)).payload
    assert isinstance(paid, Settlement)
    try:
        shares = rules.shares_to_return(paid.shares, returned_fen=row["refunded_fen"], amount_fen=body.amount_fen)
    except RuleViolation as error:
        raise RefundTooMuch(str(error), paid_fen=row["amount_fen"], refunded_fen=row["refunded_fen"]) from error
    now = core.clock.now()
    parts = [[share.bucket, share.amount] for share in shares]
    request_id = await tx.fetchval(
        "INSERT INTO canteen_refund_requests (device, epoch, seq, amount_fen, shares, reason, executed_at) "
        "VALUES ($1, $2, $3, $4, $5::jsonb, $6, $7) RETURNING id",
        *entry,
        body.amount_fen,
        json.dumps(parts),
        body.reason,
        now,
    )
    cause = f"refund:{request_id}"
    await payments.refund(core, tx, person_id=paid.person, stall_id=paid.stall, shares=shares, cause=cause)
    after = {"amount_fen": body.amount_fen, "reason": body.reason, "request": request_id}
    await record(
        tx, at=now, actor=f"user:{user.id}", action="canteen.refund", target=f"settlement:{entry}", after=after
    )
    names = await payments.bucket_names(tx)
    return RefundRequestOut(
        id=request_id,
        entry_id=str(entry),
        amount_fen=body.amount_fen,
        shares=[ShareOut(bucket_id=s.bucket, name_zh=names.get(s.bucket, ""), amount_fen=s.amount) for s in shares],
    )
