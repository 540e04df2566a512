"""The store in memory: the same slices and effects over plain dicts, for seeds to be replayed against PostgreSQL.

It knows one organisation, no lost sites and no rights that are handed on: those begin with acts of the cloud.
"""

import copy
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from cloud.ledger.books import Books, Key, Question, Sale
from cloud.ledger.line_copy import FactLine
from cloud.sync.registry import EntryContext, Registry, Row
from cloud.sync.state import Effects, EntryState, Reading, Received, SetAside, Slice, StreamState, Wants
from cloud.sync.store import Prepared
from protocols.journal.chain import genesis
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Owner
from protocols.payments.facts import Settlement
from protocols.payments.facts import decode as decode_payload

StreamKey = tuple[int, int, int]  # device, epoch, branch


@dataclass
class World:
    """Everything the store holds."""

    streams: dict[StreamKey, StreamState] = field(default_factory=dict)
    inbox: dict[tuple[int, int, int, int], tuple[EntryState, bytes, bytes]] = field(default_factory=dict)
    balances: dict[Key, int] = field(default_factory=dict)
    lines: list[tuple[int, int, FactLine]] = field(default_factory=list)  # posting day, branch, line
    rows: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    waiting: dict[StreamKey, dict[int, SetAside]] = field(default_factory=lambda: defaultdict(dict))
    counts: dict[tuple[int, int, int], list[int]] = field(default_factory=dict)
    duplicates: dict[int, int] = field(default_factory=lambda: defaultdict(int))
    cut: set[int] = field(default_factory=set)
    passed: dict[tuple[int, int], set[int]] = field(default_factory=lambda: defaultdict(set))
    counting: set[int] = field(default_factory=set)
    questions: dict[tuple[int, int], dict[int, Question]] = field(default_factory=lambda: defaultdict(dict))
    answers: dict[tuple[int, int, int], int] = field(default_factory=dict)
    refunds: dict[tuple[int, int, int, int, int], int] = field(default_factory=dict)


