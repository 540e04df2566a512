"""Whether a tray may be charged without asking; pure.

| chips                          | picture                                    | scale            | the lane   |
|--------------------------------|--------------------------------------------|------------------|------------|
| none                           | nothing on the tray                        | empty or absent  | waits      |
| an unknown or paid one         | any                                        | any              | asks       |
| known, none twice              | more wares than chips                      | any              | asks       |
| known, none twice              | fewer wares than chips, each fits          | fits             | charges    |
| known, none twice              | fewer wares than chips                     | absent or not so | asks       |
| known, none twice              | a ware of another kind or another dish     | any              | asks       |
| known, none twice              | something not to be charged by itself      | any              | asks       |
| known, none twice              | each ware fits a chip                      | another weight   | asks       |
| known, none twice              | each ware fits a chip                      | fits or absent   | charges    |
| known, none twice              | each ware fits a chip, one by its second   | fits             | charges    |
| known, none twice              | each ware fits a chip, one by its second   | absent           | asks       |
| known, none twice              | the camera sees nothing at all (dark)      | fits             | charges    |
| known, none twice              | the camera sees nothing at all (dark)      | absent           | asks       |
| this lane has no chip reader   | every dish known                           | fits or absent   | charges    |
| this lane has no chip reader   | a dish in doubt or unknown                 | any              | asks       |

A ware fits a chip where its kind is the chip's or could not be told, and the dish known in it is the chip's, or, where
the dish is in doubt, the chip's dish is the first candidate (or, with a scale that fits, the second). A doubt that the
chip settles is not asked about; an unknown thing always is. A scale fits where the weight of all the chips' dishes is
met: a plate more or less is never within its tolerance, so it may stand for a ware that the camera overlooked.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

TOLERANCE: Final = 3.0  # standard deviations of the whole tray's weight
LEAST_TOLERANCE_G: Final = 15.0


class Reason(StrEnum):
    """Why the lane asks; each has a sentence on the screen."""

    UNKNOWN_CHIP = "unknown_chip"
    PAID_CHIP = "paid_chip"
    FEWER_CHIPS = "fewer_chips"  # the camera sees more wares than chips were read: one was missed or has none
    MORE_CHIPS = "more_chips"  # a stray chip from beside the tray, or a ware hidden under another
    OTHER_DISH = "other_dish"
    UNKNOWN_THING = "unknown_thing"
    WEIGHT = "weight"
    UNSETTLED = "unsettled"  # the scale has not come to rest
    BLIND = "blind"  # neither camera nor scale can confirm the chips


@dataclass(frozen=True, slots=True)
class Chip:
    """A plate's chip as read. `dish` None: not bound, priced by its ware; `known` False: no plate of ours."""

    uid: str
    ware: str
    dish: str | None
    price_fen: int
    known: bool = True
    paid: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """A ware in the picture. `ware` None: its kind could not be told. `dish` is the first candidate of the answer."""

    ware: str | None
    dish: str | None
    outcome: Literal["known", "ask", "unknown"]
    second: str | None = None


@dataclass(frozen=True, slots=True)
class Weighed:
    """The tray's weight without the tray itself."""

    grams: float
    stable: bool = True


