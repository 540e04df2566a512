"""A model of the journal (rules 17, 19, 20, 24): a list with hashes, times and sums."""

from random import Random
from typing import Any, Final
from unittest import mock

from edge.core.clock import ManualClock, SiteTime
from edge.journal import journal as journals
from edge.journal.identity import Identity
from edge.journal.journal import Journal
from edge.journal.tables import JOURNAL_SCHEMA
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.payments.facts import CashTaken, Share
from protocols.values.errors import RuleViolation
from tests.simulation.planted.oracle_rules import same, sm3
from tests.simulation.planted.oracle_store import Store, done

_ME: Final = Identity(1, 3, 1003, 2, "Asia/Shanghai", b"")


class _Log:
    """A journal as rule 17 has it, in a list."""

    def __init__(self) -> None:
        self.heads = [sm3(b"quartermaster journal %d %d" % (_ME.device, _ME.epoch))]
        self.bodies: list[bytes] = []
        self.times: list[int] = []
        self.sums = [0]
        self.first = 1


def check_journal(random: Random) -> None:
    """Numbers, hashes, business time that never steps back, sums, reading by number and time, pruning, boots."""
    store, clock, log = Store(JOURNAL_SCHEMA), ManualClock(1_800_000_000_000), _Log()
    small = (mock.patch.object(journals, "_PRUNE_STEP", 7), mock.patch.object(journals, "_CHECKED_AT_START", 9))
    with small[0], small[1]:
        journal = _opened(store, clock, log)
        for _ in range(70):
            clock.jump(random.choice((0, 50, 1_000, -3_000, 60_000)))
            clock.advance(random.choice((0, 1, 500)))
            match random.randrange(8):
                case 0:
                    journal = _opened(store, clock, log)
                case 1:
                    _acknowledge(random, store, journal, log)
                case 2:
                    _prune(random, store, journal, log)
                case _:
                    _append(random, store, journal, clock, log)
            _compare_journal(random, journal, clock, log)


def _opened(store: Store, clock: ManualClock, log: _Log) -> Journal:
    journal = Journal(store, store, _ME, SiteTime(clock), software="model")  # type: ignore[arg-type]
    _take(store, log, clock.now_ms(), 0)
    return journal


def _take(store: Store, log: _Log, at_ms: int, fen: int) -> None:
    """The entry just made stands in its place and says its time."""
    seq, body, happened = store.row("SELECT seq, body, business_ms FROM entries ORDER BY seq DESC LIMIT 1")
    log.bodies.append(body)
    log.heads.append(sm3(log.heads[-1], body))
    log.sums.append(log.sums[-1] + fen)
    log.times.append(max(at_ms, log.times[-1] if log.times else 0))
    entry = decode_entry(body)
    same(
        "its number",
        (seq, entry.seq, entry.device, entry.epoch),
        (len(log.bodies), len(log.bodies), _ME.device, _ME.epoch),
    )
    same("its time", (happened, entry.business_ms), (log.times[-1], log.times[-1]))


def _append(random: Random, store: Store, journal: Journal, clock: ManualClock, log: _Log) -> None:
    at_ms = random.choice((None, None, clock.now_ms() - 5_000, clock.now_ms() + 5_000))
    fen = random.choice((0, 0, 700))
    payload: Any = _sale(fen) if fen else CashTaken("a", 1, 2, 10, 5, 90, 20_260_101)
    back = fen and random.random() < 0.3
    payload, fen = (_refund(fen), -fen) if back else (payload, fen)
    stands = random.random() < 0.8
    kind = Kind.REFUND if back else Kind.SETTLEMENT if fen else Kind.CASH_TAKEN
    good, made = done(store, lambda tx: journal.append(tx, kind, payload, business_ms=at_ms), stands=stands)
    if good:
        _take(store, log, clock.now_ms() if at_ms is None else at_ms, fen)
        same("where it stands", tuple(made), (len(log.bodies), log.heads[-1], log.times[-1]))


