CREATE SCHEMA operators;
ALTER OPERATOR public.= (pg_catalog."varchar", pg_catalog."varchar") SET SCHEMA operators;
