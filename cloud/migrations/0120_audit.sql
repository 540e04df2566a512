-- Every change and every sensitive read, each record chained to the one before it by SM3. `before` and `after` are
-- kept as the very text that was hashed. The application may add, never alter.

CREATE TABLE audit_records (
    organisation_id bigint NOT NULL DEFAULT app_organisation() REFERENCES core_organisations (id),
    id bigint NOT NULL,
    at timestamptz NOT NULL,
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    before text NOT NULL,
    after text NOT NULL,
    hash bytea NOT NULL,
    event_id bigint NOT NULL,
    PRIMARY KEY (organisation_id, id)
);
CREATE INDEX audit_records_target ON audit_records (organisation_id, target, id);
CREATE INDEX audit_records_actor ON audit_records (organisation_id, actor, id);
SELECT app_protect('audit_records');
REVOKE UPDATE, DELETE, TRUNCATE ON audit_records FROM quartermaster;

CREATE TABLE audit_heads (
    organisation_id bigint PRIMARY KEY DEFAULT app_organisation() REFERENCES core_organisations (id),
    id bigint NOT NULL,
    hash bytea NOT NULL
);
SELECT app_protect('audit_heads');
