REVOKE UPDATE ON chats FROM purge;
GRANT UPDATE (id) ON chats TO purge;
