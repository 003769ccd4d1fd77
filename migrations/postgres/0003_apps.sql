-- Apps that act for members (OAuth 2).
CREATE TABLE apps (
    id BIGINT PRIMARY KEY,
    client_id TEXT COLLATE "C" NOT NULL UNIQUE,
    secret_hash TEXT COLLATE "C",
    name TEXT COLLATE "C" NOT NULL,
    website TEXT COLLATE "C",
    redirect_uris TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE codes (
    code_hash TEXT COLLATE "C" PRIMARY KEY,
    app_id BIGINT NOT NULL REFERENCES apps (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    redirect_uri TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    challenge TEXT COLLATE "C",
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);

CREATE TABLE tokens (
    id BIGINT PRIMARY KEY,
    token_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    app_id BIGINT NOT NULL REFERENCES apps (id),
    account_id BIGINT REFERENCES accounts (id),
    scopes TEXT COLLATE "C" NOT NULL,
    code_hash TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX tokens_account ON tokens (account_id);
CREATE INDEX tokens_code ON tokens (code_hash) WHERE code_hash IS NOT NULL;

-- What members prefer, where they write and what they keep to themselves.
CREATE TABLE preferences (
    account_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    audience TEXT COLLATE "C" NOT NULL DEFAULT 'public',
    sensitive BIGINT NOT NULL DEFAULT 0,
    language TEXT COLLATE "C",
    notification_policy TEXT COLLATE "C" NOT NULL DEFAULT '{}'
);

CREATE TABLE personal_notes (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    target_id BIGINT NOT NULL REFERENCES accounts (id),
    text TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account_id, target_id)
);

ALTER TABLE follows ADD COLUMN boosts BIGINT NOT NULL DEFAULT 1;
ALTER TABLE follows ADD COLUMN notify BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mutes ADD COLUMN notifications BIGINT NOT NULL DEFAULT 1;
ALTER TABLE mutes ADD COLUMN until BIGINT;
ALTER TABLE markers ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE markers ADD COLUMN updated_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE posts ADD COLUMN app_id BIGINT;
ALTER TABLE media ADD COLUMN held_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE notifications ADD COLUMN filtered BIGINT NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN category TEXT COLLATE "C" NOT NULL DEFAULT 'other';

CREATE TABLE muted_threads (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    thread_id BIGINT NOT NULL,
    PRIMARY KEY (account_id, thread_id)
);

CREATE TABLE conversation_marks (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    thread_id BIGINT NOT NULL,
    read_up_to BIGINT NOT NULL DEFAULT 0,
    hidden_up_to BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, thread_id)
);

CREATE TABLE scheduled_posts (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    app_id BIGINT,
    run_at BIGINT NOT NULL,
    draft TEXT COLLATE "C" NOT NULL,
    idempotency_key TEXT COLLATE "C"
);
CREATE INDEX scheduled_posts_account ON scheduled_posts (account_id, run_at);
CREATE UNIQUE INDEX scheduled_posts_key ON scheduled_posts (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Lists, filters and hashtags.
CREATE TABLE lists (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    title TEXT COLLATE "C" NOT NULL,
    replies TEXT COLLATE "C" NOT NULL DEFAULT 'list',
    exclusive BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX lists_account ON lists (account_id, id);

CREATE TABLE list_members (
    list_id BIGINT NOT NULL REFERENCES lists (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (list_id, account_id)
);
CREATE INDEX list_members_account ON list_members (account_id);

CREATE TABLE filters (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    title TEXT COLLATE "C" NOT NULL,
    contexts TEXT COLLATE "C" NOT NULL,
    action TEXT COLLATE "C" NOT NULL DEFAULT 'warn',
    expires_at BIGINT
);
CREATE INDEX filters_account ON filters (account_id, id);

CREATE TABLE filter_keywords (
    id BIGINT PRIMARY KEY,
    filter_id BIGINT NOT NULL REFERENCES filters (id),
    keyword TEXT COLLATE "C" NOT NULL,
    whole_word BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX filter_keywords_filter ON filter_keywords (filter_id, id);

CREATE TABLE filter_posts (
    id BIGINT PRIMARY KEY,
    filter_id BIGINT NOT NULL REFERENCES filters (id),
    post_id BIGINT NOT NULL,
    UNIQUE (filter_id, post_id)
);

CREATE TABLE followed_tags (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    tag TEXT COLLATE "C" NOT NULL,
    UNIQUE (account_id, tag)
);

CREATE TABLE featured_tags (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    tag TEXT COLLATE "C" NOT NULL,
    UNIQUE (account_id, tag)
);

-- Devices that are told about notifications (RFC 8291).
CREATE TABLE push_subscriptions (
    id BIGINT PRIMARY KEY,
    token_id BIGINT NOT NULL UNIQUE REFERENCES tokens (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    endpoint TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    auth TEXT COLLATE "C" NOT NULL,
    secret BYTEA NOT NULL,
    standard BIGINT NOT NULL DEFAULT 0,
    alerts TEXT COLLATE "C" NOT NULL,
    policy TEXT COLLATE "C" NOT NULL DEFAULT 'all',
    created_at BIGINT NOT NULL
);
CREATE INDEX push_subscriptions_account ON push_subscriptions (account_id);

-- What open streams are told; kept for a minute.
CREATE TABLE news (
    id BIGINT PRIMARY KEY,
    body TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
