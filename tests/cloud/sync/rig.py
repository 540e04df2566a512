"""A cloud's books to test with: a site with people and money, and gateways that write and sign journals."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from cloud.core.clock import ManualClock
from cloud.core.database import Database, Transaction
from cloud.ledger import service as ledger
from cloud.ledger.accounts import available, issuer
from cloud.ledger.audit import Finding
from cloud.sync import service as sync
from cloud.sync.audit import check_books
from cloud.sync.devices import DeviceKey, DeviceRecord, DeviceState
from cloud.sync.ingest import Ingestor, Sender
from cloud.sync.registry import Registry
from cloud.sync.store_postgres import PostgresStore
from protocols.crypto import sm2
from protocols.journal.chain import genesis, links, signed_bytes
from protocols.journal.codec import encode_entry
from protocols.journal.kinds import Kind
from protocols.journal.messages import Checkpoint, Entry
from protocols.ledger.accounts import Transfer, TransferKind
from protocols.payments.facts import Refund, Settlement, Share
from protocols.sync.messages import Batch, BatchAnswer, Provision, Provisioned

LUNCH_MS = 1_795_147_200_000  # 2026-11-20 04:00 UTC
DAY = 20261120
MEAL = 2000
STALL = 9
BUCKET = 5


def settlement(person: int, amount: int, *, bucket: int = BUCKET, stall: int = STALL, lane: int = 1) -> Settlement:
    """A person pays `amount` from one bucket."""
    return Settlement(
        attempt=secrets.token_hex(8), lane=lane, canteen=2, stall=stall, person=person, period=1, business_day=DAY,
        receipt_no=1, gross_fen=amount, discount_fen=0, fee_fen=0, amount_fen=amount, shares=(Share(bucket, amount),),
        uses=(), lines=(), credential_kind=1, credential=3, code_step=0,
    )  # fmt: skip


def refund(of: Entry, amount: int, *, number: int = 1, bucket: int = BUCKET) -> Refund:
    """Give back part of a settlement."""
    paid = msgspec.msgpack.decode(of.payload, type=Settlement)
    return Refund(
        attempt=secrets.token_hex(8), lane=paid.lane, canteen=2, stall=paid.stall, person=paid.person,
        device=of.device, epoch=of.epoch, seq=of.seq, refund_no=number, reason=1, note_code=0, operator=1,
        business_day=DAY, amount_fen=amount, shares=(Share(bucket, amount),), items=(),
    )  # fmt: skip


@dataclass
class Gateway:
    """A journal with its key; `entries` is everything it wrote."""

    device: int
    epoch: int = 1
    key_id: int = 1
    private: bytes = b""
    public: bytes = b""
    entries: list[Entry] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.private:
            self.private = sm2.private_key_from(secrets.token_bytes(40))
            self.public = sm2.public_key(self.private)

    def write(
        self, kind: int, payload: object, *, subject: str | None = None, depends_on: int = 0, at_ms: int = LUNCH_MS
    ) -> Entry:  # fmt: skip
        """Append an entry; its subject is the payload's person unless given."""
        person = getattr(payload, "person", 0)
        raw = payload if isinstance(payload, bytes) else msgspec.msgpack.encode(payload)
        entry = Entry(
            format=1, kind=kind, kind_version=1, device=self.device, epoch=self.epoch, seq=len(self.bodies) + 1,
            subject=(f"p{person}" if person else "") if subject is None else subject, depends_on=depends_on,
            business_ms=at_ms, boot=1, monotonic_ms=len(self.bodies), offset_ms=0, uncertainty_ms=5, prices_version=1,
            rules_version=1, payload=raw,
        )  # fmt: skip
        self.append(encode_entry(entry), entry)
        return entry

    def append(self, body: bytes, entry: Entry | None = None) -> None:
        """Chain any bytes."""
        if entry is not None:
            self.entries.append(entry)
        self.bodies.append(body)
        self.hashes += links(self.hash_at(len(self.bodies) - 1), [body])

    def pay(self, person: int, amount: int, **how: int) -> Entry:
        """A settlement."""
        return self.write(Kind.SETTLEMENT, settlement(person, amount, **how))

    def hash_at(self, seq: int) -> bytes:
        """The chain after an entry."""
        return self.hashes[seq - 1] if seq else genesis(self.device, self.epoch)

    def batch(self, first: int = 1, last: int | None = None) -> Batch:
        """Entries `first` to `last`, signed."""
        last = len(self.bodies) if last is None else last
        head = self.hash_at(last)
        signature = None
        while signature is None:
            signature = sm2.sign(
                private=self.private, public=self.public, nonce=secrets.token_bytes(32),
                message=signed_bytes(self.device, self.epoch, last, head),
            )  # fmt: skip
        point = Checkpoint(self.device, self.epoch, last, head, self.key_id, signature)
        return Batch(
            self.device, self.epoch, first, self.hash_at(first - 1), tuple(self.bodies[first - 1 : last]), point
        )

    def clone(self) -> "Gateway":
        """A copy of the disk, key and all."""
        return replace(self, entries=list(self.entries), bodies=list(self.bodies), hashes=list(self.hashes))


