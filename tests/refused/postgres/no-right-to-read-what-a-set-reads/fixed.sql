GRANT SELECT ON "public"."settings" TO "purge";
