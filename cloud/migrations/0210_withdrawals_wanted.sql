-- A withdrawal that waits for sites to give money back: until then, or for some days, no home is leased it again.
CREATE TABLE payments_withdrawals_wanted (
    organisation_id bigint NOT NULL DEFAULT app_organisation() REFERENCES core_organisations (id),
    person_id bigint NOT NULL,
    bucket_id bigint NOT NULL,
    amount_fen bigint NOT NULL CHECK (amount_fen > 0),
    until timestamptz NOT NULL,
    PRIMARY KEY (person_id, bucket_id)
);
SELECT app_protect('payments_withdrawals_wanted');
