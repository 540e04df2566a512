"""SM4-GCM (GB/T 32907-2016 in GCM), run by OpenSSL through `cryptography`."""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM

from protocols.crypto.errors import BadCiphertext, BadKey

KEY_SIZE: Final = 16
NONCE_SIZE: Final = 12
TAG_SIZE: Final = 16


def seal(*, key: bytes, nonce: bytes, plaintext: bytes, associated: bytes = b"") -> bytes:
    """Encrypt to `nonce || ciphertext || tag`; a nonce of 12 fresh random bytes, never used twice with one key."""
    _check_sizes(key, nonce)
    encryptor = Cipher(SM4(key), GCM(nonce)).encryptor()
    encryptor.authenticate_additional_data(associated)
    return nonce + encryptor.update(plaintext) + encryptor.finalize() + encryptor.tag


def open_sealed(*, key: bytes, sealed: bytes, associated: bytes = b"") -> bytes:
    """Decrypt what `seal` made. Raises BadCiphertext when anything was altered."""
    if len(sealed) < NONCE_SIZE + TAG_SIZE:
        raise BadCiphertext("shorter than a nonce and a tag")
    nonce, body, tag = sealed[:NONCE_SIZE], sealed[NONCE_SIZE:-TAG_SIZE], sealed[-TAG_SIZE:]
    _check_sizes(key, nonce)
    decryptor = Cipher(SM4(key), GCM(nonce, tag)).decryptor()
    decryptor.authenticate_additional_data(associated)
    try:
        return decryptor.update(body) + decryptor.finalize()
    except InvalidTag:
        raise BadCiphertext("the tag does not hold") from None


def _check_sizes(key: bytes, nonce: bytes) -> None:
    if len(key) != KEY_SIZE:
        raise BadKey(f"an SM4 key has {KEY_SIZE} bytes, not {len(key)}")
    if len(nonce) != NONCE_SIZE:
        raise BadKey(f"a nonce has {NONCE_SIZE} bytes, not {len(nonce)}")
