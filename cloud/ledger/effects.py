"""Money of journal entries: payload and books in, movements out. Pure; the same code runs over every store and seed.

What an entry says happened has happened: where the books hold too little, the rest is taken from an account that says
so (exceptions, or the loss account of a lost site), never refused (rules 6 and 7).
"""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from cloud.ledger.books import FIRST_WITHOUT_FLOOR, Books, Key, Move
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Owner, TransferKind
from protocols.payments import facts
from protocols.values.errors import RuleViolation

PAYLOADS: Final[dict[int, type[msgspec.Struct]]] = {
    Kind.INCARNATION: facts.Incarnation,
    Kind.KEY_ROTATED: facts.KeyRotated,
    Kind.COMMAND_DONE: facts.CommandDone,
    Kind.DECLARATION: facts.Declaration,
    Kind.SETTLEMENT: facts.Settlement,
    Kind.REFUND: facts.Refund,
    Kind.CASH_TAKEN: facts.CashTaken,
    Kind.CASH_VOIDED: facts.CashVoided,
    Kind.REFUSED: facts.Refused,
    Kind.WEIGHED: facts.Weighed,
    Kind.WEIGHT_UNATTRIBUTED: facts.WeightUnattributed,
    Kind.TRAY_BOUND: facts.TrayBound,
    Kind.LEASE_RETURNED: facts.LeaseReturned,
    Kind.SHRINK_ANSWERED: facts.ShrinkAnswered,
    Kind.CUTOFF_PASSED: facts.CutoffPassed,
    Kind.STANDING_RETURNED: facts.StandingReturned,
    Kind.DAY_CLOSED: facts.DayClosed,
    Kind.TURNSTILE_PASSED: facts.TurnstilePassed,
}

_PERSON: Final = int(Owner.PERSON)
_IN_DOUBT: Final = int(Owner.IN_DOUBT)
_STALL: Final = int(Owner.STALL)
_ISSUER: Final = int(Owner.ISSUER)
_CASH_DESK: Final = int(Owner.CASH_DESK)
_EXCEPTIONS: Final = int(Owner.EXCEPTIONS)
_LOSS: Final = int(Owner.LOSS)
_RECEIVABLE: Final = int(Owner.RECEIVABLE)

_GRANT: Final = int(TransferKind.LEASE_GRANT)
_RETURN: Final = int(TransferKind.LEASE_RETURN)
_SPEND: Final = int(TransferKind.SPEND)
_REFUND: Final = int(TransferKind.REFUND)
_CLEARING: Final = int(TransferKind.CLEARING)
_CASH_TAKEN: Final = int(TransferKind.CASH_TAKEN)
_CASH_VOIDED: Final = int(TransferKind.CASH_VOIDED)
_CORRECTION: Final = int(TransferKind.CORRECTION)


class ReturnsTooMuch(RuleViolation):
    """A site gives back more than the books say it holds: something before it is missing."""


class RefundTooMuch(RuleViolation):
    """A refund beyond its settlement, or twice under one number."""


Effect = Callable[[Any, int, Books], list[Move]]


def effects_of(kind: int, payload: Any, seq: int, books: Books) -> list[Move]:
    """Movements of one entry, in order. Raises RuleViolation, the balances then being the caller's to roll back."""
    effect = _EFFECTS.get(kind)
    return [] if effect is None else effect(payload, seq, books)


def pairs_of(kind: int, payload: Any) -> Iterable[tuple[int, int]]:
    """(person, bucket) of every floored account the entry may touch."""
    if kind in (Kind.SETTLEMENT, Kind.REFUND):
        return [(payload.person, share.bucket) for share in payload.shares]
    if kind in (Kind.CASH_TAKEN, Kind.CASH_VOIDED, Kind.SHRINK_ANSWERED):
        return [(payload.person, payload.bucket)]
    if kind in (Kind.LEASE_RETURNED, Kind.CUTOFF_PASSED, Kind.DECLARATION):
        return [(move.person, move.bucket) for move in payload.moves]
    return ()


