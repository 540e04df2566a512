"""The public door of places: sites, buildings and the time zones that days are reckoned in."""

from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Invalid, NotFound
from cloud.core.events import emit
from cloud.domains.places.events import SITE_OPENED
from cloud.domains.places.tables import Building, Site

_AUDIT_TOPIC = "audit.recorded"


async def open_site(core: Core, tx: Transaction, *, actor: str, name_zh: str, name_en: str, time_zone: str) -> Site:
    """Open a site; every domain that sends replicas hears of it. Raises Invalid for an unknown time zone."""
    zone(time_zone)
    site = await Site.create(name_zh=name_zh, name_en=name_en, time_zone=time_zone)
    now = core.clock.now()
    await emit(tx, SITE_OPENED, {"site_id": site.id}, at=now)
    after = {"name_zh": name_zh, "name_en": name_en, "time_zone": time_zone}
    told = {"actor": actor, "action": "places.open_site", "target": f"site:{site.id}", "before": None, "after": after}
    await emit(tx, _AUDIT_TOPIC, told, at=now)
    return site


async def add_building(
    core: Core, tx: Transaction, *, actor: str, site_id: int, name_zh: str, name_en: str
) -> Building:
    """Add a building to a site. Raises NotFound."""
    await site(tx, site_id)
    building = await Building.create(site_id=site_id, name_zh=name_zh, name_en=name_en)
    after = {"site_id": site_id, "name_zh": name_zh}
    target = f"building:{building.id}"
    told = {"actor": actor, "action": "places.add_building", "target": target, "before": None, "after": after}
    await emit(tx, _AUDIT_TOPIC, told, at=core.clock.now())
    return building


async def site(tx: Transaction, site_id: int) -> Site:  # noqa: ARG001 - runs in its transaction
    """A site of the transaction's organisation. Raises NotFound."""
    found = await Site.get_or_none(id=site_id)
    if found is None:
        raise NotFound("there is no such site")
    return found


async def sites(tx: Transaction) -> list[Site]:  # noqa: ARG001 - runs in its transaction
    """All sites, in order of id."""
    return await Site.all().order_by("id").limit(10_000)


async def site_ids(tx: Transaction) -> list[int]:
    """Ids of all sites."""
    return [found.id for found in await sites(tx)]


async def site_names(tx: Transaction) -> dict[int, str]:
    """Names by id."""
    return {found.id: found.name_zh for found in await sites(tx)}


async def zone_of(tx: Transaction, site_id: int) -> ZoneInfo:
    """The time zone of a site. Raises NotFound."""
    return zone((await site(tx, site_id)).time_zone)


def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name. Raises Invalid."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Invalid("time_zone", "no such time zone; names read like Asia/Shanghai", reason="time_zone") from error
