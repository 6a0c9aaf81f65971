CREATE TABLE "oldChats" (LIKE chats);
GRANT SELECT, DELETE, UPDATE ON "oldChats" TO purge;
