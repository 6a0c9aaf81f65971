-- The login becomes one of its own.
ALTER ROLE purge NOBYPASSRLS;
