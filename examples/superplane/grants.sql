-- All that the login `retention` needs for manifest.yaml. UPDATE on one column is what PostgreSQL asks for to lock a row.
GRANT USAGE ON SCHEMA public TO retention;

GRANT SELECT, DELETE, UPDATE (updated_at) ON agent_chats TO retention;
GRANT SELECT, DELETE ON agent_chat_messages, agent_chat_runs TO retention;

GRANT SELECT, DELETE, UPDATE (updated_at) ON workflow_runs TO retention;
GRANT SELECT, DELETE ON workflow_events, workflow_node_executions, workflow_node_execution_kvs, workflow_node_requests TO retention;
GRANT SELECT, UPDATE (status, result, updated_at) ON factory_work_order_executions TO retention;
GRANT SELECT ON organizations, workflows, workflow_node_queue_items TO retention;
