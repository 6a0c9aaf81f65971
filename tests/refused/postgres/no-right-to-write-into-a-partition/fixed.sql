GRANT DELETE ON "public"."logs_one" TO "purge"; GRANT UPDATE ("id") ON "public"."logs_one" TO "purge";