class MemoryDirectory:
    """A DeviceDirectory of the gateways a test made."""

    def __init__(self) -> None:
        self.records: dict[int, DeviceRecord] = {}
        self.keys: dict[tuple[int, int], DeviceKey] = {}
        self.frozen: list[tuple[int, str]] = []
        self.codes: dict[str, int] = {}
        self.software: dict[int, str] = {}

    def add(self, gateway: Gateway, *, organisation: int, site: int) -> None:
        """Know a gateway."""
        self.records[gateway.device] = DeviceRecord(
            gateway.device, organisation, site, gateway.epoch, DeviceState.ACTIVE, f"g{gateway.device}",
            "Asia/Shanghai", b"k" * 32,
        )  # fmt: skip
        self.keys[gateway.device, gateway.key_id] = DeviceKey(
            gateway.key_id, gateway.public, gateway.epoch, 1, 0, revoked=False
        )

    async def device(self, tx: Transaction, device: int) -> DeviceRecord | None:
        return self.records.get(device)

    async def key(self, tx: Transaction, device: int, key_id: int) -> DeviceKey | None:
        return self.keys.get((device, key_id))

    async def provision(self, tx: Transaction, request: Provision, *, generation: int, now: datetime) -> Provisioned:
        record = self.records[self.codes[request.code]]
        await tx.enter(record.organisation)
        self.keys[record.device, 1] = DeviceKey(1, request.public_key, record.epoch, 1, 0, revoked=False)
        await sync.open_stream(tx, device=record.device, site=record.site, epoch=record.epoch)
        return Provisioned(
            record.organisation, record.site, record.device, record.epoch, 1, generation, record.time_zone, 0,
            record.site_key,
        )  # fmt: skip

    async def freeze(self, tx: Transaction, device: int, *, reason: str) -> None:
        self.frozen.append((device, reason))
        self.records[device] = replace(self.records[device], state=DeviceState.FROZEN)

    async def software_seen(self, tx: Transaction, device: int, software: str) -> None:
        self.software[device] = software


@dataclass
class Cloud:
    """One organisation's books with the means to send batches to them."""

    database: Database
    organisation: int
    clock: ManualClock
    registry: Registry = field(default_factory=Registry)
    directory: MemoryDirectory = field(default_factory=MemoryDirectory)
    next_id: int = 0

    def number(self) -> int:
        """An id that no other test of this database uses."""
        self.next_id += 1
        return self.organisation * 10_000 + self.next_id

    async def gateway(self, *, site: int = 0, epoch: int = 1) -> Gateway:
        """A gateway whose stream is open."""
        made = Gateway(self.number(), epoch)
        site = site or self.number()
        async with self.database.transaction(self.organisation) as tx:
            await sync.open_stream(tx, device=made.device, site=site, epoch=epoch)
        self.directory.add(made, organisation=self.organisation, site=site)
        return made

    def site_of(self, gateway: Gateway) -> int:
        """Where a gateway stands."""
        return self.directory.records[gateway.device].site

    async def person(self, amount: int, home: Gateway | None = None, *, bucket: int = BUCKET, meal: int = 0) -> int:
        """A person with money, leased to their home less one meal."""
        number = self.number()
        async with self.database.transaction(self.organisation) as tx:
            if home is not None:
                await ledger.set_home(tx, number, self.site_of(home), meal)
            await self.top_up(tx, number, amount, bucket=bucket)
        return number

    async def top_up(self, tx: Transaction, person: int, amount: int, *, bucket: int = BUCKET) -> None:
        """Money into a bucket, and the home's lease with it."""
        source = issuer(self.organisation, bucket)
        cause = f"grant:{person}:{secrets.token_hex(4)}"
        transfer = Transfer(TransferKind.SUBSIDY, source, available(person, bucket), amount)
        if amount:
            assert await ledger.post(tx, [transfer], cause=cause, business_day=DAY, now=self.clock.now())
        await ledger.size_leases(tx, [person], now=self.clock.now(), business_day=DAY)

    async def send(self, batch: Batch, *, generation: int = 1) -> BatchAnswer:
        """One batch in its own transaction."""
        record = self.directory.records[batch.device]
        key = self.directory.keys.get((batch.device, batch.checkpoint.key_id))
        async with self.database.transaction(self.organisation) as tx:

            async def freeze(device: DeviceRecord) -> None:
                await self.directory.freeze(tx, device.device, reason="fork")

            return await Ingestor(self.registry, self.clock).take(
                PostgresStore(tx), batch, Sender(record, key, generation), on_fork=freeze
            )

    async def send_all(self, gateway: Gateway, *, size: int = 1000, first: int = 1) -> BatchAnswer:
        """Everything from `first` on, in batches."""
        answer = None
        for start in range(first, len(gateway.bodies) + 1, size):
            answer = await self.send(gateway.batch(start, min(start + size - 1, len(gateway.bodies))))
        assert answer is not None
        return answer

    async def held(self, person: int, *, bucket: int = BUCKET) -> ledger.BucketBalance:
        """A person's bucket."""
        async with self.database.transaction(self.organisation) as tx:
            found = [b for b in await ledger.balances_of(tx, person) if b.bucket == bucket]
        return found[0] if found else ledger.BucketBalance(bucket, 0, (), 0)

    async def lines(self, *, kind: TransferKind | None = None) -> list[tuple[Any, ...]]:
        """(kind, debit owner kind, debit owner, credit owner kind, credit owner, amount, seq) of all lines."""
        async with self.database.transaction(self.organisation) as tx:
            rows = await tx.fetch(
                "SELECT kind, debit_owner_kind, debit_owner, credit_owner_kind, credit_owner, amount, seq"
                " FROM ledger_transfers WHERE $1::int IS NULL OR kind = $1 ORDER BY id",
                None if kind is None else int(kind),
            )
        return [tuple(row) for row in rows]

    async def findings(self) -> list[Finding]:
        """What does not hold in these books."""
        async with self.database.transaction(self.organisation) as tx:
            return await check_books(tx)

    async def fetch(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        """Rows as this organisation sees them."""
        async with self.database.transaction(self.organisation) as tx:
            return [tuple(row) for row in await tx.fetch(query, *arguments)]


def at(day: int, hour: int = 4) -> datetime:
    """An instant of November 2026."""
    return datetime(2026, 11, day, hour, tzinfo=UTC)


Entries = Sequence[Entry]
