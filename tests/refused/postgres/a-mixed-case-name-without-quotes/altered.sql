ALTER TABLE chats ADD COLUMN "isOld" boolean;
