"""Golden bytes: the UHFReader18 manual, and captures published with other readers of the family."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.tray_reader.codec import (
    crc16,
    decode_command,
    decode_response,
    encode_command,
    encode_response,
    info_data,
    inventory_data,
    parse_info,
    parse_inventory,
)
from protocols.tray_reader.messages import BROADCAST, Command, Inventory, ReaderInfo, Response, Status, TagRecord
from protocols.tray_reader.stream import CommandStream, ResponseStream
from protocols.values.errors import Malformed
from tests.support.streams import assert_same_however_cut

INVENTORY_COMMAND = bytes.fromhex("04 00 01 DB 4B")
INFO_COMMAND = bytes.fromhex("04 00 21 D9 6A")
BROADCAST_INFO_COMMAND = bytes.fromhex("04 FF 21 19 95")
NO_TAG_ANSWER = bytes.fromhex("05 00 01 FB F2 3D")
ONE_TAG_ANSWER = bytes.fromhex("13 00 0F 01 01 0C E2 84 36 11 00 00 10 00 09 49 44 AA DA FF")

pytestmark = pytest.mark.capability("SET-01")

epcs = st.binary(min_size=1, max_size=62)
tag_lists = st.lists(epcs, max_size=3).map(lambda found: tuple(TagRecord(epc=epc) for epc in found))


@pytest.mark.parametrize(
    ("address", "code", "documented"),
    [(0, 0x01, INVENTORY_COMMAND), (0, 0x21, INFO_COMMAND), (BROADCAST, 0x21, BROADCAST_INFO_COMMAND)],
)
def test_commands_are_the_documented_bytes(address: int, code: int, documented: bytes) -> None:
    assert encode_command(Command(address=address, code=code)) == documented
    assert decode_command(documented) == Command(address=address, code=code)


def test_captured_answer_without_a_tag_is_an_empty_complete_round() -> None:
    response = decode_response(NO_TAG_ANSWER)
    assert response == Response(address=0, code=0x01, status=Status.NO_TAG)
    assert parse_inventory(response) == Inventory(tags=(), antenna=0, more=False, complete=True)


def test_captured_answer_with_one_tag_gives_its_epc() -> None:
    inventory = parse_inventory(decode_response(ONE_TAG_ANSWER))
    assert [tag.epc.hex().upper() for tag in inventory.tags] == ["E284361100001000094944AA"]
    assert inventory.complete


@pytest.mark.parametrize(
    ("status", "more", "complete"),
    [
        (Status.INVENTORY_DONE, False, True),
        (Status.INVENTORY_TIMED_OUT, False, False),
        (Status.MORE_FOLLOWS, True, True),
        (Status.MEMORY_FULL, False, False),
    ],
)
def test_status_tells_whether_more_follows_and_whether_the_set_is_complete(
    status: Status, more: bool, complete: bool
) -> None:
    inventory = parse_inventory(Response(address=0, code=1, status=status, data=b"\x01\x02\xaa\xbb"))
    assert (inventory.more, inventory.complete, len(inventory.tags)) == (more, complete, 1)


@pytest.mark.parametrize("status", [Status.ANTENNA_ERROR, Status.POOR_COMMUNICATION, Status.ILLEGAL_COMMAND, 0x77])
def test_an_error_status_is_no_inventory(status: int) -> None:
    with pytest.raises(Malformed):
        parse_inventory(Response(address=0, code=1, status=status, data=b""))


@pytest.mark.parametrize("data", ["", "02 02 AA BB", "01 00", "01 05 AA", "01 02 AA BB CC", "01 3F AA"])
def test_a_tag_list_that_does_not_fill_its_frame_is_malformed(data: str) -> None:
    with pytest.raises(Malformed):
        parse_inventory(Response(address=0, code=1, status=1, data=bytes.fromhex(data)))


def test_later_readers_tell_antenna_and_signal() -> None:
    response = Response(address=0, code=1, status=1, data=bytes.fromhex("04 02 02 AA BB 5A 02 CC DD 40"))
    inventory = parse_inventory(response, with_signal=True)
    assert inventory.antenna == 4
    assert [(tag.epc, tag.rssi) for tag in inventory.tags] == [(b"\xaa\xbb", 0x5A), (b"\xcc\xdd", 0x40)]


def test_reader_information_round_trips_and_later_fields_are_ignored() -> None:
    info = ReaderInfo(version=2, subversion=0, model=9, power_dbm=18, scan_time_100ms=3)
    assert parse_info(Response(address=0, code=0x21, status=0, data=info_data(info) + b"\x01\x02")) == info
    with pytest.raises(Malformed):
        parse_info(Response(address=0, code=0x21, status=0, data=b"\x01"))


def test_a_damaged_crc_is_malformed() -> None:
    with pytest.raises(Malformed):
        decode_response(NO_TAG_ANSWER[:-1] + b"\x00")


def test_a_frame_too_long_for_its_length_byte_is_refused_when_made() -> None:
    with pytest.raises(ValueError, match="most is 255"):
        encode_response(Response(address=0, code=1, status=1, data=bytes(252)))


def test_the_stream_finds_answers_behind_noise_and_after_a_cut_frame() -> None:
    data = b"\x00\x13\xfe" + ONE_TAG_ANSWER[:9] + b"\x00" + NO_TAG_ANSWER + ONE_TAG_ANSWER
    stream = ResponseStream()
    found = stream.feed(data)
    assert [response.status for response in found] == [Status.NO_TAG, Status.INVENTORY_DONE]
    assert stream.dropped_bytes == 13
    assert assert_same_however_cut(ResponseStream, data) == found


def test_the_readers_side_finds_commands() -> None:
    found = assert_same_however_cut(CommandStream, b"\x01" + INVENTORY_COMMAND + INFO_COMMAND)
    assert [command.code for command in found] == [0x01, 0x21]


def test_reset_forgets_half_an_answer() -> None:
    stream = ResponseStream()
    stream.feed(ONE_TAG_ANSWER[:10])
    stream.reset()
    assert len(stream.feed(NO_TAG_ANSWER)) == 1


@given(st.binary(max_size=600))
def test_arbitrary_bytes_never_break_the_streams(data: bytes) -> None:
    assert_same_however_cut(ResponseStream, data)
    assert_same_however_cut(CommandStream, data)


@given(st.binary(max_size=80), st.booleans())
def test_arbitrary_frames_are_decoded_or_malformed(frame: bytes, with_signal: bool) -> None:
    sealed = frame + crc16(frame).to_bytes(2, "little")
    for candidate in (frame, sealed, bytes((len(sealed),)) + sealed):
        try:
            parse_inventory(decode_response(candidate), with_signal=with_signal)
        except Malformed:
            continue


@given(tag_lists, st.sampled_from([Status.INVENTORY_DONE, Status.MORE_FOLLOWS]))
def test_every_inventory_round_trips_with_a_tail_behind_it(tags: tuple[TagRecord, ...], status: Status) -> None:
    frame = encode_response(Response(address=3, code=1, status=status, data=inventory_data(tags)))
    found = assert_same_however_cut(ResponseStream, frame + b"\x13\x00")
    assert [parse_inventory(response).tags for response in found] == [tags]
