"""Pure decisions of the canteen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from protocols.payments.facts import Share
from protocols.values.errors import Malformed, RuleViolation
from protocols.values.ids import EntryId

REFUND_REASONS = {1: "wrong_charge", 2: "food_problem", 3: "void", 4: "other"}
_RECEIPT = re.compile(r"^(?:.*-)?([A-Z0-9]{1,8})-([0-9]{8})-([0-9]{1,9})$")
_INT_MOST = 2**31 - 1


@dataclass(frozen=True)
class Search:
    """What a text in the search box names: an entry, a receipt (lane code, day, number), a number or a person."""

    entry: EntryId | None = None
    lane_code: str = ""
    business_day: int = 0
    receipt_no: int = 0
    text: str = ""


def read_search(text: str) -> Search:
    """Read the search box: '7-1-42' an entry, 'A1-20261120-0042' a receipt, '42' a receipt number, else a person."""
    text = text.strip()
    receipt = _RECEIPT.match(text.upper())
    if receipt and int(receipt[3]) <= _INT_MOST:
        return Search(lane_code=receipt[1], business_day=int(receipt[2]), receipt_no=int(receipt[3]))
    try:
        entry = EntryId.parse(text)
    except Malformed:
        entry = None
    if entry and entry.epoch <= _INT_MOST and max(entry) < 2**53:
        return Search(entry=entry)
    if text.isascii() and text.isdigit() and int(text) <= _INT_MOST:
        return Search(receipt_no=int(text), text=text)
    return Search(text=text)


def state_of(amount_fen: int, refunded_fen: int) -> str:
    """The word for how much of a settlement came back."""
    if refunded_fen <= 0:
        return "paid"
    return "refunded" if refunded_fen >= amount_fen else "part_refunded"


def shares_to_return(shares: Sequence[Share], *, returned_fen: int, amount_fen: int) -> list[Share]:
    """Which buckets an amount goes back to: the reverse of how it was paid, past what came back already (rule 10).

    Raises RuleViolation where the sum would pass the original.
    """
    if amount_fen <= 0 or returned_fen + amount_fen > sum(share.amount for share in shares):
        raise RuleViolation("refunds never pass the original amount")
    parts = []
    for share in reversed(shares):
        done = min(returned_fen, share.amount)
        returned_fen -= done
        part = min(amount_fen, share.amount - done)
        amount_fen -= part
        if part:
            parts.append(Share(share.bucket, part))
    return parts
