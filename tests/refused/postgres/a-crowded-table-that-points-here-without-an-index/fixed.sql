CREATE INDEX CONCURRENTLY "pins_chat_id_idx" ON "public"."pins" ("chat_id");
