"""The cloud's side of leases: the product's ledger, sizing and application of facts over its store in memory.

Left out is how facts travel: they come as structs, not as bytes in a signed chain; lines are looked at and not kept.
"""

from collections import Counter
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, TypeVar

from cloud.ledger import clearing, sizing
from cloud.ledger.accounts import available, cash_desk
from cloud.ledger.leases import Staying
from cloud.ledger.messages import messages_after
from cloud.ledger.posting import post
from cloud.ledger.store import Holder, LeaseSite, Line
from cloud.ledger.store_memory import MemoryLedger
from cloud.sync.apply import Application, wants_of
from cloud.sync.followups import follow_up
from cloud.sync.registry import EntryContext, Registry
from cloud.sync.state import Effects, Reading, StreamState
from cloud.sync.store_memory import MemoryStore
from cloud.sync.world_memory import MemoryTransaction, World
from protocols.journal.chain import genesis
from protocols.journal.messages import FORMAT, Entry
from protocols.ledger.accounts import Account, Owner, Transfer, TransferKind
from protocols.sync.messages import LeaseKind, LeaseMessage

T = TypeVar("T")

EPOCH: Final = 1
ORGANISATION: Final = 1
NOW: Final = datetime(2026, 11, 20, 4, tzinfo=UTC)  # stamps lines; nothing is decided by it
PAGE: Final = 2_000
_KIND, _DEBIT_OWNER_KIND, _AMOUNT, _PERSON = 1, 2, 12, 13  # places in a line

Told = tuple[int, Any]  # kind and payload, in the order of the stream


