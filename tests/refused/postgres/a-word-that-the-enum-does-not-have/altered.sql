CREATE TYPE state AS ENUM ('finished', 'running');
ALTER TABLE chats ADD COLUMN state state;
