CREATE TABLE pins (chat_id bigint REFERENCES chats (id));
