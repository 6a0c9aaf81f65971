-- What there is of each organization.
SELECT o.name AS organization,
       (SELECT count(*) FROM agent_chats c WHERE c.org_id = o.id) AS chats,
       (SELECT count(*) FROM agent_chat_messages m JOIN agent_chats c ON c.id = m.chat_id WHERE c.org_id = o.id) AS messages,
       (SELECT extract(day FROM now() - min(c.updated_at)) || ' days' FROM agent_chats c WHERE c.org_id = o.id) AS "oldest chat",
       (SELECT count(*) FROM workflow_runs r JOIN workflows w ON w.id = r.workflow_id WHERE w.organization_id = o.id) AS runs,
       (SELECT count(*) FROM workflow_events e JOIN workflows w ON w.id = e.workflow_id WHERE w.organization_id = o.id) AS events,
       (SELECT extract(day FROM (now() AT TIME ZONE 'UTC') - min(r.finished_at)) || ' days'
        FROM workflow_runs r JOIN workflows w ON w.id = r.workflow_id WHERE w.organization_id = o.id) AS "oldest run"
FROM organizations o ORDER BY o.name;
