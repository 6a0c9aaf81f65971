CREATE TABLE "chatHolds" (chat_id bigint);
GRANT SELECT ON "chatHolds" TO purge;
