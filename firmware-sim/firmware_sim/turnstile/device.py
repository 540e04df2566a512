"""The relay module and the gate it unlocks: coil 0 unlocks for the pulse in holding register 0, a counter counts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from firmware_sim.core.device import Outcome, WrongActError

COILS, DISCRETE_INPUTS, HOLDING_REGISTERS, INPUT_REGISTERS = range(4)
_STEPS_PER_S = 10
_COUNTER = 65_536
_SENSOR_S = 0.4


@dataclass(frozen=True, slots=True)
class TurnstileOptions:
    """`pulse_100ms` is the pulse until the host sets another; 0 leaves the gate as the coil is."""

    pulse_100ms: int = 30


@dataclass(frozen=True, slots=True)
class Write:
    """The host writes `value` to address 0 of a table."""

    table: int
    value: int


@dataclass(frozen=True, slots=True)
class Read:
    """The host reads address 0 of a table."""

    table: int


class TurnstileDevice:
    """The gate: unlocked it lets one person through and locks again."""

    def __init__(self, options: TurnstileOptions) -> None:
        self._pulse_100ms = options.pulse_100ms
        self._unlocked_until_s = float("-inf")
        self._sensor_until_s = float("-inf")
        self._count = 0
        self._opened = 0

    def handle(self, message: Write | Read, now_s: float) -> int:
        """The value in the table after the host's access."""
        match message:
            case Write(table=0, value=value):
                self._switch(on=bool(value), now_s=now_s)
            case Write(table=2, value=value):
                self._pulse_100ms = value
        return (
            int(self.unlocked(now_s)),
            int(now_s < self._sensor_until_s),
            self._pulse_100ms,
            self._count,
        )[message.table]

    def unlocked(self, now_s: float) -> bool:
        """Whether a person could pass."""
        return now_s < self._unlocked_until_s

    def act(self, order: Mapping[str, Any], now_s: float) -> Outcome:
        """`pass` is a person pushing the gate: `passed` tells whether it gave way."""
        match order:
            case {"pass": True}:
                passed = self.unlocked(now_s)
                if passed:
                    self._count = (self._count + 1) % _COUNTER
                    self._unlocked_until_s = float("-inf")
                    self._sensor_until_s = now_s + _SENSOR_S
                return Outcome(answer={"passed": passed, "count": self._count})
            case {"state": True}:
                answer = {"unlocked": self.unlocked(now_s), "count": self._count, "opened": self._opened}
                return Outcome(answer=answer)
        raise WrongActError("a turnstile knows pass, state")

    def _switch(self, *, on: bool, now_s: float) -> None:
        if not on:
            self._unlocked_until_s = float("-inf")
            return
        self._opened += 1
        self._unlocked_until_s = now_s + self._pulse_100ms / _STEPS_PER_S if self._pulse_100ms else float("inf")


def make(options: Mapping[str, Any], *, seed: int) -> TurnstileDevice:  # noqa: ARG001 - nothing is left to chance
    """A turnstile with some options changed; TypeError for an unknown one."""
    return TurnstileDevice(replace(TurnstileOptions(), **options))
