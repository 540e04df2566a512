"""Tables of the lease book. `lease_log` keeps each message with the journal's head at that moment, for the audit."""

from edge.store.schema import Schema

LEASES_SCHEMA = Schema(
    "leases",
    (
        """
        CREATE TABLE lease_balances (
            person INTEGER NOT NULL, bucket INTEGER NOT NULL, amount INTEGER NOT NULL CHECK (amount >= 0),
            PRIMARY KEY (person, bucket)
        ) WITHOUT ROWID;
        CREATE TABLE lease_log (
            n INTEGER PRIMARY KEY, kind INTEGER NOT NULL, person INTEGER NOT NULL, bucket INTEGER NOT NULL,
            amount INTEGER NOT NULL, from_day INTEGER NOT NULL, after_seq INTEGER NOT NULL
        );
        CREATE TABLE lease_state (one INTEGER PRIMARY KEY CHECK (one = 1), n INTEGER NOT NULL);
        INSERT INTO lease_state VALUES (1, 0);
        CREATE TABLE lease_cutoffs (bucket INTEGER PRIMARY KEY, n INTEGER NOT NULL);
        CREATE TABLE lease_standing (
            person INTEGER NOT NULL, rule INTEGER NOT NULL, from_day INTEGER NOT NULL, until_day INTEGER NOT NULL,
            PRIMARY KEY (person, rule)
        ) WITHOUT ROWID;
        CREATE TABLE lease_passes (
            person INTEGER NOT NULL, rule INTEGER NOT NULL, day INTEGER NOT NULL, amount INTEGER NOT NULL,
            PRIMARY KEY (person, rule, day)
        ) WITHOUT ROWID;
        CREATE TABLE lease_uses (
            person INTEGER NOT NULL, rule INTEGER NOT NULL, key INTEGER NOT NULL,
            times INTEGER NOT NULL, amount INTEGER NOT NULL, PRIMARY KEY (person, rule, key)
        ) WITHOUT ROWID;
        """,
    ),
)