def leased_by(kind: int, payload: Any) -> Iterable[tuple[int, int, int]]:
    """(person, bucket, by): what the entry puts to (+) or takes from (-) what its site holds, as the site saw it."""
    if kind in (Kind.SETTLEMENT, Kind.REFUND):
        sign = 1 if kind == Kind.REFUND else -1
        return [(payload.person, share.bucket, sign * share.amount) for share in payload.shares]
    if kind in (Kind.CASH_TAKEN, Kind.CASH_VOIDED):
        sign = 1 if kind == Kind.CASH_TAKEN else -1
        return [(payload.person, payload.bucket, sign * payload.amount_fen)]
    if kind in (Kind.LEASE_RETURNED, Kind.CUTOFF_PASSED):
        return [(move.person, move.bucket, -move.amount) for move in payload.moves]
    if kind == Kind.SHRINK_ANSWERED:
        return [(payload.person, payload.bucket, -payload.amount)]
    return ()


def business_day_of(payload: Any) -> int:
    """The day a payload names, 0 where it names none."""
    return int(getattr(payload, "business_day", 0))


def _settlement(fact: facts.Settlement, _seq: int, books: Books) -> list[Move]:
    amount = fact.amount_fen
    if amount < 0 or fact.gross_fen - fact.discount_fen + fact.fee_fen != amount:
        raise RuleViolation("gross less discount plus fee is not the amount")
    moves: list[Move] = []
    counting = books.counting
    left = amount
    for share in fact.shares:
        part = share.amount
        bucket = share.bucket
        if part < 0:
            raise RuleViolation("a share is below zero")
        if bucket not in counting:
            left -= part
        if part:
            _take(books, moves, _SPEND, fact.person, bucket, (_STALL, fact.stall, bucket, 0, 0), part)
    if left:
        raise RuleViolation("the shares do not add up to the amount")
    return moves


def _take(books: Books, moves: list[Move], kind: int, person: int, bucket: int, credit: Key, amount: int) -> None:
    """Take from what the stream holds; what is short comes from the account that says why."""
    if not books.branch:
        source = (_PERSON, person, bucket, books.site, books.epoch)
        balances = books.balances
        held = balances.get(source, books.assumed)
        part = min(amount, held)
        if part > 0:
            books.undo.append((source, held))
            balances[source] = held - part
            books.add(credit, part)
            moves.append((kind, source, credit, part))
            amount -= part
        if not amount:
            return
        if books.recovering:
            amount -= _lend_back(books, moves, kind, person, bucket, credit, amount)
        if books.lost:
            amount -= _take_in_doubt(books, moves, kind, person, bucket, credit, amount)
    if amount > 0:
        books.move(moves, kind, _short(books, person, bucket), credit, amount)


def _lend_back(
    books: Books, moves: list[Move], kind: int, person: int, bucket: int, credit: Key, wanted: int
) -> int:  # fmt: skip
    free: Key = (_PERSON, person, bucket, 0, 0)
    part = min(books.balances.get(free, 0), wanted)
    if part > 0:
        source = books.leased(person, bucket)
        books.move(moves, _GRANT, free, source, part)
        books.move(moves, kind, source, credit, part)
    return part


def _take_in_doubt(
    books: Books, moves: list[Move], kind: int, person: int, bucket: int, credit: Key, wanted: int
) -> int:  # fmt: skip
    doubt: Key = (_IN_DOUBT, person, bucket, books.site, books.epoch)
    part = min(books.balances.get(doubt, 0), wanted)
    if part > 0:
        books.move(moves, kind, doubt, credit, part)
    return part


def _short(books: Books, person: int, bucket: int) -> Key:
    if books.lost and not books.branch:
        return (_LOSS, books.bearer, bucket, books.site, books.epoch)
    return (_EXCEPTIONS, person, bucket, books.site, books.epoch)


