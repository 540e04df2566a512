"""An XK3190-A9 set to kilograms with three decimals: talks only, and does not tell whether the pan rests."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from firmware_sim.core.weighing import ScaleDevice, ScaleOptions, Shown
from protocols.scale_xk3190.codec import encode_frame
from protocols.scale_xk3190.messages import WeightFrame

_MILLIGRAMS_OF_LAST_PLACE = 1_000
_DECIMALS = 3
_MOST_DIGITS = 999_999


def say(shown: Shown) -> bytes | None:
    """The frame of a display; None for a number too long for it."""
    digits = int(shown.weight_mg / _MILLIGRAMS_OF_LAST_PLACE)
    if abs(digits) > _MOST_DIGITS:
        return None
    return encode_frame(WeightFrame(digits=digits, decimals=_DECIMALS))


def make(options: Mapping[str, Any], *, seed: int) -> ScaleDevice:
    """A scale with some options changed; TypeError for an unknown one."""
    return ScaleDevice(replace(ScaleOptions(), **options), say, seed=seed)
