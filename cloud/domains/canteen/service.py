"""The public door of the canteen: what sites are sent, and what a seed of demonstration data may make."""

from typing import Any

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.domains.canteen import catalogue, feeds, goods
from cloud.domains.canteen.schemas import BindingIn, PriceIn, ScaleIn

Binding = BindingIn
NewPrice = PriceIn
NewScale = ScaleIn


async def publish_site(tx: Transaction, site_id: int) -> None:
    """Send a site everything of the canteen."""
    await feeds.publish_site(tx, site_id)


async def add_canteen(core: Core, tx: Transaction, values: dict[str, Any], *, actor: str) -> int:
    """Make a canteen; answers its id."""
    return int((await catalogue.add(core, tx, catalogue.CANTEENS, values, actor=actor))["id"])


async def add_stall(core: Core, tx: Transaction, values: dict[str, Any], *, actor: str) -> int:
    """Make a stall; answers its id."""
    return int((await catalogue.add(core, tx, catalogue.STALLS, values, actor=actor))["id"])


async def add_lane(core: Core, tx: Transaction, values: dict[str, Any], *, actor: str) -> int:
    """Make a lane; answers its id."""
    return int((await catalogue.add(core, tx, catalogue.LANES, values, actor=actor))["id"])


async def add_period(core: Core, tx: Transaction, values: dict[str, Any], *, actor: str) -> int:
    """Make a meal period; answers its id."""
    return int((await catalogue.add(core, tx, catalogue.PERIODS, values, actor=actor))["id"])


async def add_dish(core: Core, tx: Transaction, values: dict[str, Any], *, actor: str) -> int:
    """Make a dish; answers its id."""
    return int((await catalogue.add(core, tx, catalogue.DISHES, values, actor=actor))["id"])


async def add_plate_kind(core: Core, tx: Transaction, values: dict[str, Any], *, actor: str) -> int:
    """Make a kind of tableware; answers its id."""
    return int((await catalogue.add(core, tx, catalogue.PLATE_KINDS, values, actor=actor))["id"])


async def bind_plates(core: Core, tx: Transaction, binding: Binding, *, actor: str) -> None:
    """Bind plates to a kind, and to a dish or none."""
    await goods.bind(core, tx, binding, actor=actor)


async def set_price(core: Core, tx: Transaction, price: NewPrice, *, actor: str) -> None:
    """Give a dish a price from an instant on."""
    await goods.set_price(core, tx, price, actor=actor)


async def set_scale(core: Core, tx: Transaction, scale: NewScale, *, actor: str) -> None:
    """Tell a weigh lane its scale."""
    await goods.set_scale(core, tx, scale, actor=actor)
