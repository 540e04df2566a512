"""Month-end clearing while facts are in the field: `available` now, each site once its stream has passed (rule 8)."""

from collections import defaultdict
from typing import Final

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import NotFound
from cloud.core.idempotency import once
from cloud.core.pages import Page
from cloud.core.sessions import User
from cloud.domains.identity.events import record
from cloud.domains.payments import rules
from cloud.domains.payments.money_schemas import ClearingIn, ClearingOut, WaitingSite
from cloud.domains.payments.tables import Bucket, Scene
from cloud.domains.places import service as places
from cloud.ledger import service as ledger
from protocols.ledger.accounts import Owner, TransferKind
from protocols.values.instants import local_day, to_ms

_SHOWN_MOST: Final = 200
_CLEARED: Final = """
SELECT credit_bucket AS bucket, sum(amount)::bigint AS amount FROM ledger_transfers
WHERE credit_owner_kind = $1 AND kind = $2 AND credit_bucket = ANY ($3) GROUP BY credit_bucket
"""


async def start(core: Core, user: User, body: ClearingIn, key: str) -> Page[ClearingOut]:
    """Clear buckets; a bucket cleared before is left as it is. Raises NotFound."""
    async with core.database.transaction(user.organisation_id) as tx:

        async def make() -> Page[ClearingOut]:
            await _start(core, tx, user, sorted(set(body.bucket_ids)))
            return await _list(tx, sorted(set(body.bucket_ids)))

        scope = f"payments.clearing:{user.id}"
        return await once(tx, scope=scope, key=key, request=body, answer=Page[ClearingOut], make=make)


async def standing(core: Core, user: User) -> Page[ClearingOut]:
    """Every clearing, newest first: cleared, or waiting for site X: ¥y."""
    async with core.database.transaction(user.organisation_id) as tx:
        return await _list(tx, None)


async def _start(core: Core, tx: Transaction, user: User, bucket_ids: list[int]) -> None:
    buckets = await Bucket.filter(id__in=bucket_ids).select_for_update()
    if len(buckets) != len(bucket_ids):
        raise NotFound("there is no such bucket")
    now = core.clock.now()
    sites = await places.sites(tx)
    day = local_day(to_ms(now), places.zone(sites[0].time_zone) if sites else places.zone("UTC"))
    for bucket in buckets:
        if bucket.state == "open" and bucket.period:
            await _true_up(core, tx, bucket)
    fresh = [bucket.id for bucket in buckets if bucket.state == "open"]
    if not fresh:
        return
    swept = await ledger.cut_off(tx, fresh, now=now, business_day=day)
    for bucket_id in fresh:
        await tx.execute(
            "INSERT INTO payments_clearings (bucket_id, started_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            bucket_id,
            now,
        )
    await Bucket.filter(id__in=fresh).update(state="clearing")
    after = {"buckets": fresh, "swept_fen": swept}
    await record(tx, at=now, actor=f"user:{user.id}", action="payments.clear", target="buckets", after=after)


async def _true_up(core: Core, tx: Transaction, bucket: Bucket) -> None:
    """Who paid from a worse bucket because another site held this one gets the two swapped first (rule 2)."""
    order = await deduction_order(tx)
    rows = await tx.fetch(
        "SELECT owner FROM ledger_balances WHERE owner_kind = $1 AND bucket = $2 AND site = 0 AND balance > 0",
        int(Owner.PERSON),
        bucket.id,
    )
    days = rules.month_days(bucket.period)
    for row in rows:
        await ledger.true_up(
            tx, row["owner"], period=bucket.period, days=days, bucket_order=order, now=core.clock.now()
        )


async def deduction_order(tx: Transaction) -> list[int]:  # noqa: ARG001 - runs in its transaction
    """Buckets as the first scene deducts them: its order of kinds, the earliest to expire first."""
    scene = await Scene.all().order_by("lane_kind", "canteen_id").first()
    kinds = list(scene.deduct_order) if scene else [2, 3, 4, 1, 5]
    buckets = await Bucket.filter(state="open").values("id", "kind", "expires_on")
    far = "9999-12-31"
    ranked = [
        (kinds.index(each["kind"]), str(each["expires_on"] or far), each["id"])
        for each in buckets
        if each["kind"] in kinds
    ]
    return [bucket_id for _, _, bucket_id in sorted(ranked)]


async def _list(tx: Transaction, bucket_ids: list[int] | None) -> Page[ClearingOut]:
    rows = await tx.fetch(
        "SELECT c.id, c.bucket_id, b.name_zh, c.started_at FROM payments_clearings c "
        "JOIN payments_buckets b ON b.id = c.bucket_id WHERE $1::bigint[] IS NULL OR c.bucket_id = ANY ($1) "
        "ORDER BY c.id DESC LIMIT $2",
        bucket_ids,
        _SHOWN_MOST,
    )
    ids = [row["bucket_id"] for row in rows]
    names = await places.site_names(tx)
    cleared = {
        row["bucket"]: row["amount"]
        for row in await tx.fetch(_CLEARED, int(Owner.ISSUER), int(TransferKind.CLEARING), ids)
    }
    waiting: dict[int, list[WaitingSite]] = defaultdict(list)
    for site in await ledger.clearing_state(tx, ids):
        if not site.passed:
            waiting[site.bucket].append(
                WaitingSite(site_id=site.site, site_name=names.get(site.site, ""), amount_fen=site.amount)
            )
    return Page(
        items=[
            ClearingOut(
                **dict(row),
                cleared_fen=cleared.get(row["bucket_id"], 0),
                waiting=waiting[row["bucket_id"]],
                waiting_fen=sum(site.amount_fen for site in waiting[row["bucket_id"]]),
                state="waiting" if waiting[row["bucket_id"]] else "cleared",
            )
            for row in rows
        ]
    )
