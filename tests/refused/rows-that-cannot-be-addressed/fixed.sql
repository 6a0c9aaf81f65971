ALTER TABLE "odd" RENAME COLUMN oid TO object_id;
