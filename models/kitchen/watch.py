"""From looks to alarms: zones, persistence, and one alarm with its snapshot for each episode."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final

from models.dish.picture import Picture
from models.errors import NetworkUnknown
from models.kitchen.eye import KitchenEye, Look, Sighting
from models.kitchen.kinds import KIND_WORDS, OWN_TRAINING, ROLES, Kind
from models.kitchen.persistence import Episodes, Rule
from models.kitchen.snapshot import Snapshot, take, without_faces
from models.objects import Box
from models.registry import Networks
from models.zones import Zone, whole

MOST_ZONES: Final = 16
_KEPT: Final = 0.75  # of a trained threshold, an episode is held open from
RULES: Final[Mapping[Kind, Rule]] = MappingProxyType(
    {
        Kind.NO_MASK: Rule(),
        Kind.PHONE: Rule(least_frames=4, share=0.5, start=0.45, keep=0.3),
        Kind.NO_HAT: Rule(),
        Kind.SMOKING: Rule(share=0.5),
        # a rat runs through in a second, and every one counts
        Kind.RAT: Rule(least_frames=3, share=0.2, over_ms=400, start=0.7, keep=0.5, quiet_ms=30_000),
    }
)


def rules_of(networks: Networks) -> dict[Kind, Rule]:
    """The usual rules; for a network of our own training with the threshold that its training found."""
    found = dict(RULES)
    for kind in OWN_TRAINING:
        try:
            start = networks.named(ROLES[kind]).settings.get("start")
        except NetworkUnknown:
            continue
        if isinstance(start, float) and 0 < start <= 1:
            found[kind] = replace(found[kind], start=start, keep=start * _KEPT)
    return found


@dataclass(frozen=True, slots=True)
class Watched:
    """A zone and the kinds looked for in it; None is every kind that is on."""

    zone: Zone
    kinds: frozenset[Kind] | None = None


@dataclass(frozen=True, slots=True)
class Alarm:
    """One episode begins: what, where and when, how sure, and the picture of the frame that settled it."""

    kind: Kind
    zone: str
    camera: str
    at_ms: int
    score: float
    box: Box
    snapshot: Snapshot = field(repr=False)

    def as_fact(self) -> dict[str, Any]:
        """What travels as a fact; the picture goes by its digest. `score` in thousandths, boxes in whole pixels."""
        return {
            "kind": self.kind.value,
            "name": dict(KIND_WORDS[self.kind]),
            "zone": self.zone,
            "camera": self.camera,
            "at_ms": self.at_ms,
            "score_permille": round(self.score * 1000),
            "box_px": [round(value) for value in self.box],
            "snapshot_sha256": self.snapshot.digest,
        }


class KitchenWatch:
    """The zones of one camera over time. Pure but for its memory, which is bounded."""

    def __init__(
        self, camera: str, watched: Sequence[Watched] = (), *, rules: Mapping[Kind, Rule] | None = None
    ) -> None:
        """Without zones the whole picture is one. Raises ValueError for too many zones or two of one name."""
        self.camera = camera
        self._watched = tuple(watched) or (Watched(whole()),)
        names = [each.zone.name for each in self._watched]
        if len(names) > MOST_ZONES or len(set(names)) != len(names):
            raise ValueError(f"at most {MOST_ZONES} zones, each with a name of its own")
        known = {**RULES, **(rules or {})}
        self._episodes = {
            (each.zone.name, kind): Episodes(known[kind])
            for each in self._watched
            for kind in (each.kinds if each.kinds is not None else Kind)
        }

    @property
    def open(self) -> frozenset[tuple[str, Kind]]:
        """Zone and kind of every episode that goes on."""
        return frozenset(key for key, episodes in self._episodes.items() if episodes.open)

    def add(self, look: Look, picture: Picture, at_ms: int) -> list[Alarm]:
        """One frame. A frame of which nothing could be told changes nothing: it is neither a breach nor order."""
        if look.reason:
            return []
        best = self._best(look, picture)
        found = []
        for (zone, kind), episodes in self._episodes.items():
            sighting = best.get((zone, kind))
            if episodes.add(at_ms, sighting.score if sighting is not None else 0.0) and sighting is not None:
                found.append(self._alarm(zone, sighting, look, picture, at_ms))
        return found

    def _best(self, look: Look, picture: Picture) -> dict[tuple[str, Kind], Sighting]:
        """The surest sighting of each kind in each zone."""
        height, width = picture.shape[:2]
        best: dict[tuple[str, Kind], Sighting] = {}
        for sighting in look.sightings:
            x, y = standing(sighting)
            for each in self._watched:
                key = (each.zone.name, sighting.kind)
                if key not in self._episodes or not each.zone.holds(x / width, y / height):
                    continue
                if key not in best or best[key].score < sighting.score:
                    best[key] = sighting
        return best

    def _alarm(self, zone: str, sighting: Sighting, look: Look, picture: Picture, at_ms: int) -> Alarm:
        faces: list[Box] | None = None
        if look.faces is not None:
            faces = [face.box for face in look.faces]
            faces += without_faces(look.persons, faces)
        snapshot = take(picture, sighting.box, faces, own=sighting.own)
        return Alarm(sighting.kind, zone, self.camera, at_ms, sighting.score, sighting.box, snapshot)


def standing(sighting: Sighting) -> tuple[float, float]:
    """The point that decides on the zone, in pixels: where a rat's feet are, the middle of everything else."""
    x, y, width, height = sighting.box
    return x + width / 2, y + (height if sighting.kind is Kind.RAT else height / 2)


class KitchenCamera:
    """An eye and a watch together: frames in, alarms out."""

    def __init__(self, eye: KitchenEye, watch: KitchenWatch) -> None:
        self._eye, self._watch = eye, watch
        self.reason = ""  # why the last frame told nothing, for a screen

    def frame(self, picture: Picture, at_ms: int) -> list[Alarm]:
        """The alarms that this frame settled; mostly none."""
        look = self._eye.look(picture, at_ms)
        self.reason = look.reason
        return self._watch.add(look, picture, at_ms)
