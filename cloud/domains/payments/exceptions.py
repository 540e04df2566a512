"""Valid facts that broke a rule meanwhile: posted as they happened, then settled by a person (rule 7)."""

from asyncpg import Record

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Conflict, NotFound
from cloud.core.idempotency import once
from cloud.core.pages import Page, PageRequest, after_values, make_page
from cloud.core.sessions import User
from cloud.domains.identity.events import record
from cloud.domains.payments.money import business_day
from cloud.domains.payments.money_schemas import ExceptionOut, SettleIn
from cloud.ledger import service as ledger
from cloud.ledger.accounts import issuer, receivable
from protocols.ledger.accounts import Account, Owner, Transfer, TransferKind
from protocols.values.ids import EntryId

_LINES = """
SELECT t.*, s.bearer, s.note, s.settled_at FROM ledger_transfers t
LEFT JOIN payments_exception_settlements s ON s.transfer_id = t.id AND s.organisation_id = t.organisation_id
WHERE t.organisation_id = $1 AND t.debit_owner_kind = 13
"""


async def page(core: Core, user: User, request: PageRequest, *, state: str | None) -> Page[ExceptionOut]:
    """Exceptions, newest first."""
    after = after_values(request, int)
    narrowed = {"open": " AND s.transfer_id IS NULL", "settled": " AND s.transfer_id IS NOT NULL"}.get(state or "", "")
    query = f"{_LINES}{narrowed} AND t.id < $2 ORDER BY t.id DESC LIMIT $3"
    async with core.database.transaction(user.organisation_id) as tx:
        rows = await tx.fetch(query, user.organisation_id, after[0] if after else 2**62, request.fetch)
    return make_page(rows, request, key=lambda row: [row["id"]], item=_exception)


async def settle(core: Core, user: User, transfer_id: int, body: SettleIn, key: str) -> ExceptionOut:
    """Say who bears an exception, once. Raises NotFound, Conflict."""
    async with core.database.transaction(user.organisation_id) as tx:

        async def make() -> ExceptionOut:
            return await _settle(core, tx, user, transfer_id, body)

        scope = f"payments.settle:{transfer_id}:{user.id}"
        return await once(tx, scope=scope, key=key, request=body, answer=ExceptionOut, make=make)


async def _settle(core: Core, tx: Transaction, user: User, transfer_id: int, body: SettleIn) -> ExceptionOut:
    row = await tx.fetchrow(f"{_LINES} AND t.id = $2", user.organisation_id, transfer_id)
    if row is None:
        raise NotFound("there is no such exception")
    now = core.clock.now()
    done = await tx.execute(
        "INSERT INTO payments_exception_settlements (transfer_id, bearer, note, settled_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING",
        transfer_id,
        body.bearer,
        body.note,
        now,
    )
    if done.endswith(" 0"):
        raise Conflict("somebody settled this already")
    person, bucket = row["person"], row["debit_bucket"]
    bears = receivable(person, bucket) if body.bearer == "person" else issuer(user.organisation_id, bucket)
    exception = Account(Owner.EXCEPTIONS, row["debit_owner"], bucket, row["debit_site"], row["debit_epoch"])
    transfer = Transfer(TransferKind.EXCEPTION_SETTLED, bears, exception, row["amount"])
    day = await business_day(core, tx, person) if person else row["business_day"]
    await ledger.post(tx, [transfer], cause=f"exception:{transfer_id}", business_day=day, now=now, memo=body.note)
    after = {"bearer": body.bearer, "amount_fen": row["amount"]}
    target = f"exception:{transfer_id}"
    await record(tx, at=now, actor=f"user:{user.id}", action="payments.settle_exception", target=target, after=after)
    return _exception({**dict(row), "bearer": body.bearer, "note": body.note, "settled_at": now})


def _exception(row: Record | dict[str, object]) -> ExceptionOut:
    return ExceptionOut.model_validate(
        {
            "id": row["id"],
            "at": row["posted_at"],
            "entry_id": entry_of(row),
            "person_id": row["person"],
            "bucket_id": row["debit_bucket"],
            "amount_fen": row["amount"],
            "reason": row["memo"] or "overdrawn_lease",
            "state": "settled" if row["settled_at"] else "open",
            "bearer": row["bearer"],
            "note": row["note"],
        }
    )


def entry_of(row: Record | dict[str, object]) -> str | None:
    """The journal entry a ledger line was posted for, or None for a cloud act's."""
    if row["device"] is None:
        return None
    return str(EntryId(int(str(row["device"])), int(str(row["epoch"])), int(str(row["seq"]))))
