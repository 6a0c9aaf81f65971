REVOKE DELETE ON messages FROM purge;
