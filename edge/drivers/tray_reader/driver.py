"""Tray reader: asks for an inventory, collects its frames, and yields one round."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import TypeVar

from edge.drivers.base import DriverContext, InventoryRound, Link, ProtocolError, Tag, Unavailable
from edge.drivers.loop import Backoff, DeviceLoop
from edge.drivers.tray_reader.settings import TrayReaderSettings
from edge.transports.base import TransportTimeout
from protocols.tray_reader.codec import encode_command, parse_inventory
from protocols.tray_reader.messages import Command, CommandCode, Inventory, Response, Status
from protocols.tray_reader.stream import ResponseStream
from protocols.values.errors import Malformed

T = TypeVar("T")

_OPEN_TIMEOUT_S = 3.0
_MOST_FRAMES = 64
_TRY_AGAIN = frozenset({Status.EXECUTE_ERROR, Status.POOR_COMMUNICATION, Status.TAG_ERROR})


class TrayReader:
    """Fulfils TagReader. Only whole frames with a right CRC become tags, so a round never holds a wrong one."""

    def __init__(self, settings: TrayReaderSettings, context: DriverContext) -> None:
        self._settings = settings
        self._context = context
        self._transport = context.open_transport(settings.url)
        self._stream = ResponseStream()
        self._loop = DeviceLoop(context, self._transport, backoff=Backoff(), open_timeout_s=_OPEN_TIMEOUT_S)

    @property
    def name(self) -> str:
        """The name given in the settings."""
        return self._context.name

    def rounds(self) -> AsyncGenerator[InventoryRound | Link, None]:
        """Yield rounds and link changes, for ever."""
        return self._loop.items(self._prepare, self._session)

    async def close(self) -> None:
        """Release the link."""
        await self._loop.close()

    async def _prepare(self) -> None:
        wanted = [Command(self._settings.address, CommandCode.GET_INFO)]
        wanted.append(
            Command(self._settings.address, CommandCode.SET_SCAN_TIME, bytes((self._settings.scan_time_100ms,)))
        )
        if self._settings.power_dbm is not None:
            wanted.append(Command(self._settings.address, CommandCode.SET_POWER, bytes((self._settings.power_dbm,))))
        for command in wanted:
            status = await self._patiently(partial(self._command, command))
            if status != Status.OK:
                self._context.log.warning(
                    "%s: command 0x%02X refused with status 0x%02X", self.name, command.code, status
                )
        # A reader that answers but cannot read (antenna, other layout) is not up.
        await self._patiently(self._round)

    async def _session(self) -> AsyncGenerator[InventoryRound, None]:
        while True:
            yield await self._patiently(self._round)
            if self._settings.pause_s:
                await self._context.sleep(self._settings.pause_s)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """One lost answer is noise on the line, several running are a reader that is gone: Unavailable."""
        for _ in range(self._settings.silent_rounds):
            try:
                return await attempt()
            except TransportTimeout as error:
                self._context.log.info("%s: %s", self.name, error)
        raise Unavailable(f"no answer to {self._settings.silent_rounds} commands")

    async def _command(self, command: Command) -> int:
        await self._send(command)
        return (await self._answers(command.code))[0].status

    async def _round(self) -> InventoryRound:
        await self._send(Command(self._settings.address, CommandCode.INVENTORY))
        tags: set[Tag] = set()
        for _ in range(_MOST_FRAMES):
            for response in await self._answers(CommandCode.INVENTORY):
                if response.status in _TRY_AGAIN:
                    return self._finished(tags, complete=False)
                inventory = self._inventory(response)
                tags.update(Tag(tag.epc.hex().upper(), tag.rssi, inventory.antenna) for tag in inventory.tags)
                if not inventory.more:
                    return self._finished(tags, complete=inventory.complete)
        raise ProtocolError(f"a round of more than {_MOST_FRAMES} frames")

    def _inventory(self, response: Response) -> Inventory:
        try:
            return parse_inventory(response, with_signal=self._settings.with_signal)
        except Malformed as error:
            raise ProtocolError(str(error), response.data) from error

    def _finished(self, tags: set[Tag], *, complete: bool) -> InventoryRound:
        return InventoryRound(tags=frozenset(tags), at_monotonic_s=self._context.monotonic_s(), complete=complete)

    async def _send(self, command: Command) -> None:
        # What still waits belongs to an earlier command: read now it would pass for this one's answer, for ever late.
        self._stream.reset()
        try:
            while await self._transport.read(timeout_s=0):
                pass
        except TransportTimeout:
            pass
        await self._transport.write(encode_command(command), timeout_s=self._settings.answer_timeout_s)

    async def _answers(self, code: int) -> list[Response]:
        """The next answers to that command; TransportTimeout when none comes in time."""
        deadline_s = self._context.monotonic_s() + self._settings.scan_time_100ms / 10 + self._settings.answer_timeout_s
        while True:
            left_s = deadline_s - self._context.monotonic_s()
            if left_s <= 0:
                raise TransportTimeout(f"no answer to command 0x{code:02X}")
            data = await self._transport.read(timeout_s=left_s)
            answers = [response for response in self._stream.feed(data) if response.code == code]
            if answers:
                return answers
