"""One gateway of a simulated world: the real stores, journal, leases, replica, sync and canteen of the edge.

It stands on a disk that can lose power and a clock that can lie, in a loop without threads, and its process can end at
any point. What a call answers was durable before; a call under way when the process ends raises Died.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

import apsw

from edge.core.errors import Unreachable
from edge.core.supervisor import Supervisor
from edge.journal.identity import Identity
from edge.journal.journal import Journal
from edge.kiosk.server import Kiosk
from edge.leases.book import LeaseBook
from edge.replica.replica import Replica
from edge.stations.canteen.cash import CashAsked, CashDenied
from edge.stations.canteen.checkout import Asked, Short, mark_shown
from edge.stations.canteen.closing import Closed
from edge.stations.canteen.desk import Desk
from edge.stations.canteen.identify import Payer
from edge.stations.canteen.receipts import Receipt
from edge.stations.canteen.refunds import RefundAsked, RefundDenied
from edge.stations.canteen.station import build_desk
from edge.stations.canteen.tables import CANTEEN_SCHEMA
from edge.stations.gateway import Gateway, GatewaySettings, Outside, Stores, identify, site_time
from edge.stations.site import SiteSettings
from edge.store.errors import StoreBusy, StoreError, StoreFull
from edge.store.turns import Pace
from edge.store.writer import StoreOptions
from edge.sync.api import Api
from edge.sync.link import Link
from edge.sync.settings import BrokerSettings, ClockSettings, CloudSettings, SpoolSettings, StoreSettings, SyncSettings
from edge.sync.signer import Signer
from protocols.canteen.reference import Lane
from protocols.payments import facts
from protocols.payments.facts import Line, Settlement, Share
from protocols.payments.plan import NeedPin
from protocols.payments.reference import Credential, CredentialKind
from protocols.payments.refusals import Refusal
from tests.simulation.clockwork import OWNER, SimClock, SimLoop
from tests.simulation.disk import SimDisk

T = TypeVar("T")

SOFTWARE: Final = "simulated"
OPERATOR: Final = 90
DISH: Final = 1
COMMIT_S: Final = 0.004  # from the beginning of a commit to its lanes being told
_BOOT_AGAIN_S: Final = 5.0
_BOOT_AGAIN_MOST_S: Final = 600.0
_MANY_TASKS: Final = 256
_QUIET: Final = SyncSettings(
    poll_s=30.0, heartbeat_s=120.0, retry_first_s=2.0, retry_most_s=120.0, keep_days=1, digest_hours=24.0
)

logging.getLogger("edge").setLevel(logging.CRITICAL + 1)  # worlds fail all the time; the auditor says what matters


class Died(Exception):
    """The process ended before it could answer."""


@dataclass(frozen=True)
class Told:
    """What a person was told, after it was durable. `seq` is the entry; `shares` are (bucket, amount)."""

    seq: int
    attempt: str
    person: int
    amount_fen: int
    shares: tuple[tuple[int, int], ...] = ()
    price_fen: int = 0
    mark: str = ""
    sale_seq: int = 0


@dataclass(frozen=True)
class Refused:
    """What was not done, and the word for why; whether it had happened already and was only to be kept."""

    word: str
    in_hand: bool = False


@dataclass(frozen=True)
class _Process:
    """What lives while the process does."""

    stores: Stores
    gateway: Gateway
    desk: Desk
    supervisor: Supervisor


class SiteMachine:
    """A gateway's machine. `died` is set while no process runs, once one has ended unasked."""

    def __init__(
        self,
        loop: SimLoop,
        folder: Path,
        random: Random,
        *,
        clock: SimClock,
        disk: SimDisk,
        api: Api,
        code: str,
        sync: SyncSettings = _QUIET,
        wal_pages: int = 200,
    ) -> None:
        self._loop, self._folder, self._random = loop, folder, random
        self._clock, self.disk = clock, disk
        self._api = api
        self._life = _Life(api)
        self._settings = _settings(code, sync, wal_pages)
        self._base = StoreOptions(
            vfs=disk.name,
            free_bytes=disk.free_bytes,
            monotonic_s=loop.time,
            files=disk,
            pace=Pace(loop, COMMIT_S),
        )
        self._stores: Stores | None = None
        self._process: _Process | None = None
        self._cut_takes_power = True
        self._unburied = False
        self.died = asyncio.Event()
        self.boots = 0
        disk.on_cut = self._cut

    # The process

    @property
    def alive(self) -> bool:
        """Whether a process runs and has booted."""
        return self._process is not None and not self.disk.dead

    async def boot(self) -> None:
        """Start a process. Raises StoreBroken for a store beyond repair, Rejected by the cloud, Died on the way.

        While the disk is full or reads badly the process ends at once and is started again, as systemd would.
        """
        self._bury()
        if self._stores is not None:
            raise RuntimeError("a process runs already")
        self.disk.revive()
        self._life = _Life(self._api)
        self.died.clear()
        self.boots += 1
        await self._do(self._start())

    async def stop(self) -> None:
        """End it in order."""
        await self._do(self._stop())

    def die(self, *, power: bool) -> None:
        """It ends at this very point; with the power, what was not synced is at the disk's mercy."""
        if self._stores is None:
            if power:
                self._lose_power()
            return
        self._cut_takes_power = power
        self.disk.cut()
        self._bury()

    def dies_of_cut(self, *, power: bool) -> None:
        """What `disk.cut_at` means when it comes."""
        self._cut_takes_power = power

    # What people do

    async def sell(
        self,
        *,
        attempt: str,
        lane: int,
        person: int,
        extra_fen: int = 0,
        lines: tuple[Line, ...] = (),
        credential: Credential | None = None,
    ) -> Told | Refused:
        """A meal at the price in force, with something extra; or the lines given."""
        return await self._do(self._sell(attempt, lane, person, extra_fen, lines, credential))

    async def refund(self, *, attempt: str, lane: int, seq: int, items: tuple[int, ...] = ()) -> Told | Refused:
        """Money back for a sale of this stream; all of it without `items`."""
        return await self._do(self._refund(attempt, lane, seq, items))

    async def cash_in(self, *, attempt: str, lane: int, person: int, fen: int) -> Told | Refused:
        """Cash over the counter."""
        desk = self._running().desk
        asked = CashAsked(attempt, self._lane(lane), person, fen, OPERATOR)
        return await self._do(self._cash(attempt, partial(desk.cash.take, asked)))

    async def cash_void(self, *, attempt: str, lane: int, person: int, seq: int) -> Told | Refused:
        """Unspent cash back out."""
        desk = self._running().desk
        return await self._do(self._cash(attempt, partial(desk.cash.void, attempt, self._lane(lane), seq, OPERATOR)))

    async def close_day(self, *, lane: int, counted_fen: int = -1) -> Closed | Refused:
        """The lane's closing."""
        return await self._do(self._close_day(lane, counted_fen))

    async def show(self, seq: int) -> None:
        """A screen has shown the receipt."""
        await self._do(self._show(seq))

    async def write(self, unit: Callable[[Any], T]) -> T | Refused:
        """Something the gateway's own software keeps, as a fact in hand."""
        return await self._do(self._write(unit))

    async def rotate_key(self) -> int | Refused:
        """The command; the number of the new key."""
        return await self._do(self._rotate())

    def nudge(self) -> None:
        """Beat now."""
        if self._process is not None:
            self._process.gateway.sync.nudge()

    # What an auditor and a world look at

    def committed(self, after_seq: int = 0) -> list[bytes]:
        """Bodies of the committed entries still here, in order."""
        with self.disk.reading_well():
            sql = "SELECT body FROM entries WHERE seq > ? ORDER BY seq"
            return [body for (body,) in self._running().stores.reader.rows(sql, (after_seq,))]

    def held(self) -> dict[tuple[int, int], int]:
        """Lease balances by (person, bucket), those of cut-off buckets too."""
        return {(move.person, move.bucket): move.amount for move in self.leases.holdings()}

    @property
    def identity(self) -> Identity:
        """Who it is."""
        return self.journal.identity

    @property
    def journal(self) -> Journal:
        """The real one."""
        return self._running().gateway.site.journal

    @property
    def leases(self) -> LeaseBook:
        """The real one."""
        return self._running().gateway.site.leases

    @property
    def replica(self) -> Replica:
        """The real one."""
        return self._running().gateway.site.replica

    @property
    def link(self) -> Link:
        """The real one."""
        return self._running().gateway.site.link

    @property
    def signer(self) -> Signer:
        """The real one."""
        return self._running().gateway.signer

    @property
    def gateway(self) -> Gateway:
        """The whole."""
        return self._running().gateway

    @property
    def desk(self) -> Desk:
        """The canteen's use cases."""
        return self._running().desk

    @property
    def stores(self) -> Stores:
        """The three files."""
        return self._running().stores

    # Within the process

    async def _stop(self) -> None:
        process = self._running()
        await process.supervisor.stop()
        process.gateway.close()
        self._process, self._stores = None, None
        process.stores.close()

    async def _start(self) -> None:
        wait_s = _BOOT_AGAIN_S
        while True:
            try:
                self._process = await self._try_to_start()
                return
            except (StoreError, apsw.Error, OSError):
                self._close_files()
                if self.disk.dead or not (self.disk.full or self.disk.read_errors):
                    raise
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, _BOOT_AGAIN_MOST_S)

    async def _try_to_start(self) -> _Process:
        settings = self._settings
        stores = self._stores = Stores(self._folder, settings.store, (CANTEEN_SCHEMA,), base=self._base)
        time = site_time(settings.clock, self._clock)
        outside = Outside(self._life, self._random)
        identity = await identify(stores, settings, time, software=SOFTWARE, outside=outside)
        gateway = Gateway(stores, identity, time, settings, software=SOFTWARE, outside=outside)
        desk = build_desk(gateway.site, Kiosk(host="127.0.0.1", port=0, health=dict))
        desk.history.load_plates(desk.plates, now_ms=time.now_ms())
        supervisor = Supervisor(gateway.services(), self._random)
        supervisor.start()
        return _Process(stores, gateway, desk, supervisor)

    async def _sell(
        self, attempt: str, lane: int, person: int, extra_fen: int, lines: tuple[Line, ...], known: Credential | None
    ) -> Told | Refused:
        place = self._lane(lane)
        price_fen = self._price_fen(place)
        lines = lines or tuple(Line(DISH, "", 1, 0, fen, fen) for fen in (price_fen, extra_fen) if fen)
        payer = Payer(person, known or Credential(1_000 + person, CredentialKind.CARD, person, b"", 0, 0, 0))
        asked = Asked(attempt, place, payer, lines, sum(line.amount_fen for line in lines))
        desk = self._running().desk
        submit = desk.site.writer.submit
        try:
            outcome = await submit(partial(desk.checkout.unit, asked, last_try=False))
            for last_try in (False, True):  # as a lane does: first the right to a limit, then what it costs
                if isinstance(outcome, Short):
                    await desk.site.link.ask(outcome.person, outcome.amount_fen, outcome.rules, outcome.business_day)
                    outcome = await submit(partial(desk.checkout.unit, asked, last_try=last_try))
        except StoreError as error:
            return _store_refused(error)
        match outcome:
            case Receipt():
                shares = _pairs(outcome.shares)
                seq = outcome.entry.seq
                return Told(seq, attempt, person, outcome.amount_fen, shares, price_fen, outcome.mark)
            case Refusal():
                return Refused(str(outcome.reason))
            case NeedPin():
                return Refused("need_pin")
        return Refused(str(outcome.refusal.reason))

    async def _rotate(self) -> int | Refused:
        try:
            return await self.signer.rotate()
        except StoreError as error:
            return _store_refused(error)
        except apsw.Error:
            return Refused("store_broken")

    async def _write(self, unit: Callable[[Any], T]) -> T | Refused:
        try:
            return await self._running().stores.writer.submit(unit, in_hand=True)
        except StoreError as error:
            return _store_refused(error, in_hand=True)

    async def _show(self, seq: int) -> None:
        await self._running().stores.writer.submit_lazily(partial(mark_shown, [seq]))

    async def _refund(self, attempt: str, lane: int, seq: int, items: tuple[int, ...]) -> Told | Refused:
        desk = self._running().desk
        asked = RefundAsked(attempt, self._lane(lane), seq, 1, OPERATOR, 0, items)
        try:
            made = await desk.site.writer.submit(partial(desk.refunds.unit, asked), in_hand=True)
        except RefundDenied as denied:
            return Refused(denied.word)
        except StoreError as error:
            return _store_refused(error, in_hand=True)
        with self.disk.reading_well():
            sale = facts.decode(Settlement, self.journal.entry(seq).payload)
        return Told(made.entry.seq, attempt, sale.person, made.amount_fen, sale_seq=made.sale_seq)

    async def _cash(self, attempt: str, unit: Callable[..., Any]) -> Told | Refused:
        try:
            kept = await self._running().stores.writer.submit(unit, in_hand=True)
        except CashDenied as denied:
            return Refused(denied.word)
        except StoreError as error:
            return _store_refused(error, in_hand=True)
        return Told(kept.entry.seq, attempt, kept.person, abs(kept.amount_fen))

    async def _close_day(self, lane: int, counted_fen: int) -> Closed | Refused:
        desk = self._running().desk
        unit = partial(desk.closing.unit, self._lane(lane), OPERATOR, counted_fen)
        try:
            return await desk.site.writer.submit(unit, in_hand=True)
        except StoreError as error:
            return _store_refused(error)

    def _lane(self, number: int) -> Lane:
        """The site's lane by its place in the list, or by its id."""
        desk = self._running().desk
        lanes = sorted(desk.catalogue.lanes(desk.site.journal.now().now_ms), key=lambda lane: lane.id)
        by_id = [lane for lane in lanes if lane.id == number]
        if by_id:
            return by_id[0]
        if not lanes:
            return Lane(number, 1, 1, 1, f"{number} 号", f"Lane {number}", f"A{number}")
        return lanes[(number - 1) % len(lanes)]

    def _price_fen(self, lane: Lane) -> int:
        desk = self._running().desk
        return desk.catalogue.price_fen(DISH, lane.canteen, desk.site.journal.now().now_ms) or 1_000

    # Death

    async def _do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something as a part of the process: Died where the process ends before the answer is heard."""
        life = self._life
        if len(life.tasks) > _MANY_TASKS:
            life.tidy()
        try:
            answer = await self._loop.create_task(work, context=life.context)
        except BaseException:
            if life.over:
                raise Died from None
            raise
        if life.over:
            raise Died
        return answer

    def _running(self) -> _Process:
        if self._process is None:
            raise Died
        return self._process

    def _cut(self) -> None:
        """The disk was cut in the midst of an operation: nothing more counts, and the rest is cleared away next."""
        self._unburied = self._life.over = True
        self.died.set()
        self._loop.call_soon(self._bury)

    def _bury(self) -> None:
        """End the dead process's tasks, close its files, and let the disk lose what it had not taken for good."""
        if not self._unburied:
            return
        self._unburied = False
        process, self._process = self._process, None
        if process is not None:
            process.gateway.close()
        self._life.end()
        self._close_files()
        if self._cut_takes_power:
            self._lose_power()
        self._cut_takes_power = True

    def _lose_power(self) -> None:
        self.disk.lose_power()
        self._clock.power_up()

    def _close_files(self) -> None:
        """As the system does for a process that is gone: nothing it had in hand is written."""
        stores, self._stores = self._stores, None
        if stores is None:
            return
        dead, self.disk.dead = self.disk.dead, True
        for writer in stores._writers:
            writer._pending.clear()
            writer._riders.clear()
        stores.close()
        self.disk.dead = dead


