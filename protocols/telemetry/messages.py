"""Messages over MQTT, as msgpack arrays. Fields are only appended. Money never travels here."""

from enum import IntEnum

import msgspec

MAX_SAMPLES = 500


class Priority(IntEnum):
    """What goes first when the spool is full: the highest number. Alarms never go."""

    ALARM = 0
    STATE = 1
    MEASURE = 2
    DETAIL = 3


class Sample(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One point of a series ("lane.A1.scale.weight"); the same series and time again is the same sample."""

    series: str
    at_ms: int
    fields: dict[str, float | int | bool | str]
    priority: int = Priority.MEASURE


class SampleBatch(msgspec.Struct, array_like=True, frozen=True):
    """Samples of a device; `number` is named by the acknowledgement."""

    device: int
    epoch: int
    number: int
    samples: tuple[Sample, ...]


class SampleAck(msgspec.Struct, array_like=True, frozen=True):
    """The cloud has the batch in its time series; before that the edge keeps it, whatever the broker said."""

    number: int


class Presence(msgspec.Struct, array_like=True, frozen=True):
    """Retained; the last will says `online` False."""

    device: int
    online: bool
    at_ms: int


class Command(msgspec.Struct, array_like=True, frozen=True):
    """Something to do now, and not past `expires_ms`. `mac` is `commands.command_mac` over all the rest (rule 33)."""

    id: str
    device: int
    epoch: int
    name: str
    arguments: dict[str, str | int | bool]
    expires_ms: int
    mac: bytes


class CommandAnswer(msgspec.Struct, array_like=True, frozen=True):
    """`outcome`: "done", "refused" or "expired", with a word and a short text for a person."""

    id: str
    outcome: str
    word: str
    text: str