@dataclass(frozen=True, slots=True)
class Expected:
    """What a dish with its ware weighs, and how much that differs from portion to portion."""

    mean_g: float
    deviation_g: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the bill."""

    dish: str | None
    ware: str
    price_fen: int
    uid: str | None


@dataclass(frozen=True, slots=True)
class Charge:
    """Everything agrees."""

    lines: tuple[Line, ...]

    @property
    def total_fen(self) -> int:
        """The sum of the bill."""
        return sum(line.price_fen for line in self.lines)


@dataclass(frozen=True, slots=True)
class Ask:
    """Something does not agree: a person decides; `lines` is what the chips or the picture suggest."""

    reasons: tuple[Reason, ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """There is nothing on the tray yet."""


Decision = Charge | Ask | Wait


def decide(
    chips: Sequence[Chip] | None,
    sights: Sequence[Sight] | None,
    weighed: Weighed | None,
    *,
    expected: Mapping[str, Expected],
    menu: Mapping[str, tuple[str, int]],
) -> Decision:
    """One tray. None for a part the lane lacks or that is out of order. `menu`: dish -> (ware, price in fen)."""
    read = None if chips is None else list({chip.uid: chip for chip in chips}.values())  # a chip is often heard twice
    if not read and not sights and (weighed is None or weighed.grams < LEAST_TOLERANCE_G):
        return Wait()
    reasons = _of_chips(read or [])
    if read is None:
        reasons += _of_picture_alone(sights)
        lines = tuple(Line(each.dish, *_ware_price(each.dish, menu), None) for each in sights or ())
    else:
        lines = tuple(Line(chip.dish, chip.ware, chip.price_fen, chip.uid) for chip in read)
        if sights is not None:
            reasons += _of_both(read, sights, weighed=_weighs(lines, weighed, expected))
        elif weighed is None:
            reasons.append(Reason.BLIND)
    reasons += _of_scale(lines, weighed, expected, confirms=sights is None)
    if not lines and not reasons:
        reasons.append(Reason.FEWER_CHIPS)
    return Ask(tuple(dict.fromkeys(reasons)), lines) if reasons else Charge(lines)


def fits(chip: Chip, sight: Sight, *, weighed: bool) -> bool:
    """Whether this ware in the picture may be the one with this chip; `weighed`: the scale fits the chips."""
    if sight.outcome == "unknown" or (sight.ware is not None and sight.ware != chip.ware):
        return False
    if chip.dish is None or sight.dish == chip.dish:
        return True
    return weighed and sight.outcome == "ask" and sight.second == chip.dish


def _of_chips(read: Sequence[Chip]) -> list[Reason]:
    reasons = []
    if any(not chip.known for chip in read):
        reasons.append(Reason.UNKNOWN_CHIP)
    if any(chip.paid for chip in read):
        reasons.append(Reason.PAID_CHIP)
    return reasons


def _of_picture_alone(sights: Sequence[Sight] | None) -> list[Reason]:
    if sights is None:
        return [Reason.BLIND]
    return [Reason.UNKNOWN_THING] if any(sight.outcome != "known" for sight in sights) else []


def _of_both(read: Sequence[Chip], sights: Sequence[Sight], *, weighed: bool) -> list[Reason]:
    reasons = []
    if len(sights) > len(read):
        reasons.append(Reason.FEWER_CHIPS)
    elif len(sights) < len(read) and not (weighed and sights):
        reasons.append(Reason.MORE_CHIPS)
    if any(sight.outcome == "unknown" for sight in sights):
        reasons.append(Reason.UNKNOWN_THING)
    elif not reasons and not _all_fit(read, sights, weighed=weighed):
        reasons.append(Reason.OTHER_DISH)
    return reasons


def _all_fit(read: Sequence[Chip], sights: Sequence[Sight], *, weighed: bool) -> bool:
    """Whether every ware can be given a chip of its own that it fits (Kuhn's augmenting paths; a tray holds few)."""
    owner: dict[int, int] = {}

    def place(sight: int, tried: set[int]) -> bool:
        for chip in range(len(read)):
            if chip not in tried and fits(read[chip], sights[sight], weighed=weighed):
                tried.add(chip)
                if chip not in owner or place(owner[chip], tried):
                    owner[chip] = sight
                    return True
        return False

    return all(place(sight, set()) for sight in range(len(sights)))


def _weighs(lines: Sequence[Line], weighed: Weighed | None, expected: Mapping[str, Expected]) -> bool:
    """Whether the scale says yes: there, at rest, every dish's weight known, and the sum met."""
    return weighed is not None and not _of_scale(lines, weighed, expected, confirms=True)


def _of_scale(
    lines: Sequence[Line], weighed: Weighed | None, expected: Mapping[str, Expected], *, confirms: bool
) -> list[Reason]:
    """The scale's objection. A dish without an expected weight makes it silent, unless it alone is to confirm."""
    if weighed is None:
        return []
    if not weighed.stable:
        return [Reason.UNSETTLED]
    known = [expected.get(line.dish or line.ware) for line in lines]
    if any(each is None for each in known):
        return [Reason.BLIND] if confirms else []
    mean = sum(each.mean_g for each in known if each is not None)
    deviation = math.sqrt(sum(each.deviation_g**2 for each in known if each is not None))
    apart = abs(weighed.grams - mean)
    return [Reason.WEIGHT] if apart > max(LEAST_TOLERANCE_G, TOLERANCE * deviation) else []


def _ware_price(dish: str | None, menu: Mapping[str, tuple[str, int]]) -> tuple[str, int]:
    return menu.get(dish, ("", 0)) if dish is not None else ("", 0)
