"""Every simulated device, one line each; and from a description to a running one."""

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec

from firmware_sim.card_reader import device as card_reader
from firmware_sim.code_scanner import device as code_scanner
from firmware_sim.core.control import ControlLine
from firmware_sim.core.device import Device
from firmware_sim.core.faults import FaultRates, Faults
from firmware_sim.core.host import DeviceHost
from firmware_sim.core.null_modem import NullModem
from firmware_sim.core.wires import PtyWire, TcpWire, Wire
from firmware_sim.receipt_printer import device as receipt_printer
from firmware_sim.scale_and import device as scale_and
from firmware_sim.scale_cas import device as scale_cas
from firmware_sim.scale_toledo import device as scale_toledo
from firmware_sim.scale_xk3190 import device as scale_xk3190
from firmware_sim.tray_reader import device as tray_reader
from firmware_sim.turnstile import device as turnstile
from firmware_sim.turnstile.host import TurnstileHost


class Make(Protocol):
    """How a device is made."""

    def __call__(self, options: Mapping[str, Any], *, seed: int) -> Device:
        """TypeError for an unknown option."""


WIRED: Mapping[str, Make] = {
    "card_reader": card_reader.make,
    "code_scanner": code_scanner.make,
    "receipt_printer": receipt_printer.make,
    "scale": scale_xk3190.make,
    "scale_and": scale_and.make,
    "scale_cas": scale_cas.make,
    "scale_toledo": scale_toledo.make,
    "scale_xk3190": scale_xk3190.make,
    "tray_reader": tray_reader.make,
}
MODBUS = ("turnstile",)
CAMERAS = ("camera",)
KINDS = (*WIRED, *MODBUS, *CAMERAS)


class DeviceSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One device of a bench. Ports 0 become free ones; `pty` is the path of a link to make instead of a port."""

    device: str
    name: str = ""
    port: int = 0
    control_port: int = 0
    seed: int = 42
    faults: str = ""
    pty: str = ""
    options: dict[str, Any] = {}


class _Host(Protocol):
    @property
    def address(self) -> str: ...

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def act(self, order: Mapping[str, Any]) -> dict[str, Any]: ...


class RunningDevice:
    """A device on its wire, with its control line. `start`, then `stop`."""

    def __init__(self, spec: DeviceSpec, *, now_s: Callable[[], float]) -> None:
        """ValueError when the description is wrong."""
        self.name = spec.name or spec.device
        self.spec = spec
        self._host = _host(spec, self.name, now_s)
        self._control = ControlLine(self._host.act, port=spec.control_port)

    @property
    def address(self) -> str:
        """The URL for the host's settings."""
        return self._host.address

    @property
    def control_port(self) -> int:
        """The port of the control line."""
        return self._control.port

    async def start(self) -> None:
        """Begin; OSError when a port is taken."""
        await self._host.start()
        await self._control.start()

    async def stop(self) -> None:
        """End; harmless when ended."""
        await self._control.stop()
        await self._host.stop()

    async def act(self, order: Mapping[str, Any]) -> dict[str, Any]:
        """Do an order as the control line would; WrongActError when it is unknown."""
        return await self._host.act(order)

    def line(self) -> dict[str, Any]:
        """What a campus needs to know of it."""
        return {
            "name": self.name,
            "device": self.spec.device,
            "url": self.address,
            "control_port": self.control_port,
            "seed": self.spec.seed,
        }


def _host(spec: DeviceSpec, name: str, now_s: Callable[[], float]) -> _Host:
    faults = Faults(FaultRates.parse(spec.faults), seed=spec.seed)
    try:
        if spec.device in WIRED:
            device = WIRED[spec.device](spec.options, seed=spec.seed)
            wire: Wire = PtyWire(Path(spec.pty)) if spec.pty else TcpWire("127.0.0.1", spec.port)
            return DeviceHost(name, device, wire, faults=faults, now_s=now_s)
        if spec.device in MODBUS:
            gate = turnstile.make(spec.options, seed=spec.seed)
            line = NullModem(Path(spec.pty)) if spec.pty else spec.port
            return TurnstileHost(name, gate, line, faults=faults, now_s=now_s)
        if spec.device in CAMERAS:
            # Imported only now: what pictures need takes longer to load than all other devices together.
            host = importlib.import_module("firmware_sim.camera.host").CameraHost
            made: _Host = host(name, spec.options, port=spec.port, seed=spec.seed, now_s=now_s)
            return made
    except TypeError as error:
        raise ValueError(f"{name}: {error}") from error
    raise ValueError(f"{name}: {spec.device!r} is none of {', '.join(KINDS)}")