def _give(books: Books, person: int, bucket: int) -> Key:
    """Where money given back by this stream goes."""
    if books.branch:
        return (_EXCEPTIONS, person, bucket, books.site, books.epoch)
    if books.lost:
        if books.released:
            return (_PERSON, person, bucket, 0, 0)
        return (_IN_DOUBT, person, bucket, books.site, books.epoch)
    return books.leased(person, bucket)


def _refund(fact: facts.Refund, seq: int, books: Books) -> list[Move]:
    if (fact.device, fact.epoch) != (books.device, books.epoch):
        raise RuleViolation("a refund at a lane is only of a settlement of the same stream")
    fen = sum(share.amount for share in fact.shares if share.bucket not in books.counting)
    if fact.amount_fen < 0 or fen != fact.amount_fen:
        raise RuleViolation("the shares do not add up to the refund")
    sale = books.sales.get(fact.seq)
    if sale is None or fact.refund_no in sale.numbers or sale.refunded + fact.amount_fen > sale.amount:
        raise RefundTooMuch("more than was paid would be given back, or twice under one number")
    moves: list[Move] = []
    for share in fact.shares:
        if share.amount < 0:
            raise RuleViolation("a share of a refund is not below zero")
        if not share.amount:
            continue
        target = _give(books, fact.person, share.bucket)
        books.move(moves, _REFUND, (_STALL, fact.stall, share.bucket, 0, 0), target, share.amount)
        if _follows_clearing(books, share.bucket, target):
            books.move(moves, _CLEARING, target, (_ISSUER, books.organisation, share.bucket, 0, 0), share.amount)
    sale.numbers.add(fact.refund_no)
    sale.refunded += fact.amount_fen
    books.notes.refunds.append((fact.seq, fact.refund_no, fact.amount_fen, seq))
    return moves


def _follows_clearing(books: Books, bucket: int, target: Key) -> bool:
    """Whether what comes back is swept: the marker was passed, or a lost site's money was released (rule 10)."""
    if target[0] >= FIRST_WITHOUT_FLOOR:
        return False
    return bucket in books.passed or (bucket in books.cut and not target[3])


def _cash_taken(fact: facts.CashTaken, _seq: int, books: Books) -> list[Move]:
    if fact.amount_fen <= 0:
        raise RuleViolation("cash taken is above zero")
    moves: list[Move] = []
    desk: Key = (_CASH_DESK, fact.lane, fact.bucket, 0, 0)
    books.move(moves, _CASH_TAKEN, desk, _give(books, fact.person, fact.bucket), fact.amount_fen)
    return moves


def _cash_voided(fact: facts.CashVoided, _seq: int, books: Books) -> list[Move]:
    if fact.amount_fen <= 0:
        raise RuleViolation("cash given back is above zero")
    moves: list[Move] = []
    desk: Key = (_CASH_DESK, fact.lane, fact.bucket, 0, 0)
    _take(books, moves, _CASH_VOIDED, fact.person, fact.bucket, desk, fact.amount_fen)
    return moves


def _lease_returned(fact: facts.LeaseReturned, _seq: int, books: Books) -> list[Move]:
    moves: list[Move] = []
    if books.branch:
        return moves
    for part in fact.moves:
        if part.amount < 0:
            raise RuleViolation("a return is not below zero")
        if part.amount:
            _hand_back(books, moves, part)
    question = books.questions.pop(fact.cause_n, None)
    if question is not None and question.for_site:
        books.notes.passed_on += [
            (question.for_site, question.for_epoch, part.person, part.bucket, part.amount)
            for part in fact.moves
            if part.amount and part.bucket not in books.cut
        ]
    if fact.cause_n:
        books.notes.answers.append((fact.cause_n, sum(part.amount for part in fact.moves)))
    return moves


