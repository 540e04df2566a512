"""An edge to test with: stores in a folder, a clock that is moved by hand, settlements, and crashes."""

import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edge.core.clock import ManualClock, SiteTime
from edge.journal.identity import DeviceSecrets, Identity, load_identity, save_identity
from edge.journal.journal import Appended, Journal
from edge.leases.book import LeaseBook
from edge.stations.gateway import CORE_SCHEMAS, Gateway, GatewaySettings, Stores, site_time
from edge.stations.site import Site, SiteSettings
from edge.store.connection import Reader
from edge.store.transaction import Transaction
from edge.store.writer import StoreOptions, Writer
from edge.sync.settings import BrokerSettings, ClockSettings, CloudSettings, SpoolSettings, StoreSettings, SyncSettings
from protocols.journal.kinds import Kind
from protocols.payments.facts import Line, Settlement, Share
from protocols.sync.messages import LeaseKind, LeaseMessage

DEVICE, EPOCH, SITE, ORGANISATION = 7, 1, 3, 1
SITE_KEY = b"k" * 32
DAY = 20261120
MEAL = DAY * 1_000_000 + 2
IDENTITY = Identity(ORGANISATION, SITE, DEVICE, EPOCH, "Asia/Shanghai", SITE_KEY)
NO_LIMIT = StoreOptions(minimum_free_mb=0, reserve_mb=0, lazy_wait_s=0.05)


@dataclass
class Edge:
    """The durable half of a site."""

    folder: Path
    writer: Writer
    reader: Reader
    journal: Journal
    book: LeaseBook
    clock: ManualClock
    time: SiteTime
    secrets: DeviceSecrets

    def close(self) -> None:
        self.writer.close()
        self.reader.close()

    async def grant(self, *people: int, bucket: int = 1, amount: int = 100_000) -> None:
        """Lease some money here."""
        first = self.book.n + 1
        messages = [
            LeaseMessage(n, LeaseKind.GRANT, person, bucket, amount, 0) for n, person in enumerate(people, first)
        ]
        await self.writer.submit(lambda tx: self.book.apply(tx, messages))

    async def settle(self, person: int = 1, amount: int = 1_000, *, bucket: int = 1, attempt: str = "") -> Appended:
        """Settle one meal, as a checkout does."""
        sale = settlement(person, amount, bucket=bucket, attempt=attempt)
        return await self.writer.submit(partial(settle_unit, self.journal, self.book, sale))


def settle_unit(journal: Journal, book: LeaseBook, sale: Settlement, tx: Transaction) -> Appended:
    """The least a settlement writes: spend, count, append."""
    book.spend(tx, sale.person, sale.shares)
    book.use(tx, sale.person, 0, MEAL, 1, sale.amount_fen)
    return journal.append(tx, Kind.SETTLEMENT, sale, subject=f"p{sale.person}")


def settlement(
    person: int = 1,
    amount: int = 1_000,
    *,
    bucket: int = 1,
    attempt: str = "",
    lane: int = 1,
    shares: Iterable[Share] = (),
) -> Settlement:
    """A settlement of one dish."""
    return Settlement(
        attempt=attempt or secrets.token_hex(8),
        lane=lane,
        canteen=1,
        stall=1,
        person=person,
        period=2,
        business_day=DAY,
        receipt_no=1,
        gross_fen=amount,
        discount_fen=0,
        fee_fen=0,
        amount_fen=amount,
        shares=tuple(shares) or (Share(bucket, amount),),
        uses=(),
        lines=(Line(5, "E004015000000001", 1, 0, amount, amount),),
        credential_kind=1,
        credential=9,
        code_step=0,
    )


def open_edge(
    folder: Path, *, clock: ManualClock | None = None, options: StoreOptions = NO_LIMIT, identity: Identity = IDENTITY
) -> Edge:
    """Open (again) a store with its journal and lease book; the caller closes it."""
    clock = clock or ManualClock()
    time = SiteTime(clock)
    writer = Writer(folder / "journal.db", CORE_SCHEMAS, options)
    reader = Reader(writer.path, vfs=options.vfs)
    device_secrets = DeviceSecrets(folder / "device.key")
    try:
        if load_identity(reader, device_secrets) is None:
            device_secrets.number_first(1)
            writer.run(partial(save_identity, identity=identity, device_secrets=device_secrets))
        journal = Journal(writer, reader, identity, time, software="test")
    except BaseException:
        writer.close()
        reader.close()
        raise
    book = LeaseBook(reader, journal.append, lambda: journal.head_seq, site=identity.site, epoch=identity.epoch)
    return Edge(folder, writer, reader, journal, book, clock, time, device_secrets)


@contextmanager
def edge_at(folder: Path, **options: object) -> Iterator[Edge]:
    """`open_edge` around a block."""
    edge = open_edge(folder, **options)  # type: ignore[arg-type]
    try:
        yield edge
    finally:
        edge.close()


def gateway_settings(url: str = "http://127.0.0.1:1", **sections: object) -> GatewaySettings:
    """Settings of a gateway with short waits."""
    made: dict[str, object] = {
        "cloud": CloudSettings(url=url, timeout_s=5.0, connect_timeout_s=1.0, provisioning_code="CODE"),
        "sync": SyncSettings(poll_s=0.05, heartbeat_s=0.2, retry_first_s=0.05, retry_most_s=0.2),
        "store": StoreSettings(minimum_free_mb=1, reserve_mb=0),
        "broker": BrokerSettings(),
        "spool": SpoolSettings(),
        "clock": ClockSettings(),
        "site": SiteSettings(),
    }
    return GatewaySettings(**{**made, **sections})  # type: ignore[arg-type]


@contextmanager
def site_at(
    folder: Path,
    *,
    schemas: Iterable[object] = (),
    clock: ManualClock | None = None,
    settings: GatewaySettings | None = None,
    vfs: str = "",
    prepare: Callable[[Stores], object] | None = None,
) -> Iterator[Gateway]:
    """A whole gateway, provisioned already and with no service running; `gateway.site` is what stations get."""
    settings = settings or gateway_settings()
    stores = Stores(folder, settings.store, tuple(schemas), vfs=vfs)  # type: ignore[arg-type]
    try:
        if load_identity(stores.reader, stores.secrets) is None:
            stores.secrets.number_first(1)
            stores.writer.run(partial(save_identity, identity=IDENTITY, device_secrets=stores.secrets))
        if prepare is not None:
            prepare(stores)
        time = site_time(settings.clock, clock)
        gateway = Gateway(stores, IDENTITY, time, settings, software="test")
        try:
            yield gateway
        finally:
            gateway.close()
    finally:
        stores.close()


def granted(site: Site, people: Iterable[int], *, bucket: int = 1, amount: int = 100_000) -> None:
    """Lease money to people at a site, blocking."""
    first = site.leases.n + 1
    messages = [LeaseMessage(n, LeaseKind.GRANT, person, bucket, amount, 0) for n, person in enumerate(people, first)]
    site.writer.run(lambda tx: site.leases.apply(tx, messages))
