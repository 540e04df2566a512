"""When seeing something often enough becomes one alarm: n of m frames over a time, hysteresis, one alarm an episode."""

from collections import deque
from dataclasses import dataclass
from typing import Final

MOST_FRAMES: Final = 256


@dataclass(frozen=True, slots=True)
class Rule:
    """From when on frames mean something. `start` begins an episode, the lower `keep` holds it open.

    An alarm needs `least_frames` hits, and hits in the share `share` of the frames of the last `window_ms`, the first
    and the last hit at least `over_ms` apart. The episode ends after `quiet_ms` of watched time without a hit; time in
    which the camera was blind (`gap_ms` and more between frames) proves neither.
    """

    least_frames: int = 4
    share: float = 0.6
    over_ms: int = 2_000
    window_ms: int = 5_000
    start: float = 0.6
    keep: float = 0.45
    quiet_ms: int = 60_000
    gap_ms: int = 3_000

    def __post_init__(self) -> None:
        if not (1 <= self.least_frames <= MOST_FRAMES and 0 < self.share <= 1 and 0 < self.keep <= self.start <= 1):
            raise ValueError(f"a rule that cannot hold: {self}")
        if not (0 <= self.over_ms < self.window_ms and self.quiet_ms > 0 and self.gap_ms > 0):
            raise ValueError(f"times that cannot hold: {self}")


class Episodes:
    """One kind in one zone of one camera, frame by frame. Bounded; time that steps back starts the window anew."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._frames: deque[tuple[int, bool]] = deque(maxlen=MOST_FRAMES)
        self._last_ms: int | None = None
        self._quiet_ms = 0
        self.open = False

    def add(self, at_ms: int, score: float) -> bool:
        """One frame with the highest score seen (0 = nothing); True for the frame that begins an episode."""
        step_ms = 0 if self._last_ms is None else at_ms - self._last_ms
        self._last_ms = at_ms
        if not 0 <= step_ms < self._rule.gap_ms:
            self._frames.clear()
            step_ms = 0
        if self.open:
            self._go_on(score, step_ms)
            return False
        self._frames.append((at_ms, score >= self._rule.start))
        while self._frames[0][0] <= at_ms - self._rule.window_ms:
            self._frames.popleft()
        if score < self._rule.start or not self._is_enough():
            return False
        self.open, self._quiet_ms = True, 0
        self._frames.clear()
        return True

    def _go_on(self, score: float, step_ms: int) -> None:
        self._quiet_ms = 0 if score >= self._rule.keep else self._quiet_ms + step_ms
        if self._quiet_ms >= self._rule.quiet_ms:
            self.open = False

    def _is_enough(self) -> bool:
        hits = [at_ms for at_ms, hit in self._frames if hit]
        return (
            len(hits) >= max(self._rule.least_frames, self._rule.share * len(self._frames))
            and hits[-1] - hits[0] >= self._rule.over_ms
        )
