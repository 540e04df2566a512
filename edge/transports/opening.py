"""From a URL in the settings to a transport."""

from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from edge.transports.base import Transport
from edge.transports.memory import MemoryHub
from edge.transports.serial import SerialLine, SerialTransport
from edge.transports.tcp import TcpTransport

_LINE_SETTINGS: dict[str, dict[str, Any]] = {
    "baud": {str(baud): baud for baud in (1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400)},
    "data_bits": {"7": 7, "8": 8},
    "parity": {"N": "N", "E": "E", "O": "O"},
    "stop_bits": {"1": 1, "2": 2},
}


def open_transport(url: str, *, hub: MemoryHub | None = None) -> Transport:
    """A transport, not opened yet, for one of these; ValueError, naming what is wrong, for anything else.

    `tcp://192.168.1.190:6000` ·
    `serial:///dev/ttyUSB0?baud=57600` (also data_bits=7|8, parity=N|E|O, stop_bits=1|2; default 9600 8N1) ·
    `memory://name` where a hub is given.
    """
    parts = urlsplit(url)
    if parts.scheme == "tcp":
        return _tcp(parts, url)
    if parts.scheme == "serial":
        return _serial(parts, url)
    if parts.scheme == "memory" and hub is not None and parts.netloc:
        return hub.link(parts.netloc).host
    raise ValueError(f"{url!r}: expected tcp://host:port or serial:///dev/port?baud=9600")


def _tcp(parts: SplitResult, url: str) -> Transport:
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or not port or parts.path or parts.query:
        raise ValueError(f"{url!r}: expected tcp://host:port")
    return TcpTransport(parts.hostname, port)


def _serial(parts: SplitResult, url: str) -> Transport:
    if parts.netloc or not parts.path.startswith("/"):
        raise ValueError(f"{url!r}: expected serial:///dev/port?baud=9600")
    chosen = {}
    for name, values in parse_qs(parts.query, keep_blank_values=True).items():
        known = _LINE_SETTINGS.get(name)
        if known is None:
            raise ValueError(f"{url!r}: {name!r} is none of {', '.join(_LINE_SETTINGS)}")
        if values[-1] not in known:
            raise ValueError(f"{url!r}: {name} {values[-1]!r} is none of {', '.join(known)}")
        chosen[name] = known[values[-1]]
    return SerialTransport(parts.path, SerialLine(**chosen))
