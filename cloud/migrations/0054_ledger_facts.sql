-- Buckets that count times (passes) instead of fen: their shares are not part of a bill's amount.
CREATE TABLE ledger_counting_buckets (
    bucket bigint PRIMARY KEY,
    organisation_id bigint NOT NULL
);
SELECT app_protect('ledger_counting_buckets');

-- What was given back of a settlement, by number: unique, and never more than was paid (rule 10).
CREATE TABLE ledger_refunds (
    device bigint NOT NULL,
    epoch integer NOT NULL,
    branch smallint NOT NULL,
    seq bigint NOT NULL, -- of the settlement
    refund_no bigint NOT NULL,
    organisation_id bigint NOT NULL,
    amount bigint NOT NULL,
    refund_seq bigint NOT NULL, -- of the refund's own entry, 0 where the cloud gave it
    PRIMARY KEY (device, epoch, branch, seq, refund_no)
);
SELECT app_protect('ledger_refunds');
