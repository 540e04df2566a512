"""Reference data for sites: numbered rows of named collections, read in pages, with a digest (rules 12, 30)."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import msgspec

from cloud.core.database import Transaction
from cloud.sync import store as ports
from cloud.sync.sites_postgres import PostgresSites
from cloud.sync.store import SiteStore
from protocols.canteen.reference import COLLECTIONS
from protocols.sync.codec import collection_digest
from protocols.sync.messages import ReplicaPage, ReplicaRow
from protocols.values.errors import Malformed

PAGE_ROWS: Final = 2_000
PAGE_BYTES: Final = 1024 * 1024
FILLED_ROWS: Final = 200

ReplicaChange = ports.ReplicaChange
Filler = Callable[[Any, Sequence[bytes]], Awaitable[Sequence[bytes | None]]]
"""(tx, what rows hold at rest) -> the bodies to send, None for what is gone: for records kept sealed in one place."""


async def publish(tx: Transaction, site: int, collection: str, rows: Iterable[ReplicaChange]) -> int:
    """Give a site new or removed records, in the transaction that changed them; answers the collection's version.

    A record is one (key, effective_from_ms); giving it again as it is changes nothing. Raises Malformed for a name
    that is not in COLLECTIONS.
    """
    return await put(PostgresSites(tx), site, collection, rows)


async def put(store: SiteStore, site: int, collection: str, rows: Iterable[ReplicaChange]) -> int:
    """`publish` over any store."""
    if collection not in COLLECTIONS:
        raise Malformed(f"no replica collection is called {collection!r}")
    unique = {(key, effective_from_ms): body for key, effective_from_ms, body in rows}
    version = await store.lock_head(site, collection)
    changes = [(key, effective_from_ms, body) for (key, effective_from_ms), body in unique.items()]
    if not changes or not await store.put_rows(site, collection, version, changes):
        return version
    version += len(changes)
    await store.set_head(site, collection, version)
    return version


async def page(
    store: SiteStore,
    site: int,
    collection: str,
    *,
    generation: int,
    known_generation: int,
    after: int,
    fill: Callable[[Sequence[bytes]], Awaitable[Sequence[bytes | None]]] | None = None,
) -> ReplicaPage:
    """The rows after a version; from the start, with `reset`, where the edge's generation is not the cloud's.

    `fill` makes the bodies of what rows hold at rest; digests are of bodies as sent.
    """
    most = PAGE_ROWS if fill is None else FILLED_ROWS
    newest, digest = await store.head(site, collection)
    reset = known_generation != generation or after > newest or after < 0
    after = 0 if reset else after
    fetched = await store.rows_between(site, collection, after, newest, most + 1)
    if fill is not None:
        fetched = await _filled(fetched, fill)
    rows: list[ReplicaRow] = []
    size = 0
    for row in fetched[:most]:
        size += len(row.body or b"") + len(row.key)
        if rows and size > PAGE_BYTES:
            break
        rows.append(row)
    more = len(rows) < len(fetched)
    if more:
        return ReplicaPage(collection, generation, rows[-1].version, reset, more, tuple(rows), b"")
    if digest is None:
        live = await store.live_rows(site, collection)
        if fill is not None:
            bodies = await fill([row[2] for row in live])
            live = [(key, at_ms, body) for (key, at_ms, _), body in zip(live, bodies, strict=True) if body is not None]
        if (await store.head(site, collection))[0] != newest:  # published to meanwhile: the digest is of more than this
            return ReplicaPage(collection, generation, newest, reset, more=True, rows=tuple(rows), digest=b"")
        digest = collection_digest(live)
        await store.keep_digest(site, collection, newest, digest)
    return ReplicaPage(collection, generation, newest, reset, more, tuple(rows), digest)


async def _filled(
    rows: Sequence[ReplicaRow], fill: Callable[[Sequence[bytes]], Awaitable[Sequence[bytes | None]]]
) -> list[ReplicaRow]:
    bodies = iter(await fill([row.body for row in rows if row.body is not None]))
    return [row if row.body is None else msgspec.structs.replace(row, body=next(bodies)) for row in rows]
