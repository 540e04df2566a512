"""The link to the cloud over HTTPS: one loop sends facts, one keeps the heart beating and follows its answers."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from random import Random
from typing import Final

from edge.core.clock import SiteTime
from edge.core.errors import EdgeError, Rejected, Unreachable
from edge.core.log import logger
from edge.journal.identity import DeviceSecrets, Identity
from edge.journal.journal import Journal
from edge.leases.book import LeaseBook
from edge.replica.replica import Replica
from edge.store.connection import Reader
from edge.store.transaction import Transaction
from edge.store.writer import Writer
from edge.sync.api import FACE_ENROLMENTS, HEARTBEAT, Api
from edge.sync.backoff import Backoff
from edge.sync.declaration import Declarer
from edge.sync.link import Link
from edge.sync.rights import Reference, Rights
from edge.sync.session import CloudSession
from edge.sync.settings import SyncSettings
from edge.sync.signer import Signer
from edge.sync.uploader import Diverged, Uploader
from protocols.sync.messages import FaceEnrolment, FaceEnrolmentAnswer, Heartbeat, HeartbeatAnswer
from protocols.values.errors import Malformed, RuleViolation
from protocols.values.instants import local_day

_KEEP_HOUSE_S: Final = 86_400.0
_BETWEEN_STEPS_S: Final = 1.0
_USES_KEPT_DAYS: Final = 70
_MS_A_DAY: Final = 86_400_000
_MOST_REST_S: Final = 0.25
_SLOW_WORDS: Final = frozenset({"stopped", "frozen", "held"})

_log = logger("sync")


@dataclass(frozen=True)
class SyncParts:
    """What sync joins together."""

    identity: Identity
    secrets: DeviceSecrets
    writer: Writer
    reader: Reader
    journal: Journal
    leases: LeaseBook
    replica: Replica
    link: Link
    signer: Signer
    time: SiteTime


class SyncClient:
    """Runs once at a time. Every call has a time-out, every failure a jittered wait; lanes never notice either."""

    def __init__(self, parts: SyncParts, api: Api, settings: SyncSettings, random: Random, *, software: str) -> None:
        self._parts, self._settings, self._random = parts, settings, random
        self._api = api
        session = CloudSession(self._api, parts.signer, parts.identity, parts.time, software=software)
        self._session = session
        self.uploader = Uploader(session, parts.journal, parts.signer, parts.writer, parts.reader, parts.link, settings)
        self.rights = Rights(session, parts.leases, parts.writer, epoch=parts.identity.epoch)
        self.reference = Reference(session, parts.replica, parts.time, digest_hours=settings.digest_hours)
        self._declarer = Declarer(parts.journal, parts.leases, parts.writer, parts.reader)
        self._nudged = asyncio.Event()
        self._running = False

    async def run(self) -> None:
        """For ever; raises RuntimeError where it runs already, so that no two loops send the same facts."""
        if self._running:
            raise RuntimeError("sync runs already")
        self._running = True
        self._parts.link.serve_asks(self.rights.ask)
        try:
            async with asyncio.TaskGroup() as loops:
                loops.create_task(self._keep(self._upload), name="sync.upload")
                loops.create_task(self._keep(self._beat), name="sync.beat")
                loops.create_task(self._keep_house(), name="sync.house")
        finally:
            self._running = False
            self._parts.link.serve_asks(None)
            await self._api.close()

    def nudge(self) -> None:
        """Beat now rather than at the next time."""
        self._nudged.set()

    async def enrol(self, sent: FaceEnrolment) -> FaceEnrolmentAnswer:
        """Hand in a face taken here, and follow what that brings; raises Unreachable or Rejected."""
        answer = await self._session.post(FACE_ENROLMENTS, sent, FaceEnrolmentAnswer)
        self.nudge()
        return answer

    async def upload_once(self) -> bool:
        """Send one batch; whether there was anything."""
        answer = await self.uploader.send_once()
        if answer is not None and answer.state == "declare":
            await self._declarer.declare(answer.generation)
        return answer is not None

    async def beat_once(self) -> HeartbeatAnswer:
        """Tell how the site stands and follow what is new."""
        parts = self._parts
        before_ms = parts.time.monotonic_ms()
        answer = await self._session.post(HEARTBEAT, await self._heartbeat(), HeartbeatAnswer)
        parts.time.anchor(server_ms=answer.server_ms, round_trip_ms=parts.time.monotonic_ms() - before_ms)
        parts.link.set_online(online=True)
        superseded = answer.epoch != parts.identity.epoch
        parts.link.set_word("superseded" if superseded else answer.state)
        if superseded:  # another gateway holds the site's rights; what this one took is still sent (rule 21)
            return answer
        await self._follow_generation(answer)
        if answer.state == "declare":
            await self._declarer.declare(answer.generation)
        try:
            await self.rights.pull(answer.lease_n)
        finally:  # prices and revocations come down even where a lease message cannot be read
            await self.reference.follow(answer)
        return answer

    async def _follow_generation(self, answer: HeartbeatAnswer) -> None:
        """A restored cloud asks for what it lost. A heartbeat names no hash, so it never acknowledges anything."""
        journal = self._parts.journal
        if answer.generation == journal.generation:
            await self.uploader.show()
            return
        await self.uploader.take(
            generation=answer.generation,
            applied_through=min(answer.applied_through, journal.applied_through),
            head=b"",
            safe_through=min(answer.safe_through, journal.safe_through),
        )

    async def _heartbeat(self) -> Heartbeat:
        parts = self._parts
        stood = await asyncio.to_thread(parts.journal.committed)
        stamp = parts.time.stamp()
        return Heartbeat(
            epoch=parts.identity.epoch,
            generation=parts.journal.generation,
            head_seq=stood.seq,
            head=stood.head,
            sum_fen=stood.sum_fen,
            waiting=stood.waiting,
            lease_n=parts.leases.n,
            replicas=parts.replica.versions(),
            offset_ms=stamp.offset_ms,
            uncertainty_ms=stamp.uncertainty_ms,
            lanes=parts.link.lanes(),
            disk_free_mb=parts.writer.room.look(),
            revoked_through=parts.replica.revoked_through(),
        )

    async def _upload(self) -> None:
        began_ms = self._parts.time.monotonic_ms()
        sent = await self.upload_once()
        took_s = (self._parts.time.monotonic_ms() - began_ms) / 1000
        if self._parts.link.state.word in _SLOW_WORDS:
            await asyncio.sleep(self._settings.heartbeat_s)
        else:  # a backlog drains at half of what this machine could: the other half is the lanes'
            await asyncio.sleep(min(took_s, _MOST_REST_S) if sent else self._settings.poll_s)

    async def _beat(self) -> None:
        await self.beat_once()
        try:
            async with asyncio.timeout(self._settings.heartbeat_s * self._random.uniform(0.9, 1.1)):
                await self._nudged.wait()
        except TimeoutError:
            pass
        self._nudged.clear()

    async def _keep(self, step: Callable[[], Awaitable[None]]) -> None:
        """Repeat a step; whatever fails, wait and repeat it: nothing is given up on, nothing skipped."""
        link = self._parts.link
        backoff = Backoff(self._random, first_s=self._settings.retry_first_s, most_s=self._settings.retry_most_s)
        while True:
            try:
                await step()
            except Unreachable as error:
                link.set_online(online=False, trouble=str(error))
                await self.uploader.show()
            except Rejected as error:
                link.set_online(online=True, trouble=str(error))
                link.set_word(error.code)
                _log.error("the cloud refuses: %s", error)
            except Diverged as error:
                link.set_word("diverged")
                link.set_online(online=True, trouble=str(error))
                _log.error("%s", error)
            except (EdgeError, Malformed, RuleViolation) as error:
                link.set_online(online=link.state.online, trouble=str(error))
                _log.warning("sync waits: %s", error)
            else:
                backoff.succeeded()
                continue
            await asyncio.sleep(backoff.failed())

    async def _keep_house(self) -> None:
        """Once a day, old facts that are safe leave the disk in small steps, and counters of days long past."""
        parts = self._parts
        while True:
            now_ms = parts.time.now_ms()
            before_ms = now_ms - self._settings.keep_days * _MS_A_DAY
            gone = 1
            while gone:
                gone = await parts.writer.submit(partial(self._prune, before_ms), in_hand=True)
                await asyncio.sleep(_BETWEEN_STEPS_S)
            before_day = local_day(now_ms - _USES_KEPT_DAYS * _MS_A_DAY, UTC)
            await parts.writer.submit_lazily(partial(parts.leases.forget_uses, before_day=before_day))
            await asyncio.sleep(_KEEP_HOUSE_S)

    def _prune(self, before_ms: int, tx: Transaction) -> int:
        gone = self._parts.journal.prune(tx, before_ms=before_ms)
        if gone:
            oldest = tx.execute("SELECT min(seq) FROM entries").fetchone()[0]
            self._parts.leases.forget_log(tx, before_seq=oldest - 1)
        return gone
