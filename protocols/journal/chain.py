"""The hash chain: hash(n) = SM3(hash(n-1) || body(n)), from a genesis that names the stream."""

import hashlib
from collections.abc import Iterable

HASH_BYTES = 32

_sm3 = hashlib.new("sm3")


def genesis(device: int, epoch: int) -> bytes:
    """The hash before the first entry of a stream."""
    digest = _sm3.copy()
    digest.update(b"quartermaster journal %d %d" % (device, epoch))
    return digest.digest()


def link(previous: bytes, body: bytes) -> bytes:
    """The hash after one more entry."""
    digest = _sm3.copy()
    digest.update(previous)
    digest.update(body)
    return digest.digest()


def links(previous: bytes, bodies: Iterable[bytes]) -> list[bytes]:
    """The hash after each entry in turn."""
    hashes = []
    copy = _sm3.copy
    for body in bodies:
        digest = copy()
        digest.update(previous)
        digest.update(body)
        previous = digest.digest()
        hashes.append(previous)
    return hashes


def signed_bytes(device: int, epoch: int, seq: int, head: bytes) -> bytes:
    """What a checkpoint's signature covers."""
    return b"quartermaster checkpoint %d %d %d " % (device, epoch, seq) + head


def receipt_mark(head: bytes) -> str:
    """The 8 hex digits of the chain that a receipt prints (rule 20)."""
    return head[:4].hex()
