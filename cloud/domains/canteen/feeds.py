"""What sites are sent of the canteen: each collection's rows by SQL and the struct they become."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from asyncpg import Record

from cloud.core.database import Transaction
from cloud.sync import replicas
from protocols.canteen import reference
from protocols.payments.reference import MealPeriod
from protocols.sync.codec import encode
from protocols.values.instants import date_to_day, to_ms

Row = tuple[str, int, bytes | None]


@dataclass(frozen=True)
class Feed:
    """`sql` takes keys (NULL all) as $1 and the site as $2; `row` makes the replica's row of one of its records."""

    sql: str
    row: Callable[[Record], Row]


async def publish(
    tx: Transaction, collection: str, site_ids: Iterable[int], keys: Sequence[Any] | None = None
) -> dict[int, int]:
    """Send rows of a collection (all for None) to those sites; answers the replica's version by site."""
    feed = FEEDS[collection]
    versions = {}
    for site in site_ids:
        found = await tx.fetch(feed.sql, None if keys is None else list(keys), site)
        if found:
            versions[site] = await replicas.publish(tx, site, collection, [feed.row(row) for row in found])
    return versions


async def publish_site(tx: Transaction, site_id: int) -> None:
    """Send a site everything of the canteen."""
    for collection in FEEDS:
        await publish(tx, collection, [site_id])


def _canteen(row: Record) -> Row:
    made = reference.Canteen(row["id"], row["site_id"], row["name_zh"], row["name_en"], row["day_starts_minute"])
    return str(row["id"]), 0, encode(made)


def _lane(row: Record) -> Row:
    if row["stopped"]:
        return str(row["id"]), 0, None
    made = reference.Lane(
        id=row["id"],
        canteen=row["canteen_id"],
        stall=row["stall_id"],
        kind=row["kind"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        code=row["code"],
        station=row["station"],
        dish=row["dish_id"] or 0,
    )
    return str(row["id"]), 0, encode(made)


def _scale(row: Record) -> Row:
    until = date_to_day(row["certificate_until"])
    made = reference.Scale(row["lane_id"], row["minimum_g"], row["maximum_g"], row["division_g"], until)
    return str(row["lane_id"]), 0, encode(made)


def _period(row: Record) -> Row:
    if row["stopped"]:
        return str(row["id"]), 0, None
    made = MealPeriod(
        id=row["id"],
        name_zh=row["name_zh"],
        name_en=row["name_en"],
        start_minute=row["start_minute"],
        end_minute=row["end_minute"],
        canteens=tuple(row["canteens"]),
        weekdays=tuple(row["weekdays"]),
    )
    return str(row["id"]), 0, encode(made)


def _dish(row: Record) -> Row:
    made = reference.Dish(row["id"], row["name_zh"], row["name_en"], row["category"], row["by_weight"])
    return str(row["id"]), 0, None if row["stopped"] else encode(made)


def _price(row: Record) -> Row:
    made = reference.Price(row["dish_id"], row["canteen_id"], row["price_fen"], row["version"])
    return f"{row['dish_id']}:{row['canteen_id']}", to_ms(row["effective_from_at"]), encode(made)


def _plate_kind(row: Record) -> Row:
    made = reference.PlateKind(row["id"], row["name_zh"], row["name_en"], row["price_fen"], row["colour"])
    return str(row["id"]), 0, encode(made)


def _plate(row: Record) -> Row:
    made = reference.Plate(row["uid"], row["kind_id"], row["dish_id"] or 0, row["stopped"])
    return row["uid"], 0, encode(made)


_OWN: Final = "organisation_id = app_organisation() AND $2::bigint > 0"
_BY_ID: Final = "($1::bigint[] IS NULL OR id = ANY ($1))"
_OF_SITE: Final = "canteen_id IN (SELECT id FROM canteen_canteens WHERE site_id = $2)"

# The statements below are made of constants only.
FEEDS: Final[dict[str, Feed]] = {
    "canteens": Feed(f"SELECT * FROM canteen_canteens WHERE {_BY_ID} AND site_id = $2", _canteen),  # noqa: S608
    "lanes": Feed(f"SELECT * FROM canteen_lanes WHERE {_BY_ID} AND {_OF_SITE}", _lane),  # noqa: S608
    "scales": Feed(
        "SELECT s.* FROM canteen_scales s JOIN canteen_lanes l ON l.id = s.lane_id "
        "WHERE ($1::bigint[] IS NULL OR s.lane_id = ANY ($1)) "
        "AND l.canteen_id IN (SELECT id FROM canteen_canteens WHERE site_id = $2)",
        _scale,
    ),
    "periods": Feed(f"SELECT * FROM canteen_periods WHERE {_BY_ID} AND {_OWN}", _period),  # noqa: S608
    "dishes": Feed(f"SELECT * FROM canteen_dishes WHERE {_BY_ID} AND {_OWN}", _dish),  # noqa: S608
    "prices": Feed(
        "SELECT * FROM canteen_prices WHERE ($1::bigint[] IS NULL OR version = ANY ($1)) "
        "AND organisation_id = app_organisation() "
        "AND (canteen_id = 0 OR canteen_id IN (SELECT id FROM canteen_canteens WHERE site_id = $2))",
        _price,
    ),
    "plate_kinds": Feed(f"SELECT * FROM canteen_plate_kinds WHERE {_BY_ID} AND {_OWN}", _plate_kind),  # noqa: S608
    "plates": Feed(
        "SELECT * FROM canteen_plates WHERE ($1::text[] IS NULL OR uid = ANY ($1)) "
        "AND organisation_id = app_organisation() AND $2::bigint > 0",
        _plate,
    ),
}
