ALTER TABLE "public"."notes" ALTER COLUMN "chat_id" TYPE pg_catalog."int8" USING "chat_id"::pg_catalog."int8";
