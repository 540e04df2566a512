-- Roles of the whole server; run by an administrator, harmless when run again.
-- On a PostgreSQL of your own: run this, then give both login roles a password.
DO $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'quartermaster_owner') THEN
        CREATE ROLE quartermaster_owner LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'quartermaster') THEN
        CREATE ROLE quartermaster LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'quartermaster_system') THEN
        CREATE ROLE quartermaster_system NOLOGIN NOSUPERUSER NOBYPASSRLS;
    END IF;
END;
$$;
-- The application may step into the narrow role, but holds none of its rights by itself.
GRANT quartermaster_system TO quartermaster WITH INHERIT FALSE, SET TRUE;
