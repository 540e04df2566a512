"""One camera over doors and queues: frames in; crossings, queues and people in view out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from models.crowd.door import Crossings, DoorCount, DoorLine
from models.crowd.queue import Queue, QueueLimits, QueueState
from models.crowd.track import Limits, Tracker
from models.dish.picture import Picture
from models.frames import FROZEN_AFTER_MS, FrameCheck
from models.objects import PERSON, Detector
from models.zones import Zone

MOST_LINES: Final = 8
_SEEN_FROM: Final = 0.2  # weak boxes prolong tracks


@dataclass(frozen=True, slots=True)
class CrowdLook:
    """What one frame added. `reason` says why nothing could be told of it: then nothing was counted."""

    people: int = 0
    crossings: Mapping[str, Crossings] = field(default_factory=lambda: MappingProxyType({}))
    queues: Mapping[str, QueueState] = field(default_factory=lambda: MappingProxyType({}))
    reason: str = ""


class CrowdCamera:
    """Not shared between threads. The detector is that of persons, or the general one where they are small."""

    def __init__(
        self,
        detector: Detector,
        *,
        lines: Sequence[DoorLine] = (),
        queues: Sequence[Zone] = (),
        limits: Limits | None = None,
        queue_limits: QueueLimits | None = None,
        frozen_after_ms: int = FROZEN_AFTER_MS,
    ) -> None:
        """Raises ValueError for too many lines and zones, or two of one name."""
        names = [line.name for line in lines] + [zone.name for zone in queues]
        if len(names) > MOST_LINES or len(set(names)) != len(names):
            raise ValueError(f"at most {MOST_LINES} lines and zones, each with a name of its own")
        self._detector = detector
        self._tracker = Tracker(limits)
        self._check = FrameCheck(frozen_after_ms=frozen_after_ms)
        self.doors = {line.name: DoorCount(line) for line in lines}
        self._queues = {zone.name: Queue(zone, queue_limits) for zone in queues}

    def frame(self, picture: Picture, at_ms: int) -> CrowdLook:
        """One frame; never raises for what it shows."""
        reason = self._check.reason(picture, at_ms)
        if reason:
            return CrowdLook(reason=reason)
        seen = [each for each in self._detector.look(picture, least_score=_SEEN_FROM) if each.kind == PERSON]
        tracks = self._tracker.add(seen, at_ms)
        height, width = picture.shape[:2]
        return CrowdLook(
            len(tracks),
            {name: door.add(tracks, width, height) for name, door in self.doors.items()},
            {name: queue.add(tracks, width, height, at_ms) for name, queue in self._queues.items()},
        )
