CREATE TABLE "Chat_Notes" (id bigint PRIMARY KEY, chat_id bigint NOT NULL REFERENCES chats (id) ON DELETE CASCADE);
GRANT SELECT, DELETE ON "Chat_Notes" TO purge;
