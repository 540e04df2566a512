"""What sync asks of a store. PostgreSQL is the real one; memory is what seeds replay against it (rule 29)."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from cloud.ledger.store import Holder, LedgerStore
from cloud.sync.branch_keys import Rotation
from cloud.sync.quarantine import QuarantineDetail
from cloud.sync.registry import EntryContext, Registry
from cloud.sync.state import Effects, Open, Problem, Reading, Received, Slice, StreamState, Wants
from protocols.payments.facts import Declaration
from protocols.sync.messages import Heartbeat, ReplicaRow

Prepared = Any  # whatever the store's own `prepare` made
ReplicaChange = tuple[str, int, bytes | None]  # key, effective_from_ms, msgpack of the record or None to remove it
EntryKey = tuple[int, int, int, int]  # device, epoch, branch, seq


@dataclass(frozen=True, slots=True)
class Standing:
    """How a stream stands for its gateway; `undeclared` where the cloud does not know yet what the site holds."""

    applied_through: int
    safe_through: int
    state: str
    newest_n: int
    undeclared: bool


@dataclass(frozen=True, slots=True)
class MendRecord:
    """A signed correction of an entry, by the entry's own id."""

    key: EntryKey
    payload: bytes
    note: str
    people_needed: int
    made_by: int
    made_at: datetime
    signature: bytes


class IngestStore(Protocol):
    """One open transaction on the books, as batches need it."""

    @property
    def ledger(self) -> LedgerStore:
        """The books themselves, in the same transaction."""

    async def branches(self, device: int, epoch: int) -> list[StreamState]:
        """The stream and its forks, by branch, locked to the end of the transaction."""

    async def hashes(self, stream: StreamState, first: int, last: int) -> dict[int, bytes]:
        """Stored hashes of a range of seq; a fork shares those up to `forked_after` with its parent."""

    async def rotations(self, device: int) -> list[Rotation]:
        """Applied entries of a device that bring keys, on branches that are not the first, in order of their ids."""

    async def load(self, stream: StreamState, wants: Wants, organisation: int) -> Slice:
        """The slice that the wanted entries touch."""

    async def load_on_trust(self, stream: StreamState, organisation: int) -> Slice | None:
        """A slice for entries that only spend, whatever they touch: `finish` fails where less is held than they spend.

        None where this stream cannot be taken on trust.
        """

    async def add_branch(self, stream: StreamState) -> None:
        """Keep a further successor of one hash; the stream's leases are frozen."""

    async def set_state(self, stream: StreamState, state: str, reason: str) -> None:
        """Hold, stop or freeze a stream."""

    def prepare(self, context: EntryContext, reading: Reading, effects: Effects) -> Prepared:
        """A part of a batch (as applied) with the lines and rows drained from `effects`, ready to be written.

        Pure work, done in a thread beside the writing of the part before.
        """

    async def write_part(self, prepared: Prepared, registry: Registry) -> None:
        """Keep the very bytes of the part, and its lines and rows; None is a part without entries."""

    async def finish(self, context: EntryContext, effects: Effects, state: Slice, received: Received) -> None:
        """Move the balances and the stream, and set aside what waits."""

    async def keep_refunds(self, context: EntryContext, refunds: Sequence[tuple[int, int, int, int]]) -> None:
        """(settlement seq, number, amount, seq of the refund): what was given back, once under each number."""

    async def tell(self, context: EntryContext, effects: Effects, registry: Registry) -> None:
        """Tell the domains what was applied."""

    async def count_duplicates(self, context: EntryContext, many: int) -> None:
        """Count entries that had come before."""

    def savepoint(self) -> AbstractAsyncContextManager[object]:
        """A part of the transaction that an error takes back by itself."""

    def deterministic(self, error: Exception) -> bool:
        """Whether the same write would fail the same way again."""


class SiteStore(Protocol):
    """What sites say of themselves and what is published to them."""

    async def close_epochs(self, site: int, *, before: int) -> None:
        """Earlier epochs of a site get no new leases."""

    async def add_lease_site(self, holder: Holder, device: int) -> None:
        """A holder of leases, known for the present generation; nothing where it is there."""

    async def add_stream(self, device: int, epoch: int, *, site: int, head: bytes) -> None:
        """An empty stream; nothing where it is there."""

    async def let_go_on(self, device: int, epoch: int, branch: int) -> bool:
        """Open a stopped or held stream; False where there is none. What was held is "accepted" from now on."""

    async def note_beat(self, device: int, beat: Heartbeat, now: datetime) -> None:
        """Keep the newest heartbeat of a stream."""

    async def standing(self, device: int, epoch: int) -> Standing | None:
        """How a stream stands."""

    async def keep_declared(self, holder: Holder, part: Declaration, now: datetime) -> None:
        """Keep one part of a declaration; one that is there stays."""

    async def declared(self, holder: Holder, generation: int) -> list[Declaration]:
        """The parts that came in, in order."""

    async def lock_head(self, site: int, collection: str) -> int:
        """The version of a collection (0: none yet), locked."""

    async def put_rows(self, site: int, collection: str, version: int, changes: Sequence[ReplicaChange]) -> bool:
        """Rows under the numbers after `version`; whether any differs from what was there."""

    async def set_head(self, site: int, collection: str, version: int) -> None:
        """A new version, whose digest is not known."""

    async def versions(self, site: int) -> dict[str, int]:
        """Newest version of each collection of a site, by name."""

    async def head(self, site: int, collection: str) -> tuple[int, bytes | None]:
        """Version and digest of a collection; (0, None) where there is none."""

    async def rows_between(self, site: int, collection: str, after: int, through: int, limit: int) -> list[ReplicaRow]:
        """Rows of versions after one and up to another, in order; from 0 on without those that are removed."""

    async def live_rows(self, site: int, collection: str) -> list[tuple[str, int, bytes]]:
        """(key, effective_from_ms, body) of all that is not removed."""

    async def keep_digest(self, site: int, collection: str, version: int, digest: bytes) -> None:
        """The digest of a version, where it is still the present one and has none."""


class DeskStore(Protocol):
    """What people do with entries that were set aside."""

    async def waiting_item(self, item_id: int) -> QuarantineDetail:
        """One item with its bytes and correction. Raises NotFound."""

    async def add_mend(self, mend: MendRecord) -> int:
        """Keep a correction, which replaces one before; answers its number."""

    async def add_approval(self, correction: int, *, by: int, at: datetime, signature: bytes) -> None:
        """A person stands behind a correction; once each."""

    async def set_mended(self, item_id: int) -> None:
        """The item has a correction."""

    async def open_items(self, stream: StreamState) -> list[Open]:
        """Everything of a stream that waits, in order of seq."""

    async def blocked(self, stream: StreamState, tried: Iterable[int]) -> dict[str, int]:
        """Subject -> first seq that waits, of those that are not tried now."""

    async def write_again(self, context: EntryContext, effects: Effects, registry: Registry) -> None:
        """Write what a replay brought about; the stream stays where it is."""

    async def close_items(
        self, stream: StreamState, items: Sequence[Open], *,
        applied: Sequence[int], still: dict[int, Problem], now: datetime,
    ) -> None:  # fmt: skip
        """Mark what was applied, give the others their present reasons, and move the counts."""


class Store(IngestStore, SiteStore, DeskStore, Protocol):
    """All of it, in one transaction."""
