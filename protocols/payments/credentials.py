"""How credentials are named in a replica: keyed digests, so that a stolen disk lists no card or phone number.

Keys: the cloud's root never leaves it; `site_key` = HMAC-SM3(root, site) goes to that site alone.
"""

import hashlib
import hmac

_SCRYPT = {"n": 2**14, "r": 8, "p": 1, "dklen": 32}


def derive_site_key(root: bytes, site: int) -> bytes:
    """The key of one site, 32 bytes."""
    return _mac(root, b"site %d" % site)


def card_key(site_key: bytes, uid_hex: str) -> str:
    """Replica key of a card by its uid in hex."""
    return "card:" + _mac(site_key, b"card " + uid_hex.upper().encode()).hex()


def code_key(site_key: bytes, token: str) -> str:
    """Replica key of a static code by its token."""
    return "code:" + _mac(site_key, b"code " + token.encode()).hex()


def phone_key(site_key: bytes, phone: str) -> str:
    """Replica key of a phone number's PIN."""
    return "phone:" + _mac(site_key, b"phone " + phone.encode()).hex()


def person_code_key(site_key: bytes, person: int) -> bytes:
    """Key of a person's dynamic codes at a site (rule 15)."""
    return _mac(site_key, b"dynamic code %d" % person)


def hash_pin(pin: str, salt: bytes) -> bytes:
    """Slow hash of a PIN: salt (16 bytes) and scrypt digest (32 bytes)."""
    return salt + hashlib.scrypt(pin.encode(), salt=salt, **_SCRYPT)


def pin_matches(pin: str, stored: bytes) -> bool:
    """Whether the PIN makes the stored hash; takes tens of milliseconds on purpose."""
    return hmac.compare_digest(hash_pin(pin, stored[:16]), stored)


def _mac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, "sm3").digest()
