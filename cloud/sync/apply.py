"""One step of sync, pure: `apply(slice, reading) -> effects` (rule 29). Same slice, same bytes, same effects.

No entry is dropped: it is applied, parked behind what its subject waits for, or quarantined with the reason. An entry
that fails leaves no trace in the books.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from cloud.ledger.books import Key, Move
from cloud.ledger.effects import PAYLOADS, effects_of, pairs_of
from cloud.sync.registry import EntryContext, Fact, Registry
from cloud.sync.state import BEHIND, UNKNOWN_KIND, Effects, EntryState, Problem, Reading, SetAside, Slice, Wants
from protocols.journal.chain import links
from protocols.journal.codec import MAX_ENTRY_BYTES
from protocols.journal.kinds import Kind
from protocols.journal.messages import FORMAT, Entry
from protocols.sync.messages import Batch
from protocols.values.errors import Malformed, RuleViolation

STREAK_MOST: Final = 20  # the same reason more often than this running is a bad deploy, not bad data (rule 26)

_HOUR_MS: Final = 3_600_000
_LAST_MS: Final = 4_102_444_800_000  # the year 2100: a business time past it is no time
_SETTLEMENT: Final = int(Kind.SETTLEMENT)  # a member of an enum takes longer to compare
_REFUND: Final = int(Kind.REFUND)
_DECLARATION: Final = int(Kind.DECLARATION)
_TOUCHING: Final = frozenset({*range(Kind.REFUND, Kind.CUTOFF_PASSED + 1), _DECLARATION})  # more than spends
_IDS: Final = 2**53
_KINDS: Final = 2**15
_FLOOR: Final = 10
_PERSONAL: Final = frozenset({1, 3, 13, 15})
_NO_PROBLEMS: Final[Mapping[int, Problem]] = {}


class Decoders:
    """Decoders by kind: those of the ledger's facts and of the registered domains."""

    def __init__(self, registry: Registry) -> None:
        self.entry = msgspec.msgpack.Decoder(Entry)
        structs = {int(kind): struct for kind, struct in PAYLOADS.items()} | registry.payloads
        self.payload = {kind: msgspec.msgpack.Decoder(struct) for kind, struct in structs.items()}


class Reader:
    """Reads a batch little by little: the entries first, then, part by part, hashes and payloads."""

    def __init__(self, decoders: Decoders, batch: Batch) -> None:
        self._decoders, self._batch = decoders, batch
        self._hashes: list[bytes] = []

    def open(self, known: int) -> None:
        """Leave the first `known` entries out, which came before, and decode the others, but not their payloads."""
        self.reading = Reading(self._batch.first_seq + known, list(self._batch.bodies[known:]), [], [], [])
        self.first_seq = self.reading.first_seq
        self.many = len(self.reading.bodies)  # how many are to be applied; a poisoned batch is cut
        _decode_entries(self._decoders, self._batch, self.reading)
        kinds = {entry.kind for entry in self.reading.entries if entry is not None}
        self.only_spends = not any(kind in _TOUCHING for kind in kinds)
        if _DECLARATION in kinds:
            self.many = self._past_declaration()

    def _past_declaration(self) -> int:
        """What follows a declaration is judged by it: it waits for the next batch (rule 25)."""
        kinds = [entry.kind if entry is not None else 0 for entry in self.reading.entries]
        first = kinds.index(_DECLARATION)
        return next((n for n in range(first, len(kinds)) if kinds[n] != _DECLARATION), len(kinds))

    def hash_at(self, position: int) -> bytes:
        """The chain's hash after the entry at a position of the batch."""
        hashed = self._hashes
        if len(hashed) <= position:
            previous = hashed[-1] if hashed else self._batch.previous
            hashed += links(previous, self._batch.bodies[len(hashed) : position + 1])
        return hashed[position]

    def hashes(self) -> list[bytes]:
        """The hash after every entry of the batch."""
        self.hash_at(len(self._batch.bodies) - 1)
        return self._hashes

    def read(self, stop: int) -> None:
        """Hash and decode all before position `stop` of the reading; a second time does nothing."""
        reading = self.reading
        start = len(reading.payloads)
        if start < stop:
            known = self.first_seq - self._batch.first_seq
            self.hash_at(known + stop - 1)
            reading.hashes += self._hashes[known + start : known + stop]
            _decode_payloads(self._decoders, reading, start, stop)

    def wants(self) -> Wants:
        """What must be loaded to apply all of it."""
        self.read(self.many)
        return wants_of(zip(self.reading.entries, self.reading.payloads, strict=False))  # only those that are read


