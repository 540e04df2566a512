"""What the canteen hears of: new sites get everything it sends."""

from typing import Final

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.events import Event
from cloud.domains.canteen import feeds
from cloud.domains.places.events import SITE_OPENED

SETTLED: Final = "canteen.settled"


def subscribe(core: Core) -> None:
    """Register with the core."""

    async def site_opened(tx: Transaction, event: Event) -> None:
        await feeds.publish_site(tx, int(event.payload["site_id"]))

    core.events.subscribe(SITE_OPENED, site_opened)
