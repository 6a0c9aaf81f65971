CREATE INDEX CONCURRENTLY "notes_chat_id_idx" ON "public"."notes" ("chat_id");