def _decode_entries(decoders: Decoders, batch: Batch, reading: Reading) -> None:
    """What cannot be read becomes a problem of its position."""
    entries, problems = reading.entries, reading.problems
    device, epoch, decode = batch.device, batch.epoch, decoders.entry.decode
    seq = reading.first_seq
    for body in reading.bodies:
        entry = None
        try:
            entry = decode(body)
            if entry.seq != seq or entry.epoch != epoch or entry.device != device:
                problems[len(entries)] = Problem("misnumbered", "the entry is numbered otherwise than its place")
            elif not 0 <= entry.business_ms < _LAST_MS:
                problems[len(entries)] = Problem("malformed", "the business time is no time")
            elif entry.format != FORMAT:
                problems[len(entries)] = Problem(UNKNOWN_KIND, f"journal format {entry.format} is not known here")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            problems[len(entries)] = Problem("malformed", str(error)[:200])
        if len(body) > MAX_ENTRY_BYTES:
            problems[len(entries)] = Problem("malformed", f"an entry is at most {MAX_ENTRY_BYTES} bytes")
        entries.append(entry)
        seq += 1


def _decode_payloads(decoders: Decoders, reading: Reading, start: int, stop: int) -> None:
    entries, payloads, problems = reading.entries, reading.payloads, reading.problems
    by_kind = decoders.payload
    for position in range(start, stop):
        payload = None
        entry = entries[position]
        if entry is not None and position not in problems:
            try:
                payload = by_kind[entry.kind].decode(entry.payload)
            except KeyError:
                problems[position] = Problem(UNKNOWN_KIND, "this kind is not known here; it waits for an upgrade")
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
                problems[position] = Problem("malformed", str(error)[:200])
        payloads.append(payload)


def wants_of(facts: Iterable[tuple[Entry | None, Any]]) -> Wants:
    """What must be loaded to apply these."""
    wants = Wants()
    pairs = wants.pairs
    for entry, payload in facts:
        if entry is None or payload is None:
            continue
        kind = entry.kind
        if kind == _SETTLEMENT:
            person = payload.person
            for share in payload.shares:
                pairs.add((person, share.bucket))
        elif kind in _TOUCHING:
            _want_more(wants, kind, payload)
    return wants


def _want_more(wants: Wants, kind: int, payload: Any) -> None:
    found = pairs_of(kind, payload)
    wants.pairs.update(found)
    if kind in (Kind.LEASE_RETURNED, Kind.SHRINK_ANSWERED, Kind.CUTOFF_PASSED, Kind.DECLARATION):
        wants.returned.update(found)
    if kind == Kind.REFUND:
        wants.sales.add(payload.seq)
    if kind in (Kind.LEASE_RETURNED, Kind.SHRINK_ANSWERED) and payload.cause_n:
        wants.questions.add(payload.cause_n)
    if kind == Kind.CUTOFF_PASSED:
        wants.pairs.update((move.person, move.bucket) for move in payload.moves)


def apply(
    state: Slice, reading: Reading, context: EntryContext, registry: Registry,
    *, poison: Mapping[int, Problem] = _NO_PROBLEMS,
) -> Effects:  # fmt: skip
    """Apply the entries of a reading in order. `poison` are seqs that the database was found to refuse.

    Stops before the entry that would be the 21st running with one reason; `effects.through` says how far it came.
    """
    application = Application(state, reading, context, registry, poison=poison)
    application.run(0, len(reading.bodies))
    return application.close()