class MemoryStore:
    """One world; a savepoint is a copy of it."""

    def __init__(self, world: World | None = None) -> None:
        self.world = world or World()

    async def branches(self, device: int, epoch: int) -> list[StreamState]:
        """The stream and its forks."""
        found = [state for key, state in self.world.streams.items() if key[:2] == (device, epoch)]
        return [replace(state) for state in sorted(found, key=lambda state: state.branch)]

    async def hashes(self, stream: StreamState, first: int, last: int) -> dict[int, bytes]:
        """Stored hashes; seq 0 is the genesis."""
        found = {}
        for seq in range(max(first, 1), last + 1):
            stored = self.world.inbox.get(self._place(stream, seq))
            if stored is not None:
                found[seq] = stored[1]
        if first <= 0:
            found[0] = genesis(stream.device, stream.epoch)
        return found

    async def load_on_trust(
        self,
        stream: StreamState,  # noqa: ARG002 - what is held is at hand
        organisation: int,  # noqa: ARG002 - likewise
    ) -> Slice | None:
        """Never: there is no need."""
        return None

    async def load(self, stream: StreamState, wants: Wants, organisation: int) -> Slice:
        """The slice that the wanted entries touch."""
        world = self.world
        books = Books(organisation, stream.site, stream.epoch, stream.branch, {}, device=stream.device)
        for person, bucket in wants.pairs:
            for account in (books.leased(person, bucket), (int(Owner.PERSON), person, bucket, 0, 0)):
                if account in world.balances:
                    books.balances[account] = world.balances[account]
        books.cut = frozenset(world.cut)
        books.passed = set(world.passed[stream.site, stream.epoch])
        books.counting = frozenset(world.counting)
        questions = world.questions[stream.site, stream.epoch]
        books.questions = {n: questions[n] for n in wants.questions if n in questions}
        books.sales = {seq: self._sale(stream, seq) for seq in wants.sales if seq >= 0}
        state = Slice(stream, books)
        for seq, item in sorted(world.waiting[stream.device, stream.epoch, stream.branch].items()):
            state.waiting.add(seq)
            if item.subject:
                state.blocked.setdefault(item.subject, seq)
        return state

    async def add_branch(self, stream: StreamState) -> None:
        """Keep a further successor of one hash."""
        for key, state in self.world.streams.items():
            if key[:2] == (stream.device, stream.epoch):
                state.state, state.state_reason = "frozen", "fork"
        self.world.streams[stream.device, stream.epoch, stream.branch] = replace(stream)

    async def set_state(self, stream: StreamState, state: str, reason: str) -> None:
        """Hold, stop or freeze a stream."""
        kept = self.world.streams[stream.device, stream.epoch, stream.branch]
        kept.state, kept.state_reason = state, reason

    def prepare(self, context: EntryContext, reading: Reading, effects: Effects) -> Prepared:
        """The part as it is, with its lines and rows."""
        return (context, reading, *effects.drain())

    async def write_part(self, prepared: Prepared, registry: Registry) -> None:  # noqa: ARG002 - columns mean nothing here
        """Keep the very bytes of the part, and its lines and rows."""
        if prepared is None:
            return
        context, reading, lines, rows = prepared
        key = (context.device, context.epoch, context.branch)
        for seq, (digest, body) in enumerate(zip(reading.hashes, reading.bodies, strict=True), reading.first_seq):
            self.world.inbox[*key, seq] = (EntryState.APPLIED, digest, body)
        self.world.lines += [(context.posting_day, context.branch, line) for line in lines]
        for table, made in rows.items():
            self.world.rows[table] += made

    async def finish(
        self,
        context: EntryContext,
        effects: Effects,
        state: Slice,  # noqa: ARG002 - the world itself is at hand
        registry: Registry,  # noqa: ARG002 - domains are not told
        received: Received,  # noqa: ARG002 - no clock, no checkpoint
    ) -> None:
        """Move the balances and the stream, and set aside what waits."""
        world = self.world
        key = (context.device, context.epoch, context.branch)
        for account, delta in effects.deltas.items():
            world.balances[account] = world.balances.get(account, 0) + delta
        for item in effects.set_aside:
            _, digest, body = world.inbox[*key, item.seq]
            world.inbox[*key, item.seq] = (item.state, digest, body)
            world.waiting[key][item.seq] = item
        for (lane, hour), counted in effects.counts.items():
            kept = world.counts.setdefault((context.device, lane, hour), [0, 0, 0])
            for place, many in enumerate(counted):
                kept[place] += many
        self._move_on(world.streams[key], effects)
        self._note(context, effects)

    async def count_duplicates(self, context: EntryContext, many: int) -> None:
        """Count entries that had come before."""
        self.world.duplicates[context.device] += many

    def savepoint(self) -> AbstractAsyncContextManager[object]:
        """A part of the transaction that an error takes back by itself."""
        return self._savepoint()

    def deterministic(self, error: Exception) -> bool:  # noqa: ARG002 - whatever it is
        """Nothing here fails by chance."""
        return True

    @asynccontextmanager
    async def _savepoint(self) -> AsyncIterator[Any]:
        before = copy.deepcopy(self.world)
        try:
            yield self
        except BaseException:
            self.world.__dict__.update(before.__dict__)
            raise

    def _move_on(self, stream: StreamState, effects: Effects) -> None:
        stream.applied_through, stream.head = effects.through, effects.head
        stream.sum_fen += effects.sum_fen
        stream.streak_reason, stream.streak = effects.streak_reason, effects.streak
        if effects.stopped:
            stream.state, stream.state_reason = "stopped", effects.stopped

    def _note(self, context: EntryContext, effects: Effects) -> None:
        world, notes = self.world, effects.notes
        for n, amount in notes.answers:
            if world.questions[context.site, context.epoch].pop(n, None) is not None:
                world.answers[context.site, context.epoch, n] = amount
        for bucket, _ in notes.cutoffs:
            world.passed[context.site, context.epoch].add(bucket)
        for seq, number, amount, _ in notes.refunds:
            world.refunds[context.device, context.epoch, context.branch, seq, number] = amount

    def _place(self, stream: StreamState, seq: int) -> tuple[int, int, int, int]:
        branch = 0 if seq <= stream.forked_after else stream.branch
        return stream.device, stream.epoch, branch, seq

    def _sale(self, stream: StreamState, seq: int) -> Sale:
        sale = Sale()
        stored = self.world.inbox.get(self._place(stream, seq))
        if stored is not None and stored[0] is EntryState.APPLIED:
            entry = decode_entry(stored[2])
            if entry.kind == Kind.SETTLEMENT:
                sale.amount = decode_payload(Settlement, entry.payload).amount_fen
        for (device, epoch, branch, of, number), amount in self.world.refunds.items():
            same = branch == stream.branch or (branch == 0 and seq <= stream.forked_after)
            if same and (device, epoch, of) == (stream.device, stream.epoch, seq):
                sale.numbers.add(number)
                sale.refunded += amount
        return sale
