"""Money is a whole number of fen (1/100 yuan). Rounding happens only in the functions named here."""

from collections.abc import Sequence
from typing import NewType

from protocols.values.errors import RuleViolation

Fen = NewType("Fen", int)


def format_fen(amount_fen: int) -> str:
    """Show fen as yuan with grouped thousands: 123456 -> '¥1,234.56', -5 -> '-¥0.05'."""
    sign = "-" if amount_fen < 0 else ""
    yuan, fen = divmod(abs(amount_fen), 100)
    return f"{sign}¥{yuan:,}.{fen:02d}"


def price_of_weight_fen(price_per_kg_fen: int, weight_g: int) -> int:
    """Price of a weight, half a fen rounded up (the rounding a scale's display uses)."""
    if weight_g < 0 or price_per_kg_fen < 0:
        raise RuleViolation("price and weight are not negative")
    return (price_per_kg_fen * weight_g + 500) // 1000


def permille_of_fen(amount_fen: int, permille: int) -> int:
    """`permille` thousandths of an amount, half a fen rounded up."""
    if amount_fen < 0:
        raise RuleViolation("a share is taken of an amount that is not negative")
    return (amount_fen * permille + 500) // 1000


def allocate_fen(total_fen: int, weights: Sequence[int]) -> list[int]:
    """Split a total by weights so that the parts add up exactly (largest remainder, ties to the first)."""
    whole = sum(weights)
    if total_fen < 0 or whole <= 0 or min(weights) < 0:
        raise RuleViolation("a split needs a total that is not negative and weights with a positive sum")
    parts = [total_fen * weight // whole for weight in weights]
    remainders = [total_fen * weight % whole for weight in weights]
    for index in sorted(range(len(parts)), key=lambda i: -remainders[i])[: total_fen - sum(parts)]:
        parts[index] += 1
    return parts
