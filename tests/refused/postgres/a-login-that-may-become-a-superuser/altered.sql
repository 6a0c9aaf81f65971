CREATE ROLE purge_admin SUPERUSER;
GRANT purge_admin TO purge;
