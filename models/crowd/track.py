"""Follows people from frame to frame: boxes go to the tracks whose next place they overlap most, sure boxes first.

After ByteTrack's idea (Zhang et al. 2022): weak boxes may prolong a track but never begin one, which carries people
through being half hidden. Next places come from a smoothed constant velocity.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.objects import Box, Seen

MOST_TRACKS: Final = 128
_SURE: Final = 0.4
_LEAST_OVERLAP: Final = 0.2
_FAR: Final = 0.4  # of the box's longer side: how far a box without overlap may lie from a track's next place
_ALIKE: Final = 0.6  # smaller side over larger one, of two boxes of one person
_SMOOTH: Final = 0.6  # weight of what is seen now


@dataclass(frozen=True, slots=True)
class Limits:
    """When a track counts and when it ends. `forget_ms` without any frame ends all tracks."""

    least_hits: int = 2
    lost_ms: int = 2_000
    forget_ms: int = 3_000


@dataclass(slots=True)
class Track:
    """A person followed; the box is where they are now, or would be if seen."""

    number: int
    box: Box
    born_ms: int
    seen_ms: int
    hits: int = 1
    speed: tuple[float, float] = (0.0, 0.0)  # pixels a second

    def point(self, level: float) -> tuple[float, float]:
        """Across the middle of the box, `level` of its height down (1 = the feet)."""
        return self.box[0] + self.box[2] / 2, self.box[1] + self.box[3] * level


class Tracker:
    """The tracks of one camera; at most `MOST_TRACKS`. Time that steps back, or a long gap, ends them all."""

    def __init__(self, limits: Limits | None = None) -> None:
        self._limits = limits or Limits()
        self._tracks: list[Track] = []
        self._next = 1
        self._last_ms: int | None = None

    def add(self, seen: Sequence[Seen], at_ms: int) -> list[Track]:
        """The tracks seen in this frame that are sure by now, after `seen` was given out among all."""
        step_ms = 0 if self._last_ms is None else at_ms - self._last_ms
        if self._last_ms is None or not 0 < step_ms <= self._limits.forget_ms:
            self._tracks.clear()
        self._last_ms = at_ms
        for track in self._tracks:
            x, y, width, height = track.box
            track.box = (x + track.speed[0] * step_ms / 1000, y + track.speed[1] * step_ms / 1000, width, height)
        sure = [each.box for each in seen if each.score >= _SURE]
        weak = [each.box for each in seen if each.score < _SURE]
        waiting, left = self._given(self._tracks, sure, at_ms)
        waiting, _ = self._given(waiting, weak, at_ms)
        self._tracks = [each for each in self._tracks if at_ms - each.seen_ms <= self._limits.lost_ms]
        for box in left[: MOST_TRACKS - len(self._tracks)]:
            self._tracks.append(Track(self._next, box, at_ms, at_ms))
            self._next += 1
        return [each for each in self._tracks if each.seen_ms == at_ms and each.hits >= self._limits.least_hits]

    def _given(self, tracks: Sequence[Track], boxes: Sequence[Box], at_ms: int) -> tuple[list[Track], list[Box]]:
        """Give boxes to tracks, the best pairs first; answers the tracks and boxes left over."""
        if not tracks or not boxes:
            return list(tracks), list(boxes)
        likeness = likenesses([each.box for each in tracks], boxes)
        free_tracks, free_boxes = set(range(len(tracks))), set(range(len(boxes)))
        for place in np.argsort(-likeness, axis=None, kind="stable"):
            row, column = divmod(int(place), len(boxes))
            if likeness[row, column] <= 0:
                break
            if row in free_tracks and column in free_boxes:
                free_tracks.discard(row)
                free_boxes.discard(column)
                _moved(tracks[row], boxes[column], at_ms)
        return [tracks[row] for row in sorted(free_tracks)], [boxes[column] for column in sorted(free_boxes)]


def likenesses(tracks: Sequence[Box], boxes: Sequence[Box]) -> NDArray[np.float64]:
    """How well each box fits each track: 1 + overlap where they overlap, up to 1 where they are merely near, else 0."""
    ours, theirs = np.array(tracks, float)[:, None], np.array(boxes, float)[None]
    ends = np.minimum(ours[..., :2] + ours[..., 2:], theirs[..., :2] + theirs[..., 2:])
    both = np.clip(ends - np.maximum(ours[..., :2], theirs[..., :2]), 0, None).prod(-1)
    overlap = both / np.maximum(1e-9, ours[..., 2:].prod(-1) + theirs[..., 2:].prod(-1) - both)
    apart = np.linalg.norm(ours[..., :2] + ours[..., 2:] / 2 - theirs[..., :2] - theirs[..., 2:] / 2, axis=-1)
    near = 1 - apart / (_FAR * np.maximum(ours[..., 2:].max(-1), theirs[..., 2:].max(-1)))
    small, large = np.minimum(ours[..., 3], theirs[..., 3]), np.maximum(ours[..., 3], theirs[..., 3])
    near = np.where(small >= _ALIKE * large, np.clip(near, 0, 1), 0)
    return np.where(overlap >= _LEAST_OVERLAP, 1 + overlap, near)


def _moved(track: Track, box: Box, at_ms: int) -> None:
    """The track where the box is, its speed by how far that was from its last place."""
    passed_s = max(1e-3, (at_ms - track.seen_ms) / 1000)
    guessed, seen = _middle(track.box), _middle(box)
    gain = min(1.0, _SMOOTH if track.hits > 1 else 1.0)
    track.speed = (
        track.speed[0] + gain * (seen[0] - guessed[0]) / passed_s,
        track.speed[1] + gain * (seen[1] - guessed[1]) / passed_s,
    )
    track.box = box
    track.seen_ms = at_ms
    track.hits += 1


def _middle(box: Box) -> tuple[float, float]:
    return box[0] + box[2] / 2, box[1] + box[3] / 2
