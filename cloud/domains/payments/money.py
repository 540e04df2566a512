"""Use cases that move a person's money: top-up, withdrawal, correction, refund. Each is posted once for its cause."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Conflict, Invalid, NotFound
from cloud.core.idempotency import once
from cloud.core.sessions import User
from cloud.domains.identity import service as identity
from cloud.domains.identity.events import record
from cloud.domains.payments.money_schemas import CorrectionIn, MovedOut, TopUpIn, WithdrawalIn
from cloud.domains.payments.tables import Bucket
from cloud.domains.places import service as places
from cloud.ledger import service as ledger
from cloud.ledger.accounts import available, cash_desk, issuer, stall
from cloud.ledger.errors import LeasesWait
from cloud.ledger.leases import Staying
from protocols.ledger.accounts import Transfer, TransferKind
from protocols.payments.facts import Share
from protocols.values.instants import day_to_date, local_day, to_ms

_POST_STEP = 1000
_KEPT = timedelta(days=3)
_WANT = """
INSERT INTO payments_withdrawals_wanted (person_id, bucket_id, amount_fen, until) VALUES ($1, $2, $3, $4)
ON CONFLICT (person_id, bucket_id) DO UPDATE SET amount_fen = excluded.amount_fen, until = excluded.until
"""
_WANT_NO_MORE = "DELETE FROM payments_withdrawals_wanted WHERE person_id = $1 AND bucket_id = $2"
_STAYING = """
SELECT person_id, bucket_id, amount_fen FROM payments_withdrawals_wanted WHERE person_id = ANY ($1) AND until > $2
UNION ALL SELECT 0, id, 0 FROM payments_buckets WHERE state = 'open' AND expires_on < $3
"""


class BucketClosed(Conflict):
    """A bucket that is being cleared takes nothing more."""

    code = "bucket_closed"
    title = "This bucket is being cleared"


async def top_up(core: Core, user: User, body: TopUpIn, key: str) -> MovedOut:
    """Put money into a bucket, once for a key; the home site gets its lease in the same transaction."""
    async with core.database.transaction(user.organisation_id) as tx:

        async def make() -> MovedOut:
            bucket = await _open_bucket(tx, body.bucket_id)
            source = cash_desk(user.organisation_id, bucket.id)
            transfer = Transfer(TransferKind.TOP_UP, source, available(body.person_id, bucket.id), body.amount_fen)
            cause = f"topup:{user.id}:{key}"
            await post_for_person(core, tx, body.person_id, [transfer], cause=cause, memo=body.note)
            return await _moved(core, tx, user, body, action="payments.top_up")

        return await once(tx, scope=f"payments.top_up:{user.id}", key=key, request=body, answer=MovedOut, make=make)


async def top_up_many(
    core: Core, tx: Transaction, bucket_id: int, amounts: Sequence[tuple[int, int]], *, cause: str, memo: str = ""
) -> None:
    """Put money into many people's bucket, in bounded posts, once for `cause`."""
    assert tx.organisation_id is not None
    now, day = core.clock.now(), await business_day(core, tx, amounts[0][0])
    source = cash_desk(tx.organisation_id, bucket_id)
    for start in range(0, len(amounts), _POST_STEP):
        part = amounts[start : start + _POST_STEP]
        transfers = [Transfer(TransferKind.TOP_UP, source, available(p, bucket_id), amount) for p, amount in part]
        await ledger.post(tx, transfers, cause=f"{cause}:{start}", business_day=day, now=now, memo=memo)
    await size_leases(core, tx, [person for person, _ in amounts], day=day, now=now)


async def withdraw(core: Core, user: User, body: WithdrawalIn, key: str) -> MovedOut:
    """Pay out what is available; where sites hold it, they are asked first and nothing is paid yet.

    What they give back is kept for some days: no home is leased it meanwhile.
    """
    async with core.database.transaction(user.organisation_id) as tx:

        async def make() -> MovedOut:
            if not await Bucket.exists(id=body.bucket_id):
                raise NotFound("there is no such bucket")
            free = await _balance(tx, body.person_id, body.bucket_id)
            if free[0] < body.amount_fen <= free[1]:
                await tx.execute(_WANT, body.person_id, body.bucket_id, body.amount_fen, core.clock.now() + _KEPT)
                asked = await ledger.recall(tx, body.person_id, body.amount_fen - free[0], buckets=[body.bucket_id])
                return await _moved(core, tx, user, body, action="payments.ask_back", state="asked", asked_fen=asked)
            desk = cash_desk(user.organisation_id, body.bucket_id)
            source = available(body.person_id, body.bucket_id)
            await tx.execute(_WANT_NO_MORE, body.person_id, body.bucket_id)
            transfer = Transfer(TransferKind.WITHDRAWAL, source, desk, body.amount_fen)
            await post_for_person(
                core, tx, body.person_id, [transfer], cause=f"withdraw:{user.id}:{key}", memo=body.note, size=False
            )
            return await _moved(core, tx, user, body, action="payments.withdraw")

        return await once(tx, scope=f"payments.withdraw:{user.id}", key=key, request=body, answer=MovedOut, make=make)


