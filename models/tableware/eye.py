"""The whole look at a tray, as a lane uses it: each dish with its box, its ware and what it was told to be."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from models.dish.errors import PictureUnusable
from models.dish.picture import Picture
from models.dish.recogniser import Recogniser, Told
from models.fusion.decision import Sight
from models.objects import BOWL, Detector
from models.tableware.food import FoodFinder
from models.tableware.kind import Camera, KindTold, WareKind, tell_kind
from models.tableware.tray import cut_out, find_portions
from models.tableware.ware import Box


@dataclass(frozen=True, slots=True)
class SeenDish:
    """One dish on the tray: the box to draw, the answer about it, its ware's kind where a camera is calibrated."""

    box: Box
    told: Told
    kind: KindTold | None

    @property
    def sight(self) -> Sight:
        """What `decide` takes of it."""
        ware = self.kind.kind if self.kind is not None else None
        return Sight(ware, self.told.dish, self.told.outcome, self.told.second)


@dataclass(frozen=True, slots=True)
class Look:
    """What one frame showed. `reason` says why nothing could be told of it: then `dishes` is empty."""

    dishes: tuple[SeenDish, ...]
    reason: str = ""

    @property
    def sights(self) -> list[Sight] | None:
        """For `decide`: None where the frame was of no use, as with a camera that is covered or out of order."""
        return None if self.reason else [dish.sight for dish in self.dishes]


class Eye:
    """Looks at frames of one lane. One for each thread."""

    def __init__(
        self,
        recogniser: Recogniser,
        *,
        finder: FoodFinder,
        detector: Detector | None = None,
        camera: Camera | None = None,
        kinds: Sequence[WareKind] = (),
    ) -> None:
        self.recogniser, self.camera, self.kinds = recogniser, camera, tuple(kinds)
        self._finder, self._detector = finder, detector

    def look(self, picture: Picture, menu: Collection[str] | None = None) -> Look:
        """Every dish on the tray, larger ones first; never raises for what a frame shows."""
        try:
            hints = [] if self._detector is None else self._bowls(self._detector, picture)
            portions = find_portions(picture, self._finder, hints=hints)
        except PictureUnusable as error:
            return Look((), str(error))
        seen = []
        for portion in portions:
            told = self.recogniser.tell(cut_out(picture, portion), menu)
            kind = tell_kind(picture, portion.ware, self.camera, self.kinds) if self.camera is not None else None
            seen.append(SeenDish(portion.box, told, kind))
        return Look(tuple(seen))

    @staticmethod
    def _bowls(detector: Detector, picture: Picture) -> list[Box]:
        return [seen.box for seen in detector.look(picture) if seen.kind == BOWL]
