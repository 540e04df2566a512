"""Use cases of plates, scales and prices. A price is never changed, only followed by another (rule 12)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from asyncpg import Record

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Invalid, NotFound
from cloud.core.events import emit
from cloud.core.sessions import User
from cloud.domains.canteen import feeds
from cloud.domains.canteen.schemas import BindingIn, BindingOut, PriceIn, ScaleIn, SpreadOut, SpreadSite
from cloud.domains.canteen.tables import Canteen, Dish, PlateKind
from cloud.domains.devices import service as devices
from cloud.domains.identity.events import record
from cloud.domains.places import service as places

_BACKDATED_MOST = timedelta(seconds=60)


async def bind(core: Core, tx: Transaction, body: BindingIn, *, actor: str) -> BindingOut:
    """Give plates their kind and dish; chips not known yet are taken in. Raises NotFound."""
    if not await PlateKind.exists(id=body.kind_id):
        raise NotFound("there is no such plate kind")
    if body.dish_id is not None and not await Dish.exists(id=body.dish_id):
        raise NotFound("there is no such dish")
    uids = sorted({uid.upper() for uid in body.uids})
    added = await tx.fetch(
        "INSERT INTO canteen_plates AS p (uid, kind_id, dish_id, stopped) SELECT unnest($1::text[]), $2, $3, $4 "
        "ON CONFLICT (organisation_id, uid) DO UPDATE SET kind_id = excluded.kind_id, dish_id = excluded.dish_id, "
        "stopped = excluded.stopped RETURNING (xmax = 0) AS fresh",
        uids,
        body.kind_id,
        body.dish_id,
        body.stopped,
    )
    await feeds.publish(tx, "plates", await places.site_ids(tx), uids)
    fresh = sum(1 for row in added if row["fresh"])
    after = {"plates": len(uids), "first": uids[0], "kind_id": body.kind_id, "dish_id": body.dish_id}
    await record(tx, at=core.clock.now(), actor=actor, action="canteen.bind_plates", target="plates", after=after)
    return BindingOut(added=fresh, changed=len(uids) - fresh)


async def page_of_plates(tx: Transaction, *, after_uid: str, fetch: int, search: str) -> list[Record]:
    """Plates in order of uid; `search` is the start of a uid or part of a dish's name."""
    return await tx.fetch(
        "SELECT p.uid, p.kind_id, k.name_zh AS kind_name, p.dish_id, d.name_zh AS dish_name, p.stopped "
        "FROM canteen_plates p JOIN canteen_plate_kinds k ON k.id = p.kind_id "
        "LEFT JOIN canteen_dishes d ON d.id = p.dish_id WHERE p.organisation_id = $1 AND p.uid > $2 "
        "AND ($3 = '' OR starts_with(p.uid, upper($3)) "
        "OR p.dish_id = ANY (ARRAY(SELECT id FROM canteen_dishes WHERE strpos(name_zh, $3) > 0)) "
        "OR p.kind_id = ANY (ARRAY(SELECT id FROM canteen_plate_kinds WHERE strpos(name_zh, $3) > 0))) "
        "ORDER BY p.uid LIMIT $4",
        tx.organisation_id,
        after_uid,
        search,
        fetch,
    )


async def set_scale(core: Core, tx: Transaction, body: ScaleIn, *, actor: str) -> None:
    """Tell a weigh lane its scale's range and certificate."""
    if body.minimum_g >= body.maximum_g:
        raise Invalid("minimum_g", "the minimum lies below the maximum", reason="order")
    await tx.execute(
        "INSERT INTO canteen_scales (lane_id, minimum_g, maximum_g, division_g, certificate_until) "
        "VALUES ($1, $2, $3, $4, $5) ON CONFLICT (lane_id) DO UPDATE SET minimum_g = excluded.minimum_g, "
        "maximum_g = excluded.maximum_g, division_g = excluded.division_g, "
        "certificate_until = excluded.certificate_until",
        body.lane_id,
        body.minimum_g,
        body.maximum_g,
        body.division_g,
        body.certificate_until,
    )
    await feeds.publish(tx, "scales", await places.site_ids(tx), [body.lane_id])
    after = body.model_dump(mode="json")
    target = f"lane:{body.lane_id}"
    await record(tx, at=core.clock.now(), actor=actor, action="canteen.set_scale", target=target, after=after)


