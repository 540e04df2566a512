"""A stall at work: amounts and dishes from the operator become a bill for the next diner's card."""

from collections.abc import Coroutine, Mapping
from typing import Any, Final

from edge.drivers.base import AnyDriver
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.lanes import pos
from edge.stations.canteen.lanes.pos import Ordered, PosLane
from edge.stations.canteen.lanes.till import Bill, Till
from edge.stations.canteen.shell import LaneShell
from protocols.canteen.reference import Lane
from protocols.payments.facts import Line

_MOST_FEN: Final = 1_000_000
_MOST_DISHES: Final = 60
_MOST_OF_ONE: Final = 99


class PosShell(LaneShell):
    """One stall with an operator."""

    state: PosLane

    def __init__(self, desk: Desk, lane: Lane, devices: Mapping[str, AnyDriver], prefix: str) -> None:
        super().__init__(desk, lane, devices)
        self.state = PosLane(Till(prefix), idle_timeout_ms=int(desk.site.settings.station.idle_timeout_s * 4000))

    def step(self, state: Any, event: Any) -> tuple[Any, list[Any]]:
        """The stall's machine."""
        return pos.step(state, event)

    def perform(self, effect: Any) -> Any:
        """Nothing beyond what every lane does."""
        raise TypeError(f"a stall knows no effect {effect!r}")

    def pumps(self) -> list[Coroutine[Any, Any, None]]:
        """Cards and codes are all it reads."""
        return []

    def order_amount(self, amount_fen: int, operator: int) -> None:
        """Ring up an amount. Raises ValueError."""
        if not 0 < amount_fen <= _MOST_FEN:
            raise ValueError("the amount is above zero and at most ¥10,000")
        self._order((Line(0, "", 1, 0, amount_fen, amount_fen),), operator)

    def order_dishes(self, items: Any, operator: int) -> None:
        """Ring up dishes: [{"dish", "quantity"}]. Raises ValueError for a dish without a price."""
        now_ms = self.desk.now_ms()
        wanted: dict[int, int] = {}
        for item in list(items)[:_MOST_DISHES]:
            dish, quantity = int(item["dish"]), int(item.get("quantity", 1))
            if not 0 < quantity <= _MOST_OF_ONE:
                raise ValueError("one to ninety-nine of a dish")
            wanted[dish] = wanted.get(dish, 0) + quantity
        lines = []
        for dish, quantity in wanted.items():
            price_fen = self.desk.catalogue.price_fen(dish, self.lane.canteen, now_ms)
            if price_fen is None:
                raise ValueError(f"dish {dish} has no price here")
            lines.append(Line(dish, "", quantity, 0, price_fen, price_fen * quantity))
        if not lines:
            raise ValueError("nothing was ordered")
        self._order(tuple(lines), operator)

    def lines(self) -> list[dict[str, Any]]:
        """The bill."""
        return [self.line(line) for line in self._bill().lines]

    def total_fen(self) -> int:
        """Its sum."""
        return self._bill().priced_fen

    def message_key(self) -> str:
        """What the diner should do next."""
        return self.state.phase

    def _bill(self) -> Bill:
        return self.state.till.bill if self.state.till.stage != "open" else self.state.bill

    def _order(self, lines: tuple[Line, ...], operator: int) -> None:
        bill = Bill(lines, sum(line.amount_fen for line in lines), operator=operator)
        self.balances_of = None
        self.feed(Ordered(self.desk.monotonic_ms(), bill))
