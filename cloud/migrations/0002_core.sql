-- Facts of the installation itself; they belong to no organisation.

-- One row: raised by each restore, so that edges and replicas know the cloud has stepped back.
CREATE TABLE core_generation (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    generation bigint NOT NULL CHECK (generation >= 1),
    begun_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO core_generation (generation) VALUES (1);
GRANT SELECT ON core_generation TO quartermaster_system;
