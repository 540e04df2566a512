"""When 2,000 diners come to lunch: two waves after the two shifts' bells, drawn from a seed."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

# Share of diners, minute of the wave's peak and its spread, over a lunch of 105 minutes.
_WAVES = ((0.60, 25.0, 9.0), (0.30, 55.0, 10.0), (0.10, 80.0, 12.0))
LUNCH_MINUTES = 105.0
_UNDER_WAY_MINUTES = 14.0


@dataclass(frozen=True)
class Arrival:
    """`person` comes `at_s` after the doors opened and prefers the lane kind drawn by `taste` (0 to 1)."""

    at_s: float
    person: int
    taste: float


def arrivals(people: list[int], *, random: Random, speed: float) -> list[Arrival]:
    """One lunch of everybody, in order of time, `speed` times faster than life."""
    drawn = [Arrival(at_s=_minute(random) * 60 / speed, person=person, taste=random.random()) for person in people]
    return sorted(drawn, key=lambda arrival: arrival.at_s)


def endless(people: list[int], *, random: Random, speed: float) -> Iterator[Arrival]:
    """Lunch after lunch, with a pause of a twentieth between them. The first is under way already."""
    offset_s = -_UNDER_WAY_MINUTES * 60 / speed
    while True:
        for arrival in arrivals(people, random=random, speed=speed):
            if offset_s + arrival.at_s < 0:
                continue
            yield Arrival(at_s=offset_s + arrival.at_s, person=arrival.person, taste=arrival.taste)
        offset_s += LUNCH_MINUTES * 60 * 1.05 / speed


def _minute(random: Random) -> float:
    draw = random.random()
    for share, peak, spread in _WAVES:
        if draw < share:
            return min(max(random.gauss(peak, spread), 0.0), LUNCH_MINUTES)
        draw -= share
    return random.uniform(0.0, LUNCH_MINUTES)