async def set_price(core: Core, tx: Transaction, body: PriceIn, *, actor: str) -> Record:
    """Give a dish a price from an instant on; it travels ahead to the sites. Raises Invalid for one in the past."""
    now = core.clock.now()
    from_at = body.effective_from_at or now
    if from_at.tzinfo is None or from_at < now - _BACKDATED_MOST:
        raise Invalid("effective_from_at", "a price begins now or later, with its time zone", reason="past")
    if not await Dish.exists(id=body.dish_id):
        raise NotFound("there is no such dish")
    if body.canteen_id is not None and not await Canteen.exists(id=body.canteen_id):
        raise NotFound("there is no such canteen")
    row = await tx.fetchrow(
        "INSERT INTO canteen_prices (dish_id, canteen_id, price_fen, effective_from_at, made_at) "
        "VALUES ($1, $2, $3, $4, $5) RETURNING *",
        body.dish_id,
        body.canteen_id or 0,
        body.price_fen,
        _whole_ms(from_at),
        now,
    )
    assert row is not None
    await spread_prices(tx, [row["version"]])
    after = body.model_dump(mode="json")
    target = f"dish:{body.dish_id}"
    await record(tx, at=now, actor=actor, action="canteen.set_price", target=target, after=after)
    await emit(tx, "canteen.price_set", {"version": row["version"], "dish_id": body.dish_id}, at=now)
    return row


async def spread_prices(tx: Transaction, versions: Sequence[int]) -> None:
    """Send price lists to their sites and note which replica version carries them."""
    reached = await feeds.publish(tx, "prices", await places.site_ids(tx), versions)
    for site_id, replica_version in reached.items():
        await tx.execute(
            "INSERT INTO canteen_price_spread (version, site_id, replica_version) SELECT unnest($1::bigint[]), $2, $3 "
            "ON CONFLICT DO NOTHING",
            list(versions),
            site_id,
            replica_version,
        )


async def page_of_prices(tx: Transaction, *, before_version: int, fetch: int, dish_id: int | None) -> list[Record]:
    """Price lists, newest first."""
    return await tx.fetch(
        "SELECT * FROM canteen_prices WHERE organisation_id = $1 AND version < $2 "
        "AND ($3::bigint IS NULL OR dish_id = $3) ORDER BY version DESC LIMIT $4",
        tx.organisation_id,
        before_version,
        dish_id,
        fetch,
    )


async def present_prices(tx: Transaction, dish_ids: Sequence[int], now: datetime) -> dict[int, int]:
    """The price for all canteens in force now, by dish."""
    rows = await tx.fetch(
        "SELECT DISTINCT ON (dish_id) dish_id, price_fen FROM canteen_prices "
        "WHERE dish_id = ANY ($1) AND canteen_id = 0 AND effective_from_at <= $2 "
        "ORDER BY dish_id, effective_from_at DESC",
        list(dish_ids),
        now,
    )
    return {row["dish_id"]: row["price_fen"] for row in rows}


async def spread(core: Core, user: User, version: int) -> SpreadOut:
    """How many sites and lanes have a price list. Raises NotFound."""
    async with core.database.transaction(user.organisation_id) as tx:
        rows = await tx.fetch(
            "SELECT s.site_id, s.replica_version, (SELECT count(*) FROM canteen_lanes l "
            "JOIN canteen_canteens c ON c.id = l.canteen_id WHERE c.site_id = s.site_id AND NOT l.stopped) AS lanes "
            "FROM canteen_price_spread s WHERE s.version = $1 ORDER BY s.site_id",
            version,
        )
        if not await tx.fetchval("SELECT 1 FROM canteen_prices WHERE version = $1", version):
            raise NotFound("there is no such price list")
        reached = await devices.replicas_reached(tx)
    sites = [
        SpreadSite(
            site_id=row["site_id"],
            lanes=row["lanes"],
            confirmed=reached.get(row["site_id"], {}).get("prices", 0) >= row["replica_version"],
        )
        for row in rows
    ]
    done = [site for site in sites if site.confirmed]
    return SpreadOut(
        sites=sites,
        confirmed=len(done),
        total=len(sites),
        lanes_confirmed=sum(site.lanes for site in done),
        lanes_total=sum(site.lanes for site in sites),
    )


def _whole_ms(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
