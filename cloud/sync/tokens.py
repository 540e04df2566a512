"""Bearer tokens of edge sessions: signed, not stored, so that any worker can check them."""

from typing import Final

from cloud.core.errors import Unauthenticated
from protocols.crypto.sm3 import equal, hmac_sm3

LIFETIME_S: Final = 3_600


class SessionTokens:
    """Makes and reads tokens under one secret, shared by all workers of an installation."""

    def __init__(self, secret: bytes, *, lifetime_s: int = LIFETIME_S) -> None:
        self._secret = secret
        self.lifetime_s = lifetime_s

    def make(self, *, device: int, key_id: int, now_s: int) -> str:
        """A token for a device that has shown its key."""
        said = f"{device}.{key_id}.{now_s + self.lifetime_s}"
        return f"{said}.{self._mark(said)}"

    def read(self, token: str, *, now_s: int) -> tuple[int, int]:
        """(device, key_id) of a good token. Raises Unauthenticated."""
        said, _, mark = token.rpartition(".")
        if not said or not equal(mark.encode(), self._mark(said).encode()):
            raise Unauthenticated("open a session first")
        device, key_id, until_s = (int(part) for part in said.split("."))
        if until_s <= now_s:
            raise Unauthenticated("the session has ended")
        return device, key_id

    def _mark(self, said: str) -> str:
        return hmac_sm3(self._secret, b"quartermaster edge session " + said.encode()).hex()
