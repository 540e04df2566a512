"""Rights and reference come down: lease messages in order, replica deltas whole, both compared and mended (5, 30)."""

import asyncio
from functools import partial
from typing import Final

import msgspec

from edge.core.clock import SiteTime
from edge.core.errors import Rejected
from edge.core.log import logger
from edge.leases.book import Applied, LeaseBook
from edge.replica.collections import STRUCTS
from edge.replica.replica import Outcome, Replica
from edge.store.transaction import Transaction
from edge.store.writer import Writer
from edge.sync.api import LEASE_ASKS, LEASES, REPLICAS
from edge.sync.session import CloudSession
from protocols.sync.messages import (
    HeartbeatAnswer,
    LeaseAsk,
    LeaseAskAnswer,
    LeaseMessage,
    LeasePage,
    ReplicaPage,
)
from protocols.values.errors import Malformed

MESSAGES_PER_UNIT: Final = 200
_MAX_PAGES: Final = 2_000
_RESET: Final = -1
_MS_AN_HOUR: Final = 3_600_000

_log = logger("sync.rights")


class Rights:
    """The lease book's side of the link."""

    def __init__(self, session: CloudSession, book: LeaseBook, writer: Writer, *, epoch: int) -> None:
        self._session, self._book, self._writer, self._epoch = session, book, writer, epoch
        self._pulling = asyncio.Lock()

    async def pull(self, newest: int) -> None:
        """Apply messages until the book has `newest`; each part with its high-water mark in one transaction."""
        async with self._pulling:
            for _ in range(_MAX_PAGES):
                if self._book.n >= newest:
                    return
                page = await self._session.get(LEASES, LeasePage, after=self._book.n)
                if page.epoch != self._epoch:
                    raise Rejected("superseded", f"leases are given to epoch {page.epoch} now")
                if not page.messages:
                    return
                if not await self._apply(page.messages):
                    return

    async def ask(self, ask: LeaseAsk) -> LeaseAskAnswer:
        """A visitor's rights; what was granted is in the book when this returns."""
        ask = msgspec.structs.replace(ask, lease_n=self._book.n)
        answer = await self._session.post(LEASE_ASKS, ask, LeaseAskAnswer)
        await self.pull(answer.newest)
        return answer

    async def _apply(self, messages: tuple[LeaseMessage, ...]) -> bool:
        """Whether the page fitted on to the book."""
        for start in range(0, len(messages), MESSAGES_PER_UNIT):
            part = messages[start : start + MESSAGES_PER_UNIT]
            applied: Applied = await self._writer.submit(partial(self._apply_part, part), in_hand=True)
            if applied.gap:
                _log.warning("lease messages after %d are missing: asking again", applied.n)
                return False
        return True

    def _apply_part(self, messages: tuple[LeaseMessage, ...], tx: Transaction) -> Applied:
        applied = self._book.apply(tx, messages)
        self._book.sweep(tx)
        return applied


class Reference:
    """The replica's side of the link."""

    def __init__(self, session: CloudSession, replica: Replica, time: SiteTime, *, digest_hours: float) -> None:
        self._session, self._replica, self._time = session, replica, time
        self._digest_ms = int(digest_hours * _MS_AN_HOUR)

    async def follow(self, answer: HeartbeatAnswer) -> None:
        """Bring every collection to what the heartbeat's answer names, compare digests when due."""
        at_ms = self._time.now_ms()
        broken: Malformed | None = None
        for name in STRUCTS:
            try:
                await self._follow(name, answer, at_ms)
            except Malformed as error:
                broken = error
        if broken is not None:
            raise broken
        self._replica.confirm_fresh(at_ms)

    async def _follow(self, name: str, answer: HeartbeatAnswer, at_ms: int) -> None:
        head = self._replica.head(name)
        if head.generation != answer.generation or head.version != answer.replicas.get(name, 0):
            await self.pull(name)
        elif at_ms - head.checked_ms >= self._digest_ms:
            await self.compare(name)

    async def pull(self, name: str, *, reset: bool = False) -> None:
        """Fetch what changed, or the whole collection anew."""
        head = self._replica.head(name)
        generation, version = head.generation, _RESET if reset else head.version
        try:
            for _ in range(_MAX_PAGES):
                page = await self._session.get(
                    REPLICAS, ReplicaPage, collection=name, generation=generation, after=version
                )
                outcome = await self._replica.apply(page)
                if outcome is Outcome.APPLIED:
                    return
                if outcome is Outcome.MEND:
                    generation, version = page.generation, _RESET
                else:
                    generation, version = page.generation, page.version
        finally:
            self._replica.drop_staged(name)

    async def compare(self, name: str) -> None:
        """The daily comparison: the digest here against the cloud's, and the collection anew where they differ."""
        head = self._replica.head(name)
        page = await self._session.get(
            REPLICAS, ReplicaPage, collection=name, generation=head.generation, after=head.version
        )
        if page.rows or page.version != head.version:
            return  # changed meanwhile: the next heartbeat brings it
        if await self._replica.digest_now(name) != page.digest:
            _log.error("%s differs from the cloud's: fetching it anew", name)
            await self.pull(name, reset=True)
        else:
            await self._replica.checked(name)
