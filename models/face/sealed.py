"""The gallery as a file: a header with its own data key, two commit slots, and frames sealed one after another.

    0     header      magic, version, dimensions, generation, gallery id, SHA-256 of the embedding network
    88    data key    sealed by SM4-GCM under the device key, bound to the header before it
    1024  slot A      length, frames, chain, HMAC-SM3: how far the file is known to be whole
    2048  slot B      the same; the slots are written in turn, so that one is always whole
    4096  frames      u32 length, then SM4-GCM over `records.Frame`, bound to its number and to the frame before

A frame is written and synced before its slot. So after a power cut everything up to the better slot must hold, or the
file is torn; behind it there is at most the one write that was under way.
"""

import hmac
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Protocol

from models.face.errors import GalleryOfAnotherNetwork, GalleryTorn
from models.face.picture import DIMENSIONS
from protocols.crypto.errors import BadCiphertext
from protocols.crypto.sm3 import DIGEST_SIZE, hmac_sm3, sm3
from protocols.crypto.sm4 import KEY_SIZE, NONCE_SIZE, TAG_SIZE, open_sealed, seal

Random = Callable[[int], bytes]
MAGIC: Final = b"QMFACES\x01"
FRAMES_AT: Final = 4096
_SLOTS_AT: Final = (1024, 2048)
_FIXED: Final = struct.Struct("<8sIQ16s32s")
_KEY_AT: Final = 88
_SEALED_KEY_SIZE: Final = NONCE_SIZE + KEY_SIZE + TAG_SIZE
_COMMIT: Final = struct.Struct("<QQ16s")
_LENGTH: Final = struct.Struct("<I")
MOST_FRAME_BYTES: Final = 64 << 20


class Disk(Protocol):
    """The few things the file asks of a disk; a test cuts the power between any two of them."""

    def write(self, offset: int, data: bytes) -> None:
        """Put bytes at a place."""

    def sync(self) -> None:
        """Return once all of it will survive a power cut."""

    def truncate(self, size: int) -> None:
        """Cut the file."""


class FileDisk:
    """A real file."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, offset: int, data: bytes) -> None:
        """See `Disk`."""
        view, done = memoryview(data), 0
        while done < len(view):
            done += os.pwrite(self._file.fileno(), view[done:], offset + done)

    def sync(self) -> None:
        """See `Disk`."""
        os.fsync(self._file.fileno())

    def truncate(self, size: int) -> None:
        """See `Disk`."""
        os.ftruncate(self._file.fileno(), size)


@dataclass(frozen=True, slots=True)
class Header:
    """What the file is: which rewriting of which gallery, made for which embedding network."""

    gallery: bytes
    generation: int
    network: bytes
    dimensions: int = DIMENSIONS

    def pack(self) -> bytes:
        """The fixed fields."""
        return _FIXED.pack(MAGIC, self.dimensions, self.generation, self.gallery, self.network)


@dataclass(frozen=True, slots=True)
class Commit:
    """How far the file is whole: its length, its frames and the tag of the last one."""

    length: int = FRAMES_AT
    frames: int = 0
    chain: bytes = bytes(TAG_SIZE)

    def digest(self, header: Header) -> bytes:
        """SM3 over header and commit: equal exactly where two files say the same."""
        return sm3(header.pack() + _COMMIT.pack(self.length, self.frames, self.chain))


class Sealer:
    """Seals and opens the frames of one file, with the data key of its header."""

    def __init__(self, header: Header, data_key: bytes, random: Random) -> None:
        self.header = header
        self._key = data_key
        self._slot_key = hmac_sm3(data_key, b"commit slot")
        self._random = random

    def frame(self, commit: Commit, payload: bytes) -> tuple[bytes, Commit]:
        """The next frame's bytes, and the commit once they are on disk."""
        sealed = seal(
            key=self._key,
            nonce=self._random(NONCE_SIZE),
            plaintext=payload,
            associated=self._bound(commit),
        )
        data = _LENGTH.pack(len(sealed)) + sealed
        return data, Commit(commit.length + len(data), commit.frames + 1, sealed[-TAG_SIZE:])

    def open(self, commit: Commit, sealed: bytes) -> bytes:
        """The payload of the frame that follows `commit`. Raises BadCiphertext."""
        return open_sealed(key=self._key, sealed=sealed, associated=self._bound(commit))

    def slot(self, commit: Commit) -> tuple[int, bytes]:
        """Where and how this commit is written down; neighbours take different slots."""
        fields = _COMMIT.pack(commit.length, commit.frames, commit.chain)
        return _SLOTS_AT[commit.frames % 2], fields + hmac_sm3(self._slot_key, fields)

    def read_slots(self, data: bytes) -> Commit:
        """The further of the slots that hold. Raises GalleryTorn where neither does."""
        found = []
        for at in _SLOTS_AT:
            fields, mark = data[at : at + _COMMIT.size], data[at + _COMMIT.size : at + _COMMIT.size + DIGEST_SIZE]
            if hmac.compare_digest(hmac_sm3(self._slot_key, fields), mark):
                found.append(Commit(*_COMMIT.unpack(fields)))
        if not found:
            raise GalleryTorn("neither of the two commit slots holds")
        return max(found, key=lambda each: each.frames)

    def _bound(self, commit: Commit) -> bytes:
        return self.header.gallery + struct.pack("<QQ", self.header.generation, commit.frames) + commit.chain


