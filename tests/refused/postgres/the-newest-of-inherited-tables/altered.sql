CREATE TABLE chats_old () INHERITS (chats);
GRANT SELECT, DELETE, UPDATE ON chats_old TO purge;
