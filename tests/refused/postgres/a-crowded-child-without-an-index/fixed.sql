CREATE INDEX CONCURRENTLY "messages_chat_id_idx" ON "public"."messages" ("chat_id");
