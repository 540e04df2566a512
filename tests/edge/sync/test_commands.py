"""Commands: made by the cloud, for this device and epoch, in time, and done at most once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from edge.sync.commands import Arguments, Commands, Done
from protocols.journal.kinds import Kind
from protocols.payments.facts import CommandDone, decode
from protocols.telemetry import codec
from protocols.telemetry.commands import signed
from protocols.telemetry.messages import Command
from protocols.values.errors import Malformed
from tests.support.edge import DEVICE, EPOCH, SITE_KEY, Edge, edge_at


@pytest.fixture
def edge(tmp_path: Path) -> Iterator[Edge]:
    with edge_at(tmp_path) as made:
        yield made


class Door:
    """A handler that counts."""

    def __init__(self, wait_s: float = 0.0) -> None:
        self.opened = 0
        self.wait_s = wait_s

    async def open(self, arguments: Arguments) -> Done:
        self.opened += 1
        await asyncio.sleep(self.wait_s)
        return Done(text=str(arguments.get("lane", "")))


def commands(edge: Edge, door: Door, *, timeout_s: float = 1.0) -> Commands:
    made = Commands(edge.journal, edge.writer, edge.reader, now_ms=edge.time.now_ms)
    made.register("open", door.open, timeout_s=timeout_s)
    return made


def command(edge: Edge, **changes: object) -> Command:
    plain = Command("c1", DEVICE, EPOCH, "open", {"lane": "A1"}, edge.time.now_ms() + 5_000, b"")
    return signed(SITE_KEY, msgspec.structs.replace(plain, **changes))


@pytest.mark.rule(33)
async def test_rule_33_a_command_is_done_once_and_answered_again_when_it_comes_again(edge: Edge) -> None:
    door = Door()
    desk = commands(edge, door)
    first = await desk.take(command(edge))
    again = await desk.take(command(edge))
    assert first == again
    assert first is not None
    assert (first.outcome, first.text, door.opened) == ("done", "A1", 1)
    entry = edge.journal.entry(edge.journal.head_seq)
    assert (entry.kind, decode(CommandDone, entry.payload)) == (Kind.COMMAND_DONE, CommandDone("c1", "done"))


@pytest.mark.rule(33)
async def test_rule_33_open_the_door_is_not_done_when_it_comes_too_late(edge: Edge) -> None:
    door = Door()
    late = command(edge)
    edge.clock.advance(6_000)
    answer = await commands(edge, door).take(late)
    assert answer is not None
    assert (answer.outcome, door.opened) == ("expired", 0)


@pytest.mark.rule(33)
@pytest.mark.parametrize("changes", [{"device": 8}, {"name": "other"}, {"expires_ms": 2**60}, {"arguments": {}}])
async def test_rule_33_a_command_changed_on_the_way_is_ignored(edge: Edge, changes: dict[str, object]) -> None:
    door = Door()
    changed = msgspec.structs.replace(command(edge), **changes)
    assert await commands(edge, door).take(changed) is None
    assert door.opened == 0
    assert edge.journal.head_seq == 1


@pytest.mark.rule(33)
async def test_rule_33_a_command_for_another_epoch_or_of_no_known_name_is_refused(edge: Edge) -> None:
    door = Door()
    desk = commands(edge, door)
    other = await desk.take(command(edge, epoch=EPOCH + 1))
    unknown = await desk.take(command(edge, id="c2", name="fly"))
    assert other is not None
    assert unknown is not None
    assert [(a.outcome, a.word) for a in (other, unknown)] == [("refused", "other_epoch"), ("refused", "unknown")]
    assert door.opened == 0


@pytest.mark.rule(33)
async def test_rule_33_a_crash_in_the_middle_does_not_open_the_door_twice(edge: Edge) -> None:
    door = Door()
    await edge.writer.submit(lambda tx: commands(edge, door)._begin("c1", tx))
    answer = await commands(edge, door).take(command(edge))
    assert answer is not None
    assert (answer.outcome, answer.word, door.opened) == ("refused", "interrupted", 0)


async def test_a_handler_that_hangs_is_ended_and_told(edge: Edge) -> None:
    answer = await commands(edge, Door(wait_s=30), timeout_s=0.05).take(command(edge))
    assert answer is not None
    assert (answer.outcome, answer.word) == ("refused", "timeout")


@pytest.mark.parametrize("body", [b"", b"\xc1", b"\x91\x01", b"\xff" * 40, b"\x97" + b"\x01" * 7])
def test_malformed_messages_are_named_as_such(body: bytes) -> None:
    with pytest.raises(Malformed):
        codec.decode(body, Command)


def test_a_message_beyond_the_bound_is_not_read() -> None:
    with pytest.raises(Malformed, match="at most"):
        codec.decode(b"\x00" * (codec.MAX_MESSAGE_BYTES + 1), Command)
