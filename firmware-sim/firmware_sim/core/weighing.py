"""The physics of a counter scale: load, settling, tare, zero, capacity."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import exp
from random import Random
from typing import Any

from firmware_sim.core.device import Outcome, Reply, WrongActError

_MILLIGRAMS = 1000
_OVERLOAD_DIVISIONS = 9
_SETTLED_SHARE = 5.0  # after this many time constants the pan rests


@dataclass(frozen=True, slots=True)
class ScaleOptions:
    """A 15 kg scale in steps of 5 g by default; `settle_s` is how long the pan moves after a change."""

    capacity_g: int = 15_000
    division_mg: int = 5_000
    settle_s: float = 0.5
    readings_per_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What the display shows, rounded to the division; net when a tare is held."""

    weight_mg: int
    tare_mg: int
    stable: bool
    overload: bool
    underload: bool

    @property
    def net(self) -> bool:
        """Whether a tare is held."""
        return self.tare_mg != 0


class Pan:
    """The pan of a scale; the same seed and orders give the same readings."""

    def __init__(self, options: ScaleOptions, *, seed: int) -> None:
        self.options = options
        self._random = Random(f"pan {seed}")
        self._from_mg = 0
        self._load_mg = 0
        self._changed_s = float("-inf")
        self._zero_mg = 0
        self._tare_mg = 0

    def act(self, order: Mapping[str, Any], now_s: float) -> Outcome:
        """`load_g` or `load_mg` sets what lies on the pan; `tare`, `zero`, `state` press keys and read back."""
        match order:
            case {"load_g": int() | float() as load_g}:
                self._put(round(load_g * _MILLIGRAMS), now_s)
            case {"load_mg": int(load_mg)}:
                self._put(load_mg, now_s)
            case {"tare": bool(tare)}:
                self._tare_mg = self._rounded(self._load_mg - self._zero_mg) if tare else 0
            case {"zero": True}:
                self._zero_mg, self._tare_mg = self._load_mg, 0
            case {"state": True}:
                pass
            case _:
                raise WrongActError("a scale knows load_g, load_mg, tare, zero, state")
        shown = self.shown(now_s)
        return Outcome(answer={"weight_mg": shown.weight_mg, "tare_mg": shown.tare_mg, "stable": shown.stable})

    def shown(self, now_s: float) -> Shown:
        """The display at that time."""
        options = self.options
        passed = (now_s - self._changed_s) / options.settle_s if options.settle_s else _SETTLED_SHARE
        stable = passed >= 1
        gross_mg = self._load_mg - self._zero_mg
        if not stable:
            gap_mg = (self._from_mg - self._load_mg) * exp(-_SETTLED_SHARE * passed)
            shake_mg = self._random.uniform(-2, 2) * options.division_mg * (1 - passed)
            gross_mg += round(gap_mg + shake_mg)
        shown_mg = self._rounded(gross_mg)
        limit_mg = options.capacity_g * _MILLIGRAMS + _OVERLOAD_DIVISIONS * options.division_mg
        return Shown(
            weight_mg=shown_mg - self._tare_mg,
            tare_mg=self._tare_mg,
            stable=stable,
            overload=shown_mg > limit_mg,
            underload=shown_mg < -20 * options.division_mg - self._tare_mg,
        )

    def _put(self, load_mg: int, now_s: float) -> None:
        self._from_mg, self._load_mg, self._changed_s = self._load_mg, load_mg, now_s

    def _rounded(self, weight_mg: int) -> int:
        division_mg = self.options.division_mg
        return (weight_mg + division_mg // 2) // division_mg * division_mg


class ScaleDevice:
    """A scale that says what its pan weighs again and again; `say` is its protocol, None for nothing to say.

    `keys` are bytes of the host that press a key, for indicators that listen.
    """

    def __init__(
        self,
        options: ScaleOptions,
        say: Callable[[Shown], bytes | None],
        *,
        seed: int,
        keys: Mapping[int, Mapping[str, bool]] | None = None,
    ) -> None:
        self._pan = Pan(options, seed=seed)
        self._say = say
        self._keys = keys or {}
        self.tick_s: float | None = 1 / options.readings_per_s

    def receive(self, data: bytes, now_s: float) -> list[Reply]:
        """Keys pressed by the host; anything else is ignored, nothing is answered."""
        for key in data:
            if key in self._keys:
                self._pan.act(self._keys[key], now_s)
        return []

    def tick(self, now_s: float) -> list[Reply]:
        """Say what the pan weighs."""
        said = self._say(self._pan.shown(now_s))
        return [] if said is None else [Reply(said)]

    def act(self, order: Mapping[str, Any], now_s: float) -> Outcome:
        """See `Pan.act`."""
        return self._pan.act(order, now_s)
