"""One entry of a journal and the checkpoint that signs a prefix of it."""

import msgspec

FORMAT = 1


class Entry(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A fact. Field order is the wire format: fields are only ever appended (rule 23).

    `subject` is what later facts wait behind when this one is set aside ("p17" a person, "" none). Times are ms:
    `business_ms` UTC that never steps below the stored high-water mark, `offset_ms` the clock's known error.
    """

    format: int
    kind: int
    kind_version: int
    device: int
    epoch: int
    seq: int
    subject: str
    depends_on: int
    business_ms: int
    boot: int
    monotonic_ms: int
    offset_ms: int
    uncertainty_ms: int
    prices_version: int
    rules_version: int
    payload: bytes


class Checkpoint(msgspec.Struct, array_like=True, frozen=True):
    """`head` is the chain's hash after entry `seq`; `signature` (r||s, 64 bytes) by `key_id` over `signed_bytes`."""

    device: int
    epoch: int
    seq: int
    head: bytes
    key_id: int
    signature: bytes
