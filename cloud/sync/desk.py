"""The desk where people mend what was set aside and have it applied (rules 26, 27)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from cloud.core.errors import Conflict, Invalid
from cloud.sync.apply import Decoders, apply_again, wants_of
from cloud.sync.entries import from_fields
from cloud.sync.followups import follow_up
from cloud.sync.quarantine import QuarantineDetail
from cloud.sync.registry import EntryContext, Fact, Registry
from cloud.sync.state import BEHIND, UNKNOWN_KIND, Open, Problem, StreamState
from cloud.sync.store import MendRecord, Store
from cloud.sync.store_postgres import PostgresStore
from protocols.crypto.sm3 import sm3
from protocols.journal.codec import decode_entry
from protocols.values.errors import Malformed
from protocols.values.instants import local_day, to_ms

Signer = Callable[[bytes], bytes]

_MONEY_FIELDS: Final = (
    "person", "amount_fen", "gross_fen", "discount_fen", "fee_fen", "amount", "bucket", "shares", "moves", "stall",
    "seq",
)  # fmt: skip
_RETRIED: Final = frozenset({BEHIND, UNKNOWN_KIND, "returns_too_much", "refund_too_much"})


class NeedsApproval(Conflict):
    """Amount or person changes: a second person must stand behind the correction first."""

    code = "needs_approval"
    title = "A second person has to approve this correction first"


class NotWaiting(Conflict):
    """The entry was applied already."""

    code = "not_waiting"
    title = "This entry was applied already"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay applied, and what waits on: seq -> reason."""

    applied: tuple[int, ...]
    still: dict[int, Problem]


