"""Settings of a turnstile on a Modbus relay module. Addresses are zero-based, as sent."""

from typing import Annotated

import msgspec

Address = Annotated[int, msgspec.Meta(ge=0, le=65535)]


class TurnstileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` as tcp://host:502 or serial:///dev/ttyS1?baud=9600."""

    url: str
    device_id: Annotated[int, msgspec.Meta(ge=0, le=247)] = 1
    relay_coil: Address = 0
    """Coil that unlocks."""
    pulse_register: Address | None = 0
    """Holding register for the pulse length in steps of 100 ms: the module then locks again by itself. Where the module
    has none (null), this side switches the coil off, and a power cut here leaves the gate open until it is back."""
    passage_register: Address | None = 0
    """Input register counting passages, modulo 65,536; null where only a sensor input exists."""
    passage_input: Address = 0
    """Discrete input of the passage sensor, used when there is no counter."""
    poll_s: Annotated[float, msgspec.Meta(ge=0.02, le=5)] = 0.1
    """Time between looks at the passage counter or sensor."""
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=10)] = 1.0
    """Longest wait for an answer."""
