"""Ten thousand random alterations of a journal, each of which must be seen: `python -m tests.simulation.tamper`.

An alteration is seen by `edge.journal.verify` (what `python -m edge verify` says), else when the gateway opens the
store, else when it next speaks to the cloud: the real journal, signer, uploader and ingest, over a cloud in memory.
"""

import argparse
import asyncio
import json
import secrets
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import apsw

from cloud.sync.world_memory import MemoryTransaction
from edge.core.clock import ManualClock, SiteTime
from edge.core.errors import EdgeError, Rejected
from edge.journal.identity import DeviceKey
from edge.journal.journal import Journal
from edge.journal.verify import Verdict, file_faults, verify
from edge.leases import audit
from edge.store.connection import Reader
from edge.store.transaction import Transaction
from edge.sync.link import Link
from edge.sync.settings import SyncSettings
from edge.sync.signer import Signer
from edge.sync.uploader import Diverged, Uploader
from protocols.crypto import sm2
from protocols.journal.kinds import Kind
from protocols.payments.facts import TurnstilePassed
from tests.simulation.edits import EDITS, Edit, Journalled, Redraw
from tests.simulation.tampered import Direct, Written, pruned, write_journal
from tests.support.edge import DEVICE, EPOCH, IDENTITY

EDITS_WANTED: Final = 10_000
ENTRIES: Final = 2_000
_SPEAKS_MOST: Final = 8
_IMAGES: Final = {"old image put back": 6, "clone": 4, "bit of the file": 4, "file cut": 2}


class Seen(NamedTuple):
    """What an alteration was, and who saw it: "verify", "opening", "cloud", or "" nobody."""

    what: str
    by: str


class MemoryReader(Reader):
    """A reader of a store that lies in memory."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()


class _InlineWriter:
    """Runs units at once: what journal and signer ask of the writer's thread."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def run(self, unit: Callable[[Transaction], Any]) -> Any:
        return unit(Transaction(self._connection))

    def submit_lazily(self, unit: Callable[[Transaction], Any]) -> "asyncio.Future[Any]":
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(self.run(unit))
        return done


class _Keys:
    """The device's key file: whoever puts back a whole folder has it too."""

    def __init__(self, written: Written) -> None:
        self.keys = [DeviceKey(key_id, written.privates[key_id], public) for key_id, public in written.publics]

    def key(self, key_id: int) -> DeviceKey | None:
        return next((key for key in self.keys if key.key_id == key_id), None)


class Gateway:
    """A gateway that opens a store in memory and goes on from it."""

    def __init__(self, written: Written, connection: apsw.Connection, chance: Random) -> None:
        """Raises EdgeError where the journal refuses to open."""
        self.reader = MemoryReader(connection)
        time = SiteTime(ManualClock(1_900_000_000_000))
        writer: Any = _InlineWriter(connection)
        self.journal = Journal(writer, self.reader, IDENTITY, time, software="test")
        self._written, self._writer = written, writer
        for _ in range(chance.randint(0, 5)):
            self.passed(chance.randint(1, 9_999))
        keys: Any = _Keys(written)
        self._signer = Signer(keys, self.journal, writer, self.reader, time)
        self._link = Link(now_ms=time.now_ms, ask_timeout_s=1.0)

    def passed(self, person: int) -> None:
        """Somebody goes through a turnstile."""
        payload = TurnstilePassed(1, person, passed=True)
        self._writer.run(partial(self.journal.append, kind=Kind.TURNSTILE_PASSED, payload=payload))

    async def speak(self, tx: MemoryTransaction) -> bool:
        """Send what waits to the cloud as it stands in `tx`; whether one of the two finds a second history."""
        session: Any = Direct(self._written.cloud, self._written.ingestor, tx)
        settings = SyncSettings(batch_entries=5_000)
        uploader = Uploader(session, self.journal, self._signer, self._writer, self.reader, self._link, settings)
        try:
            for _ in range(_SPEAKS_MOST):
                if await uploader.send_once() is None:
                    return False
                if self._link.state.word == "frozen":
                    return True
        except (Diverged, Rejected):
            return True
        finally:
            self._signer.close()
        return False


