"""A journal worth altering, written by the real edge and sent by the real uploader to the real ingest over memory.

Boots, a key rotation, refunds, cash and returned leases; images of the store as it lay on the disk at each checkpoint.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import apsw

from cloud.core.clock import ManualClock as CloudClock
from cloud.core.errors import CloudError
from cloud.sync.devices import DeviceKey, DeviceRecord, DeviceState
from cloud.sync.ingest import Ingestor, Sender
from cloud.sync.registry import Registry
from cloud.sync.store_memory import MemoryStore
from cloud.sync.streams import open_stream
from cloud.sync.world_memory import MemoryTransaction, World
from edge.core.clock import ManualClock
from edge.core.errors import Rejected
from edge.store.transaction import Transaction
from edge.sync.link import Link
from edge.sync.settings import SyncSettings
from edge.sync.signer import CHECKPOINT_ENTRIES, CHECKPOINT_S, Signer
from edge.sync.uploader import Uploader
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Owner
from protocols.payments.facts import CashTaken, KeyRotated, Refund, Refused, Share, TurnstilePassed, decode
from protocols.sync.messages import Batch, BatchAnswer, LeaseKind, LeaseMessage
from tests.support.edge import DAY, DEVICE, EPOCH, ORGANISATION, SITE, Edge, open_edge, settle_unit, settlement

PEOPLE = 40
GRANT_FEN = 10_000_000
BOOTS = 4
_UNITS = 8  # settlements and the like in one commit


class _TakenBack(Exception):
    pass


@dataclass(frozen=True)
class Cloud:
    """What the cloud has of the stream, kept so that it can be asked again and again from the same state."""

    world: World
    device: DeviceRecord
    keys: dict[int, DeviceKey]

    @asynccontextmanager
    async def asked(self, *, heard: int | None = None) -> AsyncIterator[MemoryTransaction]:
        """A transaction that is taken back; with `heard` the cloud is one that knows of no entry after that."""
        with suppress(_TakenBack):
            async with self.world.system_transaction() as tx:
                if heard is not None:
                    self._forget(heard)
                yield tx
                raise _TakenBack

    def sender(self, batch: Batch) -> Sender:
        """Who sends, as the session would tell."""
        return Sender(self.device, self.keys.get(batch.checkpoint.key_id), 1)

    def _forget(self, heard: int) -> None:
        world, key = self.world, (DEVICE, EPOCH, 0)
        head = world.inbox[*key, heard].hash
        for place in [place for place in world.inbox if place[3] > heard]:
            del world.inbox[place]
        world.streams[key] = replace(world.streams[key], applied_through=heard, head=head, safe_through=0)


@dataclass
class Written:
    """A finished journal: its store as one image, older images by the entry they end with, the keys, the cloud."""

    image: bytes
    older: list[tuple[int, bytes]]
    publics: list[tuple[int, bytes]]
    privates: dict[int, bytes]
    last_checkpoint: int
    cloud: Cloud
    ingestor: Ingestor


def write_journal(seed: int, *, entries: int) -> Written:
    """Write one; the same seed gives the same bytes."""
    chance = Random(f"journal {seed}")
    with TemporaryDirectory(prefix="tampered-") as folder, patch.object(secrets, "token_bytes", chance.randbytes):
        return asyncio.run(_Writing(Path(folder), chance, entries).write())


def pruned(written: Written) -> Written:
    """The same journal after the old and safe part has left the disk, as `Journal.prune` and `forget_log` leave it."""
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", written.image)
    through = written.cloud.world.streams[DEVICE, EPOCH, 0].safe_through - 1
    ((head, sum_fen),) = connection.execute("SELECT hash, sum_fen FROM entries WHERE seq = ?", (through,)).fetchall()
    connection.execute(
        "UPDATE journal_state SET pruned_seq = ?, pruned_hash = ?, pruned_sum_fen = ?", (through, head, sum_fen)
    )
    connection.execute("DELETE FROM entries WHERE seq <= ?1; DELETE FROM checkpoints WHERE seq <= ?1", (through,) * 2)
    connection.execute("DELETE FROM lease_log WHERE after_seq < ?", (through,))
    older = [(end, image) for end, image in written.older if end > through]
    return replace(written, image=connection.serialize("main"), older=older)


@dataclass
class _Writing:
    folder: Path
    chance: Random
    entries: int
    clock: ManualClock = field(default_factory=ManualClock)
    older: list[tuple[int, bytes]] = field(default_factory=list)
    signed: int = 0
    signed_ms: int = 0
    sales: list[tuple[int, int, int]] = field(default_factory=list)  # seq, person, fen; not refunded yet

    async def write(self) -> Written:
        cloud_clock = CloudClock(datetime(2026, 11, 20, tzinfo=UTC))
        self.ingestor = Ingestor(Registry(), cloud_clock)
        self.cloud = Cloud(
            World(ORGANISATION),
            DeviceRecord(DEVICE, ORGANISATION, SITE, EPOCH, DeviceState.ACTIVE, "g", "Asia/Shanghai", b""),
            {},
        )
        async with self.cloud.world.system_transaction() as tx:
            await open_stream(MemoryStore(tx), device=DEVICE, site=SITE, epoch=EPOCH)
        for boot in range(BOOTS):
            with self._open() as (edge, signer):
                if boot == 0:
                    await self._lease(edge)
                await self._boot(edge, signer, until=self.entries * (boot + 1) // BOOTS, rotate=boot == BOOTS // 2)
                if boot == BOOTS - 1:
                    return await self._finish(edge, signer)
        raise AssertionError("the last boot finishes")

    async def _finish(self, edge: Edge, signer: Signer) -> Written:
        """A checkpoint, all of it sent, and then a few entries that nothing vouches for yet."""
        await self._sign(edge, signer)
        last = self.signed
        await self._send(edge, signer)
        safe = edge.journal.applied_through * 2 // 5
        edge.journal.acknowledge(applied_through=edge.journal.applied_through, safe_through=safe, generation=1)
        edge.writer.run(edge.journal.keep_acknowledged)
        streams = self.cloud.world.streams
        streams[DEVICE, EPOCH, 0] = replace(streams[DEVICE, EPOCH, 0], safe_through=safe)
        for _ in range(3):
            await edge.writer.submit(partial(self._some, edge))
        image = _image(edge.folder)
        return Written(
            image,
            self.older,
            [(key.key_id, key.public) for key in edge.secrets.keys],
            {key.key_id: key.private for key in edge.secrets.keys},
            last,
            self.cloud,
            self.ingestor,
        )

    async def _boot(self, edge: Edge, signer: Signer, *, until: int, rotate: bool) -> None:
        turning = (edge.journal.head_seq + until) // 2 if rotate else 0
        while edge.journal.head_seq < until:
            await edge.writer.submit(partial(self._some, edge))
            if turning and edge.journal.head_seq > turning:
                turning = 0
                await signer.rotate()
            new = edge.journal.head_seq - self.signed
            if new >= CHECKPOINT_ENTRIES or self.clock.monotonic_ms() - self.signed_ms >= CHECKPOINT_S * 1000:
                await self._sign(edge, signer)
            if self.chance.random() < 0.02:
                await self._send(edge, signer)
        await self._sign(edge, signer)

    async def _sign(self, edge: Edge, signer: Signer) -> None:
        stood = edge.journal.committed()
        await signer.checkpoint(stood.seq, stood.head)
        edge.writer.run(lambda _tx: None)  # what was kept lazily rides along
        self.signed, self.signed_ms = stood.seq, self.clock.monotonic_ms()
        self.older.append((stood.seq, _image(edge.folder)))

    async def _send(self, edge: Edge, signer: Signer) -> None:
        for key in edge.secrets.keys:
            self.cloud.keys.setdefault(key.key_id, DeviceKey(key.key_id, key.public, EPOCH, 1, 0, revoked=False))
        link = Link(now_ms=self.clock.now_ms, ask_timeout_s=1.0)
        async with self.cloud.world.system_transaction() as tx:
            session: Any = Direct(self.cloud, self.ingestor, tx)
            uploader = Uploader(session, edge.journal, signer, edge.writer, edge.reader, link, SyncSettings())
            while await uploader.send_once() is not None:
                self._learn_keys()
        edge.writer.run(lambda _tx: None)

    def _learn_keys(self) -> None:
        """A key's range ends with the entry that names the next (the devices domain does this in the cloud)."""
        for (_, _, _, seq), kept in self.cloud.world.inbox.items():
            if kept.kind == Kind.KEY_ROTATED:
                new = decode(KeyRotated, decode_entry(kept.body).payload)
                keys = self.cloud.keys
                keys[new.key_id - 1] = replace(keys[new.key_id - 1], until_seq=seq)
                keys[new.key_id] = DeviceKey(new.key_id, new.public_key, EPOCH, seq + 1, 0, revoked=False)

    async def _lease(self, edge: Edge) -> None:
        messages = [LeaseMessage(n, LeaseKind.GRANT, n, 1, GRANT_FEN, 0) for n in range(1, PEOPLE + 1)]
        await edge.writer.submit(lambda tx: edge.book.apply(tx, messages))
        for person in range(1, PEOPLE + 1):
            self.cloud.world.balances[int(Owner.PERSON), person, 1, SITE, EPOCH] = GRANT_FEN

    def _some(self, edge: Edge, tx: Transaction) -> None:
        """A few facts of one commit, each a moment after the one before."""
        for _ in range(self.chance.randint(1, _UNITS)):
            self.clock.advance(self.chance.randint(200, 2_500))
            self.chance.choices(
                (self._sale, self._refund, self._cash, self._refused, self._passed, self._recall, self._top_up),
                (60, 5, 3, 5, 20, 2, 2),
            )[0](edge, tx)

    def _sale(self, edge: Edge, tx: Transaction) -> None:
        person, fen = self.chance.randint(1, PEOPLE), self.chance.randint(300, 3_000)
        made = settle_unit(edge.journal, edge.book, settlement(person, fen), tx)
        self.sales.append((made.seq, person, fen))

    def _refund(self, edge: Edge, tx: Transaction) -> None:
        if not self.sales:
            return
        seq, person, fen = self.sales.pop(self.chance.randrange(len(self.sales)))
        attempt = secrets.token_hex(8)
        back = Refund(
            attempt, 1, 1, 1, person, DEVICE, EPOCH, seq, 1, 1, 0, 5, DAY, fen, (Share(1, fen),), ()
        )  # fmt: skip
        edge.book.give_back(tx, person, back.shares)
        edge.journal.append(tx, Kind.REFUND, back, subject=f"p{person}", depends_on=seq)

    def _cash(self, edge: Edge, tx: Transaction) -> None:
        taken = CashTaken(secrets.token_hex(8), 1, self.chance.randint(1, PEOPLE), 1, 5_000, 5, DAY)
        edge.book.give_back(tx, taken.person, (Share(1, 5_000),))
        edge.journal.append(tx, Kind.CASH_TAKEN, taken, subject=f"p{taken.person}")

    def _refused(self, edge: Edge, tx: Transaction) -> None:
        said = Refused(secrets.token_hex(8), 1, self.chance.randint(1, PEOPLE), 2, 900, "no_lease", visiting=True)
        edge.journal.append(tx, Kind.REFUSED, said)

    def _passed(self, edge: Edge, tx: Transaction) -> None:
        edge.journal.append(tx, Kind.TURNSTILE_PASSED, TurnstilePassed(1, edge.journal.head_seq, passed=True))

    def _recall(self, edge: Edge, tx: Transaction) -> None:
        self._message(edge, tx, LeaseKind.RECALL)

    def _top_up(self, edge: Edge, tx: Transaction) -> None:
        self._message(edge, tx, LeaseKind.GRANT)

    def _message(self, edge: Edge, tx: Transaction, kind: LeaseKind) -> None:
        n = edge.book.n + 1
        edge.book.apply(tx, [LeaseMessage(n, kind, self.chance.randint(1, PEOPLE), 1, 700, 0)])

    @contextmanager
    def _open(self) -> Any:
        self.clock.advance(30_000)
        edge = open_edge(self.folder, clock=self.clock)
        signer = Signer(edge.secrets, edge.journal, edge.writer, edge.reader, edge.time)
        try:
            yield edge, signer
        finally:
            signer.close()
            edge.close()


class Direct:
    """A session that needs no network: the batch goes to the cloud's ingest as it is."""

    def __init__(self, cloud: Cloud, ingestor: Ingestor, tx: MemoryTransaction) -> None:
        self._cloud, self._ingestor, self._tx = cloud, ingestor, tx

    async def post(self, _path: str, batch: Batch, _answer: Callable[..., BatchAnswer]) -> BatchAnswer:
        try:
            return await self._ingestor.take(MemoryStore(self._tx), batch, self._cloud.sender(batch))
        except CloudError as error:
            raise Rejected(error.code, str(error)) from error


def _image(folder: Path) -> bytes:
    """The store as its readers see it, as bytes that open in memory."""
    source = apsw.Connection(str(folder / "journal.db"))
    memory = apsw.Connection(":memory:")
    with suppress(StopIteration), memory.backup("main", source, "main") as backup:
        while not backup.done:
            backup.step(1_000)
    image = bytearray(memory.serialize("main"))
    image[18:20] = b"\x01\x01"  # no write-ahead log in memory
    source.close()
    memory.close()
    return bytes(image)
