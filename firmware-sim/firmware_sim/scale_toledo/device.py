"""A Toledo indicator set to kilograms with three decimals; takes the keys T (tare), C (clear tare), Z (zero)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from firmware_sim.core.weighing import ScaleDevice, ScaleOptions, Shown
from protocols.scale_toledo.codec import encode_frame
from protocols.scale_toledo.messages import ContinuousFrame

_MILLIGRAMS_OF_LAST_PLACE = 1_000
_DECIMALS = 3
_STEPS = {1_000: 1, 2_000: 2, 5_000: 5}
_KEYS: Mapping[int, Mapping[str, bool]] = {
    ord("T"): {"tare": True},
    ord("C"): {"tare": False},
    ord("Z"): {"zero": True},
}


def say(shown: Shown, *, step: int, checked: bool) -> bytes:
    """The frame of a display."""
    blank = shown.overload or shown.underload
    frame = ContinuousFrame(
        digits=None if blank else abs(shown.weight_mg) // _MILLIGRAMS_OF_LAST_PLACE,
        tare_digits=shown.tare_mg // _MILLIGRAMS_OF_LAST_PLACE,
        decimals=_DECIMALS,
        unit="kg",
        step=step,
        net=shown.net,
        negative=shown.underload or (shown.weight_mg < 0 and not shown.overload),
        out_of_range=blank,
        motion=not shown.stable,
    )
    return encode_frame(frame, checked=checked)


def make(options: Mapping[str, Any], *, seed: int) -> ScaleDevice:
    """A scale with some options changed, `checked` among them; TypeError for an unknown one."""
    rest = dict(options)
    checked = bool(rest.pop("checked", True))
    chosen = replace(ScaleOptions(), **rest)
    step = _STEPS.get(chosen.division_mg, 0)
    return ScaleDevice(chosen, lambda shown: say(shown, step=step, checked=checked), seed=seed, keys=_KEYS)
