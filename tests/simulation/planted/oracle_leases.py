"""Models of how large leases are (rules 2, 3, 4, 9): counted fen by fen where the real ones reckon."""

from collections import Counter
from random import Random

from cloud.ledger.leases import Part, Staying, home_grants, recalls, reserve_fen, true_up, visitor_grants
from tests.simulation.planted.oracle_rules import same


def check_leases(random: Random) -> None:
    """Reserve, homes, visitors, whom to ask, what stays, and true-ups."""
    free = {bucket: random.randrange(0, 9) for bucket in random.sample(range(10, 16), random.randrange(0, 5))}
    home = {bucket: random.randrange(0, 9) for bucket in random.sample(range(10, 16), random.randrange(0, 4))}
    meal = random.choice((0, 1, 3, 7, 20))
    _check_home(free, home, meal)
    wanted = random.randrange(0, 20)
    order = random.sample(range(10, 16), random.randrange(0, 4))
    _check_visitor(free, wanted, order)
    held = {(random.randrange(1, 4), 1, bucket): amount for bucket, amount in free.items()}
    _check_recalls(held, wanted)
    expired = frozenset(random.sample(range(10, 16), random.randrange(0, 3)))
    promised = {(1, bucket): random.randrange(0, 9) for bucket in random.sample(range(10, 16), 2)}
    left = {b: a - promised.get((1, b), 0) for b, a in free.items()}
    staying = {bucket: amount for bucket, amount in left.items() if amount > 0 and bucket not in expired}
    same("what a home may get", Staying(expired, promised).leave(1, free), staying)
    _check_true_up(random, free, home)


def _check_home(free: dict[int, int], home: dict[int, int], meal: int) -> None:
    total = sum(free.values()) + sum(home.values())
    kept = 0
    for _ in range(total):  # a meal at home comes first; then as much again is kept for visits
        if total - kept > meal and kept < meal:
            kept += 1
    same(f"reserve of {total}", reserve_fen(total, meal), kept)
    left = dict(free)
    for bucket in sorted(left, key=lambda bucket: (-free[bucket], bucket)):
        while kept and left[bucket]:
            left[bucket] -= 1
            kept -= 1
    expected = [Part(bucket, amount) for bucket, amount in sorted(left.items()) if amount]
    same(f"home grants of {free} beside {home}", home_grants(free, home, meal_fen=meal), expected)


def _check_visitor(free: dict[int, int], wanted: int, order: list[int]) -> None:
    rest = sorted((bucket for bucket in free if bucket not in order), key=lambda bucket: (-free[bucket], bucket))
    taken: Counter[int] = Counter()
    for bucket in [*(bucket for bucket in order if bucket in free), *rest]:
        while sum(taken.values()) < wanted and taken[bucket] < free[bucket]:
            taken[bucket] += 1
    found = visitor_grants(free, wanted, order=order)
    same(f"{wanted} of {free} by {order}", found, [Part(bucket, amount) for bucket, amount in taken.items() if amount])


def _check_recalls(held: dict[tuple[int, int, int], int], wanted: int) -> None:
    asked: Counter[tuple[int, int, int]] = Counter()
    for place in sorted(held, key=lambda place: (-held[place], place)):
        while sum(asked.values()) < wanted and asked[place] < held[place]:
            asked[place] += 1
    expected = [(site, epoch, Part(bucket, fen)) for (site, epoch, bucket), fen in asked.items() if fen]
    same(f"{wanted} back of {held}", recalls(held, wanted), expected)


def _check_true_up(random: Random, spent: dict[int, int], left: dict[int, int]) -> None:
    order = random.sample(range(10, 16), random.randrange(1, 6))
    spare, paid = Counter(left), Counter(spent)
    expected: list[tuple[int, int, int]] = []
    for rank, better in enumerate(order):
        for worse in reversed(order[rank + 1 :]):
            swapped = 0
            while spare[better] and paid[worse]:
                spare[better] -= 1
                paid[worse] -= 1
                swapped += 1
            expected += [(better, worse, swapped)] if swapped else []
    same(f"swaps of {spent} with {left} in {order}", true_up(spent, left, order), expected)
