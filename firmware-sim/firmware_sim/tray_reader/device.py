"""The reader: answers commands, and reads what lies in its field."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from firmware_sim.core.device import Outcome, Reply, WrongActError
from protocols.tray_reader.codec import encode_response, info_data, inventory_data
from protocols.tray_reader.messages import BROADCAST, Command, CommandCode, ReaderInfo, Response, Status, TagRecord
from protocols.tray_reader.stream import CommandStream

_MOST_TAG_BYTES_A_FRAME = 240
_FEWEST_SCAN_STEPS = 3
_MOST_POWER_DBM = 33
_INFO = ReaderInfo(version=2, subversion=0, model=0x09, power_dbm=18, scan_time_100ms=10)


@dataclass(frozen=True, slots=True)
class TrayReaderOptions:
    """`missed` and `stray_seen` are chances per tag and round; times are what a round takes."""

    address: int = 0
    with_signal: bool = False
    missed: float = 0.0
    stray_seen: float = 0.3
    round_s: float = 0.05
    tag_s: float = 0.004


class TrayReaderDevice:
    """A reader and its field: `placed` plates are read every round, `stray` ones at the edge now and then."""

    tick_s = None

    def __init__(self, options: TrayReaderOptions, *, seed: int) -> None:
        self._options = options
        self._random = Random(f"tray reader {seed}")
        self._stream = CommandStream()
        self._info = _INFO
        self._placed: tuple[bytes, ...] = ()
        self._stray: tuple[bytes, ...] = ()
        self._antenna_broken = False
        self._rounds = 0

    def receive(self, data: bytes, now_s: float) -> list[Reply]:
        """Bytes from the host in, answers out."""
        return [reply for command in self._stream.feed(data) for reply in self.handle(command, now_s)]

    def handle(self, command: Command, now_s: float) -> list[Reply]:  # noqa: ARG002 - a reader knows no time
        """Answer one command; none for another reader's address."""
        if command.address not in (self._options.address, BROADCAST):
            return []
        match command.code:
            case CommandCode.INVENTORY | CommandCode.SINGLE_INVENTORY:
                return self._inventory(command.code)
            case CommandCode.GET_INFO:
                return [self._reply(command.code, Status.OK, info_data(self._info))]
            case CommandCode.SET_SCAN_TIME:
                return self._set(command, low=_FEWEST_SCAN_STEPS, high=255, field="scan_time_100ms")
            case CommandCode.SET_POWER:
                return self._set(command, low=0, high=_MOST_POWER_DBM, field="power_dbm")
        return [self._reply(command.code, Status.ILLEGAL_COMMAND)]

    def tick(self, now_s: float) -> list[Reply]:  # noqa: ARG002 - it only answers
        """Say nothing: a reader only answers."""
        return []

    def act(self, order: Mapping[str, Any], now_s: float) -> Outcome:  # noqa: ARG002 - a reader knows no time
        """`place` and `stray` lay EPCs (hex) into the field, `clear` takes all away, `antenna` breaks or mends it."""
        match order:
            case {"place": list(epcs)}:
                self._placed = _epcs(epcs)
            case {"stray": list(epcs)}:
                self._stray = _epcs(epcs)
            case {"clear": True}:
                self._placed = self._stray = ()
            case {"antenna": bool(well)}:
                self._antenna_broken = not well
            case {"state": True}:
                pass
            case _:
                raise WrongActError("a tray reader knows place, stray, clear, antenna, state")
        return Outcome(
            answer={
                "placed": [epc.hex().upper() for epc in self._placed],
                "stray": [epc.hex().upper() for epc in self._stray],
                "rounds": self._rounds,
                "power_dbm": self._info.power_dbm,
                "scan_time_100ms": self._info.scan_time_100ms,
            }
        )

    def _inventory(self, code: int) -> list[Reply]:
        self._rounds += 1
        if self._antenna_broken:
            return [self._reply(code, Status.ANTENNA_ERROR)]
        seen = [epc for epc in self._placed if self._random.random() >= self._options.missed]
        seen += [epc for epc in self._stray if self._random.random() < self._options.stray_seen]
        self._random.shuffle(seen)  # readers report in the order of answering, never sorted
        if code == CommandCode.SINGLE_INVENTORY:
            del seen[1:]
        took_s = self._options.round_s + self._options.tag_s * len(seen)
        if took_s > self._info.scan_time_100ms / 10:
            fit = int((self._info.scan_time_100ms / 10 - self._options.round_s) / self._options.tag_s)
            return self._frames(code, seen[:fit], last=Status.INVENTORY_TIMED_OUT, took_s=took_s)
        if not seen:
            return [self._reply(code, Status.NO_TAG, delay_s=took_s)]
        return self._frames(code, seen, last=Status.INVENTORY_DONE, took_s=took_s)

    def _frames(self, code: int, seen: Sequence[bytes], *, last: Status, took_s: float) -> list[Reply]:
        groups: list[list[bytes]] = [[]]
        for epc in seen:
            if sum(len(other) + 2 for other in groups[-1]) + len(epc) + 2 > _MOST_TAG_BYTES_A_FRAME:
                groups.append([])
            groups[-1].append(epc)
        antenna = 1 if self._options.with_signal else None
        replies = []
        for number, group in enumerate(groups, start=1):
            records = tuple(TagRecord(epc=epc, rssi=self._random.randint(60, 90)) for epc in group)
            status = last if number == len(groups) else Status.MORE_FOLLOWS
            delay_s = took_s * number / len(groups)
            replies.append(self._reply(code, status, inventory_data(records, antenna=antenna), delay_s=delay_s))
        return replies

    def _set(self, command: Command, *, low: int, high: int, field: str) -> list[Reply]:
        if len(command.data) != 1:
            return [self._reply(command.code, Status.WRONG_LENGTH)]
        value = command.data[0]
        if not low <= value <= high:
            return [self._reply(command.code, Status.WRONG_PARAMETER)]
        fields = {name: getattr(self._info, name) for name in self._info.__struct_fields__}
        self._info = ReaderInfo(**(fields | {field: value}))
        return [self._reply(command.code, Status.OK)]

    def _reply(self, code: int, status: Status, data: bytes = b"", *, delay_s: float = 0.0) -> Reply:
        response = Response(address=self._options.address, code=code, status=status, data=data)
        return Reply(encode_response(response), delay_s)


def make(options: Mapping[str, Any], *, seed: int) -> TrayReaderDevice:
    """A reader with some options changed; TypeError for an unknown one."""
    return TrayReaderDevice(replace(TrayReaderOptions(), **options), seed=seed)


def _epcs(found: Sequence[object]) -> tuple[bytes, ...]:
    epcs = []
    for item in found:
        try:
            epc = bytes.fromhex(item) if isinstance(item, str) else b""
        except ValueError:
            epc = b""
        if not 1 <= len(epc) <= 62:  # noqa: PLR2004 - the longest EPC of the standard, 496 bits
            raise WrongActError(f"{item!r} is not an EPC in hex")
        epcs.append(epc)
    return tuple(epcs)
