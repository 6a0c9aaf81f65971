-- The tables of superplane that retention touches, with the columns that it needs: types, defaults, keys, foreign keys and
-- indexes are superplane's own.

CREATE TABLE agent_chats (
    id uuid PRIMARY KEY,
    org_id uuid NOT NULL,
    user_id uuid NOT NULL,
    canvas_id uuid NOT NULL,
    initial_message text,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    updated_at timestamp with time zone NOT NULL DEFAULT now(),
    total_input_tokens bigint NOT NULL DEFAULT 0,
    total_output_tokens bigint NOT NULL DEFAULT 0,
    total_tokens bigint NOT NULL DEFAULT 0
);
CREATE INDEX ON agent_chats (org_id, updated_at);
CREATE INDEX ON agent_chats (org_id, user_id, canvas_id, created_at DESC);

CREATE TABLE agent_chat_runs (
    id uuid PRIMARY KEY,
    chat_id uuid NOT NULL REFERENCES agent_chats (id) ON DELETE CASCADE,
    model text NOT NULL DEFAULT ''::text,
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    cache_read_tokens bigint NOT NULL DEFAULT 0,
    cache_write_tokens bigint NOT NULL DEFAULT 0,
    total_tokens bigint NOT NULL DEFAULT 0,
    created_at timestamp with time zone NOT NULL DEFAULT now()
);
CREATE INDEX ON agent_chat_runs (chat_id);

CREATE TABLE agent_chat_messages (
    id uuid PRIMARY KEY,
    chat_id uuid NOT NULL REFERENCES agent_chats (id) ON DELETE CASCADE,
    message_index integer NOT NULL,
    message jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    updated_at timestamp with time zone NOT NULL DEFAULT now(),
    run_id uuid REFERENCES agent_chat_runs (id) ON DELETE SET NULL
);
CREATE INDEX ON agent_chat_messages (chat_id, message_index);

-- By canvas, not by chat: it outlives the chats.
CREATE TABLE agent_canvas_markdown_memory (
    canvas_id uuid PRIMARY KEY,
    markdown_body text NOT NULL,
    updated_at timestamp with time zone NOT NULL DEFAULT now()
);

CREATE TABLE organizations (
    id uuid PRIMARY KEY,
    name character varying(255) NOT NULL,
    created_at timestamp without time zone DEFAULT CURRENT_TIMESTAMP,
    updated_at timestamp without time zone DEFAULT CURRENT_TIMESTAMP,
    deleted_at timestamp without time zone,
    usage_retention_window_days integer,
    usage_limits_synced_at timestamp with time zone
);

CREATE TABLE workflows (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    name character varying(128) NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    deleted_at timestamp without time zone
);

CREATE TABLE workflow_runs (
    id uuid PRIMARY KEY,
    workflow_id uuid NOT NULL REFERENCES workflows (id) ON DELETE CASCADE,
    state character varying(32) NOT NULL,
    result character varying(32),
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    finished_at timestamp without time zone,
    parent_run_id uuid REFERENCES workflow_runs (id)
);

CREATE TABLE workflow_events (
    id uuid PRIMARY KEY,
    workflow_id uuid NOT NULL REFERENCES workflows (id),
    node_id character varying(128),
    data jsonb NOT NULL,
    state character varying(32) NOT NULL,
    execution_id uuid,
    created_at timestamp without time zone NOT NULL,
    run_id uuid NOT NULL REFERENCES workflow_runs (id)
);
CREATE INDEX ON workflow_events (run_id, state);

CREATE TABLE workflow_node_executions (
    id uuid PRIMARY KEY,
    workflow_id uuid NOT NULL REFERENCES workflows (id),
    node_id character varying(128) NOT NULL,
    root_event_id uuid REFERENCES workflow_events (id) ON DELETE SET NULL,
    event_id uuid REFERENCES workflow_events (id) ON DELETE SET NULL,
    previous_execution_id uuid REFERENCES workflow_node_executions (id) ON DELETE SET NULL,
    state character varying(32) NOT NULL,
    result character varying(32),
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    run_id uuid NOT NULL REFERENCES workflow_runs (id)
);
CREATE INDEX ON workflow_node_executions (run_id, state);
ALTER TABLE workflow_events ADD FOREIGN KEY (execution_id) REFERENCES workflow_node_executions (id) ON DELETE CASCADE;

CREATE TABLE workflow_node_execution_kvs (
    id uuid PRIMARY KEY,
    execution_id uuid NOT NULL REFERENCES workflow_node_executions (id) ON DELETE CASCADE,
    key text NOT NULL,
    value text NOT NULL,
    created_at timestamp with time zone NOT NULL DEFAULT now(),
    workflow_id uuid NOT NULL REFERENCES workflows (id),
    node_id character varying(128) NOT NULL
);

CREATE TABLE workflow_node_requests (
    id uuid PRIMARY KEY,
    workflow_id uuid NOT NULL REFERENCES workflows (id),
    execution_id uuid REFERENCES workflow_node_executions (id) ON DELETE CASCADE,
    state character varying(32) NOT NULL,
    type character varying(32) NOT NULL,
    run_at timestamp without time zone NOT NULL,
    created_at timestamp without time zone NOT NULL,
    updated_at timestamp without time zone NOT NULL,
    node_id character varying(128) NOT NULL
);
CREATE INDEX ON workflow_node_requests (execution_id);

CREATE TABLE workflow_node_queue_items (
    id uuid PRIMARY KEY,
    workflow_id uuid NOT NULL REFERENCES workflows (id),
    node_id character varying(128) NOT NULL,
    root_event_id uuid REFERENCES workflow_events (id) ON DELETE SET NULL,
    event_id uuid REFERENCES workflow_events (id) ON DELETE SET NULL,
    created_at timestamp without time zone NOT NULL,
    run_id uuid NOT NULL REFERENCES workflow_runs (id)
);
CREATE INDEX ON workflow_node_queue_items (run_id);

CREATE TABLE factory_work_order_executions (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    run_id uuid REFERENCES workflow_runs (id) ON DELETE SET NULL,
    status character varying(32) NOT NULL,
    result character varying(32),
    updated_at timestamp with time zone NOT NULL
);
