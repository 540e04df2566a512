"""The core's own SM2 key, shared by all workers: signs corrections and commands, gives the secret of edge sessions."""

import secrets
from pathlib import Path
from typing import Final

from cloud.core.crypto import write_secret
from cloud.core.errors import Unavailable
from protocols.crypto import sm2
from protocols.crypto.errors import BadKey
from protocols.crypto.sm3 import hmac_sm3

_TRIES: Final = 8


class CoreSigner:
    """Signs with a fresh nonce each time."""

    def __init__(self, private_key: bytes) -> None:
        try:
            self.public_key = sm2.public_key(private_key)
        except BadKey as error:
            raise Unavailable("the core's signing key is damaged") from error
        self._private_key = private_key
        self.token_secret = hmac_sm3(private_key, b"quartermaster edge sessions")

    def sign(self, message: bytes) -> bytes:
        """The 64-byte SM2 signature of `message`; about 5 ms, so per record or batch, never per row."""
        for _ in range(_TRIES):
            made = sm2.sign(
                private=self._private_key,
                public=self.public_key,
                message=message,
                nonce=secrets.token_bytes(sm2.NONCE_SIZE),
            )
            if made is not None:
                return made
        raise Unavailable("no signature came about")  # once in 2**256 for a sound source of nonces

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed `message`."""
        return sm2.verify(public=self.public_key, message=message, signature=signature)


def read_signing_key(path: Path) -> bytes:
    """The private key from its file (64 hex digits); made there if the file is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        private = sm2.private_key_from(secrets.token_bytes(sm2.PRIVATE_SIZE + 8))
        write_secret(path, private.hex().encode() + b"\n")
    try:
        return bytes.fromhex(path.read_text().strip())
    except ValueError as error:
        raise Unavailable(f"{path.name} does not hold a key in hex digits") from error
