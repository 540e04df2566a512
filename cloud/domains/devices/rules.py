"""Pure decisions about gateways: codes, presence, how many tries."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from protocols.crypto.sm3 import sm3

CODE_VALID: Final = timedelta(hours=24)
ONLINE_WITHIN: Final = timedelta(seconds=30)
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"  # 32 of them: a byte chooses evenly
_CODE_GROUPS: Final = 5
_GROUP: Final = 5
CODE_RANDOMNESS: Final = _CODE_GROUPS * _GROUP


def code_from(randomness: bytes) -> str:
    """A one-time code that a person can type ('K7QXM-…', without look-alike letters) from 25 random bytes."""
    letters = [_ALPHABET[byte % len(_ALPHABET)] for byte in randomness[: _CODE_GROUPS * _GROUP]]
    return "-".join("".join(letters[at : at + _GROUP]) for at in range(0, len(letters), _GROUP))


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
