"""An A&D indicator set to kilograms with three decimals: talks only."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from firmware_sim.core.weighing import ScaleDevice, ScaleOptions, Shown
from protocols.scale_and.codec import encode_line
from protocols.scale_and.messages import AndLine

_MILLIGRAMS_OF_LAST_PLACE = 1_000
_DECIMALS = 3


def say(shown: Shown) -> bytes:
    """The line of a display."""
    blank = shown.overload or shown.underload
    line = AndLine(
        header="OL" if blank else "ST" if shown.stable else "US",
        net=shown.net,
        digits=None if blank else int(shown.weight_mg / _MILLIGRAMS_OF_LAST_PLACE),
        decimals=_DECIMALS,
        unit="kg",
        negative=shown.underload or (shown.weight_mg < 0 and not shown.overload),
    )
    return encode_line(line)


def make(options: Mapping[str, Any], *, seed: int) -> ScaleDevice:
    """A scale with some options changed; TypeError for an unknown one."""
    return ScaleDevice(replace(ScaleOptions(), **options), say, seed=seed)