class Application:
    """`apply` in steps, so that a store can write one part while the next is applied. Steps are run in order."""

    def __init__(
        self, state: Slice, reading: Reading, context: EntryContext, registry: Registry,
        *, poison: Mapping[int, Problem] = _NO_PROBLEMS,
    ) -> None:  # fmt: skip
        stream = state.stream
        self.effects = Effects(
            reading.first_seq - 1, stream.head, streak_reason=stream.streak_reason, streak=stream.streak
        )
        self.effects.notes = state.books.notes
        self._state, self._reading = state, reading
        self._before = dict(state.books.balances)
        self._step = _Step(state, context, registry, self.effects)
        self._problems, self._poison = reading.problems, poison

    def run(self, start: int, stop: int) -> None:
        """Apply the entries at positions `start` to before `stop`, unless the stream has stopped."""
        reading, effects, step = self._reading, self.effects, self._step
        problems, poison = self._problems, self._poison
        if effects.stopped:
            return
        seq = reading.first_seq + start
        waiting = self._state.waiting
        for entry, payload in zip(reading.entries[start:stop], reading.payloads[start:stop], strict=True):
            problem = poison.get(seq) or problems.get(seq - reading.first_seq) if problems or poison else None
            if entry is None or problem is not None:
                step.fail(seq, entry, payload, problem or Problem("malformed", "not an entry"))
            elif not waiting or not step.parks(seq, entry, payload):
                failure = step.post(seq, entry, payload)
                if failure is not None:
                    step.fail(seq, entry, payload, failure)
            if effects.streak > STREAK_MOST:
                step.stop(seq)
                break
            effects.through = seq
            seq += 1

    def close(self) -> Effects:
        """The effects, complete with head and changes of balances."""
        effects, reading = self.effects, self._reading
        if effects.through >= reading.first_seq:
            effects.head = reading.hashes[effects.through - reading.first_seq]
        books = self._state.books
        effects.deltas = changes(self._before, books.balances, assumed=books.assumed)
        return effects


def changes(before: Mapping[Key, int], after: Mapping[Key, int], *, assumed: int) -> dict[Key, int]:
    """What has to be added to come from one set of balances to the other."""
    moved = ((key, balance - before.get(key, assumed if key[3] else 0)) for key, balance in after.items())
    return {key: delta for key, delta in moved if delta}


def apply_again(
    state: Slice, facts: Sequence[Fact], context: EntryContext, registry: Registry
) -> tuple[Effects, dict[int, Problem]]:
    """Apply entries that waited, in order of seq: those that still cannot be are answered with their problems.

    An entry waits on as long as an earlier one of its subject (outside `facts`, or failing here) does.
    """
    effects = Effects(state.stream.applied_through, state.stream.head)
    effects.notes = state.books.notes
    before = dict(state.books.balances)
    step = _Step(state, context, registry, effects)
    still: dict[int, Problem] = {}
    for entry, payload in facts:
        behind = step.behind(entry)
        if behind:
            still[entry.seq] = Problem(BEHIND, f"waits behind entry {behind}")
        else:
            failure = step.post(entry.seq, entry, payload)
            if failure is not None:
                still[entry.seq] = failure
        if entry.seq in still:
            state.waiting.add(entry.seq)
            if entry.subject:
                state.blocked.setdefault(entry.subject, entry.seq)
    effects.deltas = changes(before, state.books.balances, assumed=0)
    return effects, still


