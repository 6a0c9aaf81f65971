ALTER TABLE chats ADD COLUMN "lastSeen" timestamptz;
