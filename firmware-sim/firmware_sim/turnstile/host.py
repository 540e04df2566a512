"""Serves the relay module by pymodbus over TCP or RTU, with the same faults and orders as any other device."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from firmware_sim.core.device import WrongActError
from firmware_sim.core.faults import FaultRates, Faults
from firmware_sim.core.null_modem import NullModem
from firmware_sim.turnstile.device import (
    COILS,
    DISCRETE_INPUTS,
    HOLDING_REGISTERS,
    INPUT_REGISTERS,
    Read,
    TurnstileDevice,
    Write,
)

_DEVICE_ID = 1
_BAUD = 9600
_READS = {1: COILS, 2: DISCRETE_INPUTS, 3: HOLDING_REGISTERS, 4: INPUT_REGISTERS}
_WRITES = {5: COILS, 15: COILS, 6: HOLDING_REGISTERS, 16: HOLDING_REGISTERS}


class TurnstileHost:
    """Brings the turnstile to life on a TCP port, or on a pty by RTU; same duties as `DeviceHost`."""

    def __init__(
        self,
        name: str,
        device: TurnstileDevice,
        line: NullModem | int,
        *,
        faults: Faults,
        now_s: Callable[[], float],
    ) -> None:
        """`line` is a TCP port (0: a free one), or the null modem to serve."""
        self.name = name
        self._line = line
        self._device = device
        self._faults = faults
        self._now_s = now_s
        self._server: ModbusTcpServer | ModbusSerialServer | None = None
        self._silent_until_s = 0.0
        self._replug: asyncio.Task[None] | None = None

    @property
    def address(self) -> str:
        """Where the host finds the device."""
        return self._line.address if isinstance(self._line, NullModem) else f"tcp://127.0.0.1:{self._line}"

    async def start(self) -> None:
        """Listen; OSError when the port is taken."""
        await self._plug()

    async def stop(self) -> None:
        """Stop listening; harmless when stopped."""
        replug, self._replug = self._replug, None
        if replug is not None:
            replug.cancel()
            await asyncio.gather(replug, return_exceptions=True)
        await self._unplug()

    async def act(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Do an order of the control line; WrongActError when it is unknown."""
        match order:
            case {"plugged": bool(plugged)}:
                await (self._plug() if plugged else self._unplug())
                return {"plugged": plugged}
            case {"stall_s": float() | int() as stall_s}:
                self._silent_until_s = self._now_s() + stall_s
                return {"stall_s": stall_s}
            case {"faults": str(text)}:
                try:
                    self._faults.rates = FaultRates.parse(text)
                except ValueError as error:
                    raise WrongActError(str(error)) from error
                return {"faults": text}
        return self._device.act(order, self._now_s()).answer

    async def _access(
        self,
        function: int,
        _start: int,
        _address: int,
        _count: int,
        registers: list[int],
        values: list[int] | list[bool] | None,
    ) -> ExcCodes | None:
        silent_s = self._silent_until_s - self._now_s()
        if silent_s > 0:
            await asyncio.sleep(silent_s)
        if function in _WRITES and values:
            self._device.handle(Write(_WRITES[function], int(values[0])), self._now_s())
            return None
        registers[0] = self._device.handle(Read((_WRITES | _READS)[function]), self._now_s())
        return None

    def _spoil(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001 - called by pymodbus
        if not sending or not data:
            return data
        spoilt = self._faults.spoil(data)
        if spoilt.stall_s:
            self._silent_until_s = self._now_s() + spoilt.stall_s
        if spoilt.unplug_s and self._replug is None:
            self._replug = asyncio.create_task(self._out_for(spoilt.unplug_s), name=f"{self.name}: unplugged")
        return b"".join(spoilt.pieces)

    async def _out_for(self, unplug_s: float) -> None:
        await self._unplug()
        await asyncio.sleep(unplug_s)
        await self._plug()
        self._replug = None

    async def _plug(self) -> None:
        if self._server is not None:
            return
        bit = [SimData(0, values=False, datatype=DataType.BITS)]
        register = [SimData(0, values=0, datatype=DataType.REGISTERS)]
        module = SimDevice(_DEVICE_ID, simdata=(bit, list(bit), register, list(register)), action=self._access)
        if isinstance(self._line, NullModem):
            self._line.plug()
            serial = ModbusSerialServer(module, port=self._line.near, baudrate=_BAUD, trace_packet=self._spoil)
            if not await serial.listen():
                raise OSError(f"{self._line.address} cannot be had")
            self._server = serial
            return
        server = ModbusTcpServer(module, address=("127.0.0.1", self._line), trace_packet=self._spoil)
        if not await server.listen():
            raise OSError(f"port {self._line} cannot be had")
        self._server = server
        self._line = int(cast(asyncio.Server, server.transport).sockets[0].getsockname()[1])

    async def _unplug(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            await server.shutdown()  # type: ignore[no-untyped-call]
        if isinstance(self._line, NullModem):
            self._line.unplug()
