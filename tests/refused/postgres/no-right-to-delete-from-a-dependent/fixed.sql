GRANT DELETE ON "public"."messages" TO "purge";
