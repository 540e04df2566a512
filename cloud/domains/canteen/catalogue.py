"""Use cases of what a canteen consists of: make, change and list; each change goes to the sites and the audit trail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pydantic import BaseModel
from tortoise.models import Model

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.errors import Invalid, NotFound
from cloud.core.sessions import User
from cloud.domains.canteen import feeds
from cloud.domains.canteen.tables import Canteen, Dish, Lane, Period, PlateKind, Stall
from cloud.domains.identity.events import record
from cloud.domains.places import service as places

M = TypeVar("M", bound=Model)


@dataclass(frozen=True)
class Kind:
    """One kind of thing: its table, its word in the audit trail, the collection sites get it by ('' for none)."""

    table: type[Model]
    word: str
    collection: str = ""


CANTEENS: Final = Kind(Canteen, "canteen", "canteens")
STALLS: Final = Kind(Stall, "stall")
LANES: Final = Kind(Lane, "lane", "lanes")
PERIODS: Final = Kind(Period, "period", "periods")
DISHES: Final = Kind(Dish, "dish", "dishes")
PLATE_KINDS: Final = Kind(PlateKind, "plate_kind", "plate_kinds")


async def add(core: Core, tx: Transaction, kind: Kind, values: dict[str, Any], *, actor: str) -> dict[str, Any]:
    """Make one. Answers its row."""
    await _check(tx, kind, values)
    made = await kind.table.create(**values)
    await _send(tx, kind, made.pk)
    row = await _row(kind, made.pk)
    await record(
        tx, at=core.clock.now(), actor=actor, action=f"canteen.add_{kind.word}", target=f"{kind.word}:{made.pk}",
        after=values,
    )  # fmt: skip
    return row


async def create(core: Core, user: User, kind: Kind, body: BaseModel) -> dict[str, Any]:
    """Make one, as a use case of its own."""
    async with core.database.transaction(user.organisation_id) as tx:
        return await add(core, tx, kind, body.model_dump(), actor=f"user:{user.id}")


async def change(core: Core, user: User, kind: Kind, row_id: int, body: BaseModel) -> dict[str, Any]:
    """Change one; members that are absent or null stay. Raises NotFound."""
    values = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    async with core.database.transaction(user.organisation_id) as tx:
        before = await _row(kind, row_id)
        await _check(tx, kind, {**before, **values})
        if values:
            await kind.table.filter(pk=row_id).update(**values)
        await _send(tx, kind, row_id)
        await record(
            tx, at=core.clock.now(), actor=f"user:{user.id}", action=f"canteen.change_{kind.word}",
            target=f"{kind.word}:{row_id}", before={name: before[name] for name in values}, after=values,
        )  # fmt: skip
        return await _row(kind, row_id)


async def rows_after(kind: Kind, after_id: int, fetch: int) -> list[dict[str, Any]]:
    """Rows in order of id, inside the caller's transaction."""
    found: list[dict[str, Any]] = await kind.table.filter(id__gt=after_id).order_by("id").limit(fetch).values()
    return found


async def _send(tx: Transaction, kind: Kind, row_id: Any) -> None:
    if kind.collection:
        await feeds.publish(tx, kind.collection, await places.site_ids(tx), [row_id])


async def _row(kind: Kind, row_id: Any) -> dict[str, Any]:
    rows: Sequence[dict[str, Any]] = await kind.table.filter(pk=row_id).values()
    if not rows:
        raise NotFound(f"there is no such {kind.word.replace('_', ' ')}")
    return rows[0]


async def _check(tx: Transaction, kind: Kind, values: dict[str, Any]) -> None:
    if kind is CANTEENS:
        await places.site(tx, values["site_id"])
    if kind is LANES and not await Stall.exists(id=values["stall_id"], canteen_id=values["canteen_id"]):
        raise Invalid("stall_id", "this stall is not of that canteen", reason="stall")
    if kind is PERIODS and not values["start_minute"] < values["end_minute"] <= values["start_minute"] + 1440:
        raise Invalid("end_minute", "a period ends after it starts, within a day", reason="order")