def new_head(header: Header, *, key: bytes, random: Random) -> tuple[bytes, Sealer]:
    """The first `FRAMES_AT` bytes of a new file, under a fresh data key."""
    data_key = random(KEY_SIZE)
    sealed = seal(key=key, nonce=random(NONCE_SIZE), plaintext=data_key, associated=header.pack())
    sealer = Sealer(header, data_key, random)
    head = bytearray(FRAMES_AT)
    head[: _FIXED.size] = header.pack()
    head[_KEY_AT : _KEY_AT + len(sealed)] = sealed
    at, slot = sealer.slot(Commit())
    head[at : at + len(slot)] = slot
    return bytes(head), sealer


def read_head(data: bytes, *, key: bytes, network: bytes, dimensions: int, random: Random) -> Sealer:
    """Undo `new_head`. Raises GalleryTorn (also under another device key) and GalleryOfAnotherNetwork."""
    if len(data) < FRAMES_AT:
        raise GalleryTorn("the file is shorter than its header")
    magic, numbers, generation, gallery, made_for = _FIXED.unpack_from(data)
    if magic != MAGIC:
        raise GalleryTorn("this is no gallery")
    header = Header(gallery, generation, made_for, numbers)
    try:
        sealed = data[_KEY_AT : _KEY_AT + _SEALED_KEY_SIZE]
        data_key = open_sealed(key=key, sealed=sealed, associated=data[: _FIXED.size])
    except BadCiphertext as error:
        raise GalleryTorn("the header is damaged, or sealed for another device") from error
    if (made_for, numbers) != (network, dimensions):
        raise GalleryOfAnotherNetwork("the templates were made by another embedding network: enrol anew")
    return Sealer(header, data_key, random)


def read_frames(sealer: Sealer, data: bytes) -> Iterator[tuple[bytes, Commit]]:
    """Each frame's payload with the commit that ends with it. Raises GalleryTorn inside what was committed."""
    known, at = sealer.read_slots(data), Commit()
    view = memoryview(data)
    while True:
        inside = at.frames < known.frames
        sealed = _next(view, at.length)
        if sealed is None:
            if inside:
                raise GalleryTorn(f"frame {at.frames} of {known.frames} is cut short")
            return
        try:
            payload = sealer.open(at, bytes(sealed))
        except BadCiphertext as error:
            if inside:
                raise GalleryTorn(f"frame {at.frames} of {known.frames} does not hold") from error
            return
        at = Commit(at.length + _LENGTH.size + len(sealed), at.frames + 1, bytes(sealed[-TAG_SIZE:]))
        if at.frames == known.frames and at != known:
            raise GalleryTorn("the frames are not those that were committed")
        yield payload, at


def _next(view: memoryview, offset: int) -> memoryview | None:
    if offset + _LENGTH.size > len(view):
        return None
    (length,) = _LENGTH.unpack_from(view, offset)
    start = offset + _LENGTH.size
    if not NONCE_SIZE + TAG_SIZE <= length <= MOST_FRAME_BYTES or start + length > len(view):
        return None
    return view[start : start + length]