async def correct(core: Core, user: User, body: CorrectionIn, key: str) -> MovedOut:
    """Mend an error: upward at once; downward from what is available, then by asking sites, the rest owed (rule 9)."""
    if body.amount_fen == 0:
        raise Invalid("amount_fen", "a correction moves something", reason="zero")
    async with core.database.transaction(user.organisation_id) as tx:

        async def make() -> MovedOut:
            bucket = await _open_bucket(tx, body.bucket_id)
            other = issuer(user.organisation_id, bucket.id)
            cause = f"correct:{user.id}:{key}"
            if body.amount_fen > 0:
                mine = available(body.person_id, bucket.id)
                transfer = Transfer(TransferKind.CORRECTION, other, mine, body.amount_fen)
                await post_for_person(core, tx, body.person_id, [transfer], cause=cause, memo=body.reason)
                return await _moved(core, tx, user, body, action="payments.correct")
            shrunk = await ledger.shrink(
                tx, body.person_id, bucket.id, -body.amount_fen, to=other, cause=cause,
                business_day=await business_day(core, tx, body.person_id), now=core.clock.now(), memo=body.reason,
            )  # fmt: skip
            asked, owed = (shrunk.asked, shrunk.receivable) if shrunk else (0, 0)
            return await _moved(core, tx, user, body, action="payments.correct", asked_fen=asked, receivable_fen=owed)

        return await once(tx, scope=f"payments.correct:{user.id}", key=key, request=body, answer=MovedOut, make=make)


async def refund(
    core: Core, tx: Transaction, *, person_id: int, stall_id: int, shares: Sequence[Share], cause: str
) -> None:
    """Give shares back from a stall to a person's buckets, once for `cause`.

    A cleared bucket's share follows the clearing (rule 10).
    """
    closed = {
        row["id"] for row in await Bucket.filter(id__in=[s.bucket for s in shares]).exclude(state="open").values("id")
    }
    assert tx.organisation_id is not None
    transfers = [
        Transfer(
            TransferKind.REFUND,
            stall(stall_id, share.bucket),
            issuer(tx.organisation_id, share.bucket) if share.bucket in closed else available(person_id, share.bucket),
            share.amount,
        )
        for share in shares
    ]
    await post_for_person(core, tx, person_id, transfers, cause=cause)


async def post_for_person(
    core: Core,
    tx: Transaction,
    person_id: int,
    transfers: Sequence[Transfer],
    *,
    cause: str,
    memo: str = "",
    size: bool = True,
) -> bool:
    """Post on a person's account and lease what the home site lacks. False where `cause` was posted before."""
    now, day = core.clock.now(), await business_day(core, tx, person_id)
    posted = await ledger.post(tx, transfers, cause=cause, business_day=day, now=now, memo=memo)
    if posted and size:
        await size_leases(core, tx, [person_id], day=day, now=now)
    return posted


async def size_leases(core: Core, tx: Transaction, persons: Sequence[int], *, day: int, now: datetime) -> None:
    """Lease to homes what they lack, in bounded steps; after a restore the leases come once all sites have declared."""
    step = core.settings.leases.batch
    for start in range(0, len(persons), step):
        try:
            part = await _staying_here(tx, persons[start : start + step])
            staying = await _staying(tx, part, day=day, now=now)
            await ledger.size_leases(tx, part, now=now, business_day=day, staying=staying)
        except LeasesWait:
            return


async def _staying_here(tx: Transaction, persons: Sequence[int]) -> list[int]:
    """Without leavers: what is theirs is paid, not leased."""
    rows = await tx.fetch("SELECT person_id FROM payments_leavers WHERE person_id = ANY ($1)", list(persons))
    left = {row["person_id"] for row in rows}
    return [person for person in persons if person not in left]


async def _staying(tx: Transaction, persons: Sequence[int], *, day: int, now: datetime) -> Staying:
    rows = await tx.fetch(_STAYING, list(persons), now, day_to_date(day))
    promised = {(person, bucket): amount for person, bucket, amount in rows if person}
    return Staying(frozenset(bucket for person, bucket, _ in rows if not person), promised)


async def business_day(core: Core, tx: Transaction, person_id: int) -> int:
    """Today at the person's home site. Raises NotFound."""
    person = await identity.person(tx, person_id)
    if person is None:
        raise NotFound("there is no such person")
    return local_day(to_ms(core.clock.now()), await places.zone_of(tx, person["home_site_id"]))


async def _open_bucket(tx: Transaction, bucket_id: int) -> Bucket:  # noqa: ARG001 - runs in its transaction
    bucket = await Bucket.filter(id=bucket_id).select_for_update().first()
    if bucket is None:
        raise NotFound("there is no such bucket")
    if bucket.state != "open":
        raise BucketClosed
    return bucket


async def _balance(tx: Transaction, person_id: int, bucket_id: int) -> tuple[int, int]:
    for balance in await ledger.balances_of(tx, person_id):
        if balance.bucket == bucket_id:
            return balance.available, balance.total - balance.in_doubt
    return 0, 0


async def _moved(
    core: Core,
    tx: Transaction,
    user: User,
    body: TopUpIn | WithdrawalIn | CorrectionIn,
    *,
    action: str,
    state: str = "done",
    asked_fen: int = 0,
    receivable_fen: int = 0,
) -> MovedOut:
    free, total = await _balance(tx, body.person_id, body.bucket_id)
    await record(
        tx, at=core.clock.now(), actor=f"user:{user.id}", action=action, target=f"person:{body.person_id}",
        after=body.model_dump(exclude={"person_id"}),
    )  # fmt: skip
    return MovedOut.model_validate(
        {
            "person_id": body.person_id,
            "bucket_id": body.bucket_id,
            "amount_fen": body.amount_fen,
            "state": state,
            "asked_fen": asked_fen,
            "receivable_fen": receivable_fen,
            "available_fen": free,
            "total_fen": total,
        }
    )
