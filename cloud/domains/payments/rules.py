"""Pure decisions of payments: periods, who gets a grant, amounts as people write them."""

import calendar
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

from protocols.ledger.accounts import Owner

KIND_NAMES = {1: "现金", 2: "餐补", 3: "加班餐补", 4: "福利", 5: "招待"}
KIND_NAMES_EN = {1: "Cash", 2: "Meal subsidy", 3: "Overtime subsidy", 4: "Welfare", 5: "Hospitality"}
KIND_WORDS = {
    **{name: kind for kind, name in KIND_NAMES.items()},
    **{name.lower(): kind for kind, name in KIND_NAMES_EN.items()},
    **{str(kind): kind for kind in KIND_NAMES},
}
_FEN_MOST = 100_000_000_00
_FEN_PLACES = 2


def period_days(period: str, months: int = 1) -> tuple[date, date]:
    """First day of a period ('2026-11') and the last day of the month `months` - 1 after it."""
    year, month = int(period[:4]), int(period[5:7])
    last_index = year * 12 + month - 1 + months - 1
    last_year, last_month = min(last_index // 12, 9999), last_index % 12 + 1
    return date(year, month, 1), date(last_year, last_month, calendar.monthrange(last_year, last_month)[1])


def month_days(period: str) -> tuple[int, int]:
    """First and last yyyymmdd number of a month."""
    base = int(period[:4]) * 10_000 + int(period[5:7]) * 100
    return base + 1, base + 31


def grant_refusal(*, state: str, blocked: str, valid_until: date | None, starts_on: date) -> str | None:
    """Why somebody gets no grant, or None."""
    if state != "active":
        return "left"
    if blocked:
        return "blocked"
    return "expired" if valid_until is not None and valid_until < starts_on else None


def read_yuan(text: str) -> int | None:
    """Fen of an amount as people write it ('¥1,234.50'), or None where it is no amount above zero."""
    try:
        value = Decimal(text.strip().lstrip("¥￥").replace(",", ""))
    except InvalidOperation:
        return None
    if not value.is_finite() or value <= 0 or value * 100 != (value * 100).to_integral_value():
        return None
    fen = int(value * 100)
    return fen if fen <= _FEN_MOST else None


@dataclass(frozen=True)
class FlowLine:
    """A ledger line's sides as they concern a person."""

    debit_kind: int
    debit_owner: int
    debit_bucket: int
    credit_kind: int
    credit_owner: int
    credit_bucket: int
    amount: int


def signed_for(line: FlowLine, person: int) -> list[tuple[int, int]]:
    """(bucket, signed amount) of what a line changes of a person's money; none for moves among their places."""
    mine = (Owner.PERSON, Owner.IN_DOUBT)
    parts: dict[int, int] = {}
    if line.debit_kind in mine and line.debit_owner == person:
        parts[line.debit_bucket] = -line.amount
    if line.credit_kind in mine and line.credit_owner == person:
        parts[line.credit_bucket] = parts.get(line.credit_bucket, 0) + line.amount
    return [(bucket, amount) for bucket, amount in parts.items() if amount]
