"""Looks at trays and learns dishes: the networks, the album of taught pictures, and what they say of a frame.

Everything here runs in the looking thread; the networks are opened at the first look.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge.core.log import logger
from edge.stations.canteen.lanes.vision import SAME_PLACE, Box, Item, overlap
from models.errors import RecognitionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.dish.album import Lesson
    from models.dish.recogniser import Recogniser, Teacher, Told
    from models.tableware.eye import Eye
    from models.tableware.food import FoodFinder

    Picture = NDArray[np.uint8]

SHOWN_PX: Final = 960
_QUALITY: Final = 80
_DARK: Final = 30.0  # of 255
_CANDIDATES: Final = 3
_LEAST_TAUGHT: Final = 3
MOST_TAUGHT: Final = 10

_log = logger("canteen.eyes")


class TeachingRefused(Exception):
    """The pictures cannot be taught; `word` is a stable code for the screen."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


@dataclass(frozen=True, slots=True)
class Seen:
    """What one frame showed: its dishes, the picture for screens, and what is needed to learn from it.

    `reason` says why nothing could be told of it; `taught` how many dishes are known here at all.
    """

    items: tuple[Item, ...] = ()
    jpeg: bytes = b""
    reason: str = ""
    taught: int = 0
    picture: Any = None
    told: Mapping[Box, "Told"] = field(default_factory=dict)


class Eyes:
    """One of each gateway: all its vision lanes know the same dishes."""

    def __init__(self, networks: Path, album: Path, *, now_ms: Callable[[], int]) -> None:
        self._networks, self._album, self._now_ms = networks, album, now_ms
        self._opened: _Opened | None = None

    def look(self, picture: "Picture", menu: Collection[str]) -> Seen:
        """Every dish on the counter, told among the menu; never raises for what the camera shows."""
        try:
            opened = self._open()
            look = opened.eye.look(picture, menu)
        except RecognitionError as error:
            _log.error("the tray cannot be looked at: %s", error)
            return Seen(jpeg=_jpeg(picture), reason="trouble", picture=picture)
        high, wide = picture.shape[:2]
        told = {_shares(dish.box, wide, high): dish.told for dish in look.dishes}
        items = tuple(_item(box, each) for box, each in told.items())
        known = len(opened.recogniser.gallery)
        # one colour all over in good light is a bare counter; in the dark it is a lens that is covered
        bare = look.reason == "empty" and float(picture.mean()) >= _DARK
        return Seen(items, _jpeg(picture), "" if bare else look.reason, known, picture, told)

    def correct(self, seen: Seen, box: Box, dish: int, *, who: str) -> bool:
        """A person said which dish this is: learn it, with the trail. False where the food cannot be cut out again."""
        opened = self._open()
        told = next((told for place, told in seen.told.items() if overlap(place, box) >= SAME_PLACE), None)
        cut = self._cut(opened, seen.picture, box)
        if told is None or cut is None:
            return False
        opened.teacher.correct(cut, told, str(dish), who=who)
        return True

    def single(self, picture: "Picture") -> "Picture":
        """The one dish that lies there, cut out. Raises TeachingRefused."""
        from models.tableware.tray import cut_out, find_portions  # noqa: PLC0415

        try:
            portions = find_portions(picture, self._open().finder)
        except RecognitionError as error:
            raise TeachingRefused("nothing_to_see") from error
        if len(portions) != 1:
            raise TeachingRefused("not_one_dish")
        return cut_out(picture, portions[0])

    def teach(self, dish: int, pictures: Sequence["Picture"], *, who: str) -> int:
        """Learn a dish from 3 to 10 pictures; how many dishes are known then. Raises TeachingRefused."""
        if not _LEAST_TAUGHT <= len(pictures) <= MOST_TAUGHT:
            raise TeachingRefused("few_pictures")
        opened = self._open()
        try:
            opened.teacher.teach(str(dish), pictures, who=who)
        except RecognitionError as error:
            raise TeachingRefused("nothing_to_see") from error
        return len(opened.recogniser.gallery)

    def trail(self) -> "Sequence[Lesson]":
        """Who taught or corrected what, and when."""
        return self._open().recogniser.album.trail

    @property
    def describer(self) -> str:
        """By which network dishes are told."""
        return self._open().recogniser.describer.name

    def _cut(self, opened: "_Opened", picture: "Picture", box: Box) -> "Picture | None":
        from models.tableware.tray import cut_out, find_portions  # noqa: PLC0415

        high, wide = picture.shape[:2]
        for portion in find_portions(picture, opened.finder):
            if overlap(_shares(portion.box, wide, high), box) >= SAME_PLACE:
                return cut_out(picture, portion)
        return None

    def _open(self) -> "_Opened":
        if self._opened is None:
            self._opened = _open(self._networks, self._album, self._now_ms)
        return self._opened


@dataclass(frozen=True, slots=True)
class _Opened:
    eye: "Eye"
    finder: "FoodFinder"
    recogniser: "Recogniser"
    teacher: "Teacher"


def _open(store: Path, folder: Path, now_ms: Callable[[], int]) -> _Opened:
    # Imported only now: a gateway without a camera needs none of it.
    import cv2  # noqa: PLC0415

    from models.dish.album import Album  # noqa: PLC0415
    from models.dish.calibration import calibration_of  # noqa: PLC0415
    from models.dish.embedder import best  # noqa: PLC0415
    from models.dish.recogniser import Recogniser, Teacher  # noqa: PLC0415
    from models.registry import Networks  # noqa: PLC0415
    from models.tableware.eye import Eye  # noqa: PLC0415
    from models.tableware.food import FoodFinder  # noqa: PLC0415

    cv2.setNumThreads(1)
    describer = best(Networks(store))
    recogniser = Recogniser(describer, Album(folder), calibration_of(describer))
    finder = FoodFinder.shipped()
    _log.info("trays are looked at with %s; %d dishes are known", describer.name, len(recogniser.gallery))
    return _Opened(Eye(recogniser, finder=finder), finder, recogniser, Teacher(recogniser, now_ms=now_ms))


def _item(box: Box, told: "Told") -> Item:
    candidates = tuple(int(name) for name, _ in told.candidates[:_CANDIDATES])
    return Item(box, int(told.dish or 0), told.outcome, candidates)


def _shares(box: tuple[float, float, float, float], wide: int, high: int) -> Box:
    left, top, width, height = box
    return round(left / wide, 4), round(top / high, 4), round(width / wide, 4), round(height / high, 4)


def _jpeg(picture: "Picture") -> bytes:
    import cv2  # noqa: PLC0415

    ratio = min(1.0, SHOWN_PX / picture.shape[1])
    small = cv2.resize(picture, None, fx=ratio, fy=ratio, interpolation=cv2.INTER_AREA) if ratio < 1 else picture
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
