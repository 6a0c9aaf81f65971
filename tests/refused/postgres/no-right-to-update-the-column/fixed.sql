GRANT UPDATE ("archived") ON "public"."chats" TO "purge";
