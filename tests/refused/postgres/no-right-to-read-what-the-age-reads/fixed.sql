GRANT SELECT ON "public"."holds" TO "purge";
