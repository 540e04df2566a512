"""Text of payment codes, their making and their checking (rule 15 of the offline contract).

Dynamic: `QMD` + base32 of `version 1 | site 5 | person 7 | step 4 | mac 8` bytes, big-endian, 43 characters in all.
Static: `QMS` + token (A-Z, 2-7) + two check characters by ISO/IEC 7064 MOD 1271-36, which catch every single misread.
"""

import base64
import hmac
import re

from protocols.crypto.sm3 import hmac_sm3
from protocols.dynamic_qr.messages import DynamicCode, StaticCode
from protocols.payments.credentials import derive_site_key, person_code_key
from protocols.values.errors import Malformed

STEP_MS = 30_000
"""Length of a time step."""
_VERSION = 1
_DYNAMIC = "QMD"
_STATIC = "QMS"
_MAC_LABEL = b"quartermaster dynamic code"
_BODY_BYTES = 17
_MAC_BYTES = 8
_BASE32 = re.compile(r"[A-Z2-7]{40}")
_TOKEN = re.compile(r"[A-Z2-7]{8,40}")
_CHECK = re.compile(r"[0-9A-Z]{2}")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CHECK_MODULUS = 1271


def derive_key(root: bytes, site: int, person: int) -> bytes:
    """The 32-byte key of a person's codes at a site; only the cloud holds `root`."""
    return person_code_key(derive_site_key(root, site), person)


def step_of(instant_ms: int) -> int:
    """The time step an instant (UTC ms) falls in."""
    return instant_ms // STEP_MS


def make_code(key: bytes, *, site: int, person: int, step: int) -> str:
    """The text to show; ValueError when a number does not fit its field."""
    try:
        body = bytes((_VERSION,)) + site.to_bytes(5, "big") + person.to_bytes(7, "big") + step.to_bytes(4, "big")
    except OverflowError as error:
        raise ValueError("site, person or step does not fit its field") from error
    return _DYNAMIC + base64.b32encode(body + _mac(key, body)).decode()


def parse_code(text: str) -> DynamicCode:
    """Read a dynamic code; Malformed otherwise. Nothing is verified yet."""
    body = text.removeprefix(_DYNAMIC)
    if body == text or _BASE32.fullmatch(body) is None:
        raise Malformed("a dynamic code is QMD and 40 base32 characters")
    raw = base64.b32decode(body)
    if raw[0] != _VERSION:
        raise Malformed(f"dynamic code of version {raw[0]}, known is {_VERSION}")
    return DynamicCode(
        version=raw[0],
        site=int.from_bytes(raw[1:6], "big"),
        person=int.from_bytes(raw[6:13], "big"),
        step=int.from_bytes(raw[13:17], "big"),
        mac=raw[_BODY_BYTES:],
    )


def verify(code: DynamicCode, key: bytes, *, now_step: int, window: int) -> bool:
    """Whether `key` made the code and its step is at most `window` steps away from now."""
    try:
        body = bytes((code.version,)) + code.site.to_bytes(5, "big") + code.person.to_bytes(7, "big")
        body += code.step.to_bytes(4, "big")
    except (OverflowError, ValueError):
        return False
    genuine = hmac.compare_digest(_mac(key, body), code.mac)
    return genuine and abs(code.step - now_step) <= window


def make_static(token: str) -> str:
    """The text of a printed code; ValueError unless the token is 8 to 40 characters of A-Z, 2-7."""
    if _TOKEN.fullmatch(token) is None:
        raise ValueError("a token is 8 to 40 characters of A-Z and 2-7")
    return f"{_STATIC}{token}{check_characters(token)}"


def parse_static(text: str) -> StaticCode:
    """Read a printed code; Malformed when its form or its check characters are wrong."""
    body = text.removeprefix(_STATIC)
    token, check = body[:-2], body[-2:]
    if body == text or _TOKEN.fullmatch(token) is None or _CHECK.fullmatch(check) is None:
        raise Malformed("a static code is QMS, a token and two check characters")
    if check_characters(token) != check:
        raise Malformed("check characters do not match")
    return StaticCode(token=token)


def check_characters(text: str) -> str:
    """The two check characters of ISO/IEC 7064 MOD 1271-36 for text of 0-9 and A-Z."""
    check = (1 - int(text, len(_ALPHABET)) * len(_ALPHABET) ** 2) % _CHECK_MODULUS
    return _ALPHABET[check // len(_ALPHABET)] + _ALPHABET[check % len(_ALPHABET)]


def parse_any(text: str) -> DynamicCode | StaticCode:
    """Read either kind; Malformed when the text is no payment code of ours."""
    return parse_code(text) if text.startswith(_DYNAMIC) else parse_static(text)


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac_sm3(key, _MAC_LABEL + body)[:_MAC_BYTES]
