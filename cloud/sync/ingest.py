"""A batch, from bytes to books: placed, checked, applied in one transaction with its effects (rules 20 to 29)."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from cloud.core.clock import Clock
from cloud.core.errors import CloudError, Malformed
from cloud.sync.apply import STREAK_MOST, Application, Decoders, Reader
from cloud.sync.branch_keys import signers
from cloud.sync.collector import CollectorPause
from cloud.sync.devices import DeviceKey, DeviceRecord
from cloud.sync.followups import follow_up
from cloud.sync.placing import Place, Placement, place_at_head, place_by_hashes
from cloud.sync.registry import EntryContext, Registry
from cloud.sync.state import Effects, Problem, Received, StreamState, with_lineage
from cloud.sync.store import Prepared, Store
from protocols.crypto import sm2
from protocols.journal.chain import signed_bytes
from protocols.sync.codec import encode
from protocols.sync.messages import MAX_BATCH_ENTRIES, Batch, BatchAnswer
from protocols.values.instants import local_day, to_ms

OnFork = Callable[[DeviceRecord], Awaitable[None]]
Signers = list[tuple[DeviceKey, int | None]]  # keys by which a batch may be signed, see `signers`
Aside = Callable[..., Coroutine[Any, Any, Any]]  # runs plain work beside the event loop: asyncio.to_thread

_POISON_MOST: Final = 3 * STREAK_MOST
_FIRST: Final = 350  # entries: the store has something to write at once, and parts grow faster than it writes


class BadCheckpoint(CloudError):
    """The batch is not signed by the device's key: nothing was taken."""

    status = 422
    code = "bad_checkpoint"
    title = "The checkpoint does not sign these entries"


class UnknownStream(CloudError):
    """The device has no stream of that epoch."""

    status = 409
    code = "unknown_stream"
    title = "The device writes under another epoch"


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sends: the device, the key named by the checkpoint (None: unknown), and the cloud's generation."""

    device: DeviceRecord
    key: DeviceKey | None
    generation: int