class _Step:
    """The application in progress."""

    def __init__(self, state: Slice, context: EntryContext, registry: Registry, effects: Effects) -> None:
        self.state, self.context, self.effects = state, context, effects
        self.books, self.sales = state.books, state.books.sales
        self.handlers = registry.by_kind
        for table in registry.tables:
            effects.rows.setdefault(table, [])
        self.received_hour = int(context.received_at.timestamp()) * 1000 // _HOUR_MS * _HOUR_MS

    def behind(self, entry: Entry) -> int:
        """The seq this entry waits behind, or 0."""
        state = self.state
        if not state.waiting:
            return 0
        if entry.depends_on in state.waiting:
            return entry.depends_on
        first = state.blocked.get(entry.subject, 0) if entry.subject else 0
        return first if first < entry.seq else 0

    def parks(self, seq: int, entry: Entry, payload: Any) -> bool:
        """Set the entry aside if what it belongs to waits already."""
        behind = self.behind(entry)
        if behind:
            problem = Problem(BEHIND, f"waits behind entry {behind}")
            self._set_aside(seq, entry, payload, EntryState.PARKED, problem, behind)
        return bool(behind)

    def fail(self, seq: int, entry: Entry | None, payload: Any, problem: Problem) -> None:
        """Quarantine the entry, or park it where only an upgrade is missing."""
        effects = self.effects
        if problem.code == UNKNOWN_KIND:
            self._set_aside(seq, entry, payload, EntryState.PARKED, problem, 0)
            return
        effects.streak = effects.streak + 1 if effects.streak_reason == problem.code else 1
        effects.streak_reason = problem.code
        if effects.streak <= STREAK_MOST:
            self._set_aside(seq, entry, payload, EntryState.QUARANTINED, problem, 0)

    def stop(self, seq: int) -> None:
        """The same reason too often: leave this entry and all after it with the edge, and alarm."""
        effects = self.effects
        effects.stopped = f"{effects.streak_reason}: {STREAK_MOST} entries running before entry {seq}"
        effects.streak = STREAK_MOST

    def post(self, seq: int, entry: Entry, payload: Any) -> Problem | None:
        """Post the entry's money and make its rows; on a problem the books are as they were."""
        books, effects = self.books, self.effects
        kind = entry.kind
        try:
            rows = self._rows(kind, entry, payload)  # first: they change nothing, so that only money is ever taken back
            moves = effects_of(kind, payload, seq, books)
        except RuleViolation as error:
            books.roll_back()
            return Problem(_code_of(type(error)), str(error)[:200])
        except Malformed as error:
            books.roll_back()
            return Problem("malformed", str(error)[:200])
        except Exception as error:  # noqa: BLE001 - a defect in a handler must not stop the stream: a person looks
            books.roll_back()
            return Problem("defect", f"{type(error).__name__}: {error}"[:200])
        books.undo.clear()
        if moves:
            self._write_lines(moves, seq, getattr(payload, "business_day", 0) or self.context.posting_day)
        for table, row in rows:
            effects.rows[table].append(row)
        if kind == _SETTLEMENT:
            effects.sum_fen += payload.amount_fen
            if seq in self.sales:
                self.sales[seq].amount = payload.amount_fen
        elif kind == _REFUND:
            effects.sum_fen -= payload.amount_fen
        effects.facts.append((entry, payload))
        effects.applied += 1
        effects.streak = 0
        effects.streak_reason = ""
        self._count(getattr(payload, "lane", 0), entry.business_ms // _HOUR_MS * _HOUR_MS, 0)
        return None

    def _rows(self, kind: int, entry: Entry, payload: Any) -> Sequence[tuple[str, tuple[Any, ...]]]:
        handlers = self.handlers.get(kind)
        if handlers is None:
            return ()
        if len(handlers) == 1:
            return tuple(handlers[0].rows(self.context, entry, payload))
        made: list[tuple[str, tuple[Any, ...]]] = []
        for handler in handlers:
            made.extend(handler.rows(self.context, entry, payload))
        return made

    def _write_lines(self, moves: list[Move], seq: int, business_day: int) -> None:
        part = 0
        for kind, debit, credit, amount in moves:
            person = debit[1] if debit[0] in _PERSONAL else credit[1] if credit[0] in _PERSONAL else 0
            self.effects.lines.append((kind, debit, credit, amount, person, business_day, seq, part))
            part += 1  # noqa: SIM113 - nearly always one line: enumerate would cost more than it saves

    def _set_aside(
        self, seq: int, entry: Entry | None, payload: Any, how: EntryState, problem: Problem, behind: int
    ) -> None:
        state, effects = self.state, self.effects
        subject = entry.subject if entry is not None else ""
        kind = entry.kind if entry is not None else 0
        lane = getattr(payload, "lane", 0)
        hour = entry.business_ms // _HOUR_MS * _HOUR_MS if entry is not None else self.received_hour
        if not 0 <= hour < _LAST_MS or not 0 <= lane < _IDS:
            hour, lane = self.received_hour, 0
        kind = kind if 0 <= kind < _KINDS else 0
        words = problem.words.replace("\x00", "?")
        shown = subject[:100].replace("\x00", "?")
        effects.set_aside.append(SetAside(seq, kind, shown, lane, hour, how, problem.code, words, behind))
        state.waiting.add(seq)
        if subject:
            state.blocked.setdefault(subject, seq)
        if how is EntryState.PARKED:
            effects.parked += 1
            self._count(lane, hour, 2)
        else:
            effects.quarantined += 1
            self._count(lane, hour, 1)

    def _count(self, lane: int, hour: int, which: int) -> None:
        counts = self.effects.counts.get((lane, hour))
        if counts is None:
            counts = self.effects.counts[lane, hour] = [0, 0, 0]
        counts[which] += 1


def _code_of(kind: type[RuleViolation]) -> str:
    """ReturnsTooMuch -> returns_too_much."""
    name = kind.__name__
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")
