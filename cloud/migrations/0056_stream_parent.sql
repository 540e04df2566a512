-- The branch that a fork left: a fork of a fork shares entries with the fork, and by it with what that one left.
ALTER TABLE streams ADD COLUMN parent smallint NOT NULL DEFAULT 0;
