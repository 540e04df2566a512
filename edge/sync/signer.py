"""Signatures off the event loop, one at a time: gmssl takes milliseconds of processor time for each (rule 20)."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from edge.core.clock import SiteTime
from edge.core.log import logger
from edge.journal.identity import DeviceKey, DeviceSecrets
from edge.journal.journal import Journal
from edge.store.connection import Reader
from edge.store.errors import StoreError
from edge.store.transaction import Transaction
from edge.store.writer import Writer
from protocols.journal.chain import signed_bytes
from protocols.journal.kinds import Kind
from protocols.journal.messages import Checkpoint
from protocols.payments.facts import KeyRotated

CHECKPOINT_ENTRIES = 256
CHECKPOINT_S = 60.0
_OLDER_KEYS = 8

_log = logger("sync.signer")


class Signer:
    """Signs with the key that the stream's position calls for, and rotates keys (rule 22)."""

    def __init__(
        self,
        device_secrets: DeviceSecrets,
        journal: Journal,
        writer: Writer,
        reader: Reader,
        time: SiteTime,
        *,
        look_every_s: float = 1.0,
    ) -> None:
        self._secrets, self._journal, self._writer, self._reader = device_secrets, journal, writer, reader
        self._time = time
        self._look_every_s = look_every_s
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="signer")
        self._last_seq = 0
        self._last_ms = time.monotonic_ms()

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def session_keys(self) -> list[DeviceKey]:
        """The newest key the cloud has heard of, then older ones: a cloud put back knows one of those (rule 25)."""
        newest = self.key_at(self._journal.applied_through + 1)
        older = [key for key in self._secrets.keys if key.key_id < newest.key_id]
        return [newest, *sorted(older, key=lambda key: -key.key_id)[:_OLDER_KEYS]]

    def key_at(self, seq: int) -> DeviceKey:
        """The key that signs checkpoints whose last entry is `seq`."""
        row = self._reader.row(
            "SELECT key_id FROM stream_keys WHERE first_seq <= ? ORDER BY first_seq DESC LIMIT 1", (seq,)
        )
        key = self._secrets.key(row[0]) if row else self._secrets.keys[0]
        if key is None:
            raise StoreError("a device key of this stream is missing from the key file")
        return key

    def last_of_key(self, seq: int) -> int | None:
        """The last entry that the key of entry `seq` signs, None where no rotation follows."""
        row = self._reader.row("SELECT min(first_seq) - 1 FROM stream_keys WHERE first_seq > ?", (seq,))
        return None if row is None or row[0] is None else int(row[0])

    async def sign(self, key: DeviceKey, message: bytes) -> bytes:
        """A signature by a key."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, key.sign, message)

    async def checkpoint(self, seq: int, head: bytes) -> Checkpoint:
        """Sign the chain up to `seq`, or give the signature made before."""
        row = self._reader.row("SELECT head, key_id, signature FROM checkpoints WHERE seq = ?", (seq,))
        identity = self._journal.identity
        if row is not None and row[0] == head:
            return Checkpoint(identity.device, identity.epoch, seq, head, row[1], row[2])
        key = self.key_at(seq)
        message = signed_bytes(identity.device, identity.epoch, seq, head)
        newest, at_ms = self._journal.head_seq, self._time.monotonic_ms()
        signature = await self.sign(key, message)
        self._last_seq = max(seq, self._last_seq)
        if seq >= newest:  # a batch of a backlog leaves newer entries waiting, and their minute runs on
            self._last_ms = at_ms
        row = (seq, head, key.key_id, signature)
        kept = self._writer.submit_lazily(
            lambda tx: tx.execute("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?)", row) and None
        )
        kept.add_done_callback(_note_failure)
        return Checkpoint(identity.device, identity.epoch, seq, head, key.key_id, signature)

    async def run(self) -> None:
        """With no network too: a checkpoint every 256 entries or 60 s while there is something new."""
        while True:
            await asyncio.sleep(self._look_every_s)
            new = self._journal.head_seq - self._last_seq
            late = self._time.monotonic_ms() - self._last_ms >= CHECKPOINT_S * 1000
            if new >= CHECKPOINT_ENTRIES or (new and late):
                stood = self._journal.committed()
                await self.checkpoint(stood.seq, stood.head)
                self._last_seq = max(stood.seq, self._last_seq)
                self._last_ms = self._time.monotonic_ms()

    async def rotate(self) -> int:
        """Make a key, name it in an entry signed by the old one, and use it after that entry; its id."""
        old = self.key_at(self._journal.head_seq)
        new = self._secrets.make_next(old.key_id + 1)
        signature = await self.sign(old, new.public)
        entry = KeyRotated(new.key_id, new.public, signature)
        seq = await self._writer.submit(partial(self._append_rotation, entry), in_hand=True)
        _log.info("key %d signs after entry %d", new.key_id, seq)
        return new.key_id

    def _append_rotation(self, entry: KeyRotated, tx: Transaction) -> int:
        """The entry itself is the last that the old key vouches for: the cloud learns the new key from it."""
        appended = self._journal.append(tx, Kind.KEY_ROTATED, entry)
        tx.execute("INSERT OR REPLACE INTO stream_keys VALUES (?, ?)", (entry.key_id, appended.seq + 1))
        return appended.seq


def _note_failure(done: "asyncio.Future[None]") -> None:
    if not done.cancelled() and done.exception() is not None:
        _log.warning("a checkpoint was not kept: %s", done.exception())
