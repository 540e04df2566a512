"""One kitchen camera's frames looked at: what is seen of each kind, with box and score, before any zone or time."""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from models.dish.picture import Picture
from models.errors import NetworkDamaged, RegistryMalformed
from models.face.detector import FaceDetector
from models.frames import FROZEN_AFTER_MS, FrameCheck
from models.kitchen.crops import CropClassifier
from models.kitchen.kinds import MASKS, OWN_TRAINING, Kind, KindState, Readiness, states
from models.kitchen.masks import MaskDetector, MaskedFace
from models.kitchen.movement import Movement
from models.objects import PERSON, PHONE, Box, Detector, middle_of, overlap, shared
from models.registry import Networks

LEAST_FACE_PX: Final = 20  # across: smaller faces are too far away to judge
_SEEN_FROM: Final = 0.3  # scores below are not handed on; rules start higher
MOST_SECOND_LOOKS: Final = 4  # of one frame, the surest: one of forty people is enough for an alarm
_NEAR: Final = 3.5
_SAME_FACE: Final = 0.25
_SURELY_A_FACE: Final = 0.85  # fruit reached 0.88, faces half turned 0.90
_HELD: Final = 0.1  # a phone counts this far outside a person's box, in shares of it
_HEAD_REACH: Final = 0.5  # most of a face lies in its person's box


