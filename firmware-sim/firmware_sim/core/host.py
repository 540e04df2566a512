"""Runs one device on one wire: time, faults, unplugging."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from firmware_sim.core.device import Device, Reply, WrongActError
from firmware_sim.core.faults import FaultRates, Faults
from firmware_sim.core.wires import Wire

_MOST_WAITING_REPLIES = 256


class DeviceHost:
    """Brings a pure device to life. `start`, then `act` at will, then `stop`."""

    def __init__(self, name: str, device: Device, wire: Wire, *, faults: Faults, now_s: Callable[[], float]) -> None:
        self.name = name
        self._device = device
        self._wire = wire
        self._faults = faults
        self._now_s = now_s
        self._replies: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_MOST_WAITING_REPLIES)
        self._tasks: list[asyncio.Task[None]] = []
        self._plugged = False
        self._silent_until_s = 0.0
        self._cut_next = False

    @property
    def address(self) -> str:
        """Where the host finds the device."""
        return self._wire.address

    async def start(self) -> None:
        """Plug in and begin; OSError when the port is taken."""
        await self._plug()
        self._tasks = [asyncio.create_task(self._send_replies(), name=f"{self.name}: replies")]
        if self._device.tick_s is not None:
            self._tasks.append(asyncio.create_task(self._tick(self._device.tick_s), name=f"{self.name}: ticks"))

    async def stop(self) -> None:
        """Stop and unplug; harmless when stopped."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._unplug()

    async def act(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Do an order of the control line: of the wire, or of the device. WrongActError when neither knows it."""
        match order:
            case {"plugged": bool(plugged)}:
                await (self._plug() if plugged else self._unplug())
                return {"plugged": plugged}
            case {"stall_s": float() | int() as stall_s}:
                self._silent_until_s = self._now_s() + stall_s
                return {"stall_s": stall_s}
            case {"cut_next": True}:
                self._cut_next = True
                return {"cut_next": True}
            case {"faults": str(text)}:
                try:
                    self._faults.rates = FaultRates.parse(text)
                except ValueError as error:
                    raise WrongActError(str(error)) from error
                return {"faults": text}
        outcome = self._device.act(order, self._now_s())
        self._queue(outcome.replies)
        return outcome.answer

    def _receive(self, data: bytes) -> None:
        self._queue(self._device.receive(data, self._now_s()))

    def _queue(self, replies: tuple[Reply, ...] | list[Reply]) -> None:
        now_s = self._now_s()
        for reply in replies:
            with contextlib.suppress(asyncio.QueueFull):
                self._replies.put_nowait((now_s + reply.delay_s, reply.data))

    async def _tick(self, tick_s: float) -> None:
        while True:
            await asyncio.sleep(tick_s)
            if self._now_s() < self._silent_until_s:
                continue  # what a stalled device would have said by itself is never said
            self._queue(self._device.tick(self._now_s()))

    async def _send_replies(self) -> None:
        while True:
            due_s, data = await self._replies.get()
            await self._wait_until(due_s)
            spoilt = self._faults.spoil(data)
            if spoilt.stall_s:
                self._silent_until_s = max(self._silent_until_s, self._now_s() + spoilt.stall_s)
            await self._wait_until(self._silent_until_s)
            if spoilt.unplug_s:
                await self._unplug()
                await asyncio.sleep(spoilt.unplug_s)
                await self._plug()
            for piece in spoilt.pieces:
                self._wire.send(self._cut(piece))

    async def _wait_until(self, due_s: float) -> None:
        left_s = due_s - self._now_s()
        if left_s > 0:
            await asyncio.sleep(left_s)

    def _cut(self, piece: bytes) -> bytes:
        if not self._cut_next:
            return piece
        self._cut_next = False
        return piece[: max(len(piece) // 2, 1)]

    async def _plug(self) -> None:
        if not self._plugged:
            self._plugged = True
            await self._wire.plug(self._receive)

    async def _unplug(self) -> None:
        if self._plugged:
            self._plugged = False
            await self._wire.unplug()
