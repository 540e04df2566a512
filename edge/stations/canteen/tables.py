"""Tables of the canteen: what lanes must find again after a power cut. The facts themselves are in the journal."""

from edge.store.schema import Schema

CANTEEN_SCHEMA = Schema(
    "canteen",
    (
        """
        CREATE TABLE canteen_sales (
            seq INTEGER PRIMARY KEY, attempt TEXT NOT NULL UNIQUE, lane INTEGER NOT NULL, business_day INTEGER NOT NULL,
            receipt_no INTEGER NOT NULL, person INTEGER NOT NULL, amount_fen INTEGER NOT NULL,
            refunded_fen INTEGER NOT NULL DEFAULT 0, shown INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE canteen_refunds (
            sale_seq INTEGER NOT NULL, refund_no INTEGER NOT NULL, seq INTEGER NOT NULL, attempt TEXT NOT NULL UNIQUE,
            lane INTEGER NOT NULL, amount_fen INTEGER NOT NULL, PRIMARY KEY (sale_seq, refund_no)
        ) WITHOUT ROWID;
        CREATE TABLE canteen_cash (
            seq INTEGER PRIMARY KEY, attempt TEXT NOT NULL UNIQUE, lane INTEGER NOT NULL, person INTEGER NOT NULL,
            bucket INTEGER NOT NULL, amount_fen INTEGER NOT NULL, void_seq INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE canteen_closings (
            lane INTEGER NOT NULL, last_seq INTEGER NOT NULL, seq INTEGER NOT NULL, business_day INTEGER NOT NULL,
            PRIMARY KEY (lane, last_seq)
        ) WITHOUT ROWID;
        CREATE TABLE canteen_codes (
            person INTEGER NOT NULL, step INTEGER NOT NULL, PRIMARY KEY (person, step)
        ) WITHOUT ROWID;
        CREATE TABLE canteen_pins (
            who TEXT PRIMARY KEY, failures INTEGER NOT NULL, until_ms INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE canteen_trays (
            session TEXT PRIMARY KEY, lane INTEGER NOT NULL, tray TEXT NOT NULL, payer BLOB NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE canteen_picks (
            seq INTEGER PRIMARY KEY, session TEXT NOT NULL, pick BLOB NOT NULL
        );
        CREATE INDEX canteen_picks_by_session ON canteen_picks (session);
        CREATE TABLE canteen_washes (one INTEGER PRIMARY KEY CHECK (one = 1), at_ms INTEGER NOT NULL);
        INSERT INTO canteen_washes VALUES (1, 0);
        """,
    ),
)
