"""Tables of the replica, in a file of its own: a first load of 50,000 people never holds up a lane."""

from edge.store.schema import Schema

REPLICA_SCHEMA = Schema(
    "replica",
    (
        """
        CREATE TABLE replica_rows (
            collection TEXT NOT NULL, key TEXT NOT NULL, effective_from_ms INTEGER NOT NULL,
            version INTEGER NOT NULL, body BLOB NOT NULL,
            PRIMARY KEY (collection, key, effective_from_ms)
        ) WITHOUT ROWID;
        CREATE TABLE replica_heads (
            collection TEXT PRIMARY KEY, generation INTEGER NOT NULL, version INTEGER NOT NULL,
            digest BLOB NOT NULL, checked_ms INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE replica_age (one INTEGER PRIMARY KEY CHECK (one = 1), fresh_ms INTEGER NOT NULL);
        INSERT INTO replica_age VALUES (1, 0);
        """,
    ),
)