class _Life:
    """One process: its tasks, and its way to the cloud, which ends with it. What is sent already goes on by itself."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self.over = False
        self.token = ""
        self.tasks: list[asyncio.Task[Any]] = []
        self.context = copy_context()
        self.context.run(OWNER.set, self.tasks)

    def end(self) -> None:
        """None of its tasks runs again."""
        self.over = True
        for task in self.tasks:
            task.cancel()
        self.tasks.clear()

    def tidy(self) -> None:
        """Forget tasks that have ended."""
        self.tasks[:] = [task for task in self.tasks if not task.done()]

    async def post(self, path: str, message: object, answer: type[T]) -> T:
        return await self._call(lambda: self._api.post(path, message, answer))

    async def get(self, path: str, answer: type[T], **query: int | str) -> T:
        return await self._call(lambda: self._api.get(path, answer, **query))

    async def close(self) -> None:
        if not self.over:
            await self._api.close()

    async def _call(self, ask: Callable[[], Awaitable[T]]) -> T:
        if self.over:
            raise Unreachable("the machine is off")
        self._api.token = self.token
        owner = OWNER.set(None)
        try:
            return await ask()
        finally:
            OWNER.reset(owner)


def _settings(code: str, sync: SyncSettings, wal_pages: int) -> GatewaySettings:
    return GatewaySettings(
        cloud=CloudSettings(url="https://cloud.invalid", provisioning_code=code),
        sync=sync,
        store=StoreSettings(minimum_free_mb=1, reserve_mb=1, wal_soft_pages=wal_pages, wal_hard_pages=wal_pages * 4),
        broker=replace(BrokerSettings(), flush_s=3_600.0),
        spool=SpoolSettings(),
        clock=ClockSettings(),
        site=SiteSettings(),
    )


def _store_refused(error: StoreError, *, in_hand: bool = False) -> Refused:
    if isinstance(error, StoreFull):
        return Refused("store_full", in_hand)
    return Refused("store_busy" if isinstance(error, StoreBusy) else "store_broken")


def _pairs(shares: tuple[Share, ...]) -> tuple[tuple[int, int], ...]:
    return tuple((share.bucket, share.amount) for share in shares)
