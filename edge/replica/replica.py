"""Reference records at hand: looked up by key and instant, changed a whole delta at a time (rule 30)."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from edge.core.clock import SiteTime
from edge.core.log import logger
from edge.replica.collections import REVOKING, SEALED, STRUCTS
from edge.store.connection import Reader
from edge.store.transaction import Transaction
from edge.store.writer import Writer
from protocols.sync.codec import collection_digest
from protocols.sync.messages import ReplicaPage, ReplicaRow
from protocols.values.errors import Malformed

_FRESH_STEP_MS: Final = 30_000
_MAX_STAGED_ROWS: Final = 1_000_000
_PUT: Final = "INSERT OR REPLACE INTO replica_rows VALUES (?, ?, ?, ?, ?)"
_REMOVE: Final = "DELETE FROM replica_rows WHERE collection = ? AND key = ? AND effective_from_ms = ?"
_GET_OUT: Final = "SELECT key, effective_from_ms, body FROM replica_rows WHERE collection = ?"

_log = logger("replica")


class Seal(Protocol):
    """The device's seal."""

    def seal(self, plain: bytes) -> bytes:
        """Encrypt for the disk."""

    def unseal(self, sealed: bytes) -> bytes:
        """Decrypt."""


class Outcome(Enum):
    """What became of a page."""

    APPLIED = "applied"
    STAGED = "staged"  # more pages complete it
    MEND = "mend"  # it does not fit or its digest differs: ask from version 0


class Head(NamedTuple):
    """How far a collection is here."""

    generation: int
    version: int
    digest: bytes
    checked_ms: int


class _History(NamedTuple):
    """The records of one key: `from_ms` rising; None where one cannot be read."""

    from_ms: tuple[int, ...]
    records: tuple[Any, ...]


_NO_HEAD: Final = Head(0, 0, b"", 0)


