"""The devices as pure state machines: no socket, no clock."""

from typing import Any

import pytest
from firmware_sim.card_reader import device as card_reader
from firmware_sim.code_scanner import device as code_scanner
from firmware_sim.core.device import WrongActError
from firmware_sim.core.weighing import Pan, ScaleOptions
from firmware_sim.devices import WIRED
from firmware_sim.receipt_printer import device as receipt_printer
from firmware_sim.scale_toledo import device as scale_toledo
from firmware_sim.tray_reader import device as tray_reader
from firmware_sim.turnstile import device as turnstile
from hypothesis import given
from hypothesis import strategies as st

from protocols.scale_toledo.stream import ContinuousStream
from protocols.tray_reader.codec import encode_command, parse_inventory
from protocols.tray_reader.messages import Command, CommandCode, Status
from protocols.tray_reader.stream import ResponseStream


def inventory(device: tray_reader.TrayReaderDevice) -> list[Any]:
    stream = ResponseStream()
    replies = device.receive(bytes.fromhex("04 00 01 DB 4B"), 0.0)
    return [parse_inventory(found) for reply in replies for found in stream.feed(reply.data)]


def test_the_reader_answers_the_documented_command_with_what_lies_on_it() -> None:
    device = tray_reader.make({}, seed=1)
    assert device.receive(bytes.fromhex("04 00 01 DB 4B"), 0.0)[0].data == bytes.fromhex("05 00 01 FB F2 3D")
    device.act({"place": ["AABB", "CCDD"]}, 0.0)
    (found,) = inventory(device)
    assert {tag.epc for tag in found.tags} == {b"\xaa\xbb", b"\xcc\xdd"}


def test_a_round_takes_longer_the_more_tags_there_are() -> None:
    device = tray_reader.make({}, seed=1)
    empty_s = device.receive(bytes.fromhex("04 00 01 DB 4B"), 0.0)[0].delay_s
    device.act({"place": [f"AA{number:02X}" for number in range(20)]}, 0.0)
    assert device.receive(bytes.fromhex("04 00 01 DB 4B"), 0.0)[-1].delay_s > empty_s


@pytest.mark.parametrize(
    ("code", "data", "status"),
    [
        (CommandCode.SET_SCAN_TIME, b"\x02", Status.WRONG_PARAMETER),
        (CommandCode.SET_POWER, b"\x01\x02", Status.WRONG_LENGTH),
        (0x77, b"", Status.ILLEGAL_COMMAND),
    ],
)
def test_the_reader_refuses_wrong_commands_as_the_manual_says(code: int, data: bytes, status: Status) -> None:
    device = tray_reader.make({}, seed=1)
    (reply,) = device.handle(Command(address=0, code=code, data=data), 0.0)
    assert reply.data[3] == status


def test_a_command_for_another_address_is_not_answered_and_a_broadcast_is() -> None:
    device = tray_reader.make({"address": 3}, seed=1)
    assert device.receive(encode_command(Command(address=4, code=CommandCode.GET_INFO)), 0.0) == []
    assert len(device.receive(encode_command(Command(address=0xFF, code=CommandCode.GET_INFO)), 0.0)) == 1


def test_a_pan_moves_before_it_rests_and_the_same_seed_moves_the_same() -> None:
    def shown(seed: int) -> list[tuple[int, bool]]:
        pan = Pan(ScaleOptions(settle_s=1), seed=seed)
        pan.act({"load_g": 1000}, 10.0)
        return [(found.weight_mg, found.stable) for found in (pan.shown(10 + step / 10) for step in range(15))]

    found = shown(4)
    assert found == shown(4)
    assert found != shown(5)
    assert [stable for _, stable in found].index(True) == 10
    assert {weight for weight, stable in found if stable} == {1_000_000}


