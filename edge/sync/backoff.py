"""How long to wait before trying again."""

from random import Random


class Backoff:
    """Doubles from `first_s` to `most_s`, each wait drawn from its upper half; a success starts it over."""

    def __init__(self, random: Random, *, first_s: float, most_s: float) -> None:
        self._random, self._first_s, self._most_s = random, first_s, most_s
        self._failures = 0

    def succeeded(self) -> None:
        """The next wait is the first again."""
        self._failures = 0

    def failed(self) -> float:
        """Seconds to wait now."""
        ceiling = min(self._most_s, self._first_s * 2 ** min(self._failures, 20))
        self._failures += 1
        return float(ceiling * self._random.uniform(0.5, 1.0))
