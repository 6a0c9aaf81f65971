-- The login becomes one of its own.
DROP ROLE purge_admin;
