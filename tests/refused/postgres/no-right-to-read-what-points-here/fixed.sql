GRANT SELECT ON "public"."pins" TO "purge";