def _acknowledge(random: Random, store: Store, journal: Journal, log: _Log) -> None:
    through = random.randrange(log.first - 1, len(log.bodies) + 2)
    safe = random.randrange(0, through + 1)
    try:
        journal.acknowledge(applied_through=through, safe_through=safe, generation=3)
    except RuleViolation:
        same("an acknowledgement refused", through > len(log.bodies), True)
        return
    same("an acknowledgement taken", through <= len(log.bodies), True)
    store.run(journal.keep_acknowledged)


def _prune(random: Random, store: Store, journal: Journal, log: _Log) -> None:
    before_ms = random.choice((0, log.times[len(log.times) // 2], 2**60))
    old = next((n for n, at in enumerate(log.times, 1) if at >= before_ms and n >= log.first), len(log.times) + 1)
    most = min(journal.safe_through, journal.applied_through, len(log.bodies)) - 1
    through = min(most, old - 1, log.first + 6)
    gone = store.run(lambda tx: journal.prune(tx, before_ms=before_ms))
    same("how many went", gone, max(0, through - log.first + 1))
    log.first = max(log.first, through + 1)


def _compare_journal(random: Random, journal: Journal, clock: ManualClock, log: _Log) -> None:
    newest, first = len(log.bodies), log.first
    same("head", (journal.head_seq, journal.head, journal.sum_fen), (newest, log.heads[-1], log.sums[-1]))
    mark = log.times[-1]
    now = journal.now()
    behind = max(0, mark - clock.now_ms())
    same("the time to decide by", (now.now_ms, now.uncertainty_ms), (max(mark, clock.now_ms()), 60_000 + behind))
    stood = journal.committed()
    at = journal.applied_through
    told = log.sums[at] if at >= first else 0
    same(
        "committed",
        (stood.seq, stood.head, stood.sum_fen, stood.applied_sum_fen),
        (newest, log.heads[-1], log.sums[-1], told),
    )
    same("waiting", (stood.waiting, stood.waiting_fen), (newest - at, log.sums[-1] - told))
    after = random.randrange(max(first - 1, 0), newest + 1)
    if after >= first or after == 0 == first - 1:
        many, size = random.choice((1, 3, 100)), random.choice((1, 300, 10**6))
        same(
            "reading",
            journal.read(after, max_entries=many, max_bytes=size),
            (log.heads[after], _part(log, after, many, size)),
        )
    start, end = sorted(random.choice(log.times[first - 1 :]) + random.choice((0, 1)) for _ in range(2))
    seqs = [n for n, at_ms in enumerate(log.times, 1) if n >= first and start <= at_ms < end]
    same("entries between", [entry.seq for entry in journal.entries_between(start, end)], seqs)


def _part(log: _Log, after: int, many: int, size: int) -> list[bytes]:
    found: list[bytes] = []
    for body in log.bodies[after : after + many]:
        if found and sum(map(len, found)) + len(body) > size:
            break
        found.append(body)
    return found


def _sale(fen: int) -> facts.Settlement:
    return facts.Settlement(
        attempt="s", lane=1, canteen=1, stall=1, person=2, period=2, business_day=20_260_101, receipt_no=1,
        gross_fen=fen, discount_fen=0, fee_fen=0, amount_fen=fen, shares=(Share(10, fen),), uses=(), lines=(),
        credential_kind=1, credential=9, code_step=0,
    )  # fmt: skip


def _refund(fen: int) -> facts.Refund:
    return facts.Refund(
        attempt="r", lane=1, canteen=1, stall=1, person=2, device=_ME.device, epoch=_ME.epoch, seq=1, refund_no=1,
        reason=1, note_code=0, operator=90, business_day=20_260_101, amount_fen=fen, shares=(Share(10, fen),),
        items=(), uses=(),
    )  # fmt: skip