@dataclass
class Bench:
    """A written journal, open in memory, to which alterations are done and undone."""

    written: Written
    connection: apsw.Connection = field(init=False)
    reader: MemoryReader = field(init=False)
    rows: Journalled = field(init=False)

    def __post_init__(self) -> None:
        self.connection = opened(self.written.image)
        self.reader = MemoryReader(self.connection)
        self.rows = Journalled.read(self.reader, self.written.last_checkpoint, self.written.privates)

    async def once(self, chance: Random) -> Seen:
        """One alteration, drawn, done, looked for and undone."""
        names = [*EDITS, *_IMAGES]
        weights = [*(weight for weight, _ in EDITS.values()), *_IMAGES.values()]
        while True:
            name = chance.choices(names, weights)[0]
            try:
                if name in EDITS:
                    return await self._row_edit(name, EDITS[name][1], chance)
                return Seen(name, await self._image_edit(name, chance))
            except Redraw:
                continue

    async def _row_edit(self, name: str, edit: Edit, chance: Random) -> Seen:
        self.connection.execute("SAVEPOINT edit")
        try:
            edit(self.connection, self.rows, chance)
            return Seen(name, await self._seen(self.connection, chance))
        finally:
            self.connection.execute("ROLLBACK TO edit; RELEASE edit")

    async def _image_edit(self, name: str, chance: Random) -> str:
        if name == "old image put back":
            end, image = chance.choice(self.written.older)
            if end >= self.written.last_checkpoint:
                raise Redraw
            return await self._seen(opened(image), chance)
        if name == "clone":
            return await self._clone(chance)
        return await self._raw(name, chance)

    async def _clone(self, chance: Random) -> str:
        """The disk is copied at some time and both copies go on; the one that speaks second is found."""
        image = chance.choice([*self.written.older, (0, self.written.image)])[1]
        connection = opened(image)
        if not self._look(connection).whole:
            return "verify"
        async with self.written.cloud.asked() as tx:
            await Gateway(self.written, opened(self.written.image), chance).speak(tx)
            found = await Gateway(self.written, connection, chance).speak(tx)
        return "cloud" if found else ""

    async def _raw(self, name: str, chance: Random) -> str:
        """The file itself: what leaves every row of the journal as it was is no alteration of it."""
        image = bytearray(self.written.image)
        if name == "file cut":
            del image[chance.randrange(100, len(image)) :]
        else:
            image[chance.randrange(len(image))] ^= 1 << chance.randrange(8)
        try:
            connection = opened(bytes(image))
            same = Journalled.read(MemoryReader(connection), self.written.last_checkpoint, {}).same_as(self.rows)
        except (apsw.Error, ValueError, TypeError):
            return "opening"
        if same:
            raise Redraw
        return "opening" if file_faults(MemoryReader(connection)) else await self._seen(connection, chance)

    async def _seen(self, connection: apsw.Connection, chance: Random) -> str:
        if not self._look(connection).whole:
            return "verify"
        try:
            gateway = Gateway(self.written, connection, chance)
        except EdgeError:
            return "opening"
        async with self.written.cloud.asked() as tx:
            found = await gateway.speak(tx)
        return "cloud" if found else ""

    def _look(self, connection: apsw.Connection) -> Verdict:
        """What the command says: quickly first, every signature and the balances where that found nothing."""
        reader = MemoryReader(connection)
        look = partial(verify, reader, self.written.publics, device=DEVICE, epoch=EPOCH)
        verdict = look(every_signature=False)
        return look(audit=lambda: audit.verify(reader)) if verdict.whole else verdict


async def tamper(seed: int, edits: int, *, entries: int = ENTRIES) -> list[Seen]:
    """Do that many alterations, one by one, of one journal: of its whole and of what pruning leaves, in turn."""
    chance = Random(f"tamper {seed}")
    with patch.object(sm2, "verify", _remembering(sm2.verify)), patch.object(secrets, "token_bytes", chance.randbytes):
        written = await asyncio.to_thread(write_journal, seed, entries=entries)
        benches = (Bench(written), Bench(pruned(written)))
        return [await benches[number % 2].once(Random(f"tamper {seed} {number}")) for number in range(edits)]


def _remembering(reckon: Callable[..., bool]) -> Callable[..., bool]:
    """The same function; what it said of the same bytes before is not reckoned again."""
    said: dict[tuple[bytes, bytes, bytes], bool] = {}

    def remembered(*, public: bytes, message: bytes, signature: bytes) -> bool:
        key = (public, message, signature)
        if key not in said:
            said[key] = reckon(public=public, message=message, signature=signature)
        return said[key]

    return remembered


def opened(image: bytes) -> apsw.Connection:
    """A store in memory."""
    connection = apsw.Connection(":memory:")
    connection.deserialize("main", image)
    return connection


def main(arguments: list[str]) -> int:
    """Prints one line; 1 where an alteration was seen by nobody."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.tamper")
    parser.add_argument("--edits", type=int, default=EDITS_WANTED)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    seen = asyncio.run(tamper(options.seed, options.edits))
    missed = [one.what for one in seen if not one.by]
    by = Counter(one.by for one in seen if one.by)
    line = {"edits": len(seen), "detected": len(seen) - len(missed), "by": dict(sorted(by.items()))}
    print(json.dumps(line))  # noqa: T201 - the output of a command is its product
    if missed:
        sys.stderr.write(f"seen by nobody: {dict(Counter(missed))}\n")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
