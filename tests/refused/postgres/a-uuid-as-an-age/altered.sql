ALTER TABLE chats ADD COLUMN token uuid;
