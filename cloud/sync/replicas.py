"""Reference data for sites: numbered rows of named collections, read in pages, with a digest (rules 12, 30)."""

from collections.abc import Iterable
from typing import Final

from cloud.core.database import Transaction
from protocols.canteen.reference import COLLECTIONS
from protocols.sync.codec import collection_digest
from protocols.sync.messages import ReplicaPage, ReplicaRow
from protocols.values.errors import Malformed

PAGE_ROWS: Final = 2_000
PAGE_BYTES: Final = 1024 * 1024

ReplicaChange = tuple[str, int, bytes | None]  # key, effective_from_ms, msgpack of the record or None to remove it

_LOCK: Final = """
INSERT INTO replica_heads AS h (site, collection, organisation_id, version) VALUES ($1, $2, $3, 0)
ON CONFLICT (site, collection) DO UPDATE SET version = h.version RETURNING version
"""
_PUT: Final = """
INSERT INTO replica_rows AS r (site, collection, key, effective_from_ms, organisation_id, version, body)
SELECT $1, $2, k.key, k.effective_from_ms, $3, $4 + k.n, k.body
FROM unnest($5::text[], $6::bigint[], $7::bytea[]) WITH ORDINALITY AS k (key, effective_from_ms, body, n)
ON CONFLICT (site, collection, key, effective_from_ms) DO UPDATE SET version = excluded.version, body = excluded.body
WHERE r.body IS DISTINCT FROM excluded.body
"""
_PAGE: Final = """
SELECT key, version, effective_from_ms, body FROM replica_rows
WHERE site = $1 AND collection = $2 AND version > $3 AND version <= $4 AND ($5 OR body IS NOT NULL)
ORDER BY version LIMIT $6
"""


async def publish(tx: Transaction, site: int, collection: str, rows: Iterable[ReplicaChange]) -> int:
    """Give a site new or removed records, in the transaction that changed them; answers the collection's version.

    A record is one (key, effective_from_ms); giving it again as it is changes nothing. Raises Malformed for a name
    that is not in COLLECTIONS.
    """
    if collection not in COLLECTIONS:
        raise Malformed(f"no replica collection is called {collection!r}")
    unique = {(key, effective_from_ms): body for key, effective_from_ms, body in rows}
    version = int(await tx.fetchval(_LOCK, site, collection, tx.organisation_id))
    if not unique:
        return version
    keys, bodies = list(unique), list(unique.values())
    done = await tx.execute(
        _PUT, site, collection, tx.organisation_id, version,
        [key for key, _ in keys], [instant for _, instant in keys], bodies,
    )  # fmt: skip
    if done.rsplit(" ", 1)[1] == "0":
        return version
    version += len(unique)
    await tx.execute(
        "UPDATE replica_heads SET version = $3, digest = NULL WHERE site = $1 AND collection = $2",
        site, collection, version,
    )  # fmt: skip
    return version


async def versions(tx: Transaction, site: int) -> dict[str, int]:
    """Newest version of each collection of a site."""
    rows = await tx.fetch("SELECT collection, version FROM replica_heads WHERE site = $1 ORDER BY collection", site)
    return {row[0]: row[1] for row in rows}


async def page(
    tx: Transaction, site: int, collection: str, *, generation: int, known_generation: int, after: int
) -> ReplicaPage:
    """The rows after a version; from the start, with `reset`, where the edge's generation is not the cloud's."""
    version = await tx.fetchval(
        "SELECT version FROM replica_heads WHERE site = $1 AND collection = $2", site, collection
    )
    newest = int(version or 0)
    reset = known_generation != generation or after > newest or after < 0
    after = 0 if reset else after
    fetched = await tx.fetch(_PAGE, site, collection, after, newest, after > 0, PAGE_ROWS + 1)
    rows: list[ReplicaRow] = []
    size = 0
    for row in fetched[:PAGE_ROWS]:
        size += len(row["body"] or b"") + len(row["key"])
        if rows and size > PAGE_BYTES:
            break
        rows.append(ReplicaRow(row["key"], row["version"], row["effective_from_ms"], row["body"]))
    more = len(rows) < len(fetched)
    digest = b"" if more else await _digest(tx, site, collection)
    reached = rows[-1].version if more else newest
    return ReplicaPage(collection, generation, reached, reset, more, tuple(rows), digest)


async def _digest(tx: Transaction, site: int, collection: str) -> bytes:
    kept = await tx.fetchval("SELECT digest FROM replica_heads WHERE site = $1 AND collection = $2", site, collection)
    if kept is not None:
        return bytes(kept)
    rows = await tx.fetch(
        "SELECT key, effective_from_ms, body FROM replica_rows"
        " WHERE site = $1 AND collection = $2 AND body IS NOT NULL",
        site, collection,
    )  # fmt: skip
    digest = collection_digest((row[0], row[1], row[2]) for row in rows)
    await tx.execute(
        "UPDATE replica_heads SET digest = $3 WHERE site = $1 AND collection = $2 AND digest IS NULL",
        site, collection, digest,
    )  # fmt: skip
    return digest
