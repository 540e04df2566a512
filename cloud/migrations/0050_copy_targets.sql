-- PostgreSQL refuses COPY into a table under row-level security. A table that takes rows by COPY is therefore
-- partitioned: the table itself is read, changed and protected as all others are, and its one default partition
-- `<name>_rows` can only be added to, under a trigger that holds every new row to the organisation entered.
CREATE FUNCTION app_rows_stay_home() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM fresh WHERE organisation_id IS DISTINCT FROM app_organisation()) THEN
        RAISE EXCEPTION 'a row of another organisation' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NULL;
END;
$$;

-- Call after `CREATE TABLE name (...) PARTITION BY LIST (organisation_id)`; unique indexes go onto `name_rows`.
CREATE FUNCTION app_copy_target(name text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM app_protect(name);
    EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', name || '_rows', name);
    EXECUTE format('REVOKE ALL ON %I FROM quartermaster', name || '_rows');
    EXECUTE format('GRANT INSERT ON %I TO quartermaster', name || '_rows');
    EXECUTE format(
        'CREATE TRIGGER rows_stay_home AFTER INSERT ON %I REFERENCING NEW TABLE AS fresh '
        'FOR EACH STATEMENT EXECUTE FUNCTION app_rows_stay_home()', name || '_rows');
END;
$$;
