"""One site's day in steps that may each be tried again, with a cloud of its own, and what must hold after any crash."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from edge.leases.audit import changes_of, verify
from edge.stations.canteen.closing import Closed
from protocols.crypto import sm2
from protocols.journal import chain
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.journal.messages import Entry
from protocols.payments import facts
from protocols.sync.messages import Batch, LeaseAskAnswer, LeaseKind, LeaseMessage
from tests.simulation import reference
from tests.simulation.site_side import Refused, SiteMachine, Told
from tests.support.fake_cloud import FakeCloud

SITE: Final = 3
LANES: Final = 4
PEOPLE: Final = 12
NOON_MS: Final = 1_793_592_000_000  # 2026-11-02 12:00 at Shanghai
CASH, SUBSIDY = reference.CASH, reference.SUBSIDY
_GRANT_FEN: Final = 20_000
_ATTEMPTS: Final[dict[int, Any]] = {
    Kind.SETTLEMENT: facts.Settlement,
    Kind.REFUND: facts.Refund,
    Kind.CASH_TAKEN: facts.CashTaken,
    Kind.CASH_VOIDED: facts.CashVoided,
}


class Broken(AssertionError):
    """What must hold after a crash does not."""


@dataclass
class DayCloud(FakeCloud):
    """The cloud in memory, which also learns the keys that follow the first."""

    keys: dict[int, bytes] = field(default_factory=dict)

    def _verify(self, batch: Batch) -> None:
        mark = batch.checkpoint
        key = self.keys.get(mark.key_id, self.public_key)
        covered = chain.signed_bytes(mark.device, mark.epoch, mark.seq, mark.head)
        if not sm2.verify(public=key, message=covered, signature=mark.signature):
            raise Broken(f"the checkpoint at {mark.seq} is not signed by key {mark.key_id}")
        for body in batch.bodies:
            entry = decode_entry(body)
            if entry.kind == Kind.KEY_ROTATED:
                named = facts.decode(facts.KeyRotated, entry.payload)
                self.keys[named.key_id] = named.public_key

    def session(self, request: Any) -> Any:
        first, self.public_key = self.public_key, self.keys.get(request.key_id, self.public_key)
        try:
            return super().session(request)
        finally:
            self.public_key = first

    def say(self, kind: LeaseKind, person: int, bucket: int, amount: int, from_day: int = 0) -> None:
        """The next lease message."""
        self.leases.append(LeaseMessage(len(self.leases) + 1, kind, person, bucket, amount, from_day))


class DirectApi:
    """The cloud at the other end of a short wire, in the place of `edge.sync.api.CloudApi`."""

    def __init__(self, cloud: DayCloud) -> None:
        self.cloud, self.token = cloud, ""

    async def post(self, path: str, message: Any, answer: type[Any]) -> Any:
        """One message there, one back."""
        await asyncio.sleep(0.01)
        self.cloud.now_ms = NOON_MS + int(asyncio.get_running_loop().time() * 1000)
        acts: dict[str, Callable[[Any], Any]] = {
            "provision": self.cloud.provision,
            "session": self.cloud.session,
            "batches": self.cloud.batch,
            "heartbeat": self.cloud.heartbeat,
            "lease-asks": lambda _ask: LeaseAskAnswer(len(self.cloud.leases), 0, "nothing_there"),
        }
        said = acts[path](message)
        if not isinstance(said, answer):
            raise Broken(f"the cloud refuses {path}: {said}")
        await asyncio.sleep(0.01)
        return said

    async def get(self, path: str, answer: type[Any], **query: int | str) -> Any:
        """A page."""
        await asyncio.sleep(0.02)
        words = {name: str(value) for name, value in query.items()}
        return self.cloud.lease_page(words) if path == "leases" else self.cloud.replica_page(words)

    async def close(self) -> None:
        """Nothing is held."""


def new_cloud() -> DayCloud:
    """A cloud with the site's records."""
    cloud = DayCloud(now_ms=NOON_MS, site=SITE)
    rows = reference.fixed(range(SITE, SITE + 1), LANES)
    rows["people"] = {str(n): reference.person(n, SITE, limited=False) for n in range(1, PEOPLE + 1)}
    rows["buckets"] = {str(n): reference.bucket(n) for n in (CASH, SUBSIDY)}
    for collection, found in rows.items():
        for key, record in found.items():
            cloud.publish(collection, key, msgspec.msgpack.encode(record))
    return cloud


