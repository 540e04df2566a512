"""How long entries may stand without a signature (rule 20), told by the steady clock in the entries themselves."""

from typing import Final

SIGN_ENTRIES: Final = 256
SIGN_MS: Final = 60_000
GRACE_MS: Final = 15_000  # the signer looks once a second; a busy or failing disk may hold a signature up


class Pace:
    """Rule 20's pace: a checkpoint 60 s after the first entry not signed, or once 256 have gathered.

    Reckoned within one boot by the steady clock in the entries themselves; a stop or crash begins anew.
    """

    def __init__(self) -> None:
        self.last_signed = 0
        self.restart()

    def restart(self) -> None:
        """Nothing waits for a signature, or a boot began."""
        self._many, self._due_ms, self._said = 0, 0, False

    def signed(self, seq: int) -> None:
        """A checkpoint covers everything through `seq`."""
        self.last_signed = seq
        self.restart()

    def late(self, at_ms: int) -> bool:
        """Count an entry written at `at_ms`; whether it should not have been reached without a checkpoint."""
        self._many += 1
        if self._many == 1:
            self._due_ms = at_ms + SIGN_MS + GRACE_MS
        elif self._many == SIGN_ENTRIES:
            self._due_ms = min(self._due_ms, at_ms + GRACE_MS)
        if at_ms <= self._due_ms or self._said:
            return False
        self._said = True
        return True
