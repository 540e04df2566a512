"""A whole campus of real processes for tests, and what its books and its people say afterwards."""

import asyncio
import io
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from random import Random

import asyncpg
import httpx
from firmware_sim.world.campus import Campus, CampusOptions
from firmware_sim.world.gateway import SimulatedSite
from firmware_sim.world.lunch import arrivals
from firmware_sim.world.progress import Progress

from cloud.core.auth import CSRF_HEADER, CSRF_VALUE
from cloud.core.postgres import EmbeddedPostgres
from edge.journal.identity import DeviceSecrets, load_identity
from edge.journal.journal import read_committed
from edge.leases.audit import verify
from edge.store.connection import Reader
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Owner, TransferKind
from protocols.payments.facts import Refund, Settlement, decode

FAST_LANES = {
    "station": {"stable_rounds": 2, "of_rounds": 3},
    "sync": {"heartbeat_s": 0.5, "retry_first_s": 0.1, "retry_most_s": 1.0},
}


@contextmanager
def campus_folder() -> Iterator[Path]:
    """A folder that a PostgreSQL which does not run as root can reach, unlike pytest's own; gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="qm-campus-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def running_campus(options: CampusOptions) -> AsyncIterator[Campus]:
    """A campus with its lanes open and nobody in the queues."""
    campus = Campus(options, Progress(io.StringIO()))
    try:
        await campus.start()
        yield campus
    finally:
        await campus.stop()


async def have_lunch(campus: Campus, *, random: Random, speed: float) -> None:
    """Everybody comes once; returns when the last of them was served or turned away."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for arrival in arrivals(list(campus.diners), random=random, speed=speed):
        await asyncio.sleep(max(0.0, began_s + arrival.at_s - loop.time()))
        campus.join_queue(arrival, campus.diners)
    for desk in campus.desks():
        await desk.queue.join()


async def eventually(so: Callable[[], object], *, timeout_s: float, what: str) -> None:
    """Wait until `so` (plain or async) is true; fails naming `what`."""
    async with asyncio.timeout(timeout_s):
        while True:
            answer = so()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return
            await asyncio.sleep(0.25)
    raise AssertionError(what)


async def nothing_waits(campus: Campus) -> bool:
    """Whether every gateway knows that the cloud has all it wrote."""
    told = await campus.state()
    return all(one["alive"] and one["waiting"] == 0 for one in told["gateways"])


class GatewayDisk:
    """A stopped gateway's own books, read from its disk by the product's own readers."""

    def __init__(self, site: SimulatedSite) -> None:
        store = site.folder / "store"
        self.reader = Reader(store / "journal.db")
        self.identity = load_identity(self.reader, DeviceSecrets(store / "device.key"))
        self.stood = read_committed(self.reader)

    def breaches(self) -> list[str]:
        """Entries at which spends passed the grants applied before them."""
        return verify(self.reader)

    def charges(self) -> dict[str, int]:
        """Every committed settlement by its id."""
        return {entry: amount for entry, kind, amount in self._money() if kind == Kind.SETTLEMENT}

    def refunded_fen(self) -> int:
        """Everything given back."""
        return sum(amount for _entry, kind, amount in self._money() if kind == Kind.REFUND)

    def close(self) -> None:
        """Let go of the file."""
        self.reader.close()

    def _money(self) -> list[tuple[str, int, int]]:
        found = []
        for (body,) in self.reader.rows("SELECT body FROM entries ORDER BY seq"):
            entry = decode_entry(body)
            name = f"{entry.device}-{entry.epoch}-{entry.seq}"
            if entry.kind == Kind.SETTLEMENT:
                found.append((name, entry.kind, decode(Settlement, entry.payload).amount_fen))
            elif entry.kind == Kind.REFUND:
                found.append((name, entry.kind, decode(Refund, entry.payload).amount_fen))
        return found


