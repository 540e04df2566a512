"""Frames to bytes and back: `Len Adr Cmd [Status] Data CRC16`, and the contents of the answers used here."""

from protocols.tray_reader.messages import Command, Inventory, ReaderInfo, Response, Status, TagRecord
from protocols.values.errors import Malformed

_CRC_POLYNOMIAL = 0x8408
_CRC_INITIAL = 0xFFFF
_BYTE = 0xFF


def _shifted(byte: int) -> int:
    for _ in range(8):
        byte = byte >> 1 ^ _CRC_POLYNOMIAL if byte & 1 else byte >> 1
    return byte


_CRC_TABLE = tuple(_shifted(byte) for byte in range(256))
_SHORTEST_COMMAND = 4
_SHORTEST_RESPONSE = 5
_MOST_EPC_BYTES = 62
_INFO_BYTES = 8
_STATUSES_WITH_TAGS = frozenset(
    {Status.INVENTORY_DONE, Status.INVENTORY_TIMED_OUT, Status.MORE_FOLLOWS, Status.MEMORY_FULL}
)
_INCOMPLETE = frozenset({Status.INVENTORY_TIMED_OUT, Status.MEMORY_FULL})


def crc16(data: bytes) -> int:
    """CRC of the manual: polynomial 0x8408 (reflected), initial 0xFFFF, sent low byte first."""
    crc = _CRC_INITIAL
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & _BYTE]
    return crc


def encode_command(command: Command) -> bytes:
    """Bytes of a command; ValueError when a field does not fit its byte."""
    return _frame(bytes((command.address, command.code)) + command.data)


def decode_command(frame: bytes) -> Command:
    """The command in one whole frame; Malformed otherwise."""
    body = _body(frame, shortest=_SHORTEST_COMMAND)
    return Command(address=body[0], code=body[1], data=body[2:])


def encode_response(response: Response) -> bytes:
    """Bytes of an answer; ValueError when a field does not fit its byte."""
    return _frame(bytes((response.address, response.code, response.status)) + response.data)


def decode_response(frame: bytes) -> Response:
    """The answer in one whole frame; Malformed otherwise."""
    body = _body(frame, shortest=_SHORTEST_RESPONSE)
    return Response(address=body[0], code=body[1], status=body[2], data=body[3:])


def parse_inventory(response: Response, *, with_signal: bool = False) -> Inventory:
    """Tags of an inventory answer; Malformed when the list does not fill the data exactly or the status is an error.

    `with_signal` reads the layout of the later readers of the family: `Ant Num [Len EPC RSSI]...`.
    """
    if response.status == Status.NO_TAG:
        return Inventory(tags=(), antenna=0, more=False, complete=True)
    if response.status not in _STATUSES_WITH_TAGS:
        raise Malformed(f"inventory status 0x{response.status:02X} carries no tags")
    data = response.data
    antenna = 0
    if with_signal:
        if not data:
            raise Malformed("inventory without an antenna byte")
        antenna, data = data[0], data[1:]
    return Inventory(
        tags=_tag_list(data, with_signal=with_signal),
        antenna=antenna,
        more=response.status == Status.MORE_FOLLOWS,
        complete=response.status not in _INCOMPLETE,
    )


def inventory_data(tags: tuple[TagRecord, ...], *, antenna: int | None = None) -> bytes:
    """Data field of an inventory answer; with `antenna` in the layout that carries signal strength."""
    out = bytearray() if antenna is None else bytearray((antenna,))
    out.append(len(tags))
    for tag in tags:
        out.append(len(tag.epc))
        out += tag.epc
        if antenna is not None:
            out.append(tag.rssi or 0)
    return bytes(out)


def parse_info(response: Response) -> ReaderInfo:
    """What the reader says of itself; Malformed when too short. Later models append fields, which are ignored."""
    data = response.data
    if response.status != Status.OK or len(data) < _INFO_BYTES:
        raise Malformed(f"reader information: status 0x{response.status:02X}, {len(data)} bytes")
    return ReaderInfo(version=data[0], subversion=data[1], model=data[2], power_dbm=data[6], scan_time_100ms=data[7])


def info_data(info: ReaderInfo) -> bytes:
    """Data field of a reader information answer (both tag protocols, 902.6-927.4 MHz band)."""
    return bytes((info.version, info.subversion, info.model, 0x03, 0x31, 0x80, info.power_dbm, info.scan_time_100ms))


def _frame(body: bytes) -> bytes:
    length = len(body) + 2
    if length > _BYTE:
        raise ValueError(f"frame of {length} bytes, most is {_BYTE}")
    head = bytes((length,)) + body
    return head + crc16(head).to_bytes(2, "little")


def _body(frame: bytes, *, shortest: int) -> bytes:
    if len(frame) <= shortest or frame[0] != len(frame) - 1:
        raise Malformed("length byte does not tell the bytes that follow")
    if crc16(frame[:-2]) != int.from_bytes(frame[-2:], "little"):
        raise Malformed("CRC does not match")
    return frame[1:-2]


def _tag_list(data: bytes, *, with_signal: bool) -> tuple[TagRecord, ...]:
    if not data:
        raise Malformed("inventory without a tag count")
    tags: list[TagRecord] = []
    position = 1
    for _ in range(data[0]):
        if position >= len(data):
            raise Malformed("fewer tags than counted")
        length = data[position]
        end = position + 1 + length
        if not 1 <= length <= _MOST_EPC_BYTES or end + with_signal > len(data):
            raise Malformed("tag longer than its frame")
        rssi = data[end] if with_signal else None
        tags.append(TagRecord(epc=data[position + 1 : end], rssi=rssi))
        position = end + with_signal
    if position != len(data):
        raise Malformed("bytes left after the last tag")
    return tuple(tags)
