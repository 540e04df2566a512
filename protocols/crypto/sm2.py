"""SM2 signatures (GB/T 32918.2-2016) on the recommended curve; point arithmetic by gmssl.

Keys and signatures are bytes: private 32, public 64 (x || y), signature 64 (r || s). gmssl checks neither ranges
nor that a point is on the curve, and strips leading digits of some public keys, so this module does both itself.
"""

from typing import Final

from gmssl.sm2 import CryptSM2, default_ecc_table

from protocols.crypto.errors import BadKey
from protocols.crypto.sm3 import sm3

DEFAULT_ID: Final = b"1234567812345678"
PRIVATE_SIZE: Final = 32
PUBLIC_SIZE: Final = 64
SIGNATURE_SIZE: Final = 64
NONCE_SIZE: Final = 32

_P: Final = int(default_ecc_table["p"], 16)
_N: Final = int(default_ecc_table["n"], 16)
_A: Final = int(default_ecc_table["a"], 16)
_B: Final = int(default_ecc_table["b"], 16)
_G: Final[str] = default_ecc_table["g"]
_CURVE_BYTES: Final = bytes.fromhex(default_ecc_table["a"] + default_ecc_table["b"] + _G)


def private_key_from(randomness: bytes) -> bytes:
    """A private key from 32 or more random bytes (reduced into 1 .. n-2)."""
    if len(randomness) < PRIVATE_SIZE:
        raise BadKey(f"{PRIVATE_SIZE} random bytes are needed, not {len(randomness)}")
    return (int.from_bytes(randomness, "big") % (_N - 2) + 1).to_bytes(PRIVATE_SIZE, "big")


def public_key(private: bytes) -> bytes:
    """The public key (x || y) of a private key."""
    scalar = _private_scalar(private)
    return bytes.fromhex(_engine("", _G)._kg(scalar, _G))  # noqa: SLF001 - gmssl has no public name for k·G


def check_public_key(public: bytes) -> None:
    """Raise BadKey unless `public` is a point of the curve."""
    if len(public) != PUBLIC_SIZE:
        raise BadKey(f"a public key has {PUBLIC_SIZE} bytes, not {len(public)}")
    x, y = int.from_bytes(public[:32], "big"), int.from_bytes(public[32:], "big")
    if x >= _P or y >= _P or (y * y - (x * x * x + _A * x + _B)) % _P:
        raise BadKey("the point is not on the curve")


def digest(*, public: bytes, message: bytes, identity: bytes = DEFAULT_ID) -> bytes:
    """The digest that is signed: SM3(Z || message), Z over identity, curve and public key."""
    bits = len(identity) * 8
    z = sm3(bits.to_bytes(2, "big") + identity + _CURVE_BYTES + public)
    return sm3(z + message)


def sign(*, private: bytes, public: bytes, message: bytes, nonce: bytes, identity: bytes = DEFAULT_ID) -> bytes | None:
    """The signature r || s, or None for one of the few nonces that give none: try another.

    `nonce` is 32 fresh bytes of a cryptographic source; the same nonce twice gives the key away.
    """
    scalar = _private_scalar(private)
    k = int.from_bytes(nonce, "big")
    if len(nonce) != NONCE_SIZE or not 0 < k < _N:
        return None
    e = digest(public=public, message=message, identity=identity)
    made: str | None = _engine(f"{scalar:064x}", public.hex()).sign(e, f"{k:064x}")
    return bytes.fromhex(made) if made else None


def verify(*, public: bytes, message: bytes, signature: bytes, identity: bytes = DEFAULT_ID) -> bool:
    """Whether `signature` is one of `public` over `message`. Any malformed input is simply False."""
    try:
        check_public_key(public)
    except BadKey:
        return False
    e = digest(public=public, message=message, identity=identity)
    return verify_digest(public=public, e=e, signature=signature)


def verify_digest(*, public: bytes, e: bytes, signature: bytes) -> bool:
    """Whether `signature` holds over the finished digest `e` (see `digest`) for a checked public key."""
    if len(signature) != SIGNATURE_SIZE:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    if not (0 < r < _N and 0 < s < _N) or (r + s) % _N == 0:
        return False
    try:
        return bool(_engine("", public.hex()).verify(signature.hex(), e))
    except (TypeError, ValueError):
        return False  # gmssl returns None for the point at infinity and trips over it


def _private_scalar(private: bytes) -> int:
    scalar = int.from_bytes(private, "big")
    if len(private) != PRIVATE_SIZE or not 0 < scalar < _N - 1:
        raise BadKey("a private key is 32 bytes in 1 .. n-2")
    return scalar


def _engine(private_hex: str, public_hex: str) -> CryptSM2:
    engine = CryptSM2(private_key=private_hex, public_key="")
    engine.public_key = public_hex  # set past its constructor, which strips every leading 0 and 4
    return engine