def _hand_back(books: Books, moves: list[Move], part: facts.Movement) -> None:
    source = books.leased(part.person, part.bucket)
    if books.lost:
        source = (_IN_DOUBT, part.person, part.bucket, books.site, books.epoch)
        if books.released:
            return  # it went back to the person when it was released
    held = books.balances.get(source, 0)
    amount = part.amount
    if books.recovering or part.bucket in books.passed:  # the rest was never seen to leave, or was swept as it came
        amount = min(part.amount, held)
    if held < amount:
        raise ReturnsTooMuch(f"{amount} of bucket {part.bucket} come back, the books hold less there")
    if not amount:
        return
    if part.bucket in books.cut:
        books.move(moves, _CLEARING, source, (_ISSUER, books.organisation, part.bucket, 0, 0), amount)
    else:
        books.move(moves, _RETURN, source, (_PERSON, part.person, part.bucket, 0, 0), amount)


def _shrink_answered(fact: facts.ShrinkAnswered, _seq: int, books: Books) -> list[Move]:
    moves: list[Move] = []
    if books.branch:
        return moves
    if fact.amount < 0:
        raise RuleViolation("a site gives up nothing below zero")
    question = books.questions.get(fact.cause_n)
    if question is None or question.counter is None:  # a restored cloud has forgotten that it corrected (rule 25)
        if fact.amount:
            _hand_back(books, moves, facts.Movement(fact.person, fact.bucket, fact.amount))
        return moves
    given = min(fact.amount, question.asked)
    counter: Key = (*question.counter, fact.bucket, 0, 0)
    _give_up(books, moves, fact.person, fact.bucket, counter, given)
    if question.asked > given:
        owed: Key = (_RECEIVABLE, fact.person, fact.bucket, 0, 0)
        books.move(moves, _CORRECTION, owed, counter, question.asked - given)
    del books.questions[fact.cause_n]
    books.notes.answers.append((fact.cause_n, given))
    return moves


def _give_up(books: Books, moves: list[Move], person: int, bucket: int, counter: Key, amount: int) -> None:
    source = books.leased(person, bucket)
    part = min(amount, books.balances.get(source, 0))
    if part:
        books.move(moves, _CORRECTION, source, counter, part)
    if amount > part and books.recovering:
        part += _lend_back(books, moves, _CORRECTION, person, bucket, counter, amount - part)
    if amount > part:
        raise ReturnsTooMuch("the site gives up more than the books say it holds")


def _cutoff_passed(fact: facts.CutoffPassed, seq: int, books: Books) -> list[Move]:
    moves: list[Move] = []
    if books.branch:
        return moves
    for part in fact.moves:
        source = books.leased(part.person, part.bucket)
        amount = min(part.amount, books.balances.get(source, 0))  # what waits for a person may still come or go here
        if amount > 0 and part.bucket in books.cut:
            books.move(moves, _CLEARING, source, (_ISSUER, books.organisation, part.bucket, 0, 0), amount)
        elif amount > 0:  # a restored cloud has forgotten that it clears (rule 25)
            books.move(moves, _RETURN, source, (_PERSON, part.person, part.bucket, 0, 0), amount)
    for bucket in fact.buckets:
        books.passed.add(bucket)
        books.notes.cutoffs.append((bucket, seq))
    if fact.cause_n:
        books.notes.answers.append((fact.cause_n, sum(part.amount for part in fact.moves)))
    return moves


def _standing_returned(fact: facts.StandingReturned, _seq: int, books: Books) -> list[Move]:
    if not books.branch:
        books.notes.standing.append((fact.person, fact.rule, fact.from_day))
        if fact.cause_n:
            books.notes.answers.append((fact.cause_n, 0))
    return []


def _declaration(fact: facts.Declaration, seq: int, books: Books) -> list[Move]:
    if not books.branch:
        books.notes.declarations.append((seq, fact))
    return []


_EFFECTS: Final[dict[int, Effect]] = {
    int(Kind.SETTLEMENT): _settlement,
    Kind.REFUND: _refund,
    Kind.CASH_TAKEN: _cash_taken,
    Kind.CASH_VOIDED: _cash_voided,
    Kind.LEASE_RETURNED: _lease_returned,
    Kind.SHRINK_ANSWERED: _shrink_answered,
    Kind.CUTOFF_PASSED: _cutoff_passed,
    Kind.STANDING_RETURNED: _standing_returned,
    Kind.DECLARATION: _declaration,
}
