GRANT SELECT ON "public"."chats" TO "purge";
