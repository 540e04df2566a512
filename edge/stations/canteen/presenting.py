"""Card readers and code scanners of a lane: what is held to them goes to the lane."""

from contextlib import aclosing
from typing import Any, Protocol

from edge.drivers.base import AnyDriver, CardReader, CardTap, CodeScanner, Link, Scan
from edge.stations.canteen.identify import Presented


class Presentable(Protocol):
    """Whom cards and codes are for (LaneShell is)."""

    def present(self, presented: Presented) -> None:
        """A card or code was held to a reader."""

    def link(self, driver: AnyDriver, item: Link, *, needed: bool = True) -> None:
        """A device went away or came back."""


def presents(driver: AnyDriver) -> bool:
    """Whether it is a reader of cards or codes."""
    return isinstance(driver, CardReader | CodeScanner)


async def pump_presented(lane: Presentable, driver: AnyDriver) -> None:
    """Hand over what is held to a reader, until cancelled; a lane works without it."""
    stream: Any
    if isinstance(driver, CardReader):
        stream = driver.taps()
    elif isinstance(driver, CodeScanner):
        stream = driver.scans()
    else:
        return
    async with aclosing(stream) as items:
        async for item in items:
            match item:
                case Link():
                    lane.link(driver, item, needed=False)
                case CardTap():
                    lane.present(Presented("card", item.uid))
                case Scan():
                    lane.present(Presented("code", item.text))
