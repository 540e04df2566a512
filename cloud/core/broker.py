"""The embedded MQTT broker: amqtt inside the core's process, on loopback only."""

import asyncio
import logging
import socket
from typing import Any, Final

from amqtt.broker import Broker

from cloud.core.context import BrokerAddress

_HOST: Final = "127.0.0.1"
_STOP_TIMEOUT_S: Final = 5.0


class EmbeddedBroker:
    """Anonymous and unencrypted, so it never listens elsewhere than on loopback; commands are signed by themselves."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._broker: Broker | None = None

    async def start(self) -> BrokerAddress:
        """Listen; port 0 takes a free one."""
        port = self._port or _free_port()
        logging.getLogger("amqtt").setLevel(logging.ERROR)
        logging.getLogger("transitions").setLevel(logging.ERROR)
        config: dict[str, Any] = {
            "listeners": {"default": {"type": "tcp", "bind": f"{_HOST}:{port}", "max_connections": 1000}},
            "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
        }
        self._broker = Broker(config)
        await self._broker.start()
        return BrokerAddress(_HOST, port)

    async def stop(self) -> None:
        """Close every connection; bounded."""
        broker, self._broker = self._broker, None
        if broker is not None:
            try:
                async with asyncio.timeout(_STOP_TIMEOUT_S):
                    await broker.shutdown()
            except TimeoutError:
                logging.getLogger(__name__).warning("the broker did not end within %g s", _STOP_TIMEOUT_S)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
