"""Which plates have been paid for, over all lanes of the gateway: a settled plate cannot bill twice until cleared."""

from collections.abc import Iterable
from functools import partial
from typing import Final

from edge.store.transaction import Transaction

HOLD_MS: Final = 40 * 60_000
_MOST: Final = 50_000


class PaidPlates:
    """Plate uid -> when it was paid or last seen on a reader since.

    Cleared by a wash (all at once), by a reversal of its sale, or once it has been in no reader's field for `hold_ms`.
    """

    def __init__(self, *, hold_ms: int = HOLD_MS) -> None:
        self._hold_ms = hold_ms
        self._seen: dict[str, int] = {}

    def paid(self, uids: Iterable[str], at_ms: int) -> frozenset[str]:
        """Those of `uids` that were paid and not cleared since."""
        seen = self._seen
        return frozenset(uid for uid in uids if uid in seen and at_ms - seen[uid] < self._hold_ms)

    def still_here(self, uids: Iterable[str], at_ms: int) -> None:
        """Paid plates seen in a field again: they have not been to the wash."""
        for uid in self.paid(uids, at_ms):
            self._seen[uid] = at_ms

    def pay(self, tx: Transaction, uids: Iterable[str], at_ms: int) -> None:
        """Mark plates paid, undone with the unit."""
        for uid in uids:
            tx.on_rollback(partial(self._seen.pop, uid, None))
            self._seen[uid] = at_ms
        if len(self._seen) > _MOST:
            self._forget_old(at_ms)

    def load(self, uids: Iterable[str], at_ms: int) -> None:
        """As after a restart, from the journal."""
        for uid in uids:
            self._seen[uid] = max(at_ms, self._seen.get(uid, 0))

    def free(self, uids: Iterable[str]) -> None:
        """The sale was reversed: its plates may be billed rightly now."""
        for uid in uids:
            self._seen.pop(uid, None)

    def wash(self) -> int:
        """Everything has been washed; how many plates were cleared."""
        count = len(self._seen)
        self._seen.clear()
        return count

    def _forget_old(self, at_ms: int) -> None:
        for uid in [uid for uid, seen_ms in list(self._seen.items()) if at_ms - seen_ms >= self._hold_ms]:
            self._seen.pop(uid, None)
