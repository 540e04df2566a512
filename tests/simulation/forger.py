"""Somebody on the wire who has no key: batches altered under the signature they came with, or under none that fits."""

from random import Random
from typing import Final

import msgspec

from protocols.sync.codec import decode
from protocols.sync.messages import Batch
from tests.simulation import wirewords as words

_raw: Final = msgspec.msgpack.Decoder()
_pack: Final = msgspec.msgpack.Encoder().encode
_BUSINESS_MS: Final = 8


def altered(body: bytes, random: Random) -> Batch:
    """The batch with its last entry changed, under the old signature; of the chain's end as it is now, or as it was."""
    batch = decode(body, Batch)
    entry = _raw.decode(batch.bodies[-1])
    entry[_BUSINESS_MS] += 1_000
    bodies = (*batch.bodies[:-1], _pack(entry))
    checkpoint = batch.checkpoint
    if random.random() < 0.5:
        head = batch.previous
        for each in bodies:
            head = words.chained(head, each)
        checkpoint = msgspec.structs.replace(checkpoint, head=head)
    return msgspec.structs.replace(batch, bodies=bodies, checkpoint=checkpoint)