class Ingestor:
    """Takes batches in over a store."""

    def __init__(self, registry: Registry, clock: Clock, *, aside: Aside = asyncio.to_thread) -> None:
        self.registry, self.clock, self._aside = registry, clock, aside
        self.decoders = Decoders(registry)
        self._collector = CollectorPause()
        self._spent: list[object] = []  # the batch before: freeing it takes 5 ms, which are spent beside a write

    async def take(self, store: Store, batch: Batch, sender: Sender, *, on_fork: OnFork | None = None) -> BatchAnswer:
        """Apply what is new of a batch. Raises BadCheckpoint, UnknownStream, Malformed with nothing changed."""
        with self._collector:
            return await self._take(store, batch, sender, on_fork)

    async def _take(self, store: Store, batch: Batch, sender: Sender, on_fork: OnFork | None) -> BatchAnswer:
        if not 0 < len(batch.bodies) <= MAX_BATCH_ENTRIES or batch.first_seq < 1:
            raise Malformed(f"a batch has 1 to {MAX_BATCH_ENTRIES} entries from number 1 on")
        branches = await store.branches(batch.device, batch.epoch)
        if not branches:
            raise UnknownStream
        reader = Reader(self.decoders, batch)
        placement = await self._place(store, branches, batch, reader)
        stream = next(branch for branch in branches if branch.branch == placement.branch)
        if placement.place is Place.UNKNOWN:
            return _answer(stream, sender, through=min(stream.safe_through, stream.applied_through), head=b"")
        if placement.place is Place.GAP and len(branches) > 1:  # whose entries these are is not known before they join
            return _answer(stream, sender, through=min(each.applied_through for each in branches), head=b"")
        if placement.place is Place.GAP:
            return _answer(stream, sender)
        if placement.place is Place.REPEAT:
            await store.count_duplicates(self._context(stream, sender), placement.skip)
            return _answer(stream, sender, duplicates=placement.skip)
        rotations = await store.rotations(batch.device) if len(branches) > 1 else []
        keys = signers(branches, placement, rotations, sender.key, batch.checkpoint.key_id)
        incoming = _Incoming(batch, reader, keys, self._aside)
        return await self._go_on(store, incoming, sender, placement, (branches, stream), on_fork)

    async def _go_on(
        self, store: Store, incoming: "_Incoming", sender: Sender, placement: Placement,
        found: tuple[list[StreamState], StreamState], on_fork: OnFork | None,
    ) -> BatchAnswer:  # fmt: skip
        branches, stream = found
        held = _held(stream, sender)
        if held:
            if stream.state != "held":
                await store.set_state(stream, "held", held)
            return _answer(stream, sender, state="frozen")
        if stream.state == "stopped":
            return _answer(stream, sender, state="stopped")
        if placement.place is Place.FORK:
            await incoming.check_signature()
            stream = await _branch_off(store, branches, stream, placement)
            if on_fork is not None:
                await on_fork(sender.device)
        context = self._context(stream, sender)
        incoming.reader.open(placement.skip)
        try:
            effects = await self._apply(store, incoming, (stream, context))
            self._spent = [incoming, effects]
        finally:
            await incoming.drop()
        if placement.skip:
            await store.count_duplicates(context, placement.skip)
        return _answer(
            stream, sender, through=effects.through, head=effects.head, duplicates=placement.skip, effects=effects,
            state="stopped" if effects.stopped else "",
        )  # fmt: skip

    async def _place(
        self, store: Store, branches: list[StreamState], batch: Batch, reader: Reader
    ) -> Placement:  # fmt: skip
        many = len(batch.bodies)
        for stream in branches:
            placement = place_at_head(stream, batch.first_seq, batch.previous, many, reader.hash_at)
            if placement is not None and placement.place is not Place.GAP:
                return placement
        if batch.first_seq > max(branch.applied_through for branch in branches) + 1:
            return Placement(Place.GAP, 0, 0)
        order = (Place.REPEAT, Place.FORK, Place.UNKNOWN)
        found = []
        for stream in branches:
            stored = await store.hashes(stream, batch.first_seq - 1, batch.first_seq + many - 1)
            at = place_by_hashes(stream, batch.first_seq, batch.previous, reader.hashes(), stored)
            estranged = stored.get(batch.first_seq - 1) != batch.previous
            found.append((order.index(at.place), -at.after, estranged, at.branch, at))
        return min(found)[-1]

    async def _apply(self, store: Store, incoming: "_Incoming", where: tuple[StreamState, EntryContext]) -> Effects:
        batch = incoming.batch
        received = Received(where[1].received_at, encode(batch.checkpoint), batch.checkpoint.seq)
        poison: dict[int, Problem] = {}
        trusting = True
        while True:
            try:
                return await self._write(store, incoming, where, poison, received, trusting=trusting)
            except BadCheckpoint:
                raise
            except Exception as error:
                if not store.deterministic(error):
                    raise
                await incoming.check_signature()
                if trusting:
                    trusting = False  # the usual reason: somebody spent more than the books hold
                    continue
                seq, problem = await self._find_poison(store, incoming, where, poison, received)
                if seq in poison:
                    raise  # it is set aside already: the fault lies elsewhere, and trying again would go on for ever
                poison[seq] = problem
                if len(poison) >= _POISON_MOST:
                    incoming.reader.many = seq - incoming.reader.first_seq + 1

    async def _write(
        self, store: Store, incoming: "_Incoming", where: tuple[StreamState, EntryContext],
        poison: Mapping[int, Problem], received: Received, *, trusting: bool = False,
    ) -> Effects:  # fmt: skip
        """Read and apply part by part beside the event loop, while the part before is being written; all or nothing."""
        stream, context = where
        reader = incoming.reader
        async with store.savepoint():
            state = None
            if trusting and reader.only_spends:
                state = await store.load_on_trust(stream, context.organisation)
            if state is None:
                state = await store.load(stream, await self._aside(reader.wants), context.organisation)
            application = Application(state, reader.reading, context, self.registry, poison=poison)
            effects = application.effects

            def part(start: int, stop: int) -> Prepared:
                reader.read(stop)
                application.run(start, stop)
                if stop == reader.many:
                    application.close()
                done = reader.reading.part(start, min(stop, effects.through - reader.first_seq + 1))
                return store.prepare(context, done, effects) if done.bodies else None

            stop = min(_FIRST, reader.many)
            prepared = await self._aside(part, 0, stop)
            while stop < reader.many:
                start, stop = stop, min(stop + 2400, reader.many)
                prepared = await _both(store.write_part(prepared, self.registry), self._aside(part, start, stop))
            self._spent.clear()
            incoming.start_check()
            await store.write_part(prepared, self.registry)
            await incoming.check_signature()
            if effects.through < reader.first_seq:
                await store.set_state(stream, "stopped", effects.stopped)
            else:
                await store.finish(context, effects, state, received)
                await follow_up(store, context, effects.notes)
                await store.tell(context, effects, self.registry)
        return effects

    async def _find_poison(
        self, store: Store, incoming: "_Incoming", where: tuple[StreamState, EntryContext],
        poison: Mapping[int, Problem], received: Received,
    ) -> tuple[int, Problem]:  # fmt: skip
        """Bisect: the first entry whose prefix the database refuses. Every try is taken back."""
        reader = incoming.reader
        whole = reader.many
        low, high = 0, whole  # a prefix of `low` passes, one of `high` fails
        problem = Problem("refused", "")
        try:
            while high - low > 1 or not problem.words:
                reader.many = middle = (low + high) // 2 if high - low > 1 else high
                try:
                    async with store.savepoint():
                        await self._write(store, incoming, where, poison, received)
                        raise _TakeBack  # noqa: TRY301 - ends the savepoint
                except _TakeBack:
                    if middle == high:
                        raise RuntimeError("a write failed once and passed when tried again") from None
                    low = middle
                except Exception as error:
                    if not store.deterministic(error):
                        raise
                    problem = Problem("refused", f"{type(error).__name__}: {error}"[:200])
                    high = middle
        finally:
            reader.many = whole
        return reader.first_seq + high - 1, problem

    def _context(self, stream: StreamState, sender: Sender) -> EntryContext:
        now = self.clock.now()
        zone = ZoneInfo(sender.device.time_zone)
        return EntryContext(
            sender.device.organisation, stream.site, stream.device, stream.epoch, stream.branch, zone, now,
            local_day(to_ms(now), zone),
        )  # fmt: skip


