"""Proof from the disk alone: at every entry, what was spent lay within the grants applied before it (rules 1 and 5).

The lease log keeps for each message the journal's head at that moment, so the order of both is known for good.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from edge.store.connection import Reader
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.sync.messages import LeaseKind

Held = dict[tuple[int, int], int]
Change = tuple[int, int, int]


def verify(reader: Reader) -> list[str]:
    """Every breach found, in words; none is the proof. Goes through the whole journal that is here.

    Where older entries were pruned, what they left is reckoned back from the balances of now.
    """
    problems: list[str] = []
    now: Held = {(p, b): a for p, b, a in reader.rows("SELECT person, bucket, amount FROM lease_balances")}
    steps = list(_steps(reader))
    held = dict(now)
    for _seq, changes in steps:
        for person, bucket, by in changes:
            held[person, bucket] = held.get((person, bucket), 0) - by
    first = reader.row("SELECT min(seq) FROM entries")
    pruned = first is not None and first[0] is not None and first[0] > 1
    for (person, bucket), amount in held.items():
        if amount < 0 or (amount and not pruned):
            problems.append(f"person {person} bucket {bucket}: {amount} is not explained by grants and entries")
    for seq, changes in steps:
        for person, bucket, by in changes:
            held[person, bucket] = held.get((person, bucket), 0) + by
            if held[person, bucket] < 0:
                problems.append(f"entry {seq}: person {person} bucket {bucket} falls to {held[person, bucket]}")
    return problems


def _steps(reader: Reader) -> Iterator[tuple[int, list[Change]]]:
    """Changes in the order they were committed: messages applied after entry n stand before entry n + 1."""
    grants = iter(reader.rows("SELECT after_seq, kind, person, bucket, amount FROM lease_log ORDER BY n"))
    grant = next(grants, None)
    low = reader.row("SELECT min(seq) FROM entries")
    start = (low[0] or 1) if low else 1
    for seq, body in reader.rows("SELECT seq, body FROM entries ORDER BY seq"):
        while grant is not None and grant[0] < seq:
            if grant[0] >= start - 1:
                yield grant[0], _granted(grant[1:])
            grant = next(grants, None)
        entry = decode_entry(body)
        yield seq, list(changes_of(entry.kind, entry.payload))
    while grant is not None:
        yield grant[0], _granted(grant[1:])
        grant = next(grants, None)


def changes_of(kind: int, payload: bytes) -> Iterable[Change]:
    """What an entry did to the balances here: (person, bucket, by)."""
    match kind:
        case Kind.SETTLEMENT:
            sale = facts.decode(facts.Settlement, payload)
            return [(sale.person, share.bucket, -share.amount) for share in sale.shares]
        case Kind.REFUND:
            back = facts.decode(facts.Refund, payload)
            return [(back.person, share.bucket, share.amount) for share in back.shares]
        case Kind.CASH_TAKEN:
            taken = facts.decode(facts.CashTaken, payload)
            return [(taken.person, taken.bucket, taken.amount_fen)]
        case Kind.CASH_VOIDED:
            void = facts.decode(facts.CashVoided, payload)
            return [(void.person, void.bucket, -void.amount_fen)]
        case Kind.LEASE_RETURNED:
            return [(m.person, m.bucket, -m.amount) for m in facts.decode(facts.LeaseReturned, payload).moves]
        case Kind.CUTOFF_PASSED:
            return [(m.person, m.bucket, -m.amount) for m in facts.decode(facts.CutoffPassed, payload).moves]
        case Kind.SHRINK_ANSWERED:
            shrunk = facts.decode(facts.ShrinkAnswered, payload)
            return [(shrunk.person, shrunk.bucket, -shrunk.amount)]
    return []


def _granted(grant: tuple[Any, ...]) -> list[Change]:
    kind, person, bucket, amount = grant
    return [(person, bucket, amount)] if kind == LeaseKind.GRANT else []