class Office:
    """One organisation's accounts, homes and lease messages. Each call is one transaction."""

    def __init__(
        self, sites: Iterable[int], *, order: Iterable[int] = (), last_days: Mapping[int, int] = MappingProxyType({})
    ) -> None:
        self.sites = tuple(sites)
        self.day = 20261120
        self.overdrafts = 0
        self.overdraft_fen = 0
        self.set_aside = 0  # facts the books could not take
        self.cleared_fen: Counter[int] = Counter()  # by person
        self._order = list(order)
        self._last_days = last_days  # of buckets that expire
        self._world = World(ORGANISATION)
        self._ledger = _Ledger(self._world, self)
        self._registry = Registry()
        self._changed: dict[int, None] = {}
        self._puts = 0
        for site in self.sites:
            holder = Holder(site, EPOCH)
            self._world.lease_sites[holder] = LeaseSite(site, EPOCH, site, 0, 0, "open", 1, 0, None, None)
            self._world.streams[site, EPOCH, 0] = StreamState(
                site, EPOCH, 0, site, 0, 0, genesis(site, EPOCH), 0, "open", "", "", 0, 0
            )

    def hire(self, person: int, site: int, meal_fen: int) -> None:
        """A person with a home."""
        self._do(self._ledger.set_home(person, site, meal_fen))

    def put(self, person: int, bucket: int, fen: int) -> None:
        """Money in, and the lease of it in the same step."""
        self._do(self._put(person, bucket, fen))

    def minute(self) -> int:
        """The job of every minute: homes get what lies with the cloud beyond the reserve."""
        changed, self._changed = self._changed, {}
        return self._do(self._size(sorted(changed))) if changed else 0

    def ask(self, site: int, person: int, wanted: int, *, n: int) -> None:
        """A lane asks for what is missing, and says how far its book is (`lease-asks`)."""
        self.beat(site, n)
        under_way = _done(self._ledger.under_way(Holder(site, EPOCH), person))
        self.serve(site, person, max(0, wanted - under_way))

    def serve(self, site: int, person: int, wanted: int) -> None:
        """A lease to a site from what is available, the rest asked back from others."""
        holder = Holder(site, EPOCH)
        self._do(
            sizing.serve_visitor(
                self._ledger, person, wanted, holder, now=NOW, business_day=self.day, order=self._order
            )
        )

    def announce(self, site: int, person: int) -> None:
        """A visit announced for today."""
        self._do(sizing.announce_visit(self._ledger, person, site, self.day, now=NOW, order=self._order))

    def clear(self, bucket: int) -> None:
        """Begin the clearing of a bucket."""
        self._do(clearing.cut_off(self._ledger, [bucket], now=NOW, business_day=self.day))

    def take(self, site: int, told: Sequence[Told]) -> None:
        """Facts of a site's stream, in order, with all that follows from them."""
        if told:
            self._do(self._take(site, told))

    def page(self, site: int, after: int, *, limit: int = PAGE) -> list[LeaseMessage]:
        """Messages after one that the site has applied."""
        holder = Holder(site, EPOCH)
        self._do(self._ledger.seen_through(holder, after))
        return _done(messages_after(self._ledger, holder, after, limit=limit))[1]

    def beat(self, site: int, n: int) -> None:
        """A heartbeat, or an ask, says how far a site has applied its messages."""
        if self._world.lease_sites[Holder(site, EPOCH)].applied_n != n:
            self._do(self._ledger.seen_through(Holder(site, EPOCH), n))

    def newest(self, site: int) -> int:
        """The number of a site's newest message."""
        return self._world.lease_sites[Holder(site, EPOCH)].newest_n

    def given_since(self, site: int, person: int, after: int) -> int:
        """What was leased to a site for a person by messages after one."""
        later = self._ledger.messages(Holder(site, EPOCH), after=after, through=self.newest(site), limit=2**31)
        return sum(m.amount for m in _done(later) if m.kind == LeaseKind.GRANT and m.person == person)

    def free(self, person: int) -> dict[int, int]:
        """What no site holds and no clearing takes, by bucket."""
        return {bucket: fen for _, bucket, fen in _done(self._ledger.free([person]))}

    def held(self, person: int) -> dict[tuple[int, int], int]:
        """(site, bucket) -> what is leased there and not being cleared."""
        return {(site, bucket): fen for _, site, _, bucket, fen in _done(self._ledger.held([person]))}

    def look_at(self, line: Line) -> None:
        """Count what must not be, and what was cleared."""
        if line[_DEBIT_OWNER_KIND] == Owner.EXCEPTIONS:
            self.overdrafts += 1
            self.overdraft_fen += line[_AMOUNT]
        if line[_KIND] == TransferKind.CLEARING:
            self.cleared_fen[line[_PERSON]] += line[_AMOUNT]

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        with self._world.undo.transaction():
            return _done(work)

    async def _put(self, person: int, bucket: int, fen: int) -> None:
        self._puts += 1
        source = cash_desk(ORGANISATION, bucket)
        transfer = Transfer(TransferKind.TOP_UP, source, available(person, bucket), fen)
        await post(self._ledger, [transfer], cause=f"put:{self._puts}", business_day=self.day, now=NOW)
        await self._size([person])

    async def _size(self, persons: Sequence[int]) -> int:
        return await sizing.size_homes(
            self._ledger, persons, now=NOW, business_day=self.day, staying=Staying(self._expired)
        )

    @property
    def _expired(self) -> frozenset[int]:
        return frozenset(bucket for bucket, last_day in self._last_days.items() if last_day < self.day)

    async def _take(self, site: int, told: Sequence[Told]) -> None:
        stream = replace(self._world.streams[site, EPOCH, 0])
        first = stream.applied_through + 1
        entries: list[Entry | None] = [
            Entry(FORMAT, kind, 1, site, EPOCH, seq, "", 0, 0, 1, 0, 0, 0, 0, 0, b"")
            for seq, (kind, _) in enumerate(told, first)
        ]
        payloads = [payload for _, payload in told]
        store = _Store(self._world, self._ledger)
        state = await store.load(stream, wants_of(zip(entries, payloads, strict=True)), ORGANISATION)
        context = EntryContext(ORGANISATION, site, site, EPOCH, 0, UTC, NOW, self.day)
        blank = [b""] * len(told)
        application = Application(state, Reading(first, blank, blank, entries, payloads), context, self._registry)
        application.run(0, len(told))
        effects = application.close()
        self.set_aside += len(effects.set_aside)
        lines, _ = effects.drain()
        for kind, debit, credit, amount, person, *_ in lines:
            self.look_at((ORGANISATION, kind, *debit, *credit, amount, person))
        await self._finish(stream, effects)
        await follow_up(store, context, effects.notes)
        self._changed.update((payload.person, None) for payload in payloads if hasattr(payload, "person"))
        self._changed.update((move.person, None) for p in payloads for move in getattr(p, "moves", ()))

    async def _finish(self, stream: StreamState, effects: Effects) -> None:
        await self._ledger.move({}, {Account(*key): delta for key, delta in effects.deltas.items()})
        self._world.streams[stream.device, EPOCH, 0] = replace(stream, applied_through=effects.through)


class _Ledger(MemoryLedger):
    """Looks at the lines of the books and lets them go: a month of them fills the memory."""

    def __init__(self, world: World, office: Office) -> None:
        super().__init__(world)
        self._office = office

    async def claim(self, cause: str) -> bool:
        """Nothing here is posted twice."""
        return True

    async def write_lines(self, lines: Sequence[Line]) -> None:
        """Look at them."""
        for line in lines:
            self._office.look_at(line)


class _Store(MemoryStore):
    """The store with a ledger that keeps no lines."""

    def __init__(self, world: World, ledger: MemoryLedger) -> None:
        super().__init__(MemoryTransaction(world))
        self._quiet = ledger

    @property
    def ledger(self) -> MemoryLedger:
        """The books."""
        return self._quiet


def _done(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that never waits: nothing in memory does."""
    try:
        work.send(None)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise AssertionError("the store in memory waited for something")