class Replica:
    """Read by lanes at any moment; changed by `apply` alone. A collection is replaced whole, so no reader sees half."""

    def __init__(self, writer: Writer, reader: Reader, seal: Seal, time: SiteTime) -> None:
        """Load everything."""
        self._writer, self._reader, self._seal, self._time = writer, reader, seal, time
        self._decoders = {name: msgspec.msgpack.Decoder(struct) for name, struct in STRUCTS.items()}
        self._heads: dict[str, Head] = {
            name: Head(*rest)
            for name, *rest in reader.rows(
                "SELECT collection, generation, version, digest, checked_ms FROM replica_heads"
            )
        }
        self._versions = {name: head.version for name, head in self._heads.items()}
        self._held: dict[str, dict[str, _History]] = {name: self._load(name) for name in STRUCTS}
        self._staged: dict[str, list[ReplicaPage]] = {}
        self._listeners: list[Callable[[str], None]] = []
        row = reader.row("SELECT fresh_ms FROM replica_age")
        self._fresh_ms: int = row[0] if row else 0
        self._stored_fresh_ms = self._fresh_ms

    def get(self, collection: str, key: str | int, at_ms: int) -> Any:
        """The record in force at an instant, or None."""
        history = self._held[collection].get(str(key))
        if history is None:
            return None
        found = bisect_right(history.from_ms, at_ms)
        return history.records[found - 1] if found else None

    def rows(self, collection: str, at_ms: int) -> list[Any]:
        """Every record in force at an instant, in no order."""
        found = []
        for history in self._held[collection].values():
            place = bisect_right(history.from_ms, at_ms)
            if place and history.records[place - 1] is not None:
                found.append(history.records[place - 1])
        return found

    def next_change_ms(self, collection: str, after_ms: int) -> int | None:
        """The next instant at which a record already here comes into force or ends."""
        later = (ms for history in self._held[collection].values() for ms in history.from_ms if ms > after_ms)
        return min(later, default=None)

    def version(self, collection: str) -> int:
        """How far the collection is; it changes whenever the collection does."""
        return self._versions.get(collection, 0)

    def versions(self) -> dict[str, int]:
        """How far each collection is."""
        return {name: self.version(name) for name in STRUCTS}

    def head(self, collection: str) -> Head:
        """Generation, version and digest of a collection."""
        return self._heads.get(collection, _NO_HEAD)

    def revoked_through(self) -> int:
        """The version up to which revocations and erasures are in force here (rule 16)."""
        return min(self.version(name) for name in REVOKING)

    def age_s(self) -> int:
        """Seconds since the cloud last said that everything here is the newest; very large before the first time."""
        return max(0, (self._time.now_ms() - self._fresh_ms) // 1000)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Call `listener(collection)` in the event loop after each change."""
        self._listeners.append(listener)

    def confirm_fresh(self, at_ms: int) -> None:
        """The cloud said at `at_ms` that nothing newer is there."""
        self._fresh_ms = at_ms
        if at_ms - self._stored_fresh_ms >= _FRESH_STEP_MS:
            self._stored_fresh_ms = at_ms
            kept = self._writer.submit_lazily(
                lambda tx: tx.execute("UPDATE replica_age SET fresh_ms = ?", (at_ms,)) and None
            )
            kept.add_done_callback(_log_failure)

    async def apply(self, page: ReplicaPage) -> Outcome:
        """Take a page; what its delta says holds once the last page of it is here, all at once."""
        name = page.collection
        if name not in STRUCTS:
            raise Malformed(f"no collection called {name!r} is known here")
        pages = self._staged.setdefault(name, [])
        if not pages and not page.reset and page.generation != self.head(name).generation:
            del self._staged[name]
            return Outcome.MEND
        pages.append(page)
        if page.more:
            if sum(len(staged.rows) for staged in pages) > _MAX_STAGED_ROWS:
                del self._staged[name]
                raise Malformed(f"{name} has more than {_MAX_STAGED_ROWS} rows")
            return Outcome.STAGED
        del self._staged[name]
        outcome = await self._writer.submit(partial(self._apply_delta, pages), in_hand=True)
        if outcome is Outcome.APPLIED:
            for listener in self._listeners:
                listener(name)
        return outcome

    def drop_staged(self, collection: str) -> None:
        """Forget pages of a delta that was not completed; the next ask begins it anew."""
        self._staged.pop(collection, None)

    async def digest_now(self, collection: str) -> bytes:
        """The digest of what is on the disk (the daily comparison of rule 30)."""
        return await asyncio.to_thread(self._digest, collection)

    async def checked(self, collection: str) -> None:
        """Note that the digest was compared now."""
        head = self.head(collection)._replace(checked_ms=self._time.now_ms())
        self._heads[collection] = head
        await self._writer.submit_lazily(partial(_put_head, collection, head))

    def _digest(self, collection: str) -> bytes:
        rows = self._reader.rows(_GET_OUT, (collection,))
        return collection_digest((key, from_ms, self._unsealed(collection, body)) for key, from_ms, body in rows)

    def _apply_delta(self, pages: list[ReplicaPage], tx: Transaction) -> Outcome:
        last = pages[-1]
        name = last.collection
        reset = pages[0].reset
        if reset:
            tx.execute("DELETE FROM replica_rows WHERE collection = ?", (name,))
        changed: dict[str, None] = {}  # in the order of the rows, so that equal deltas leave equal orders
        for row in _rows_of(pages):
            changed[row.key] = None
            if row.body is None:
                tx.execute(_REMOVE, (name, row.key, row.effective_from_ms))
            else:
                sealed = self._sealed(name, row.body)
                tx.execute(_PUT, (name, row.key, row.effective_from_ms, row.version, sealed))
        now_ms = self._time.now_ms()
        if reset and last.digest:
            rows = tx.execute(_GET_OUT, (name,)).fetchall()
            found = collection_digest((key, from_ms, self._unsealed(name, body)) for key, from_ms, body in rows)
            if found != last.digest:
                raise Malformed(f"{name} arrived with another digest than it should have")
        head = Head(last.generation, last.version, last.digest, now_ms if reset else self.head(name).checked_ms)
        _put_head(name, head, tx)
        fresh = self._reload(name, tx) if reset else self._patched(name, changed, tx)
        tx.on_commit(partial(self._publish, name, head, fresh))
        return Outcome.APPLIED

    def _publish(self, name: str, head: Head, fresh: dict[str, _History]) -> None:
        self._held[name] = fresh
        self._heads[name] = head
        self._versions[name] = head.version

    def _patched(self, name: str, changed: Iterable[str], tx: Transaction) -> dict[str, _History]:
        fresh = dict(self._held[name])
        for key in changed:
            sql = "SELECT key, effective_from_ms, body FROM replica_rows WHERE collection = ? AND key = ?"
            fresh.pop(key, None)
            fresh.update(self._histories(name, tx.execute(sql, (name, key)).fetchall()))
        return fresh

    def _reload(self, name: str, tx: Transaction) -> dict[str, _History]:
        return dict(self._histories(name, tx.execute(_GET_OUT, (name,)).fetchall()))

    def _load(self, name: str) -> dict[str, _History]:
        return dict(self._histories(name, self._reader.rows(_GET_OUT, (name,))))

    def _histories(self, name: str, rows: Iterable[tuple[str, int, bytes]]) -> Iterator[tuple[str, _History]]:
        """Decoded histories of sorted rows (the primary key's order)."""
        found: dict[str, list[tuple[int, Any]]] = {}
        for key, from_ms, body in rows:
            found.setdefault(key, []).append((from_ms, self._record(name, key, body)))
        for key, history in found.items():
            history.sort(key=lambda item: item[0])
            yield key, _History(tuple(ms for ms, _ in history), tuple(record for _, record in history))

    def _record(self, name: str, key: str, body: bytes) -> Any:
        try:
            return self._decoders[name].decode(self._unsealed(name, body))
        except msgspec.MsgspecError as error:
            _log.error("%s %s cannot be read and is left out: %s", name, key, error)
            return None

    def _sealed(self, name: str, body: bytes) -> bytes:
        return self._seal.seal(body) if name in SEALED else body

    def _unsealed(self, name: str, body: bytes) -> bytes:
        return self._seal.unseal(body) if name in SEALED else body


def _rows_of(pages: Iterable[ReplicaPage]) -> Iterator[ReplicaRow]:
    for page in pages:
        yield from page.rows


def _put_head(collection: str, head: Head, tx: Transaction) -> None:
    tx.execute("INSERT OR REPLACE INTO replica_heads VALUES (?, ?, ?, ?, ?)", (collection, *head))


def _log_failure(done: "asyncio.Future[None]") -> None:
    if not done.cancelled() and done.exception() is not None:
        _log.warning("the replica's age was not kept: %s", done.exception())