@dataclass
class Day:
    """How far the day is, what people were told, and the machine it happens on."""

    cloud: DayCloud
    machine: SiteMachine
    step: int = 0
    told: dict[str, Told] = field(default_factory=dict)

    async def go_on(self) -> None:
        """From the step that was interrupted to the end. Raises Died."""
        while self.step < len(STEPS):
            if not self.machine.alive:
                await self.machine.boot()
            await STEPS[self.step](self)
            self.step += 1

    async def hear(self, said: Awaitable[Told | Refused]) -> None:
        """A person is told; the same attempt must never be told two things."""
        told = await said
        if not isinstance(told, Told):
            raise Broken(f"refused: {told}")
        before = self.told.setdefault(told.attempt, told)
        if (before.seq, before.amount_fen) != (told.seq, told.amount_fen):
            raise Broken(f"attempt {told.attempt} was told {before} and {told}")

    async def lanes(self, name: str, persons: range, extra_fen: int = 100) -> None:
        """Several lanes at once, in one commit."""
        sales = [
            self.hear(self.machine.sell(attempt=f"{name}{n}", lane=n % LANES + 1, person=n, extra_fen=extra_fen))
            for n in persons
        ]
        failures = [said for said in await asyncio.gather(*sales, return_exceptions=True) if said is not None]
        if failures:
            raise failures[0]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Time passes until the link has done its work."""
        for _ in range(200):
            if holds():
                return
            await asyncio.sleep(0.5)
            self.machine.nudge()
        raise Broken(f"step {self.step}: it did not come true in time")

    def all_heard(self) -> bool:
        """Whether both sides have what the other said."""
        machine = self.machine
        sent = machine.journal.applied_through == machine.journal.head_seq
        return sent and machine.leases.n == len(self.cloud.leases)


async def _open(day: Day) -> None:
    for person in range(1, PEOPLE + 1):
        if len(day.cloud.leases) < 2 * PEOPLE:
            day.cloud.say(LeaseKind.GRANT, person, CASH, _GRANT_FEN)
            day.cloud.say(LeaseKind.GRANT, person, SUBSIDY, 2_000)
    await day.until(lambda: day.all_heard() and day.machine.replica.version("people") > 0)


async def _first_sales(day: Day) -> None:
    await day.lanes("a", range(1, 5))
    await day.lanes("b", range(5, 9), 900)
    await day.machine.show(day.told["a1"].seq)


async def _refund(day: Day) -> None:
    machine, told = day.machine, day.told
    await day.hear(machine.refund(attempt="r1", lane=1, seq=told["a1"].seq))
    await day.hear(machine.refund(attempt="r2", lane=2, seq=told["b6"].seq, items=(1,)))


async def _cash(day: Day) -> None:
    await day.hear(day.machine.cash_in(attempt="c1", lane=1, person=1, fen=3_000))
    await day.hear(day.machine.cash_in(attempt="c2", lane=1, person=2, fen=500))
    if "v2" in day.told or _voided(day, "v2"):
        return
    await day.hear(day.machine.cash_void(attempt="v2", lane=1, person=2, seq=day.told["c2"].seq))


def _voided(day: Day, attempt: str) -> bool:
    """A void has no second answer for its attempt: an operator looks whether it stands."""
    return any(entry.kind in _ATTEMPTS and _attempt(entry) == attempt for entry in _entries(day.machine))


async def _recalled(day: Day) -> None:
    cloud = day.cloud
    if not any(message.kind == LeaseKind.RECALL for message in cloud.leases):
        cloud.say(LeaseKind.RECALL, 3, CASH, 5_000)
        cloud.say(LeaseKind.SHRINK, 4, CASH, 3_000)
        cloud.say(LeaseKind.GRANT, 5, CASH, 700)
    await asyncio.gather(day.until(day.all_heard), day.lanes("d", range(9, 13)))


async def _rotate(day: Day) -> None:
    await day.machine.rotate_key()
    await day.lanes("e", range(1, 5))
    await day.until(day.all_heard)


async def _cut_off(day: Day) -> None:
    cloud = day.cloud
    if not any(message.kind == LeaseKind.CUTOFF for message in cloud.leases):
        cloud.say(LeaseKind.CUTOFF, 0, SUBSIDY, 0)
    await day.until(day.all_heard)
    await day.hear(day.machine.refund(attempt="r3", lane=1, seq=day.told["a2"].seq))  # into what is cleared


async def _many(day: Day) -> None:
    """Enough for the log to be moved into the database between sales."""
    for turn in range(6):
        await day.lanes(f"m{turn}.", range(1, 9), turn)


async def _close(day: Day) -> None:
    for lane in range(1, LANES + 1):
        closed = await day.machine.close_day(lane=lane, counted_fen=-1)
        if not isinstance(closed, Closed) or not closed.agrees:
            raise Broken(f"the closing of lane {lane} does not agree: {closed}")
    await day.until(day.all_heard)


async def _evening(day: Day) -> None:
    """A verified backup, then a restart: what is safe leaves the disk."""
    day.cloud.safe_through = day.cloud.safe_through or len(day.cloud.entries)
    await day.lanes("y", range(5, 9))
    await day.until(lambda: day.all_heard() and day.machine.journal.safe_through >= day.cloud.safe_through)
    await day.machine.stop()
    await asyncio.sleep(60)
    await day.machine.boot()
    await asyncio.sleep(3)
    await day.lanes("z", range(1, 5))
    await day.until(day.all_heard)
    await day.machine.stop()


STEPS: Final[tuple[Callable[[Day], Awaitable[None]], ...]] = (
    _open,
    _first_sales,
    _refund,
    _cash,
    _recalled,
    _rotate,
    _cut_off,
    _many,
    _close,
    _evening,
)


def check(day: Day) -> None:
    """Everything that must hold on a machine that has just come up again. Raises Broken."""
    machine = day.machine
    rows = machine.stores.reader.rows("SELECT seq, hash, body FROM entries ORDER BY seq")
    _check_chain(machine, rows, day.cloud.entries)
    entries = [decode_entry(body) for _seq, _hash, body in rows]
    _check_told(day, entries)
    _check_tables(machine, entries)
    _check_answers(machine, entries, day.cloud.leases)
    problems = verify(machine.stores.reader)
    if problems:
        raise Broken("; ".join(problems[:3]))
    stored = {
        (person, bucket): amount
        for person, bucket, amount in machine.stores.reader.rows("SELECT * FROM lease_balances")
        if amount
    }
    if stored != machine.held():
        raise Broken("the book in memory is not the one on the disk")


def outcome(day: Day) -> tuple[Any, ...]:
    """What the day came to; the same whatever it went through."""
    bodies = [decode_entry(body) for body in day.cloud.entries]
    attempts = sorted(f"{entry.kind}:{_attempt(entry)}" for entry in bodies if entry.kind in _ATTEMPTS)
    held: Counter[tuple[int, int]] = Counter()
    for message in day.cloud.leases:
        if message.kind == LeaseKind.GRANT:
            held[message.person, message.bucket] += message.amount
    for entry in bodies:
        for person, bucket, by in changes_of(entry.kind, entry.payload):
            held[person, bucket] += by
    return attempts, sorted(held.items())


def _check_chain(machine: SiteMachine, rows: list[tuple[Any, ...]], sent: list[bytes]) -> None:
    identity = machine.identity
    if not rows:
        raise Broken("no entry is left")
    first = rows[0][0]
    head = chain.genesis(identity.device, identity.epoch) if first == 1 else None
    for place, (seq, stored, body) in enumerate(rows):
        if seq != first + place:
            raise Broken(f"entry {first + place} is missing")
        if head is not None and chain.link(head, body) != stored:
            raise Broken(f"the chain breaks at entry {seq}")
        head = stored
        if seq <= len(sent) and sent[seq - 1] != body:
            raise Broken(f"entry {seq} is not the one the cloud was sent")
    if rows[-1][0] < len(sent):
        raise Broken(f"the cloud has {len(sent)} entries, here are {rows[-1][0]}")


def _check_told(day: Day, entries: list[Entry]) -> None:
    pruned = entries[0].seq > 1
    known = (
        entries if not pruned else [decode_entry(body) for body in day.cloud.entries[: entries[0].seq - 1]] + entries
    )
    found = Counter(_attempt(entry) for entry in known if entry.kind in _ATTEMPTS)
    twice = [attempt for attempt, count in found.items() if count > 1]
    if twice:
        raise Broken(f"{twice} are there more than once")
    by_seq = {entry.seq: entry for entry in known}
    for attempt, told in day.told.items():
        entry = by_seq.get(told.seq)
        if entry is None or entry.kind not in _ATTEMPTS or _attempt(entry) != attempt:
            raise Broken(f"{told} was told and is not there")
        fact = facts.decode(_ATTEMPTS[entry.kind], entry.payload)
        if fact.amount_fen != told.amount_fen:
            raise Broken(f"{told} was told, the entry says {fact.amount_fen}")


def _check_tables(machine: SiteMachine, entries: list[Entry]) -> None:
    """A fact and what the till, the limits and the leases note of it stand together, or not at all."""
    rows = machine.stores.reader.rows
    first = entries[0].seq
    for kind, sql in (
        (Kind.SETTLEMENT, "SELECT seq, attempt FROM canteen_sales WHERE seq >= ?"),
        (Kind.REFUND, "SELECT seq, attempt FROM canteen_refunds WHERE seq >= ?"),
        (Kind.CASH_TAKEN, "SELECT seq, attempt FROM canteen_cash WHERE seq >= ?"),
    ):
        facts_here = {(entry.seq, _attempt(entry)) for entry in entries if entry.kind == kind}
        if set(rows(sql, (first,))) != facts_here:
            raise Broken(f"the till's rows are not the journal's entries of kind {kind.name}")
    boots = [entry.boot for entry in entries if entry.kind == Kind.INCARNATION]
    if boots != sorted(set(boots)) or rows("SELECT boot FROM journal_state")[0][0] != boots[-1]:
        raise Broken(f"boots {boots} are not counted")
    keys = {facts.decode(facts.KeyRotated, e.payload).key_id: e.seq for e in entries if e.kind == Kind.KEY_ROTATED}
    stored = dict(rows("SELECT key_id, first_seq - 1 FROM stream_keys WHERE first_seq > ?", (first,)))
    if keys != stored:
        raise Broken(f"keys {stored} do not follow from the entries, which say {keys}")


def _check_answers(machine: SiteMachine, entries: list[Entry], leases: list[LeaseMessage]) -> None:
    """What the cloud asked back was answered once, in the very commit that noted it."""
    answered: Counter[int] = Counter()
    for entry in entries:
        match entry.kind:
            case Kind.LEASE_RETURNED:
                answered[facts.decode(facts.LeaseReturned, entry.payload).cause_n] += 1
            case Kind.SHRINK_ANSWERED:
                answered[facts.decode(facts.ShrinkAnswered, entry.payload).cause_n] += 1
            case Kind.CUTOFF_PASSED:
                answered[facts.decode(facts.CutoffPassed, entry.payload).cause_n] += 1
    if entries[0].seq > 1:
        return
    wanted = {LeaseKind.RECALL, LeaseKind.SHRINK, LeaseKind.CUTOFF}
    for message in leases:
        due = int(message.kind in wanted and message.n <= machine.leases.n)
        if message.kind in wanted and answered[message.n] != due:
            raise Broken(f"lease message {message.n} was answered {answered[message.n]} times, not {due}")


def _entries(machine: SiteMachine) -> list[Entry]:
    return [decode_entry(body) for body in machine.committed()]


def _attempt(entry: Entry) -> str:
    return str(facts.decode(_ATTEMPTS[entry.kind], entry.payload).attempt)
