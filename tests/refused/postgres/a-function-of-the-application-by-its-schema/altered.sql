CREATE FUNCTION is_old(text) RETURNS boolean LANGUAGE sql AS $$ SELECT true; $$;
