"""SM3 digests and HMAC-SM3 (GB/T 32905-2016), run by OpenSSL through hashlib."""

import hashlib
import hmac
from typing import Final

DIGEST_SIZE: Final = 32


def sm3(data: bytes) -> bytes:
    """The 32-byte SM3 digest of `data`."""
    return hashlib.new("sm3", data).digest()


def hmac_sm3(key: bytes, data: bytes) -> bytes:
    """The 32-byte HMAC-SM3 of `data` under `key`."""
    return hmac.new(key, data, "sm3").digest()


def equal(left: bytes, right: bytes) -> bool:
    """Compare two digests in constant time."""
    return hmac.compare_digest(left, right)
