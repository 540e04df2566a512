"""The store in memory: the same slices and effects over plain tables, for seeds to be replayed against PostgreSQL."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace

from cloud.core.errors import Unavailable
from cloud.ledger.books import TRUSTED, Books, Question, Sale
from cloud.ledger.errors import CheckFailed
from cloud.ledger.store import Holder
from cloud.sync.branch_keys import Rotation
from cloud.sync.desk_memory import MemoryDesk
from cloud.sync.registry import EntryContext, Registry
from cloud.sync.slices import NotHeld, accounts_of
from cloud.sync.state import Effects, EntryState, Reading, Received, Slice, StreamState, Wants, with_lineage
from cloud.sync.store import EntryKey, Prepared
from cloud.sync.world_memory import Aside, Kept, MemoryTransaction
from protocols.journal.chain import genesis
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Account
from protocols.payments.facts import Settlement
from protocols.payments.facts import decode as decode_payload

_TRANSIENT = (TimeoutError, OSError, MemoryError, Unavailable)
_KINDS = 2**15
_HOUR_MS = 3_600_000


class MemoryStore(MemoryDesk):
    """One transaction of a world."""

    def __init__(self, tx: MemoryTransaction) -> None:
        super().__init__(tx)
        self._held: dict[Account, int] = {}
        self._trusting = False

    async def branches(self, device: int, epoch: int) -> list[StreamState]:
        """The stream and its forks."""
        found: list[StreamState] = []
        while (device, epoch, len(found)) in self.world.streams:
            found.append(replace(self.world.streams[device, epoch, len(found)]))
        return with_lineage(found)

    async def hashes(self, stream: StreamState, first: int, last: int) -> dict[int, bytes]:
        """Stored hashes; seq 0 is the genesis."""
        found = {}
        for seq in range(max(first, 1), last + 1):
            kept = self.world.inbox.get(_place(stream, seq))
            if kept is not None:
                found[seq] = kept.hash
        if first <= 0:
            found[0] = genesis(stream.device, stream.epoch)
        return found

    async def rotations(self, device: int) -> list[Rotation]:
        """Applied entries that bring keys, on branches that are not the first."""
        found = []
        copies = [key for key, _ in self.world.streams.items() if key[0] == device and key[2]]
        for _, epoch, branch in sorted(copies):
            stream = self.world.streams[device, epoch, branch]
            for seq in range(stream.forked_after + 1, stream.applied_through + 1):
                kept = self.world.inbox.get((device, epoch, branch, seq))
                if kept is not None and (kept.kind, kept.state) == (Kind.KEY_ROTATED, EntryState.APPLIED):
                    found.append(Rotation(epoch, branch, seq, kept.body))
        return found

    async def load(self, stream: StreamState, wants: Wants, organisation: int) -> Slice:
        """The slice that the wanted entries touch."""
        books = self._books(stream, organisation)
        self._trusting = False
        self._held = await self.ledger.balances(accounts_of(books, wants))
        books.balances.update(self._held.items())
        for n in sorted(wants.questions):
            message = self.world.messages.get((stream.site, stream.epoch, n))
            if message is not None and message.answered is None:
                sent = message.sent
                books.questions[n] = Question(sent.amount, sent.counter, *sent.for_holder)
        books.sales = {seq: self._sale(stream, seq) for seq in sorted(wants.sales) if seq >= 0}
        return self._slice(stream, books)

    async def load_on_trust(self, stream: StreamState, organisation: int) -> Slice | None:
        """A slice without what is held."""
        books = self._books(stream, organisation)
        if books.lost or books.recovering or books.branch:
            return None
        self._trusting, self._held = True, {}
        books.assumed = TRUSTED
        return self._slice(stream, books)

    def _books(self, stream: StreamState, organisation: int) -> Books:
        books = Books(organisation, stream.site, stream.epoch, stream.branch, {}, device=stream.device)
        site = self.world.lease_sites.get(Holder(stream.site, stream.epoch))
        if site is not None:
            books.lost, books.bearer, books.released = site.state == "lost", site.bearer, site.released_at is not None
            books.recovering = not books.lost and site.declared_generation < self.world.meta["generation"]
        books.cut = frozenset(self.world.cutoffs)
        books.counting = frozenset(self.world.counting)
        passed = self.world.cutoff_sites
        books.passed = {b for b in self.world.cutoffs if passed.get((stream.site, stream.epoch, b)) is not None}
        return books

    def _slice(self, stream: StreamState, books: Books) -> Slice:
        state = Slice(stream, books)
        for key, row in self.waiting_of(stream):
            state.waiting.add(key[3])
            if row.subject:
                state.blocked.setdefault(row.subject, key[3])
        return state

    async def add_branch(self, stream: StreamState) -> None:
        """Keep a further successor of one hash; the site's leases are frozen."""
        for branch in await self.branches(stream.device, stream.epoch):
            await self.set_state(branch, "frozen", "fork")
        self.world.streams[stream.device, stream.epoch, stream.branch] = replace(stream)
        holder = Holder(stream.site, stream.epoch)
        site = self.world.lease_sites.get(holder)
        if site is not None and site.state == "open":
            self.world.lease_sites[holder] = replace(site, state="frozen")

    async def set_state(self, stream: StreamState, state: str, reason: str) -> None:
        """Hold, stop or freeze a stream."""
        key = (stream.device, stream.epoch, stream.branch)
        self.world.streams[key] = replace(self.world.streams[key], state=state, state_reason=reason)

    def prepare(self, context: EntryContext, reading: Reading, effects: Effects) -> Prepared:
        """The part as it is, with its lines and rows."""
        lines, rows = effects.drain()
        facts = (context.device, context.epoch, context.branch)
        head, stamp = context.organisation, (context.posting_day, context.received_at, *facts)
        made = [
            (head, kind, *debit, *credit, amount, person, day, *stamp, seq, part, None, "")
            for kind, debit, credit, amount, person, day, seq, part in lines
        ]
        return context, reading, made, rows

    async def write_part(self, prepared: Prepared, registry: Registry) -> None:  # noqa: ARG002 - columns mean nothing here
        """Keep the very bytes of the part, and its lines and rows."""
        if prepared is None:
            return
        context, reading, lines, rows = prepared
        stream = (context.device, context.epoch, context.branch)
        for position, body in enumerate(reading.bodies):
            entry, key = reading.entries[position], (*stream, reading.first_seq + position)
            if key in self.world.inbox:
                raise CheckFailed(f"entry {key} is there")
            kind = entry.kind if entry is not None and 0 <= entry.kind < _KINDS else 0
            self.world.inbox[key] = Kept(kind, EntryState.APPLIED, context.received_at, reading.hashes[position], body)
        await self._write_rows(lines, rows)

    async def finish(self, context: EntryContext, effects: Effects, state: Slice, received: Received) -> None:  # noqa: ARG002 - the stream is at hand
        """Move the balances and the stream, and set aside what waits."""
        deltas = {Account(*key): delta for key, delta in effects.deltas.items()}
        if not self._trusting:
            await self.ledger.move(self._held, deltas)
        elif not await self.ledger.spend_trusted(deltas):
            raise NotHeld
        key = (context.device, context.epoch, context.branch)
        for item in effects.set_aside:
            place = (*key, item.seq)
            self.world.inbox[place] = replace(self.world.inbox[place], state=item.state)
            number = len(self.world.items) + 1
            self.world.items[number] = place
            self.world.quarantine[place] = Aside(
                number, item.kind, item.subject, item.lane, item.hour_ms,
                "parked" if item.state is EntryState.PARKED else "waiting", item.code, item.words, item.behind_seq,
                context.received_at,
            )  # fmt: skip
        for (lane, hour), (applied, quarantined, parked) in effects.counts.items():
            self.count(context.device, lane, hour, (applied, 0, quarantined, parked))
        stream = self.world.streams[key]
        stream = replace(
            stream, applied_through=effects.through, head=effects.head, sum_fen=stream.sum_fen + effects.sum_fen,
            streak_reason=effects.streak_reason, streak=effects.streak,
        )  # fmt: skip
        if effects.stopped:
            stream = replace(stream, state="stopped", state_reason=effects.stopped)
        self.world.streams[key] = stream
        self.world.checkpoints[key] = (received.checkpoint_seq, received.checkpoint, received.at)

    async def write_again(self, context: EntryContext, effects: Effects, registry: Registry) -> None:  # noqa: ARG002 - likewise
        """Write what a replay brought about; the stream stays where it is."""
        empty = Reading(1, [], [], [], [])
        _, _, lines, rows = self.prepare(context, empty, effects)
        await self._write_rows(lines, rows)
        await self.ledger.move(self._held, {Account(*key): delta for key, delta in effects.deltas.items()})
        key = (context.device, context.epoch, context.branch)
        stream = self.world.streams[key]
        self.world.streams[key] = replace(stream, sum_fen=stream.sum_fen + effects.sum_fen)

    async def keep_refunds(self, context: EntryContext, refunds: Sequence[tuple[int, int, int, int]]) -> None:
        """Keep what was given back, once under each number."""
        for seq, number, amount, _ in refunds:
            key = (context.device, context.epoch, context.branch, seq, number)
            if key in self.world.refunds:
                raise CheckFailed(f"refund {key} is there")
            self.world.refunds[key] = amount

    async def tell(self, context: EntryContext, effects: Effects, registry: Registry) -> None:
        """Tell the domains what was applied."""
        for handler in registry.handlers:
            facts = [fact for fact in effects.facts if fact[0].kind in handler.kinds]
            if facts:
                await handler.applied(self.tx, context, facts)

    async def count_duplicates(self, context: EntryContext, many: int) -> None:
        """Count entries that had come before, by the hour they came again."""
        hour_ms = int(context.received_at.timestamp() * 1000) // _HOUR_MS * _HOUR_MS
        self.count(context.device, 0, hour_ms, (0, many, 0, 0))

    def savepoint(self) -> AbstractAsyncContextManager[object]:
        """A part of the transaction that an error takes back by itself."""
        return self._savepoint()

    def deterministic(self, error: Exception) -> bool:
        """Whether the same write would fail the same way again."""
        return not isinstance(error, _TRANSIENT)

    @asynccontextmanager
    async def _savepoint(self) -> AsyncIterator[None]:
        with self.world.undo.savepoint():
            yield

    async def _write_rows(self, lines: Sequence[tuple[object, ...]], rows: dict[str, list[tuple[object, ...]]]) -> None:
        await self.ledger.write_lines(lines)
        for table, made in rows.items():
            for row in made:
                self.world.rows[table, len(self.world.rows)] = row

    def _sale(self, stream: StreamState, seq: int) -> Sale:
        sale, place = Sale(), _place(stream, seq)
        kept = self.world.inbox.get(place)
        if kept is not None and kept.state is EntryState.APPLIED and kept.kind == Kind.SETTLEMENT:
            mend = self.mend_of(place)
            mended = mend[1].record.payload if mend is not None and mend[1].approved else None
            payload = mended if mended is not None else decode_entry(kept.body).payload
            sale.amount = decode_payload(Settlement, payload).amount_fen
        for branch in stream.shared_with(seq):
            for key, amount in self.world.refunds.group((stream.device, stream.epoch, branch, seq)):
                sale.numbers.add(key[4])
                sale.refunded += amount
        return sale


def _place(stream: StreamState, seq: int) -> EntryKey:
    return stream.device, stream.epoch, stream.kept_under(seq), seq
