ALTER TABLE messages DROP CONSTRAINT messages_chat_id_fkey;
ALTER TABLE messages ADD FOREIGN KEY (chat_id) REFERENCES chats (id) ON DELETE SET NULL;
