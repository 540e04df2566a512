-- Leases are transfers; these tables say who holds them, what was said to each site, and what waits for an answer.
CREATE TABLE lease_sites (
    site bigint NOT NULL,
    epoch integer NOT NULL,
    organisation_id bigint NOT NULL,
    device bigint NOT NULL,
    newest_n bigint NOT NULL DEFAULT 0,
    applied_n bigint NOT NULL DEFAULT 0,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'closed', 'frozen', 'lost')),
    declared_generation bigint NOT NULL, -- the cloud's generation this site's holdings are known for (rule 25)
    bearer bigint NOT NULL DEFAULT 0,    -- who bears later facts of a lost site (rule 6)
    lost_at timestamptz,
    released_at timestamptz,
    PRIMARY KEY (site, epoch)
);
CREATE INDEX lease_sites_organisation ON lease_sites (organisation_id, declared_generation);
SELECT app_protect('lease_sites');

CREATE TABLE lease_messages (
    site bigint NOT NULL,
    epoch integer NOT NULL,
    n bigint NOT NULL,
    organisation_id bigint NOT NULL,
    kind smallint NOT NULL,
    person bigint NOT NULL,
    bucket bigint NOT NULL,
    amount bigint NOT NULL,
    from_day integer NOT NULL,
    counter_owner_kind smallint,         -- where a shrink's money goes, NULL for all others
    counter_owner bigint,
    for_site bigint NOT NULL DEFAULT 0,  -- whom a recall is for
    for_epoch integer NOT NULL DEFAULT 0,
    answered bigint,                     -- what the site gave back; NULL while no answer came
    PRIMARY KEY (site, epoch, n)
);
CREATE INDEX lease_messages_waiting ON lease_messages (person) WHERE answered IS NULL AND kind IN (2, 3, 6);
SELECT app_protect('lease_messages');

CREATE TABLE lease_homes (
    person bigint PRIMARY KEY,
    organisation_id bigint NOT NULL,
    site bigint NOT NULL,
    meal_fen bigint NOT NULL CHECK (meal_fen >= 0)
);
SELECT app_protect('lease_homes');

-- A site already announced for a day: a meal was moved there (rule 4).
CREATE TABLE lease_visits (
    person bigint NOT NULL,
    site bigint NOT NULL,
    day integer NOT NULL,
    organisation_id bigint NOT NULL,
    PRIMARY KEY (person, site, day)
);
SELECT app_protect('lease_visits');

-- The one site that may use a limit of a person (rule 3); site 0 none. `next_site` waits for the holder's return:
-- for good, or (visit_day > 0) for that one day.
CREATE TABLE standing_rights (
    person bigint NOT NULL,
    rule bigint NOT NULL,
    organisation_id bigint NOT NULL,
    site bigint NOT NULL,
    epoch integer NOT NULL,
    from_day integer NOT NULL,
    uses_a_day bigint NOT NULL,          -- what a pass for one day is worth
    next_site bigint NOT NULL DEFAULT 0,
    next_epoch integer NOT NULL DEFAULT 0,
    visit_day integer NOT NULL DEFAULT 0,
    PRIMARY KEY (person, rule)
);
CREATE INDEX standing_rights_site ON standing_rights (site, epoch);
SELECT app_protect('standing_rights');

-- Buckets being cleared (rule 8): one row a bucket, one a site that must pass the cut-off.
CREATE TABLE lease_cutoffs (
    bucket bigint PRIMARY KEY,
    organisation_id bigint NOT NULL,
    business_day integer NOT NULL,
    started_at timestamptz NOT NULL
);
SELECT app_protect('lease_cutoffs');

CREATE TABLE lease_cutoff_sites (
    bucket bigint NOT NULL,
    site bigint NOT NULL,
    epoch integer NOT NULL,
    organisation_id bigint NOT NULL,
    passed_seq bigint, -- NULL while the site's stream has not passed the marker
    PRIMARY KEY (site, epoch, bucket)
);
SELECT app_protect('lease_cutoff_sites');
