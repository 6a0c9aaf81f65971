ALTER TABLE messages ADD hidden boolean, ALTER chat_id DROP NOT NULL;
