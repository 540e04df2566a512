"""A model of reference data on its way down: what lanes decide by is one whole version of the cloud's (rule 30)."""

import asyncio
from random import Random
from typing import Any, Final
from unittest import mock

from cloud.sync import replicas
from cloud.sync.store_memory import MemoryStore
from cloud.sync.world_memory import MemoryTransaction, World
from edge.core.clock import ManualClock, SiteTime
from edge.replica.replica import Replica
from edge.replica.tables import REPLICA_SCHEMA
from edge.sync.rights import Reference
from protocols.sync.codec import collection_digest
from tests.simulation import reference
from tests.simulation.planted.oracle_rules import same
from tests.simulation.planted.oracle_store import Store

_SITE: Final = 3
_KEYS: Final = 14
_TIMES: Final = (0, 1_000, 2_000)

Rows = dict[tuple[str, int], bytes]


class _Seal:
    def seal(self, plain: bytes) -> bytes:
        return b"sealed " + plain

    def unseal(self, sealed: bytes) -> bytes:
        return sealed.removeprefix(b"sealed ")


class _Writer:
    """Runs each unit when it is given."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def submit(self, unit: Any, *, in_hand: bool = False) -> "asyncio.Future[Any]":
        """As the real one."""
        assert in_hand in (True, False)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(self._store.run(unit))
        return done

    submit_lazily = submit


class _Session:
    """Asks the real cloud for a page, unless the wire fails; between two pages a lane looks."""

    def __init__(self, random: Random, look: Any) -> None:
        self.random, self.look = random, look
        self.generation, self.fails = 1, False
        self.world = World(1)

    async def get(self, _path: str, _answer: type, *, collection: str, generation: int, after: int) -> Any:
        """One page."""
        self.look()
        if self.fails and self.random.random() < 0.3:
            raise ConnectionError
        store = MemoryStore(MemoryTransaction(self.world))
        return await replicas.page(
            store, _SITE, collection, generation=self.generation, known_generation=generation, after=after
        )


def check_replica(random: Random) -> None:
    """Deltas in small pages, tombstones, restores and failing wires: never half a version, and the newest at last."""
    with mock.patch.object(replicas, "PAGE_ROWS", 3):
        asyncio.run(_live(random))


async def _live(random: Random) -> None:
    at_store, name = Store(REPLICA_SCHEMA), random.choice(("people", "credentials"))
    versions: list[Rows] = [{}]  # what the cloud had, whole, one after another
    time = SiteTime(ManualClock(1_800_000_000_000))
    writer: Any = _Writer(at_store)
    replica = Replica(writer, at_store, _Seal(), time)  # type: ignore[arg-type]
    session = _Session(random, lambda: same("one whole version", _held(replica, name) in versions, True))
    for turn in range(14):
        versions.append(await _change(random, session, name, versions[-1]))
        if turn == 9:
            session.generation += 1
        session.fails = random.random() < 0.4
        link: Any = session
        follower = Reference(link, replica, time, digest_hours=24.0)
        try:
            await follower.pull(name)
        except ConnectionError:
            session.look()
            continue
        same("the newest version", _held(replica, name), versions[-1])
        head = replica.head(name)
        same("its digest", head.digest, _digest(versions[-1]))
        same("the digest of the disk", await replica.digest_now(name), _digest(versions[-1]))
        same("how far", (head.generation, replica.version(name)), (session.generation, head.version))
        if random.random() < 0.3:
            replica = Replica(writer, at_store, _Seal(), time)  # type: ignore[arg-type]
            session.look = lambda here=replica: same("one whole version", _held(here, name) in versions, True)
            same("after a boot", _held(replica, name), versions[-1])


async def _change(random: Random, session: _Session, name: str, before: Rows) -> Rows:
    after = dict(before)
    changes: list[tuple[str, int, bytes | None]] = []
    for _ in range(random.randrange(1, 9)):
        key, at_ms = str(random.randrange(_KEYS)), random.choice(_TIMES)
        body = None if random.random() < 0.3 else _record(random, name, int(key))
        changes.append((key, at_ms, body))
        after.pop((key, at_ms), None)
        if body is not None:
            after[key, at_ms] = body
    await replicas.put(MemoryStore(MemoryTransaction(session.world)), _SITE, name, changes)
    return after


def _record(random: Random, name: str, number: int) -> bytes:
    row: object = reference.credential(number)
    if name == "people":
        row = reference.person(number, random.choice((1, 2)), limited=random.random() < 0.5)
    ((_, _, body),) = reference.changes({str(number): row})
    assert body is not None
    return body


def _held(replica: Replica, name: str) -> Rows:
    """What a lane finds at each instant, as rows that would say the same."""
    found: Rows = {}
    for key in map(str, range(_KEYS)):
        before = None
        for at_ms in _TIMES:
            record = replica.get(name, key, at_ms)
            if record is not None and record is not before:
                ((_, _, body),) = reference.changes({key: record})
                assert body is not None
                found[key, at_ms] = body
            before = record
    same("all rows", len(replica.rows(name, _TIMES[-1])), len({key for key, _ in found}))
    return found


def _digest(rows: Rows) -> bytes:
    return collection_digest((key, at_ms, body) for (key, at_ms), body in sorted(rows.items()))