class QuarantineDesk:
    """Mends, approvals and replays. `sign` signs a record with the cloud's key, `store_of` is over a transaction."""

    def __init__(
        self, registry: Registry, sign: Signer, *, store_of: Callable[[Any], Store] = PostgresStore
    ) -> None:  # fmt: skip
        self.registry, self.sign, self._store_of = registry, sign, store_of
        self.decoders = Decoders(registry)

    async def mend(
        self, tx: Any, item_id: int, *, fields: Any, note: str, by: int, now: datetime
    ) -> QuarantineDetail:  # fmt: skip
        """Record what the entry should have said, by field names. The entry's bytes stay as they are.

        Changing an amount or a person needs a second person (`approve`). Raises NotFound, NotWaiting, Invalid.
        """
        store = self._store_of(tx)
        detail = await store.waiting_item(item_id)
        if detail.item.state == "replayed":
            raise NotWaiting
        if detail.entry is None:
            raise Invalid("payload", "the entry's frame cannot be read; only its payload can be mended")
        try:
            payload = from_fields(detail.entry["kind"], fields)
        except Malformed as error:
            raise Invalid("payload", str(error)) from error
        needed = 1 if _same_money(detail.payload, fields) else 2
        key = (*detail.item.entry_id[:2], detail.item.branch, detail.item.entry_id.seq)
        record = b"quartermaster correction %d %d %d %d by %d needs %d " % (*key, by, needed)
        signature = self.sign(record + sm3(payload) + sm3(note.encode()))
        correction = await store.add_mend(MendRecord(key, payload, note, needed, by, now, signature))
        await self._approve(store, correction, by=by, now=now)
        await store.set_mended(item_id)
        return await store.waiting_item(item_id)

    async def approve(self, tx: Any, item_id: int, *, by: int, now: datetime) -> QuarantineDetail:
        """A further person stands behind the correction; the same person twice counts once. Raises Conflict."""
        store = self._store_of(tx)
        detail = await store.waiting_item(item_id)
        if detail.item.state == "replayed":
            raise NotWaiting
        if detail.correction is None:
            raise Conflict("there is no correction to approve")
        await self._approve(store, detail.correction.id, by=by, now=now)
        return await store.waiting_item(item_id)

    async def replay(self, tx: Any, item_id: int, *, now: datetime, time_zone: str) -> Replayed:
        """Apply the entry (as mended) and, in order, what waited behind it. Raises NeedsApproval, NotWaiting.

        `time_zone` is the site's. An entry that still fails waits on with its new reason.
        """
        store = self._store_of(tx)
        detail = await store.waiting_item(item_id)
        if detail.item.state == "replayed":
            raise NotWaiting
        if detail.correction is not None and not detail.correction.approved:
            raise NeedsApproval
        device, epoch, seq = detail.item.entry_id
        return await self._replay(store, (device, epoch, detail.item.branch), seq, now=now, time_zone=time_zone)

    async def replay_parked(
        self, tx: Any, *, device: int, epoch: int, branch: int = 0, now: datetime, time_zone: str
    ) -> Replayed:  # fmt: skip
        """Apply what waited for an upgrade or for others that are applied by now."""
        store = self._store_of(tx)
        return await self._replay(store, (device, epoch, branch), 0, now=now, time_zone=time_zone)

    async def _approve(self, store: Store, correction: int, *, by: int, now: datetime) -> None:
        record = b"quartermaster approval %d by %d at %d" % (correction, by, to_ms(now))
        await store.add_approval(correction, by=by, at=now, signature=self.sign(record))

    async def _replay(
        self, store: Store, stream_key: tuple[int, int, int], target: int, *, now: datetime, time_zone: str
    ) -> Replayed:  # fmt: skip
        device, epoch, branch = stream_key
        streams = [s for s in await store.branches(device, epoch) if s.branch == branch]
        if not streams:
            raise Conflict("the stream is not here")
        (stream,) = streams
        zone = ZoneInfo(time_zone)
        context = EntryContext(
            store.ledger.organisation,
            stream.site,
            device,
            epoch,
            branch,
            zone,
            now,
            local_day(to_ms(now), zone),
            replay=True,
        )
        items = [item for item in await store.open_items(stream) if item.seq == target or item.code in _RETRIED]
        facts, unread = self._facts(items)
        applied, still = await self._apply(store, stream, context, facts)
        await store.close_items(stream, items, applied=applied, still=still | unread, now=now)
        return Replayed(tuple(applied), still | unread)

    async def _apply(
        self, store: Store, stream: StreamState, context: EntryContext, facts: Sequence[Fact]
    ) -> tuple[list[int], dict[int, Problem]]:
        """All at once, or one by one where the database refuses some."""
        try:
            return await self._apply_together(store, stream, context, facts)
        except Exception as error:
            if not store.deterministic(error):
                raise
            refusal = Problem("refused", f"{type(error).__name__}: {error}"[:200])
        if len(facts) == 1:
            return [], {facts[0][0].seq: refusal}
        applied: list[int] = []
        still: dict[int, Problem] = {}
        for index in range(len(facts)):
            done, failed = await self._apply(store, stream, context, facts[index : index + 1])
            applied += done
            still |= failed
        return applied, still

    async def _apply_together(
        self, store: Store, stream: StreamState, context: EntryContext, facts: Sequence[Fact]
    ) -> tuple[list[int], dict[int, Problem]]:
        state = await store.load(stream, wants_of(facts), context.organisation)
        tried = {entry.seq for entry, _ in facts}
        state.waiting -= tried
        state.blocked = await store.blocked(stream, tried)
        effects, still = apply_again(state, facts, context, self.registry)
        async with store.savepoint():
            await store.write_again(context, effects, self.registry)
            await follow_up(store, context, effects.notes)
            await store.tell(context, effects, self.registry)
        return [entry.seq for entry, _ in effects.facts], still

    def _facts(self, items: Sequence[Open]) -> tuple[list[Fact], dict[int, Problem]]:
        facts: list[Fact] = []
        unread: dict[int, Problem] = {}
        for item in items:
            try:
                entry = decode_entry(item.body)
                decoder = self.decoders.payload.get(entry.kind)
                if decoder is None:
                    unread[item.seq] = Problem(UNKNOWN_KIND, "this kind is not known here; it waits for an upgrade")
                    continue
                facts.append((entry, decoder.decode(item.payload if item.payload is not None else entry.payload)))
            except (Malformed, msgspec.MsgspecError) as error:
                unread[item.seq] = Problem("malformed", str(error)[:200])
        return facts, unread


def _same_money(old: Any, new: Any) -> bool:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return False
    return all(_plain(old.get(name)) == _plain(new.get(name)) for name in _MONEY_FIELDS if name in old)


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
