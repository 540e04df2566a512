"""Rare states that must have occurred, counted. One never reached fails the run; only a decision shortens the list."""

from collections import Counter
from typing import Final

STATES: Final = (
    "request lost",
    "request repeated",
    "answer lost after commit",
    "batch answer lost after commit",
    "batch repeated out of order",
    "altered batch sent",
    "old page of leases served again",
    "answer to a visitor's ask lost after commit",
    "answer after its asker gave up",
    "cut one way",
    "cut for a day or more",
    "process killed",
    "power lost",
    "unsynced writes lost to power",
    "killed between commit and screen",
    "power lost while a recall is unanswered",
    "power lost with a grant under way",
    "power lost with facts unsent",
    "disk full: sale refused",
    "disk full: fact in hand kept",
    "read error",
    "clock set back",
    "clock set forward",
    "clock drifts",
    "sale by a home diner",
    "sale by a visitor",
    "visitor refused with no network",
    "visitor served from a recall",
    "second try of one attempt",
    "limit refused elsewhere",
    "refund",
    "refund refused as too much",
    "refund of one item after another",
    "cash taken",
    "cash voided",
    "cash void refused",
    "cash not given back twice",
    "lost card refused",
    "price changed under way",
    "leaver refused",
    "home moved",
    "record taken away",
    "recall answered in full",
    "recall answered short",
    "shrink answered short",
    "receivable booked",
    "bucket cleared",
    "payment swapped into the better bucket",
    "cut-off passed with money returned",
    "refund into a cleared bucket",
    "poison quarantined",
    "poison in a bucket being cleared",
    "entry that cannot be read",
    "sale and its refund wait behind poison",
    "entry parked behind poison",
    "poison mended and replayed",
    "stream stopped by a bad deploy",
    "key rotated",
    "batch under a key of before",
    "gateway replaced",
    "backlog of a revoked key waits",
    "site lost and released",
    "late facts of a released site",
    "journal cloned: fork found",
    "old image put back",
    "gateway added",
    "cloud restored from a backup",
    "cloud restored twice",
    "declaration after a restore",
    "lease withheld until all declared",
    "entries sent again to a restored cloud",
    "journal pruned",
    "stream of more than 256 entries",
    "altered sector found at start",
    "day closed",
)
KNOWN: Final = frozenset(STATES)


class Reached:
    """What a world went through."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def note(self, state: str) -> None:
        """One more of a state; a word that is not on the list is a mistake of the world."""
        assert state in KNOWN, state
        self.counts[state] += 1


def unreached(counts: Counter[str]) -> list[str]:
    """What no world of a run reached, in the order of the list."""
    return [state for state in STATES if not counts[state]]
