"""From dishes seen, chips heard and weight to a view the vision lane can bill, ask about or wait for."""

from dataclasses import dataclass
from typing import Any, Final

from edge.stations.canteen.desk import Desk
from edge.stations.canteen.lanes.vision import Item, View
from models.fusion.decision import Ask, Chip, Reason, Sight, Weighed, decide
from models.fusion.decision import Line as FusedLine
from protocols.canteen.reference import Lane
from protocols.payments.facts import Line

_TRAY: Final = "tray"  # the colour word by which a kind of tableware is the tray itself


@dataclass(frozen=True, slots=True)
class Heard:
    """What stands beside the camera: chips None where the lane has no reader, `grams` None where no scale rests.

    `unsteady` while the reader's rounds do not agree yet, or the scale moves.
    """

    chips: frozenset[str] | None = None
    grams: float | None = None
    unsteady: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """The view, and the items as shown: those with no price have become doubtful."""

    view: View
    items: tuple[Item, ...] = ()


def judged(desk: Desk, lane: Lane, items: tuple[Item, ...], heard: Heard, *, reason: str = "") -> Judged:
    """One look, by the records in force now. `reason` is why the picture was of no use."""
    now_ms = desk.now_ms()
    menu = {
        str(item.dish): ("", price_fen)
        for item in items
        if item.dish and (price_fen := desk.catalogue.price_fen(item.dish, lane.canteen, now_ms)) is not None
    }
    shown = tuple(_priced(item, menu) for item in items)
    chips = None if heard.chips is None else _chips(desk, lane, heard.chips, now_ms)
    uids = frozenset(heard.chips or ())
    if heard.unsteady:
        return Judged(View(shown, uids=uids, pending=True), shown)
    if reason and not heard.chips:
        return Judged(View(uids=uids, blind=True), ())
    sights = None if reason else [_sight(item) for item in shown]
    there = bool(sights or chips)  # on an empty counter the scale alone says nothing: it may carry anything
    weighed = Weighed(heard.grams) if heard.grams is not None and there else None
    decision = decide(chips, sights, weighed, expected=desk.portions.expected, menu=menu)
    lines = tuple(_line(each) for each in getattr(decision, "lines", ()))
    reasons = tuple(str(each) for each in decision.reasons) if isinstance(decision, Ask) else ()
    blind = bool(reason) and Reason.BLIND in reasons
    return Judged(View(shown, () if reasons else lines, () if blind else reasons, uids, blind=blind), shown)


def _priced(item: Item, menu: dict[str, Any]) -> Item:
    """A dish without a price today is not on the menu: nobody can be charged for it."""
    if item.outcome == "known" and str(item.dish) not in menu:
        return item._replace(outcome="unknown")
    return item


def _sight(item: Item) -> Sight:
    outcome: Any = item.outcome
    second = next((str(each) for each in item.candidates if each != item.dish), None)
    return Sight(None, str(item.dish) if item.dish else None, outcome, second)


def _chips(desk: Desk, lane: Lane, uids: frozenset[str], now_ms: int) -> list[Chip]:
    """The plates heard, less the tray's own chip."""
    paid = desk.plates.paid(uids, now_ms)
    found = []
    for uid in sorted(uids):
        plate = desk.catalogue.plate(uid, now_ms)
        kind = desk.catalogue.plate_kind(plate.kind, now_ms) if plate else None
        if kind is not None and kind.colour == _TRAY:
            continue
        price_fen = kind.price_fen if kind is not None else None
        if plate is not None and plate.dish:
            price_fen = desk.catalogue.price_fen(plate.dish, lane.canteen, now_ms)
        known = plate is not None and not plate.stopped and price_fen is not None
        dish = str(plate.dish) if plate is not None and plate.dish else None
        found.append(Chip(uid, kind.name_en if kind else "", dish, price_fen or 0, known=known, paid=uid in paid))
    return found


def _line(fused: FusedLine) -> Line:
    return Line(int(fused.dish or 0), fused.uid or "", 1, 0, fused.price_fen, fused.price_fen)
