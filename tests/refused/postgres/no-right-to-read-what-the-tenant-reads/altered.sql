REVOKE SELECT ON settings FROM purge;