def test_the_hosts_keys_tare_and_zero_the_scale() -> None:
    device = scale_toledo.make({"settle_s": 0}, seed=1)
    stream = ContinuousStream(checked=True)
    device.act({"load_g": 300}, 0.0)
    device.receive(b"T\r\n", 1.0)
    (reading,) = stream.feed(device.tick(1.0)[0].data)
    assert (reading.weight_mg, reading.tare_mg, reading.net) == (0, 300_000, True)
    device.receive(b"C", 2.0)
    (reading,) = stream.feed(device.tick(2.0)[0].data)
    assert (reading.weight_mg, reading.net) == (300_000, False)
    device.receive(b"Z", 3.0)
    (reading,) = stream.feed(device.tick(3.0)[0].data)
    assert reading.zero


def test_a_card_and_a_code_are_sent_once_or_as_often_as_told() -> None:
    assert len(card_reader.make({"repeats": 2}, seed=1).act({"tap": "04A1B2C3"}, 0.0).replies) == 3
    (reply,) = code_scanner.make({"encoding": "gb18030"}, seed=1).act({"scan": "餐"}, 0.0).replies
    assert reply.data == "餐\r\n".encode("gb18030")


def test_the_gate_lets_one_person_through_a_pulse() -> None:
    gate = turnstile.make({}, seed=1)
    gate.handle(turnstile.Write(turnstile.HOLDING_REGISTERS, 20), 0.0)
    gate.handle(turnstile.Write(turnstile.COILS, 1), 0.0)
    assert gate.act({"pass": True}, 1.0).answer["passed"]
    assert not gate.act({"pass": True}, 1.1).answer["passed"]
    gate.handle(turnstile.Write(turnstile.COILS, 1), 2.0)
    assert not gate.act({"pass": True}, 4.1).answer["passed"]
    assert gate.handle(turnstile.Read(turnstile.INPUT_REGISTERS), 5.0) == 1
    assert gate.handle(turnstile.Read(turnstile.DISCRETE_INPUTS), 1.2) == 1


def test_the_printer_prints_bold_chinese_cuts_and_answers_when_through() -> None:
    printer = receipt_printer.make({}, seed=1)
    data = b"\x1b@\x1c&\x1bE\x01" + "第一食堂\n￥12".encode("gb18030") + b"\n\x1bd\x03\x1dV\x41\x00\x1dr\x01"
    replies = [reply for byte in data for reply in printer.receive(bytes((byte,)), 0.0)]
    assert [reply.data for reply in replies] == [b"\x00"]
    assert printer.act({"receipts": 5}, 0.0).answer == {"receipts": ["第一食堂\n￥12"], "printed": 1}


def test_what_waits_for_paper_is_printed_when_it_is_there() -> None:
    printer = receipt_printer.make({}, seed=1)
    printer.act({"paper": False}, 0.0)
    assert printer.receive(b"late\n\x1dV\x00\x1dr\x01\x10\x04\x04", 0.0)[0].data == b"\x7e"
    assert printer.act({"receipts": 1}, 0.0).answer["receipts"] == []
    assert [reply.data for reply in printer.act({"paper": True}, 0.0).replies] == [b"\x00"]
    assert printer.act({"receipts": 1}, 0.0).answer["receipts"] == ["late"]


@pytest.mark.parametrize("kind", sorted(WIRED))
@pytest.mark.parametrize(
    "order", [{}, {"dance": 1}, {"place": ["zz"]}, {"tap": "zz"}, {"scan": "a\nb"}, {"load_g": "x"}]
)
def test_an_unknown_order_is_refused_in_words(kind: str, order: dict[str, object]) -> None:
    with pytest.raises(WrongActError, match=r"\w+"):
        WIRED[kind]({}, seed=1).act(order, 0.0)


@pytest.mark.parametrize("kind", sorted(WIRED))
def test_an_unknown_option_is_refused(kind: str) -> None:
    with pytest.raises(TypeError):
        WIRED[kind]({"colour": "red"}, seed=1)


@pytest.mark.parametrize("kind", sorted(WIRED))
@given(st.lists(st.binary(max_size=60), max_size=5))
def test_arbitrary_bytes_never_break_a_device(kind: str, chunks: list[bytes]) -> None:
    device = WIRED[kind]({}, seed=1)
    for number, chunk in enumerate(chunks):
        for reply in device.receive(chunk, float(number)) + device.tick(float(number)):
            assert isinstance(reply.data, bytes)
