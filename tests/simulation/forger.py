"""Somebody on the wire who has no key: batches altered under the signature they came with, or under none that fits."""

from random import Random
from typing import Any, Final

import msgspec

from protocols.journal.messages import Checkpoint
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


def batch_under(key: Any, journal: Any, after: int) -> Batch:
    """What a journal has after an entry, signed by a key of the forger's choice."""
    identity = journal.identity
    previous, bodies = journal.read(after, max_entries=50, max_bytes=10**6)
    head = previous
    for body in bodies:
        head = words.chained(head, body)
    last = after + len(bodies)
    said = f"quartermaster checkpoint {identity.device} {identity.epoch} {last} ".encode() + head
    point = Checkpoint(identity.device, identity.epoch, last, head, key.key_id, key.sign(said))
    return Batch(identity.device, identity.epoch, after + 1, previous, tuple(bodies), point)