class _TakeBack(Exception):
    pass


class _Incoming:
    """A batch on its way in, and its signature, which is checked once."""

    def __init__(self, batch: Batch, reader: Reader, keys: Signers, aside: Aside) -> None:
        self.batch, self.reader, self._keys, self._aside = batch, reader, keys, aside
        self._check: asyncio.Future[None] | None = None

    def start_check(self) -> None:
        """Begin checking beside the loop."""
        if self._check is None:
            check = self._aside(_check_signature, self.batch, self.reader.hashes()[-1], self._keys)
            self._check = asyncio.ensure_future(check)

    async def check_signature(self) -> None:
        """Raises BadCheckpoint."""
        self.start_check()
        assert self._check is not None
        await self._check

    async def drop(self) -> None:
        """Leave nothing running."""
        if self._check is not None:
            self._check.cancel()
            await asyncio.gather(self._check, return_exceptions=True)


async def _branch_off(
    store: Store, branches: list[StreamState], parent: StreamState, placement: Placement
) -> StreamState:
    number = max(branch.branch for branch in branches) + 1
    fork = StreamState(
        parent.device, parent.epoch, number, parent.site, placement.after, placement.after, placement.base,
        placement.after, "frozen", "fork", "", 0, 0, parent.kept_under(placement.after),
    )  # fmt: skip
    with_lineage([*branches, fork])
    await store.add_branch(fork)
    return fork


def _held(stream: StreamState, sender: Sender) -> str:
    """Why a backlog waits for a person, or ""."""
    if stream.state_reason == "accepted":
        return ""
    if stream.state == "held":
        return stream.state_reason
    return "revoked_key" if sender.key is not None and sender.key.revoked else ""


def _may_sign(key: DeviceKey, epoch: int, last: int, left: int | None) -> bool:
    """Whether a key may sign entries that end with `last` (rule 22).

    A branch that left before a change of keys knows nothing of it and goes on under the old one (rule 21). It is
    frozen, so its entries cost the first branch nothing.
    """
    begins = 0 if left is not None and left < key.from_seq else key.from_seq
    ends = 0 if left is not None and left < key.until_seq else key.until_seq
    return key.epoch == epoch and last >= begins and not (ends and last > ends)


def _check_signature(batch: Batch, head: bytes, keys: Signers) -> None:
    point = batch.checkpoint
    last = batch.first_seq + len(batch.bodies) - 1
    if (point.device, point.epoch, point.seq, point.head) != (batch.device, batch.epoch, last, head):
        raise BadCheckpoint("the checkpoint is of other entries")
    may = [key for key, left in keys if _may_sign(key, batch.epoch, last, left)]
    if not may:
        raise BadCheckpoint("the key is not one for these entries")
    message = signed_bytes(point.device, point.epoch, point.seq, point.head)
    if not any(sm2.verify(public=key.public_key, message=message, signature=point.signature) for key in may):
        raise BadCheckpoint


async def _both(writing: Coroutine[Any, Any, None], applying: Coroutine[Any, Any, Prepared]) -> Prepared:
    """Wait for both, also where one fails: the next step must find neither still at work."""
    wrote, prepared = await asyncio.gather(writing, applying, return_exceptions=True)
    for outcome in (wrote, prepared):
        if isinstance(outcome, BaseException):
            raise outcome
    return prepared


def _answer(
    stream: StreamState, sender: Sender, *, through: int | None = None, head: bytes | None = None,
    duplicates: int = 0, effects: Effects | None = None, state: str = "",
) -> BatchAnswer:  # fmt: skip
    shown = state or ("frozen" if stream.state in ("frozen", "held") else stream.state)
    return BatchAnswer(
        sender.generation,
        stream.applied_through if through is None else through,
        stream.head if head is None else head,
        stream.safe_through,
        effects.applied if effects else 0,
        duplicates,
        effects.quarantined + effects.parked if effects else 0,
        shown,
    )
