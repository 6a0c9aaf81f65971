-- Rows to try the policies on. Ages are counted from now.
BEGIN;

INSERT INTO organizations (id, name, usage_retention_window_days) VALUES
    ('0a000000-0000-4000-8000-000000000001', 'Acme', 30),
    ('0a000000-0000-4000-8000-000000000002', 'Globex', 365),
    ('0a000000-0000-4000-8000-000000000003', 'Initech', NULL),
    ('0a000000-0000-4000-8000-000000000004', 'Umbrella', 0);

-- Each organization has chats that were last used so many days ago, each with three messages and a run of the agent.
INSERT INTO agent_chats (id, org_id, user_id, canvas_id, created_at, updated_at)
SELECT gen_random_uuid(), o.id, gen_random_uuid(), gen_random_uuid(), now() - interval '2000 days', now() - days * interval '1 day'
FROM organizations o, unnest(ARRAY[1, 13, 15, 29, 31, 400, 1500]) days;
INSERT INTO agent_chat_runs (id, chat_id, model, total_tokens) SELECT gen_random_uuid(), id, 'sonnet', 1200 FROM agent_chats;
INSERT INTO agent_chat_messages (id, chat_id, message_index, message, run_id)
SELECT gen_random_uuid(), c.id, i, '{"text": "hello"}', r.id
FROM agent_chats c JOIN agent_chat_runs r ON r.chat_id = c.id, generate_series(1, 3) i;
INSERT INTO agent_canvas_markdown_memory (canvas_id, markdown_body) SELECT canvas_id, '# what was learned' FROM agent_chats;

-- Each organization has a workflow, with runs that finished so many days ago; each has two executions, with an event, a
-- value and a completed request, and the event that began the run.
INSERT INTO workflows (id, organization_id, name, created_at, updated_at)
SELECT gen_random_uuid(), id, 'deploy', now() - interval '2000 days', now() FROM organizations;
INSERT INTO workflow_runs (id, workflow_id, state, result, created_at, updated_at, finished_at)
SELECT gen_random_uuid(), id, 'finished', 'passed', at, at, at
FROM workflows, unnest(ARRAY[1, 29, 31, 60, 90, 200, 300, 400, 1500]) days,
     LATERAL (SELECT (now() AT TIME ZONE 'UTC') - days * interval '1 day') past (at);
INSERT INTO workflow_node_executions (id, workflow_id, node_id, state, result, created_at, updated_at, run_id)
SELECT gen_random_uuid(), workflow_id, 'node-' || i, 'finished', 'passed', finished_at, finished_at, id
FROM workflow_runs, generate_series(1, 2) i;
INSERT INTO workflow_events (id, workflow_id, data, state, execution_id, created_at, run_id)
SELECT gen_random_uuid(), workflow_id, '{}'::jsonb, 'routed', NULL::uuid, created_at, id FROM workflow_runs
UNION ALL SELECT gen_random_uuid(), workflow_id, '{}', 'routed', id, created_at, run_id FROM workflow_node_executions;
INSERT INTO workflow_node_execution_kvs (id, execution_id, key, value, workflow_id, node_id)
SELECT gen_random_uuid(), id, 'commit', 'c0ffee', workflow_id, node_id FROM workflow_node_executions;
INSERT INTO workflow_node_requests (id, workflow_id, execution_id, state, type, run_at, created_at, updated_at, node_id)
SELECT gen_random_uuid(), workflow_id, id, 'completed', 'invoke', created_at, created_at, created_at, node_id FROM workflow_node_executions;

-- Of Acme's old runs the one of 60 days ago waits in a queue, that of 90 has an execution at work, that of 200 a request
-- that is pending. That of 300 began one that finished yesterday, so it is still pointed at, and a work order waits for
-- that of 400.
CREATE TEMPORARY VIEW acme AS
SELECT r.id, r.workflow_id, round(extract(epoch FROM (now() AT TIME ZONE 'UTC') - r.finished_at) / 86400) AS days
FROM workflow_runs r JOIN workflows w ON w.id = r.workflow_id JOIN organizations o ON o.id = w.organization_id WHERE o.name = 'Acme';
INSERT INTO workflow_node_queue_items (id, workflow_id, node_id, created_at, run_id)
SELECT gen_random_uuid(), workflow_id, 'node-3', now(), id FROM acme WHERE days = 60;
UPDATE workflow_node_executions SET state = 'started' WHERE node_id = 'node-2' AND run_id = (SELECT id FROM acme WHERE days = 90);
UPDATE workflow_node_requests SET state = 'pending' WHERE node_id = 'node-2'
    AND execution_id IN (SELECT e.id FROM workflow_node_executions e WHERE e.run_id = (SELECT id FROM acme WHERE days = 200));
UPDATE workflow_runs SET parent_run_id = (SELECT id FROM acme WHERE days = 300) WHERE id = (SELECT id FROM acme WHERE days = 1);
INSERT INTO factory_work_order_executions (id, organization_id, run_id, status, updated_at)
SELECT gen_random_uuid(), (SELECT id FROM organizations WHERE name = 'Acme'), id, 'running', now() FROM acme WHERE days = 400;

COMMIT;
