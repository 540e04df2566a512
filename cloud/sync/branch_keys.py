"""Keys that a copy of a disk made for itself (rules 21, 22): entries of its branch name them, the directory does not.

The directory follows the first branch. A copy goes on under keys of its own, and what it took from people is kept too.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from cloud.sync.devices import DeviceKey
from cloud.sync.placing import Place, Placement
from cloud.sync.state import StreamState
from protocols.journal.codec import decode_entry
from protocols.payments.facts import KeyRotated, decode

_NO_END: Final = 2**62


class Rotation(NamedTuple):
    """An applied entry of a branch, not of the first, that brings a key."""

    epoch: int
    branch: int
    seq: int
    body: bytes

    def key(self, *, revoked: bool = False) -> DeviceKey:
        """The key, which signs from this entry on. That the old one vouches for it is said by the batch's signature."""
        said = decode(KeyRotated, decode_entry(self.body).payload)
        return DeviceKey(said.key_id, said.public_key, self.epoch, self.seq, 0, revoked, self.branch)


def signers(
    branches: Sequence[StreamState], placement: Placement, rotations: Sequence[Rotation], known: DeviceKey | None,
    key_id: int,
) -> list[tuple[DeviceKey, int | None]]:  # fmt: skip
    """Keys named `key_id` that may sign entries placed so, each with after which entry the branch left the first.

    `known` is the directory's key of that name. A branch that changed its key has given that one up by then.
    """
    stream = next(branch for branch in branches if branch.branch == placement.branch)
    left = left_after(stream, placement)
    through = placement.after if placement.place is Place.FORK else _NO_END
    own = _own_keys(stream, through, [each for each in rotations if each.epoch == stream.epoch])
    found: list[tuple[DeviceKey, int | None]] = []
    if known is not None and not known.branch and known.key_id == key_id:
        given_up = own[0].from_seq if own else 0
        ends = given_up if left is None or left < known.until_seq or not known.until_seq else known.until_seq
        found.append((replace(known, until_seq=ends) if given_up else known, None if given_up else left))
    return found + [(key, None) for key in own if key.key_id == key_id]


def left_after(stream: StreamState, placement: Placement) -> int | None:
    """After which entry what is placed so parted from the first branch; None where it is the first branch."""
    if stream.branch:
        return stream.lineage[-2][1]
    return placement.after if placement.place is Place.FORK else None


def _own_keys(stream: StreamState, through: int, rotations: Sequence[Rotation]) -> list[DeviceKey]:
    """Keys that this branch, or one it left later, brought up to an entry, each to the entry that gives it up."""
    kept = list(zip(*stream.stretches(1, through), strict=True))
    here = [
        each for each in rotations
        if any(each.branch == branch and first <= each.seq <= last for branch, first, last in kept)
    ]  # fmt: skip
    keys = [each.key() for each in sorted(here, key=lambda each: each.seq)]
    given_up = [key.from_seq for key in keys[1:]]
    return [*(replace(key, until_seq=end) for key, end in zip(keys, given_up, strict=False)), *keys[-1:]]
