"""The shape of a simulated device: a state machine without clock, socket or task of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Reply:
    """Bytes the device sends, `delay_s` after what caused them (its working time)."""

    data: bytes
    delay_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an act from outside led to: an answer for the control line, and bytes on the wire."""

    answer: dict[str, Any] = field(default_factory=dict)
    replies: tuple[Reply, ...] = ()


class WrongActError(ValueError):
    """An act the device does not know, or with a wrong value; the message goes back on the control line."""


class Device(Protocol):
    """A device on a byte link. Pure: all it knows of time is `now_s`, all chance comes from its seed."""

    @property
    def tick_s(self) -> float | None:
        """Time between ticks of a device that talks by itself; None for one that only answers."""

    def receive(self, data: bytes, now_s: float) -> list[Reply]:
        """Bytes from the host in, replies out."""

    def tick(self, now_s: float) -> list[Reply]:
        """Let time pass; what the device sends by itself."""

    def act(self, order: Mapping[str, Any], now_s: float) -> Outcome:
        """Something happens to the device: a tray is placed, a card is held to it. WrongActError otherwise."""
