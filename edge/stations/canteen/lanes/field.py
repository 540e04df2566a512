"""What lies on a plate reader, out of rounds that miss tags, hear strays and stop half-way.

A set counts as stable when `rounds` of the last `of` whole rounds saw exactly it. Tags below `sure_rssi` are at the
edge of the field; below `stray_rssi`, or heard only now and then beside a tray that is heard steadily, they are strays.
"""

from collections import Counter
from dataclasses import dataclass, replace
from typing import NamedTuple


class Heard(NamedTuple):
    """A tag in a round: its uid, and its signal where the reader tells."""

    uid: str
    rssi: int | None = None


@dataclass(frozen=True, slots=True)
class FieldRules:
    """When a set is stable and what is a stray. Signal limits 0 leave the signal out of it."""

    rounds: int = 3
    of: int = 5
    sure_rssi: int = 0
    stray_rssi: int = 0
    stray_rate_permille: int = 400


class Round(NamedTuple):
    """One round as kept: sure tags, tags at the edge, and whether the reader finished it."""

    sure: frozenset[str]
    edge: frozenset[str]
    whole: bool


class View(NamedTuple):
    """What the last rounds add up to. `stable` None while they do not agree."""

    stable: frozenset[str] | None
    edge: frozenset[str]
    strays: frozenset[str]
    empty: bool


@dataclass(frozen=True, slots=True)
class Field:
    """The last `of` rounds."""

    rules: FieldRules
    rounds: tuple[Round, ...] = ()

    def hear(self, tags: frozenset[Heard], *, whole: bool = True) -> "Field":
        """One more round."""
        strong, weak = self.rules.sure_rssi, self.rules.stray_rssi
        sure = frozenset(tag.uid for tag in tags if not strong or tag.rssi is None or tag.rssi >= strong)
        heard = frozenset(tag.uid for tag in tags if not weak or tag.rssi is None or tag.rssi >= weak)
        kept = (*self.rounds, Round(sure, heard - sure, whole))[-self.rules.of :]
        return replace(self, rounds=kept)

    def forget(self) -> "Field":
        """Start over, as after the reader came back."""
        return replace(self, rounds=())

    @property
    def latest(self) -> frozenset[str]:
        """Sure tags of the latest round."""
        return self.rounds[-1].sure if self.rounds else frozenset()

    def view(self) -> View:
        """Judge the rounds at hand."""
        if not self.rounds:
            return View(None, frozenset(), frozenset(), empty=True)
        heard = Counter(uid for one in self.rounds for uid in one.sure)
        strays = self._strays(heard)
        edge = frozenset(uid for one in self.rounds[-self.rules.rounds :] for uid in one.edge) - set(heard)
        sets = Counter(one.sure - strays for one in self.rounds if one.whole)
        stable = None
        if sets:
            found, times = sets.most_common(1)[0]
            doubtful = heard.keys() - found - strays  # heard too often for a stray, too seldom for the tray
            if times >= self.rules.rounds and not doubtful:
                stable = found
        empty = not any(one.sure - strays for one in self.rounds[-2:])
        return View(stable, edge, strays, empty)

    def _strays(self, heard: Counter[str]) -> frozenset[str]:
        """Tags heard in few of the rounds while others were heard in nearly all; judged on a full window only."""
        total = len(self.rounds)
        if total < self.rules.of or not heard:
            return frozenset()
        steady = max(heard.values())
        if steady * 10 < total * 8:
            return frozenset()
        return frozenset(
            uid
            for uid, times in heard.items()
            if times * 1000 < steady * self.rules.stray_rate_permille and uid not in self.latest
        )
