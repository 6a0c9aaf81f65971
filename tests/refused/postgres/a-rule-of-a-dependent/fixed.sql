DROP RULE "never" ON "public"."messages";
