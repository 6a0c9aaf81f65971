DROP RULE "never" ON "public"."chats";
