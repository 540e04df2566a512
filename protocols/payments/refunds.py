"""What may go back of a settlement, and to which buckets (rule 10): in reverse, at most the original."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from protocols.payments.facts import Line, Refund, Settlement, Share
from protocols.values.errors import RuleViolation
from protocols.values.money import allocate_fen


class RefundRefused(RuleViolation):
    """Why nothing goes back: `word` is "refunded_before", "item_refunded_before", "no_such_item" or "nothing_left"."""

    def __init__(self, word: str) -> None:
        super().__init__(f"no refund: {word}")
        self.word = word


class Back(NamedTuple):
    """What goes back: fen, shares by bucket, limit uses when the `whole` settlement is undone."""

    amount_fen: int
    shares: tuple[Share, ...]
    uses: tuple[Share, ...]
    refund_no: int
    whole: bool


def line_paid_fen(settlement: Settlement) -> list[int]:
    """What was paid for each line after discount and fee; the parts add up to the amount."""
    if not settlement.lines:
        return []
    weights = [line.amount_fen for line in settlement.lines]
    if not any(weights):
        weights = [1] * len(weights)
    return allocate_fen(settlement.amount_fen, weights)


def plan_refund(
    settlement: Settlement, before: Sequence[Refund], items: tuple[int, ...], *, counting: Iterable[int] = ()
) -> Back:
    """Decide a refund of `items` (indexes of lines; empty = all that is left). Raises RefundRefused.

    `counting` names buckets whose shares are passes: they go back only with the whole settlement.
    """
    passes = frozenset(counting)
    gone_items = {item for refund in before for item in refund.items}
    if any(not refund.items for refund in before):
        raise RefundRefused("refunded_before")
    gone_fen = sum(refund.amount_fen for refund in before)
    chosen = _items(settlement.lines, items, gone_items)
    if gone_items and not chosen:
        raise RefundRefused("nothing_left")
    whole = len(gone_items) + len(chosen) == len(settlement.lines) or not items
    if whole:
        amount_fen = settlement.amount_fen - gone_fen
    else:
        paid = line_paid_fen(settlement)
        amount_fen = sum(paid[item] for item in chosen)
    shares = _shares(settlement.shares, before, amount_fen, passes, whole=whole)
    return Back(amount_fen, shares, settlement.uses if whole else (), len(before) + 1, whole)


def _items(lines: Sequence[Line], items: tuple[int, ...], gone: set[int]) -> tuple[int, ...]:
    if not items:
        return tuple(index for index in range(len(lines)) if index not in gone)
    if len(set(items)) != len(items) or not all(0 <= item < len(lines) for item in items):
        raise RefundRefused("no_such_item")
    if gone.intersection(items):
        raise RefundRefused("item_refunded_before")
    return items


def _shares(
    paid: Sequence[Share], before: Sequence[Refund], amount_fen: int, passes: frozenset[int], *, whole: bool
) -> tuple[Share, ...]:
    gone: dict[int, int] = {}
    for refund in before:
        for share in refund.shares:
            gone[share.bucket] = gone.get(share.bucket, 0) + share.amount
    back = []
    for share in reversed(paid):
        left = share.amount - gone.get(share.bucket, 0)
        if share.bucket in passes:
            part = left if whole else 0
        else:
            part = min(left, amount_fen)
            amount_fen -= part
        if part:
            back.append(Share(share.bucket, part))
    return tuple(back)
