CREATE VIEW plans AS SELECT * FROM settings;
GRANT SELECT ON plans TO purge;
