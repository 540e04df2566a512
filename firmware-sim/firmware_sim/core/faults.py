"""What goes wrong on a wire, drawn from a seed: the same seed spoils the same frames."""

from dataclasses import dataclass, fields, replace
from random import Random

_MOST_NOISE_BYTES = 8


@dataclass(frozen=True, slots=True)
class FaultRates:
    """Chance per frame sent, 0 to 1, and how long the long ones last."""

    noise: float = 0.0
    """Random bytes before the frame, or one byte of it changed."""
    cut: float = 0.0
    """The frame ends in its middle."""
    stall: float = 0.0
    """The device is silent for `stall_s`, then sends."""
    duplicate: float = 0.0
    """The frame is sent twice."""
    unplug: float = 0.0
    """The cable is out for `unplug_s`; the frame is lost."""
    stall_s: float = 3.0
    unplug_s: float = 2.0

    @classmethod
    def parse(cls, text: str) -> "FaultRates":
        """Rates from `noise=0.01,unplug=0.001,unplug_s=5`; ValueError names a wrong part."""
        names = {item.name for item in fields(cls)}
        chosen: dict[str, float] = {}
        for part in filter(None, text.split(",")):
            name, _, value = part.partition("=")
            if name not in names:
                raise ValueError(f"fault {name!r} is none of {', '.join(sorted(names))}")
            chosen[name] = float(value)
            if chosen[name] < 0 or (not name.endswith("_s") and chosen[name] > 1):
                raise ValueError(f"fault {part!r} is out of range")
        return replace(cls(), **chosen)


@dataclass(frozen=True, slots=True)
class Spoilt:
    """What becomes of one frame, in this order: stall, unplug, then send the pieces."""

    pieces: tuple[bytes, ...]
    stall_s: float = 0.0
    unplug_s: float = 0.0


class Faults:
    """Draws the faults of a wire; `rates` may be changed while running."""

    def __init__(self, rates: FaultRates, *, seed: int) -> None:
        self.rates = rates
        self._random = Random(f"faults {seed}")

    def spoil(self, frame: bytes) -> Spoilt:
        """What becomes of a frame now."""
        rates = self.rates
        if self._hit(rates.unplug):
            return Spoilt(pieces=(), unplug_s=rates.unplug_s)
        stall_s = rates.stall_s if self._hit(rates.stall) else 0.0
        if self._hit(rates.cut) and len(frame) > 1:
            return Spoilt(pieces=(frame[: self._random.randrange(1, len(frame))],), stall_s=stall_s)
        if self._hit(rates.noise):
            frame = self._noisy(frame)
        copies = 2 if self._hit(rates.duplicate) else 1
        return Spoilt(pieces=(frame,) * copies, stall_s=stall_s)

    def _hit(self, chance: float) -> bool:
        return chance > 0 and self._random.random() < chance

    def _noisy(self, frame: bytes) -> bytes:
        if self._random.random() < 0.5 or not frame:  # noqa: PLR2004 - half before, half inside
            return self._random.randbytes(self._random.randint(1, _MOST_NOISE_BYTES)) + frame
        at = self._random.randrange(len(frame))
        return frame[:at] + bytes((frame[at] ^ self._random.randint(1, 255),)) + frame[at + 1 :]
