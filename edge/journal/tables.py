"""Tables of the journal. Business time rises with seq, so a day is a range found by halving, without an index."""

from edge.store.schema import Schema

JOURNAL_SCHEMA = Schema(
    "journal",
    (
        """
        CREATE TABLE entries (
            seq INTEGER PRIMARY KEY, kind INTEGER NOT NULL, business_ms INTEGER NOT NULL,
            sum_fen INTEGER NOT NULL, hash BLOB NOT NULL, body BLOB NOT NULL
        );
        CREATE TABLE journal_state (
            one INTEGER PRIMARY KEY CHECK (one = 1), boot INTEGER NOT NULL,
            applied_through INTEGER NOT NULL, safe_through INTEGER NOT NULL, generation INTEGER NOT NULL
        );
        INSERT INTO journal_state VALUES (1, 0, 0, 0, 0);
        CREATE TABLE checkpoints (
            seq INTEGER PRIMARY KEY, head BLOB NOT NULL, key_id INTEGER NOT NULL, signature BLOB NOT NULL
        );
        CREATE TABLE stream_keys (key_id INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL);
        """,
        # Where pruning stands, so that the oldest entry here is proven too. An empty hash is not known: the store
        # was pruned before this step.
        """
        ALTER TABLE journal_state ADD COLUMN pruned_seq INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE journal_state ADD COLUMN pruned_hash BLOB NOT NULL DEFAULT x'';
        ALTER TABLE journal_state ADD COLUMN pruned_sum_fen INTEGER NOT NULL DEFAULT 0;
        UPDATE journal_state SET pruned_seq = (SELECT coalesce(min(seq), 1) - 1 FROM entries);
        """,
    ),
)
