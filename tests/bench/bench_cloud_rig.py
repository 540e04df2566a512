"""A cloud to measure: a PostgreSQL of its own that waits for the disk, a site with diners, batches made beforehand."""

import os
import random
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg
import msgspec

from cloud.core.clock import ManualClock
from cloud.core.database import Database
from cloud.core.migrate import migrate
from cloud.core.postgres import EmbeddedPostgres
from cloud.domains.canteen.edge import HANDLERS
from cloud.ledger.posting import LINE_COLUMNS
from cloud.sync.registry import Registry
from protocols.journal.kinds import Kind
from protocols.payments.facts import Line, Settlement, Share
from protocols.sync.messages import Batch
from tests.cloud.sync.rig import BUCKET, DAY, LUNCH_MS, Cloud, Gateway, at
from tests.support.cloud import make_organisation

BATCH = 5_000
DINERS = 2_000
COPIED = ("inbox", "ledger_transfers", "canteen_settlements")
_INBOX = (
    "organisation_id", "device", "epoch", "branch", "seq", "kind", "state", "received_at", "hash", "body",
)  # fmt: skip


@dataclass
class Site:
    """A cloud's books, one gateway, its diners, and an administrator's connection for bare COPY."""

    cloud: Cloud
    gateway: Gateway
    diners: Sequence[int]
    dsn: str
    admin: "asyncpg.Connection[Any]"
    chance: random.Random
    sent: int = 0
    copied: int = 0

    def write(self, many: int = BATCH, *, stalls: Sequence[int] = tuple(range(1, 41))) -> None:
        """`many` more settlements of a lunch: three plates each, every fifth split over two buckets."""
        for _ in range(many):
            person = self.chance.choice(self.diners)
            number = len(self.gateway.bodies)
            self.gateway.write(
                Kind.SETTLEMENT, meal(person, number, self.chance.choice(stalls)), at_ms=LUNCH_MS + number
            )

    def batch(self) -> Batch:
        """The next entries that were not sent."""
        first = self.sent + 1
        self.sent = min(self.sent + BATCH, len(self.gateway.bodies))
        return self.gateway.batch(first, self.sent)

    async def copy_window(self) -> float:
        """Entries a second of bare COPY of the rows of the newest batch, under another device's number."""
        rows = {table: await self._rows(table) for table in COPIED}
        began = perf_counter()
        async with self.admin.transaction():
            await self.admin.execute("SELECT app_enter($1)", self.cloud.organisation)
            for table, (columns, records) in rows.items():
                await self.admin.copy_records_to_table(f"{table}_rows", records=records, columns=columns)
        return len(rows["inbox"][1]) / (perf_counter() - began)

    async def _rows(self, table: str) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
        columns = {"inbox": _INBOX, "ledger_transfers": LINE_COLUMNS}.get(table) or _settlement_columns()
        if table == "inbox":
            self.copied += 1
        fetched = await self.admin.fetch(
            f"SELECT {', '.join(columns)} FROM {table} WHERE device = $1 AND seq > $2",
            self.gateway.device, self.sent - BATCH,
        )  # fmt: skip
        place = columns.index("device")
        other = self.gateway.device + 1_000_000 + self.copied
        return columns, [(*row[:place], other, *row[place + 1 :]) for row in (tuple(r) for r in fetched)]


def meal(person: int, number: int, stall: int) -> Settlement:
    """A settlement as a plate lane writes it."""
    price = 1200 + number % 7 * 100
    shares = (Share(BUCKET, price),) if number % 5 else (Share(BUCKET, 800), Share(BUCKET + 1, price - 800))
    plates = tuple(Line(7 + i, f"E004015{number:08d}{i}", 1, 0, 400, 400) for i in range(3))
    return Settlement(
        attempt=f"{number:016x}", lane=1 + number % 6, canteen=2, stall=stall, person=person, period=2,
        business_day=DAY, receipt_no=number, gross_fen=price, discount_fen=0, fee_fen=0, amount_fen=price,
        shares=shares, uses=(), lines=plates, credential_kind=1, credential=person, code_step=0, operator=0,
    )  # fmt: skip


@asynccontextmanager
async def open_site() -> AsyncIterator[Site]:
    """Start everything, with as much money leased to the site as the bench can spend."""
    directory = Path(tempfile.mkdtemp(prefix="qm-bench-"))
    directory.chmod(0o711)
    embedded = EmbeddedPostgres(directory / "postgres", settings={"max_wal_size": "4GB"})
    address = await embedded.start()
    try:
        await migrate(address.owner_dsn)
        database = await Database.open(address.dsn, min_size=1, max_size=4)
        admin = await asyncpg.connect(address.admin_dsn)
        try:
            cloud = Cloud(database, await make_organisation(database), ManualClock(at(20)), Registry(HANDLERS))
            gateway = await cloud.gateway()
            diners = await _diners(cloud, gateway)
            yield Site(cloud, gateway, diners, address.dsn, admin, random.Random(7))
        finally:
            await admin.close()
            await database.close()
    finally:
        await embedded.stop()
        shutil.rmtree(directory, ignore_errors=True)


async def _diners(cloud: Cloud, gateway: Gateway) -> list[int]:
    people = [10**6 + number for number in range(DINERS)]
    async with cloud.database.transaction(cloud.organisation) as tx:
        await tx.execute(
            "INSERT INTO ledger_balances (owner_kind, owner, bucket, site, epoch, organisation_id, balance)"
            " SELECT 1, p, b, $2, 1, $3, 1000000000000 FROM unnest($1::bigint[]) AS p, unnest($4::bigint[]) AS b",
            people, cloud.site_of(gateway), cloud.organisation, [BUCKET, BUCKET + 1],
        )  # fmt: skip
    return people


def _settlement_columns() -> tuple[str, ...]:
    (columns,) = [
        handler.tables["canteen_settlements"] for handler in HANDLERS if "canteen_settlements" in handler.tables
    ]
    return tuple(columns)


def body_size(batch: Batch) -> int:
    """Bytes of an entry of a batch."""
    return len(msgspec.msgpack.encode(batch.bodies)) // len(batch.bodies)


def cores() -> int:
    """Processor cores of this machine."""
    return os.cpu_count() or 1
