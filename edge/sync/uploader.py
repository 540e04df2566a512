"""Facts go up: batches of the very bytes hashed, until the cloud has acknowledged them (rules 24 and 25)."""

import asyncio

from edge.core.errors import EdgeError
from edge.core.log import logger
from edge.journal.journal import Journal
from edge.store.connection import Reader
from edge.store.writer import Writer
from edge.sync.api import BATCHES
from edge.sync.link import Link
from edge.sync.session import CloudSession
from edge.sync.settings import SyncSettings
from edge.sync.signer import Signer
from protocols.journal.chain import links
from protocols.sync.messages import Batch, BatchAnswer

_log = logger("sync.uploader")


class Diverged(EdgeError):
    """The cloud's chain is not this one: two copies of a disk, an old image put back (rule 21), entries lost here.

    For a person.
    """


class Uploader:
    """Sends from `applied_through` + 1. An entry leaves the backlog by the cloud's word, never by age or tries."""

    def __init__(
        self,
        session: CloudSession,
        journal: Journal,
        signer: Signer,
        writer: Writer,
        reader: Reader,
        link: Link,
        settings: SyncSettings,
    ) -> None:
        self._session, self._journal, self._signer, self._writer = session, journal, signer, writer
        self._reader, self._link, self._settings = reader, link, settings
        self._keeping: asyncio.Future[None] | None = None

    async def send_once(self) -> BatchAnswer | None:
        """Send the next batch and take the answer; None where nothing waits."""
        after = self._journal.applied_through
        if self._journal.head_seq <= after:
            return None
        batch = await self._next(after)
        if batch is None:
            return None
        answer = await self._session.post(BATCHES, batch, BatchAnswer)
        self._link.set_word(answer.state)
        try:
            await self.take(
                generation=answer.generation,
                applied_through=answer.applied_through,
                head=answer.head,
                safe_through=answer.safe_through,
            )
        except Diverged:
            if answer.duplicates < len(batch.bodies):
                raise
            # Another copy of this disk has gone on from entries both have (rule 21). The cloud has these; what
            # follows here is a branch of its own, which is to be sent as well.
            await self.take(
                generation=answer.generation, applied_through=after + len(batch.bodies), head=b"", safe_through=0
            )
        return answer

    async def take(self, *, generation: int, applied_through: int, head: bytes, safe_through: int) -> None:
        """Keep where the cloud stands, once its chain was seen to be this one. Raises Diverged."""
        journal = self._journal
        known = (journal.generation, journal.applied_through, journal.safe_through)
        if (generation, applied_through, safe_through) == known:
            return
        if journal.generation and generation != journal.generation:
            _log.warning("the cloud was restored (generation %d): going on from entry %d", generation, applied_through)
        if applied_through > journal.head_seq:
            raise Diverged(
                f"the cloud has entry {applied_through} of this stream, the newest here is {journal.head_seq}"
            )
        await self._compare(applied_through, head)
        journal.acknowledge(applied_through=applied_through, safe_through=safe_through, generation=generation)
        if self._keeping is None or self._keeping.done():
            self._keeping = self._writer.submit_lazily(journal.keep_acknowledged)
            self._keeping.add_done_callback(_note_failure)
        await self.show()

    async def show(self) -> None:
        """Tell the screens what waits."""
        stood = await asyncio.to_thread(self._journal.committed)
        self._link.set_waiting(stood.waiting, stood.waiting_fen)

    async def _compare(self, seq: int, head: bytes) -> None:
        try:
            ours = await asyncio.to_thread(self._journal.hash_at, seq, reader=self._reader)
        except KeyError as error:
            raise Diverged(f"entry {seq}, from where the cloud goes on, is no longer here") from error
        if head and head != ours:
            raise Diverged(f"the chain of the cloud differs from the one here at entry {seq}")

    async def _next(self, after: int) -> Batch | None:
        settings = self._settings
        border = self._signer.last_of_key(after + 1)  # a batch is vouched for by one key
        most = settings.batch_entries if border is None else min(settings.batch_entries, border - after)
        try:
            previous, bodies = await asyncio.to_thread(
                self._journal.read,
                after,
                max_entries=most,
                max_bytes=settings.batch_bytes,
                reader=self._reader,
            )
        except KeyError as error:
            raise Diverged(f"entries from {after} on, where the cloud goes on, are no longer all here") from error
        if not bodies:
            return None
        last = after + len(bodies)
        head = await asyncio.to_thread(_last_link, previous, bodies)
        checkpoint = await self._signer.checkpoint(last, head)
        identity = self._journal.identity
        return Batch(identity.device, identity.epoch, after + 1, previous, tuple(bodies), checkpoint)


def _last_link(previous: bytes, bodies: list[bytes]) -> bytes:
    """The chain hash after the batch, reckoned from the very bytes to be sent."""
    return links(previous, bodies)[-1]


def _note_failure(done: "asyncio.Future[None]") -> None:
    if not done.cancelled() and done.exception() is not None:
        _log.warning("how far the cloud is was not kept: %s", done.exception())
