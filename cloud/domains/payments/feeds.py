"""What sites are sent of payments: buckets, scenes, price rules, limit rules."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from cloud.core.database import Transaction
from cloud.domains.payments.tables import Bucket, LimitRule, PriceRule, Scene
from cloud.sync import replicas
from protocols.payments import reference
from protocols.sync.codec import encode
from protocols.values.instants import date_to_day

PUBLISHED: Final = ("buckets", "scenes", "price_rules", "limit_rules")


async def publish(tx: Transaction, collection: str, site_ids: Iterable[int], ids: Sequence[int] | None = None) -> None:
    """Send rows of a collection (all for None) to those sites."""
    table, make = _FEEDS[collection]
    found = await (table.all() if ids is None else table.filter(pk__in=list(ids)))
    rows = [(str(row.pk), 0, make(row)) for row in found]
    for site in site_ids if rows else ():
        await replicas.publish(tx, site, collection, rows)


def _bucket(row: Any) -> bytes | None:
    if row.state == "cleared":
        return None
    return encode(
        reference.Bucket(
            id=row.id,
            kind=row.kind,
            name_zh=row.name_zh,
            name_en=row.name_en,
            starts_on=date_to_day(row.starts_on) if row.starts_on else 0,
            expires_on=date_to_day(row.expires_on) if row.expires_on else 0,
            lane_kinds=tuple(row.lane_kinds),
            canteens=tuple(row.canteens),
            periods=tuple(row.periods),
            meal_limit_fen=row.meal_limit_fen,
            day_limit_fen=row.day_limit_fen,
            month_limit_fen=row.month_limit_fen,
            counting=row.counting,
        )
    )


def _scene(row: Any) -> bytes | None:
    return encode(
        reference.Scene(
            id=row.id,
            lane_kind=row.lane_kind,
            canteen=row.canteen_id,
            order=tuple(row.deduct_order),
            ratio=tuple((kind, permille) for kind, permille in row.ratio),
            single_limit_fen=row.single_limit_fen,
            offline_days_max=row.offline_days_max,
        )
    )


def _price_rule(row: Any) -> bytes | None:
    if row.stopped:
        return None
    return encode(
        reference.PriceRule(
            id=row.id,
            priority=row.priority,
            groups=tuple(row.groups),
            periods=tuple(row.periods),
            canteens=tuple(row.canteens),
            lane_kinds=tuple(row.lane_kinds),
            percent_permille=row.percent_permille,
            first_n=row.first_n,
            first_permille=row.first_permille,
            fee_permille=row.fee_permille,
            fee_fen=row.fee_fen,
            fixed_fen=row.fixed_fen,
        )
    )


def _limit_rule(row: Any) -> bytes | None:
    if row.stopped:
        return None
    return encode(
        reference.LimitRule(
            id=row.id,
            groups=tuple(row.groups),
            lane_kinds=tuple(row.lane_kinds),
            canteens=tuple(row.canteens),
            periods=tuple(row.periods),
            per=row.per,
            times=row.times,
            amount_fen=row.amount_fen,
            when_absent=row.when_absent,
        )
    )


_FEEDS: Final[dict[str, tuple[Any, Callable[[Any], bytes | None]]]] = {
    "buckets": (Bucket, _bucket),
    "scenes": (Scene, _scene),
    "price_rules": (PriceRule, _price_rule),
    "limit_rules": (LimitRule, _limit_rule),
}
