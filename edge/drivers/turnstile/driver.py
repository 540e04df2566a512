"""Turnstile: a relay pulse lets one through, a counter or sensor tells who went."""

import asyncio
from collections.abc import AsyncGenerator

from edge.drivers.base import DriverContext, Link, Passage, Refused, Unavailable
from edge.drivers.loop import Backoff, DeviceLoop
from edge.drivers.turnstile.modbus import ModbusLink
from edge.drivers.turnstile.settings import TurnstileSettings
from edge.transports.base import TransportUnavailable

_SHORTEST_S, _LONGEST_S = 0.1, 25.0
_STEPS_PER_S = 10
_COUNTER = 65_536


class Turnstile:
    """Fulfils Door. Commands and polling share one connection, one request at a time."""

    def __init__(self, settings: TurnstileSettings, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        self._link = ModbusLink(settings.url, timeout_s=settings.timeout_s)
        self._turn = asyncio.Lock()
        self._locking: set[asyncio.Task[None]] = set()
        self._loop = DeviceLoop(context, self._link, backoff=Backoff(), open_timeout_s=settings.timeout_s)

    @property
    def name(self) -> str:
        """The name given in the settings."""
        return self._context.name

    async def open(self, *, duration_s: float) -> None:
        """Unlock for that long; see `Door`. Returns when the relay has taken the command."""
        if not _SHORTEST_S <= duration_s <= _LONGEST_S:
            raise Refused("duration_out_of_range", f"{duration_s:g} s")
        async with self._turn:
            try:
                if not self._link.opened:
                    await self._link.open(timeout_s=self._settings.timeout_s)
                if self._settings.pulse_register is not None:
                    await self._set_pulse(self._settings.pulse_register, round(duration_s * _STEPS_PER_S))
                await self._set_relay(on=True)
            except TransportUnavailable as error:
                raise Unavailable(str(error)) from error
        if self._settings.pulse_register is None:
            self._lock_after(duration_s)

    def passages(self) -> AsyncGenerator[Passage | Link, None]:
        """Yield passages and link changes, for ever."""
        return self._loop.items(self._prepare, self._session)

    async def close(self) -> None:
        """Release the link; a gate that this side would have locked is locked now."""
        locking = list(self._locking)
        for task in locking:
            task.cancel()
        await asyncio.gather(*locking, return_exceptions=True)
        if locking:
            await self._lock_now()
        await self._loop.close()

    async def _prepare(self) -> None:
        await self._look()

    async def _session(self) -> AsyncGenerator[Passage, None]:
        before = await self._look()
        count = 0
        while True:
            await self._context.sleep(self._settings.poll_s)
            now = await self._look()
            went = (now - before) % _COUNTER if self._settings.passage_register is not None else int(now > before)
            before = now
            for _ in range(went):
                count += 1
                yield Passage(count=count, at_monotonic_s=self._context.monotonic_s())

    async def _look(self) -> int:
        settings = self._settings
        async with self._turn:
            if settings.passage_register is not None:
                register = settings.passage_register
                answer = await self._link.call(
                    lambda client: client.read_input_registers(register, device_id=settings.device_id)
                )
                return int(answer.registers[0])
            answer = await self._link.call(
                lambda client: client.read_discrete_inputs(settings.passage_input, device_id=settings.device_id)
            )
            return int(answer.bits[0])

    async def _set_pulse(self, register: int, steps: int) -> None:
        await self._link.call(lambda client: client.write_register(register, steps, device_id=self._settings.device_id))

    async def _set_relay(self, *, on: bool) -> None:
        await self._link.call(
            lambda client: client.write_coil(self._settings.relay_coil, on, device_id=self._settings.device_id)
        )

    def _lock_after(self, duration_s: float) -> None:
        for earlier in self._locking:
            earlier.cancel()
        task = asyncio.create_task(self._lock(duration_s), name=f"{self.name}: lock again")
        self._locking.add(task)
        task.add_done_callback(self._locking.discard)

    async def _lock(self, duration_s: float) -> None:
        await self._context.sleep(duration_s)
        await self._lock_now()

    async def _lock_now(self) -> None:
        try:
            async with self._turn:
                await self._set_relay(on=False)
        except (TransportUnavailable, Refused) as error:
            self._context.log.warning("%s: the gate may have stayed open: %s", self.name, error)