@dataclass(frozen=True, slots=True)
class Sighting:
    """Something of a kind: its box in pixels, how sure, and the faces of whom it is about."""

    kind: Kind
    box: Box
    score: float
    own: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What one frame showed. `reason` says why nothing could be told of it: it is then no proof of order either.

    `faces` is None where no network for faces is there, so that a snapshot hides everything but the box.
    """

    sightings: tuple[Sighting, ...]
    faces: tuple[MaskedFace, ...] | None = None
    persons: tuple[Box, ...] = ()
    reason: str = ""


class Parts:
    """The opened networks of the kinds asked for; cameras of one thread share them.

    A kind whose network is missing, not measured or not the file named is left out and said in `states`; the others
    go on.
    """

    def __init__(self, networks: Networks, kinds: Collection[Kind] | None = None, *, threads: int = 1) -> None:
        """`kinds` None: those that are on by default."""
        found = states(networks)
        ready = {state.kind for state in found if state.available}
        on = {state.kind for state in found if state.on_by_default} if kinds is None else set(kinds) & ready
        self.crops = self._crops(networks, on & OWN_TRAINING, threads)
        refused = (on & OWN_TRAINING) - set(self.crops)
        self.states: tuple[KindState, ...] = tuple(
            replace(state, readiness=Readiness.DAMAGED) if state.kind in refused else state for state in found
        )
        self.kinds = frozenset(on - refused)
        self.masks = self._masks(networks, threads)
        self.faces = FaceDetector(networks, score=_SURELY_A_FACE, threads=threads) if Kind.NO_MASK in on else None
        self.objects = Detector(networks, threads=threads) if Kind.PHONE in on else None

    @classmethod
    def of(cls, others: "Parts", kinds: Collection[Kind]) -> "Parts":
        """The same networks for another camera, of which fewer kinds are asked."""
        made = object.__new__(cls)
        made.states, made.kinds = others.states, others.kinds & frozenset(kinds)
        made.masks, made.faces = others.masks, others.faces
        made.objects = others.objects if Kind.PHONE in made.kinds else None
        made.crops = {kind: each for kind, each in others.crops.items() if kind in made.kinds}
        return made

    @staticmethod
    def _crops(networks: Networks, kinds: Collection[Kind], threads: int) -> dict[Kind, CropClassifier]:
        """Those an operator put in; one that is no network or has another form than asked for is left out."""
        found = {}
        for kind in kinds:
            with suppress(NetworkDamaged, RegistryMalformed):
                found[kind] = CropClassifier(networks, kind, threads=threads)
        return found

    @staticmethod
    def _masks(networks: Networks, threads: int) -> MaskDetector | None:
        """Also where no mask is asked about: hats and cigarettes are looked for at faces, and snapshots blur them."""
        return MaskDetector(networks, threads=threads) if networks.has(networks.named(MASKS).name) else None


class KitchenEye:
    """Looks at the frames of one camera. One for each camera; not shared between threads."""

    def __init__(self, parts: Parts, *, frozen_after_ms: int = FROZEN_AFTER_MS) -> None:
        self._parts = parts
        self._movement = Movement()
        self._check = FrameCheck(frozen_after_ms=frozen_after_ms)

    def look(self, picture: Picture, at_ms: int) -> Look:
        """Everything seen of the kinds that are on; never raises for what a frame shows."""
        reason = self._check.reason(picture, at_ms)
        if reason:
            return Look((), reason=reason)
        parts = self._parts
        faces = None if parts.masks is None else tuple(parts.masks.look(picture))
        objects = [] if parts.objects is None else parts.objects.look(picture, least_score=_SEEN_FROM)
        persons = tuple(seen.box for seen in objects if seen.kind == PERSON)
        near = [face for face in faces or () if face.box[2] >= LEAST_FACE_PX]
        seen: list[Sighting] = []
        if Kind.NO_MASK in parts.kinds:
            bare = [face for face in near if not face.masked][:MOST_SECOND_LOOKS]
            sure = [(face.box, score) for face in bare if (score := self._is_bare(picture, face)) > 0]
            seen += [Sighting(Kind.NO_MASK, box, score, (box,)) for box, score in sure]
        phones = [(each.box, each.score) for each in objects if each.kind == PHONE]
        seen += [Sighting(Kind.PHONE, box, score, whose) for box, score, whose in held(phones, persons, near)]
        for kind, classifier in parts.crops.items():
            boxes = self._movement.places(picture) if kind is Kind.RAT else [face.box for face in near]
            told = classifier.scores(picture, boxes)
            seen += [
                Sighting(kind, box, score, () if kind is Kind.RAT else (box,))
                for box, score in told
                if score >= _SEEN_FROM
            ]
        return Look(tuple(seen), faces, persons)

    def _is_bare(self, picture: Picture, face: MaskedFace) -> float:
        """A second look, near: how sure it is that this is a face and wears no mask; 0 where it is not so.

        Small masks are overlooked in the whole picture, and round food is taken for a face: see docs/models/kitchen.md.
        """
        masks, detector = self._parts.masks, self._parts.faces
        if masks is None or detector is None:
            return 0.0
        part, left, top = around(picture, face.box)
        place = (face.box[0] - left, face.box[1] - top, face.box[2], face.box[3])
        again = max(masks.look(part), key=lambda each: overlap(each.box, place), default=None)
        if again is None or again.masked or overlap(again.box, place) < _SAME_FACE:
            return 0.0
        faces = ((each.x, each.y, each.width, each.height) for each in detector.detect(part))
        return again.score if any(overlap(each, place) > _SAME_FACE for each in faces) else 0.0


def around(picture: Picture, box: Box) -> tuple[Picture, int, int]:
    """The picture about a box, `_NEAR` times as large, and where its corner lies."""
    x, y = middle_of(box)
    half = _NEAR * max(box[2], box[3]) / 2
    left, top = max(0, int(x - half)), max(0, int(y - half))
    return picture[top : int(y + half) + 1, left : int(x + half) + 1], left, top


def held(
    phones: Sequence[tuple[Box, float]], persons: Sequence[Box], faces: Sequence[MaskedFace]
) -> list[tuple[Box, float, tuple[Box, ...]]]:
    """The phones in somebody's hands, each with the faces of its holder; one lying about is no breach."""
    found = []
    for box, score in phones:
        near = [person for person in persons if _reaches(person, box)]
        if near:
            holder = max(near, key=lambda person: (shared(person, box), overlap(person, box)))
            own = [face.box for face in faces if shared(face.box, holder) > _HEAD_REACH * face.box[2] * face.box[3]]
            found.append((box, score, tuple(own[:1])))
    return found


def _reaches(person: Box, thing: Box) -> bool:
    x, y = middle_of(thing)
    more_x, more_y = _HELD * person[2], _HELD * person[3]
    return (
        person[0] - more_x <= x <= person[0] + person[2] + more_x
        and person[1] - more_y <= y <= person[1] + person[3] + more_y
    )
