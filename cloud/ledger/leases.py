"""How large leases are: pure decisions over what is available and what is leased (rules 3, 4, 9)."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple


class Part(NamedTuple):
    """An amount of one bucket."""

    bucket: int
    amount: int


class Staying(NamedTuple):
    """What goes to no home: buckets past their last day, and (person, bucket) -> what its owner is to be paid."""

    expired: frozenset[int] = frozenset()
    promised: Mapping[tuple[int, int], int] = MappingProxyType({})

    def leave(self, person: int, amounts: Mapping[int, int]) -> dict[int, int]:
        """Those of a person's available amounts that a home may get."""
        left = {
            bucket: amount - self.promised.get((person, bucket), 0)
            for bucket, amount in amounts.items()
            if bucket not in self.expired
        }
        return {bucket: amount for bucket, amount in left.items() if amount > 0}


NOTHING_STAYS: Final = Staying()


def reserve_fen(total: int, meal_fen: int) -> int:
    """What is kept from the home site for visits: one meal, but never so that home holds less than one."""
    return min(max(total - meal_fen, 0), meal_fen)


def home_grants(available: Mapping[int, int], at_home: Mapping[int, int], *, meal_fen: int) -> list[Part]:
    """What the home site gets now, so that it holds the whole balance less the reserve. Nothing is ever taken back.

    The reserve stays in the largest buckets (ties: the lower id), so that small dated grants are spendable at home.
    """
    reserve = reserve_fen(sum(available.values()) + sum(at_home.values()), meal_fen)
    grants = []
    for bucket, amount in sorted(available.items(), key=lambda item: (-item[1], item[0])):
        kept = min(reserve, amount)
        reserve -= kept
        if amount > kept:
            grants.append(Part(bucket, amount - kept))
    return sorted(grants)


def visitor_grants(available: Mapping[int, int], wanted: int, *, order: Sequence[int] = ()) -> list[Part]:
    """What a visited site gets of `wanted` from what is available: buckets in `order`, the others largest first."""
    rank = {bucket: index for index, bucket in enumerate(order)}
    grants = []
    for bucket, amount in sorted(available.items(), key=lambda i: (rank.get(i[0], len(rank)), -i[1], i[0])):
        part = min(wanted, amount)
        if part > 0:
            grants.append(Part(bucket, part))
            wanted -= part
    return grants


def recalls(held: Mapping[tuple[int, int, int], int], wanted: int) -> list[tuple[int, int, Part]]:
    """Whom to ask for `wanted`: `held` is (site, epoch, bucket) -> amount; largest holdings first."""
    asked = []
    for (site, epoch, bucket), amount in sorted(held.items(), key=lambda item: (-item[1], item[0])):
        part = min(wanted, amount)
        if part > 0:
            asked.append((site, epoch, Part(bucket, part)))
            wanted -= part
    return asked


def true_up(spent: Mapping[int, int], left: Mapping[int, int], order: Sequence[int]) -> list[tuple[int, int, int]]:
    """Swaps (better, worse, amount) that give the spending the split it had had with all buckets at hand (rule 2).

    `order` is best first. What was spent from a worse bucket moves to a better one as far as that one has some left.
    """
    spare = {bucket: left.get(bucket, 0) for bucket in order}
    paid = {bucket: spent.get(bucket, 0) for bucket in order}
    swaps = []
    for rank, better in enumerate(order):
        for worse in reversed(order[rank + 1 :]):
            amount = min(spare[better], paid[worse])
            if amount > 0:
                spare[better] -= amount
                paid[worse] -= amount
                swaps.append((better, worse, amount))
    return swaps
