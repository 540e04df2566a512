"""A CAS indicator set to kilograms with three decimals, device number 1: talks only."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from firmware_sim.core.weighing import ScaleDevice, ScaleOptions, Shown
from protocols.scale_cas.codec import encode_frame, lamp_byte
from protocols.scale_cas.messages import CasFrame

_MILLIGRAMS_OF_LAST_PLACE = 1_000
_DECIMALS = 3
_DEVICE_1 = 0x31


def say(shown: Shown) -> bytes:
    """The frame of a display."""
    blank = shown.overload or shown.underload
    frame = CasFrame(
        header="OL" if blank else "ST" if shown.stable else "US",
        net=shown.net,
        device_id=_DEVICE_1,
        lamps=lamp_byte(stable=shown.stable and not blank, net=shown.net, zero=shown.weight_mg == 0),
        digits=None if shown.overload else int(shown.weight_mg / _MILLIGRAMS_OF_LAST_PLACE),
        decimals=_DECIMALS,
        unit="kg",
    )
    return encode_frame(frame)


def make(options: Mapping[str, Any], *, seed: int) -> ScaleDevice:
    """A scale with some options changed; TypeError for an unknown one."""
    return ScaleDevice(replace(ScaleOptions(), **options), say, seed=seed)
