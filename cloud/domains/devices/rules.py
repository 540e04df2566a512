"""Pure decisions about gateways: codes, presence, how many tries."""

import secrets
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from protocols.crypto.sm3 import sm3

CODE_VALID: Final = timedelta(hours=24)
ONLINE_WITHIN: Final = timedelta(seconds=30)
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_CODE_GROUPS: Final = 5
_GROUP: Final = 5


def make_code() -> str:
    """A one-time code of 125 random bits that a person can type: 'K7QXM-…' without look-alike letters."""
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_CODE_GROUPS))
    return "-".join(groups)


def hash_code(code: str) -> bytes:
    """What is kept of a code; its own randomness makes a slow hash needless."""
    return sm3(b"provisioning " + code.strip().upper().encode())


def is_online(heartbeat_at: datetime | None, now: datetime) -> bool:
    """Whether the last heartbeat is fresh."""
    return heartbeat_at is not None and now - heartbeat_at <= ONLINE_WITHIN


@dataclass
class TryLimit:
    """At most `most` refused codes in `within_s` seconds, over all callers of this process."""

    most: int = 30
    within_s: float = 60.0
    _refused: "deque[float]" = field(default_factory=deque)

    def wait_s(self, now_s: float) -> float:
        """Seconds until another try is taken; 0 now."""
        while self._refused and now_s - self._refused[0] >= self.within_s:
            self._refused.popleft()
        return 0.0 if len(self._refused) < self.most else self.within_s - (now_s - self._refused[0])

    def refused(self, now_s: float) -> None:
        """Count a refused code."""
        self._refused.append(now_s)
