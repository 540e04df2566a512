"""The reader: sends a card's number when it is held to it, and again while it lies there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from firmware_sim.core.device import Outcome, Reply, WrongActError
from protocols.card_reader.codec import encode_frame

_REPEAT_S = 0.1


@dataclass(frozen=True, slots=True)
class CardReaderOptions:
    """`repeats` is how many more times a tapped card is sent while it lies there."""

    repeats: int = 0


class CardReaderDevice:
    """A reader; `taps` counts the cards held to it."""

    tick_s = None

    def __init__(self, options: CardReaderOptions) -> None:
        self._options = options
        self._taps = 0

    def receive(self, data: bytes, now_s: float) -> list[Reply]:  # noqa: ARG002 - it does not listen
        """Ignore the host: it only talks."""
        return []

    def tick(self, now_s: float) -> list[Reply]:  # noqa: ARG002 - nothing happens by itself
        """Say nothing."""
        return []

    def act(self, order: Mapping[str, Any], now_s: float) -> Outcome:  # noqa: ARG002 - it knows no time
        """`tap` holds a card (hex number of 4, 5, 7 or 10 bytes) to the reader."""
        match order:
            case {"tap": str(uid)}:
                try:
                    frame = encode_frame(uid)
                except ValueError as error:
                    raise WrongActError(f"{uid!r}: {error}") from error
                self._taps += 1
                replies = tuple(Reply(frame, number * _REPEAT_S) for number in range(self._options.repeats + 1))
                return Outcome(answer={"taps": self._taps}, replies=replies)
            case {"state": True}:
                return Outcome(answer={"taps": self._taps})
        raise WrongActError("a card reader knows tap, state")


def make(options: Mapping[str, Any], *, seed: int) -> CardReaderDevice:  # noqa: ARG001 - nothing is left to chance
    """A reader with some options changed; TypeError for an unknown one."""
    return CardReaderDevice(replace(CardReaderOptions(), **options))
