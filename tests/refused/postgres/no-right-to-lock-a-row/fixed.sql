GRANT UPDATE ("id") ON "public"."chats" TO "purge";