WATCH = """
CREATE FUNCTION watched_balance() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    booked bigint;
BEGIN
    SELECT coalesce(sum(CASE direction WHEN 'in' THEN amount ELSE -amount END), 0) INTO booked FROM (
        SELECT 'in' AS direction, amount FROM ledger_transfers_rows
         WHERE person = NEW.owner AND (credit_owner_kind, credit_owner, credit_bucket, credit_site, credit_epoch)
             = (NEW.owner_kind, NEW.owner, NEW.bucket, NEW.site, NEW.epoch)
        UNION ALL
        SELECT 'out', amount FROM ledger_transfers_rows
         WHERE person = NEW.owner AND (debit_owner_kind, debit_owner, debit_bucket, debit_site, debit_epoch)
             = (NEW.owner_kind, NEW.owner, NEW.bucket, NEW.site, NEW.epoch)
    ) AS moves;
    SELECT balance INTO STRICT NEW.balance FROM ledger_balances
     WHERE (owner_kind, owner, bucket, site, epoch) = (NEW.owner_kind, NEW.owner, NEW.bucket, NEW.site, NEW.epoch);
    IF booked <> NEW.balance OR NEW.balance < 0 THEN
        RAISE EXCEPTION 'account % % bucket % at % %: balance %, transfers say %',
            NEW.owner_kind, NEW.owner, NEW.bucket, NEW.site, NEW.epoch, NEW.balance, booked;
    END IF;
    INSERT INTO watched_commits VALUES (txid_current()) ON CONFLICT DO NOTHING;
    RETURN NULL;
END;
$$;
CREATE TABLE watched_commits (transaction bigint PRIMARY KEY);
CREATE CONSTRAINT TRIGGER watched AFTER INSERT OR UPDATE ON ledger_balances
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.owner_kind = 1) EXECUTE FUNCTION watched_balance();
"""


async def watch_every_commit(books: asyncpg.Connection) -> None:
    """From now on no commit of the cloud passes in which a person's balance or lease differs from its transfers."""
    await books.execute(WATCH)


def options_for(folder: Path, **changes: object) -> CampusOptions:
    """A quick campus for tests."""
    return CampusOptions(folder=folder, sections=FAST_LANES, **changes)  # type: ignore[arg-type]


async def cloud_command(campus: Campus, *words: str) -> str:
    """Run `python -m cloud WORDS` on the campus's cloud; its output. Fails with what it said."""
    process = await asyncio.create_subprocess_exec(
        *campus.cloud.command[:3],
        *words,
        "--config",
        str(campus.options.folder / "cloud.toml"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, said.decode()
    return said.decode()


@asynccontextmanager
async def signed_in(campus: Campus) -> AsyncIterator[httpx.AsyncClient]:
    """The console's own API, as the first administrator."""
    headers = {CSRF_HEADER: CSRF_VALUE}
    async with httpx.AsyncClient(base_url=campus.console, headers=headers, trust_env=False, timeout=30) as client:
        answer = await client.post("/api/v1/identity/session", json={"login": campus.user, "password": campus.password})
        assert answer.is_success, answer.text
        yield client


@asynccontextmanager
async def open_books(campus: Campus) -> AsyncIterator[asyncpg.Connection]:
    """The cloud's database, past row-level security, for an auditor."""
    embedded = EmbeddedPostgres(campus.options.folder / "cloud" / "postgres")
    connection = await asyncpg.connect(embedded.dsn("postgres", database="quartermaster"))
    try:
        yield connection
    finally:
        await connection.close()


async def booked_settlements(books: asyncpg.Connection) -> dict[str, int]:
    """Every settlement in the ledger by the id of its entry."""
    rows = await books.fetch(
        "SELECT device, epoch, seq, sum(amount)::bigint AS amount FROM ledger_transfers_rows "
        "WHERE kind = $1 AND credit_owner_kind = $2 GROUP BY device, epoch, seq",
        int(TransferKind.SPEND),
        int(Owner.STALL),
    )
    return {f"{row['device']}-{row['epoch']}-{row['seq']}": row["amount"] for row in rows}
