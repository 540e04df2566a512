"""What ingest asks of a store. PostgreSQL is the real one; memory is what seeds replay against it (rule 29)."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from cloud.sync.registry import EntryContext, Registry
from cloud.sync.state import Effects, Reading, Received, Slice, StreamState, Wants

Prepared = Any  # whatever the store's own `prepare` made


class Store(Protocol):
    """One open transaction on the books."""

    async def branches(self, device: int, epoch: int) -> list[StreamState]:
        """The stream and its forks, by branch, locked to the end of the transaction."""

    async def hashes(self, stream: StreamState, first: int, last: int) -> dict[int, bytes]:
        """Stored hashes of a range of seq; a fork shares those up to `forked_after` with the branch it left."""

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

    async def finish(
        self, context: EntryContext, effects: Effects, state: Slice, registry: Registry, received: Received
    ) -> None:
        """Move the balances and the stream, set aside what waits, and tell the domains."""

    async def count_duplicates(self, context: EntryContext, many: int) -> None:
        """Count entries that had come before."""

    def savepoint(self) -> AbstractAsyncContextManager[object]:
        """A part of the transaction that an error takes back by itself."""

    def deterministic(self, error: Exception) -> bool:
        """Whether the same write would fail the same way again."""
