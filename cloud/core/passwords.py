"""Password hashes: scrypt with a salt each, its cost written beside it so that it can be raised later."""

import base64
import hashlib
import hmac
import secrets
from typing import Final

_BLOCK: Final = 8
_SALT_SIZE: Final = 16
_KINDS_LEAST: Final = 2
_DIFFERENT_LEAST: Final = 4
_MEMORY_MOST: Final = 256 * 1024 * 1024
PASSWORD_MOST: Final = 256


def hash_password(password: str, *, cost: int) -> str:
    """`scrypt$cost$salt$hash`; `cost` is a power of two. Slow by design: call it in a thread."""
    salt = secrets.token_bytes(_SALT_SIZE)
    return f"scrypt${cost}${_text(salt)}${_text(_derive(password, salt, cost))}"


def password_matches(password: str, stored: str) -> bool:
    """Whether `password` is the one `stored` was made from. Slow by design: call it in a thread."""
    try:
        kind, cost, salt, wanted = stored.split("$")
    except ValueError:
        return False
    if kind != "scrypt":
        return False
    return hmac.compare_digest(_derive(password, base64.b64decode(salt), int(cost)), base64.b64decode(wanted))


def password_weakness(password: str, *, login: str, least: int) -> str | None:
    """Why a new password is refused, or None."""
    if len(password) < least:
        return f"at least {least} characters"
    if len(password) > PASSWORD_MOST:
        return f"at most {PASSWORD_MOST} characters"
    if login.lower() in password.lower():
        return "must not contain the login name"
    kinds = sum((any(c.isdigit() for c in password), any(c.isalpha() for c in password), not password.isalnum()))
    if kinds < _KINDS_LEAST or len(set(password)) < _DIFFERENT_LEAST:
        return "must mix letters with digits or signs"
    return None


def one_time_password() -> str:
    """A password of 80 random bits that a person can type: four groups of letters and digits."""
    alphabet = "abcdefghijkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))


def _derive(password: str, salt: bytes, cost: int) -> bytes:
    secret = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(secret, salt=salt, n=2**cost, r=_BLOCK, p=1, maxmem=_MEMORY_MOST, dklen=32)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
