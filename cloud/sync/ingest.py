"""A batch, from bytes to books: placed, checked, applied in one transaction with its effects (rules 20 to 29)."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final
from zoneinfo import ZoneInfo

from cloud.core.clock import Clock
from cloud.core.errors import CloudError, Malformed
from cloud.sync.apply import STREAK_MOST, Application, Decoders, read, wants_of
from cloud.sync.collector import CollectorPause
from cloud.sync.devices import DeviceKey, DeviceRecord
from cloud.sync.placing import Place, Placement, place_at_head, place_by_hashes
from cloud.sync.registry import EntryContext, Registry
from cloud.sync.state import Effects, Problem, Reading, Received, StreamState
from cloud.sync.store import Prepared, Store
from protocols.crypto import sm2
from protocols.journal.chain import links, signed_bytes
from protocols.sync.codec import encode
from protocols.sync.messages import MAX_BATCH_ENTRIES, Batch, BatchAnswer
from protocols.values.instants import local_day, to_ms

OnFork = Callable[[DeviceRecord], Awaitable[None]]

_POISON_MOST: Final = 3 * STREAK_MOST
_PART: Final = 1_000


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

    def __init__(self, registry: Registry, clock: Clock) -> None:
        self.registry, self.clock = registry, clock
        self.decoders = Decoders(registry)
        self._collector = CollectorPause()

    async def take(self, store: Store, batch: Batch, sender: Sender, *, on_fork: OnFork | None = None) -> BatchAnswer:
        """Apply what is new of a batch. Raises BadCheckpoint, UnknownStream, Malformed with nothing changed."""
        if not 0 < len(batch.bodies) <= MAX_BATCH_ENTRIES or batch.first_seq < 1:
            raise Malformed(f"a batch has 1 to {MAX_BATCH_ENTRIES} entries from number 1 on")
        hashes = links(batch.previous, batch.bodies)
        branches = await store.branches(batch.device, batch.epoch)
        if not branches:
            raise UnknownStream
        placement = await self._place(store, branches, batch, hashes)
        stream = next(branch for branch in branches if branch.branch == placement.branch)
        if placement.place is Place.UNKNOWN:
            return _answer(stream, sender, through=min(stream.safe_through, stream.applied_through), head=b"")
        if placement.place is Place.GAP:
            return _answer(stream, sender)
        context = self._context(stream, sender)
        if placement.place is Place.REPEAT:
            await store.count_duplicates(context, placement.skip)
            return _answer(stream, sender, duplicates=placement.skip)
        return await self._go_on(store, batch, sender, placement, (branches, stream, hashes), on_fork)

    async def _go_on(
        self, store: Store, batch: Batch, sender: Sender, placement: Placement,
        found: tuple[list[StreamState], StreamState, list[bytes]], on_fork: OnFork | None,
    ) -> BatchAnswer:  # fmt: skip
        branches, stream, hashes = found
        held = _held(stream, sender)
        if held:
            if stream.state != "held":
                await store.set_state(stream, "held", held)
            return _answer(stream, sender, state="frozen")
        if stream.state == "stopped":
            return _answer(stream, sender, state="stopped")
        signature = asyncio.ensure_future(asyncio.to_thread(_check_signature, batch, hashes, sender.key))
        try:
            if placement.place is Place.FORK:
                await signature
                stream = await _branch_off(store, branches, stream, placement)
                if on_fork is not None:
                    await on_fork(sender.device)
            context = self._context(stream, sender)
            with self._collector:
                effects = await self._apply(store, batch, hashes, placement.skip, (stream, context), signature)
        except BaseException:
            signature.cancel()
            await asyncio.gather(signature, return_exceptions=True)
            raise
        if placement.skip:
            await store.count_duplicates(context, placement.skip)
        return _answer(
            stream, sender, through=effects.through, head=effects.head, duplicates=placement.skip, effects=effects,
            state="stopped" if effects.stopped else "",
        )  # fmt: skip

    async def _place(
        self, store: Store, branches: list[StreamState], batch: Batch, hashes: list[bytes]
    ) -> Placement:  # fmt: skip
        for stream in branches:
            placement = place_at_head(stream, batch.first_seq, batch.previous, hashes)
            if placement is not None and placement.place is not Place.GAP:
                return placement
        if batch.first_seq > branches[0].applied_through + 1:
            return Placement(Place.GAP, _nearest(branches), 0)
        placements = []
        for stream in branches:
            first, last = batch.first_seq - 1, batch.first_seq + len(hashes) - 1
            stored = await store.hashes(stream, first, last)
            placements.append(place_by_hashes(stream, batch.first_seq, batch.previous, hashes, stored))
        order = (Place.REPEAT, Place.FORK, Place.UNKNOWN)
        return min(placements, key=lambda p: (order.index(p.place), -p.after, p.branch))

    async def _apply(
        self, store: Store, batch: Batch, hashes: list[bytes], skip: int,
        where: tuple[StreamState, EntryContext], signature: "asyncio.Future[None]",
    ) -> Effects:  # fmt: skip
        first = batch.first_seq + skip
        reading = read(
            self.decoders, batch.bodies[skip:], hashes[skip:], device=batch.device, epoch=batch.epoch, first_seq=first
        )
        received = Received(where[1].received_at, encode(batch.checkpoint), batch.checkpoint.seq)
        poison: dict[int, Problem] = {}
        trusting = True
        while True:
            try:
                return await self._write(store, reading, where, poison, received, signature, trusting=trusting)
            except BadCheckpoint:
                raise
            except Exception as error:
                if not store.deterministic(error):
                    raise
                if trusting:
                    trusting = False  # the usual reason: somebody spent more than the books hold
                    continue
                seq, problem = await self._find_poison(store, reading, where, poison, received, signature)
                if seq in poison:
                    raise  # it is set aside already: the fault lies elsewhere, and trying again would go on for ever
                poison[seq] = problem
                if len(poison) >= _POISON_MOST:
                    reading = _cut(reading, seq)

    async def _write(
        self, store: Store, reading: Reading, where: tuple[StreamState, EntryContext], poison: Mapping[int, Problem],
        received: Received, signature: "asyncio.Future[None]", *, trusting: bool = False,
    ) -> Effects:  # fmt: skip
        """Apply part by part in a thread, while the part before is being written; all or nothing."""
        stream, context = where
        wants = wants_of(zip(reading.entries, reading.payloads, strict=True))
        async with store.savepoint():
            state = await store.load(stream, wants, context.organisation, trusting=trusting)
            application = Application(state, reading, context, self.registry, poison=poison)
            effects = application.effects

            def step(start: int) -> Prepared:
                application.run(start, start + _PART)
                part = _slice(reading, start, min(start + _PART, effects.through - reading.first_seq + 1))
                return store.prepare(context, part, effects) if part.bodies else None

            prepared = await asyncio.to_thread(step, 0)
            for start in range(_PART, len(reading.bodies) + _PART, _PART):
                if prepared is None:
                    break
                writing = store.write_part(prepared, self.registry)
                if start < len(reading.bodies) and not effects.stopped:
                    prepared = await _both(writing, asyncio.to_thread(step, start))
                else:
                    await writing
                    break
            await signature
            application.close()
            if effects.through < reading.first_seq:
                await store.set_state(stream, "stopped", effects.stopped)
            else:
                await store.finish(context, effects, state, self.registry, received)
        return effects

    async def _find_poison(
        self, store: Store, reading: Reading, where: tuple[StreamState, EntryContext], poison: Mapping[int, Problem],
        received: Received, signature: "asyncio.Future[None]",
    ) -> tuple[int, Problem]:  # fmt: skip
        """Bisect: the first entry whose prefix the database refuses. Every try is taken back."""
        low, high = 0, len(reading.bodies)  # a prefix of `low` passes, one of `high` fails
        problem = Problem("refused", "")
        while high - low > 1 or not problem.words:
            middle = (low + high) // 2 if high - low > 1 else high
            part = _slice(reading, 0, middle)
            try:
                async with store.savepoint():
                    await self._write(store, part, where, poison, received, signature)
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
        return reading.first_seq + high - 1, problem

    def _context(self, stream: StreamState, sender: Sender) -> EntryContext:
        now = self.clock.now()
        zone = ZoneInfo(sender.device.time_zone)
        return EntryContext(
            sender.device.organisation, stream.site, stream.device, stream.epoch, stream.branch, zone, now,
            local_day(to_ms(now), zone),
        )  # fmt: skip


class _TakeBack(Exception):
    pass


async def _branch_off(
    store: Store, branches: list[StreamState], parent: StreamState, placement: Placement
) -> StreamState:
    number = max(branch.branch for branch in branches) + 1
    fork = StreamState(
        parent.device, parent.epoch, number, parent.site, placement.after, placement.after, placement.base,
        placement.after, "frozen", "fork", "", 0, 0,
    )  # fmt: skip
    await store.add_branch(fork)
    return fork


def _held(stream: StreamState, sender: Sender) -> str:
    """Why a backlog waits for a person, or ""."""
    if stream.state_reason == "accepted":
        return ""
    if stream.state == "held":
        return stream.state_reason
    return "revoked_key" if sender.key is not None and sender.key.revoked else ""


def _check_signature(batch: Batch, hashes: list[bytes], key: DeviceKey | None) -> None:
    point = batch.checkpoint
    last = batch.first_seq + len(hashes) - 1
    if (point.device, point.epoch, point.seq, point.head) != (batch.device, batch.epoch, last, hashes[-1]):
        raise BadCheckpoint("the checkpoint is of other entries")
    if key is None or key.epoch != batch.epoch or last < key.from_seq or (key.until_seq and last > key.until_seq):
        raise BadCheckpoint("the key is not one for these entries")
    message = signed_bytes(point.device, point.epoch, point.seq, point.head)
    if not sm2.verify(public=key.public_key, message=message, signature=point.signature):
        raise BadCheckpoint


def _cut(reading: Reading, through: int) -> Reading:
    return _slice(reading, 0, through - reading.first_seq + 1)


def _slice(reading: Reading, start: int, stop: int) -> Reading:
    problems = {place - start: problem for place, problem in reading.problems.items() if start <= place < stop}
    return Reading(
        reading.first_seq + start, reading.bodies[start:stop], reading.hashes[start:stop], reading.entries[start:stop],
        reading.payloads[start:stop], problems,
    )  # fmt: skip


async def _both(writing: Coroutine[Any, Any, None], applying: Coroutine[Any, Any, Prepared]) -> Prepared:
    """Wait for both, also where one fails: the next step must find neither still at work."""
    wrote, prepared = await asyncio.gather(writing, applying, return_exceptions=True)
    for outcome in (wrote, prepared):
        if isinstance(outcome, BaseException):
            raise outcome
    return prepared


def _nearest(branches: list[StreamState]) -> int:
    return max(branches, key=lambda branch: (branch.applied_through, -branch.branch)).branch


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
