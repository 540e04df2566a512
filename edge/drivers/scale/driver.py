"""Scale: turns whatever the indicator sends into readings, and vouches for stability itself."""

from collections.abc import AsyncGenerator
from typing import Protocol

from edge.drivers.base import DriverContext, Link, ProtocolError, Unavailable, WeightReading
from edge.drivers.loop import Backoff, DeviceLoop
from edge.drivers.scale.settings import ScaleSettings
from edge.transports.base import TransportTimeout
from protocols.scale.messages import ScaleReading
from protocols.scale_and.stream import AndStream
from protocols.scale_cas.stream import CasStream
from protocols.scale_toledo.stream import ContinuousStream
from protocols.scale_xk3190.stream import FrameStream, LineStream

_OPEN_TIMEOUT_S = 3.0
_MILLIGRAMS_PER_GRAM = 1000
_OVERLOAD_DIVISIONS = 9  # a legal scale must blank above Max + 9 e (OIML R 76, 4.2.3)


class _Stream(Protocol):
    def feed(self, data: bytes) -> list[ScaleReading]: ...

    @property
    def dropped_bytes(self) -> int: ...


class Scale:
    """Fulfils WeightSensor.

    `stable` needs several equal readings running: some protocols do not tell stability, and those without a checksum
    could pass one damaged digit for a weight.
    """

    def __init__(self, settings: ScaleSettings, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        self._transport = context.open_transport(settings.url)
        self._stream: _Stream = _stream(settings)
        self._early: list[ScaleReading] = []
        self._loop = DeviceLoop(context, self._transport, backoff=Backoff(), open_timeout_s=_OPEN_TIMEOUT_S)

    @property
    def name(self) -> str:
        """The name given in the settings."""
        return self._context.name

    def readings(self) -> AsyncGenerator[WeightReading | Link, None]:
        """Yield readings and link changes, for ever."""
        return self._loop.items(self._prepare, self._session)

    async def close(self) -> None:
        """Release the link."""
        await self._loop.close()

    async def _prepare(self) -> None:
        self._stream = _stream(self._settings)
        self._early = await self._next()

    async def _session(self) -> AsyncGenerator[WeightReading, None]:
        sequence = 0
        equal = 0
        last_mg: int | None = None
        found, self._early = self._early, []
        while True:
            for reading in found:
                sequence += 1
                calm = reading.stable is not False and not reading.overload and not reading.underload
                equal = equal + 1 if calm and reading.weight_mg == last_mg else int(calm)
                last_mg = reading.weight_mg if calm else None
                yield self._weight(reading, sequence=sequence, stable=equal >= self._settings.stable_readings)
            found = await self._next()

    async def _next(self) -> list[ScaleReading]:
        """The next sound readings; Unavailable when silent, ProtocolError when only noise comes."""
        deadline_s = self._context.monotonic_s() + self._settings.silence_s
        dropped_before = self._stream.dropped_bytes
        last = b""
        while True:
            left_s = deadline_s - self._context.monotonic_s()
            try:
                last = await self._transport.read(timeout_s=max(left_s, 0))
            except TransportTimeout as error:
                dropped = self._stream.dropped_bytes - dropped_before
                if dropped:
                    raise ProtocolError(f"{dropped} bytes of noise and no weight: protocol or speed", last) from error
                raise Unavailable(f"silent for {self._settings.silence_s:g} s") from error
            found = self._stream.feed(last)
            if found:
                return found
            if left_s <= 0:
                raise ProtocolError("only noise: protocol or speed is set otherwise", last)

    def _weight(self, reading: ScaleReading, *, sequence: int, stable: bool) -> WeightReading:
        division_mg = self._settings.division_mg or reading.division_mg
        overload = reading.overload or self._above_capacity(reading.weight_mg, division_mg)
        return WeightReading(
            weight_mg=reading.weight_mg,
            stable=stable and not overload,
            overload=overload,
            underload=reading.underload,
            zero=bool(reading.zero),
            net=bool(reading.net),
            tare_mg=reading.tare_mg or 0,
            sequence=sequence,
            at_monotonic_s=self._context.monotonic_s(),
            division_mg=division_mg,
        )

    def _above_capacity(self, weight_mg: int, division_mg: int | None) -> bool:
        if self._settings.capacity_g is None:
            return False
        most_mg = self._settings.capacity_g * _MILLIGRAMS_PER_GRAM + _OVERLOAD_DIVISIONS * (division_mg or 0)
        return weight_mg > most_mg


def _stream(settings: ScaleSettings) -> _Stream:
    match settings.protocol:
        case "xk3190":
            return FrameStream(unit=settings.unit)
        case "xk3190_a12":
            return LineStream()
        case "toledo":
            return ContinuousStream(checked=settings.checked)
        case "cas":
            return CasStream()
        case "and":
            return AndStream()
