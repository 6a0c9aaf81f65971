GRANT USAGE ON SCHEMA "public" TO "purge";
