GRANT DELETE ON "public"."chats" TO "purge";
