"""Live commands: authenticated, in time, for this device and epoch, and done at most once (rule 33)."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, NamedTuple

from edge.core.errors import EdgeError
from edge.core.log import logger
from edge.journal.journal import Journal
from edge.store.connection import Reader
from edge.store.schema import Schema
from edge.store.transaction import Transaction
from edge.store.writer import Writer
from protocols.journal.kinds import Kind
from protocols.payments.facts import CommandDone
from protocols.telemetry.commands import mac_holds
from protocols.telemetry.messages import Command, CommandAnswer

COMMANDS_SCHEMA = Schema(
    "commands",
    (
        """
        CREATE TABLE commands (
            id TEXT PRIMARY KEY, outcome TEXT NOT NULL, word TEXT NOT NULL, said TEXT NOT NULL, at_ms INTEGER NOT NULL
        ) WITHOUT ROWID;
        """,
    ),
)

Arguments = Mapping[str, str | int | bool]

MAX_ID: Final = 80
_KEPT_MS: Final = 90 * 86_400_000
_BEGUN: Final = "begun"

_log = logger("sync.commands")


class Done(NamedTuple):
    """What a handler answers: whether it was done, a stable word, a short text for a person."""

    done: bool = True
    word: str = ""
    text: str = ""


Handler = Callable[[Arguments], Awaitable[Done]]


class Commands:
    """The commands this gateway knows. A handler has `timeout_s`; a command begun is never begun again."""

    def __init__(self, journal: Journal, writer: Writer, reader: Reader, *, now_ms: Callable[[], int]) -> None:
        self._journal, self._writer, self._reader, self._now_ms = journal, writer, reader, now_ms
        self._handlers: dict[str, tuple[Handler, float]] = {}

    def register(self, name: str, handler: Handler, *, timeout_s: float = 30.0) -> None:
        """Offer a command; names are unique."""
        if name in self._handlers:
            raise ValueError(f"two commands are called {name!r}")
        self._handlers[name] = (handler, timeout_s)

    async def take(self, command: Command) -> CommandAnswer | None:
        """Judge and execute; the answer given before where it was executed before. None for one not meant for here."""
        identity = self._journal.identity
        if not mac_holds(identity.site_key, command) or command.device != identity.device:
            _log.warning("a command that the cloud did not make for this device was ignored")
            return None
        if not 0 < len(command.id) <= MAX_ID:
            return None
        before = self._reader.row("SELECT outcome, word, said FROM commands WHERE id = ?", (command.id,))
        if before is not None:
            return _again(command.id, *before)
        refusal = self._refusal(command)
        if refusal is not None:
            await self._writer.submit(partial(self._finish, refusal), in_hand=True)
            return refusal
        return await self._execute(command)

    def _refusal(self, command: Command) -> CommandAnswer | None:
        if command.expires_ms <= self._now_ms():
            return CommandAnswer(command.id, "expired", "expired", "it came too late")
        if command.epoch != self._journal.identity.epoch:
            return CommandAnswer(command.id, "refused", "other_epoch", "it was meant for another epoch")
        if command.name not in self._handlers:
            return CommandAnswer(command.id, "refused", "unknown", f"{command.name} is not known here")
        return None

    async def _execute(self, command: Command) -> CommandAnswer:
        """Note the beginning durably first: after a crash in between it is answered, not done a second time."""
        handler, timeout_s = self._handlers[command.name]
        await self._writer.submit(partial(self._begin, command.id), in_hand=True)
        try:
            async with asyncio.timeout(timeout_s):
                said = await handler(command.arguments)
        except TimeoutError:
            said = Done(done=False, word="timeout", text=f"not done within {timeout_s:g} s")
        except EdgeError as error:
            said = Done(done=False, word="failed", text=str(error))
        answer = CommandAnswer(command.id, "done" if said.done else "refused", said.word, said.text)
        await self._writer.submit(partial(self._finish, answer), in_hand=True)
        return answer

    def _begin(self, command_id: str, tx: Transaction) -> None:
        now_ms = self._now_ms()
        tx.execute("DELETE FROM commands WHERE at_ms < ?", (now_ms - _KEPT_MS,))
        tx.execute("INSERT INTO commands VALUES (?, ?, '', '', ?)", (command_id, _BEGUN, now_ms))

    def _finish(self, answer: CommandAnswer, tx: Transaction) -> None:
        tx.execute(
            "INSERT OR REPLACE INTO commands VALUES (?, ?, ?, ?, ?)",
            (answer.id, answer.outcome, answer.word, answer.text, self._now_ms()),
        )
        self._journal.append(tx, Kind.COMMAND_DONE, CommandDone(answer.id, answer.outcome))


def _again(command_id: str, outcome: str, word: str, said: str) -> CommandAnswer:
    if outcome == _BEGUN:
        return CommandAnswer(command_id, "refused", "interrupted", "it was begun and the gateway stopped in between")
    return CommandAnswer(command_id, outcome, word, said)
