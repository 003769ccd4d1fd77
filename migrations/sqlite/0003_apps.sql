-- Apps that act for members (OAuth 2).
CREATE TABLE apps (
    id INTEGER PRIMARY KEY,
    client_id TEXT NOT NULL UNIQUE,
    secret_hash TEXT,
    name TEXT NOT NULL,
    website TEXT,
    redirect_uris TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE codes (
    code_hash TEXT PRIMARY KEY,
    app_id INTEGER NOT NULL REFERENCES apps (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    redirect_uri TEXT NOT NULL,
    scopes TEXT NOT NULL,
    challenge TEXT,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
);

CREATE TABLE tokens (
    id INTEGER PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    app_id INTEGER NOT NULL REFERENCES apps (id),
    account_id INTEGER REFERENCES accounts (id),
    scopes TEXT NOT NULL,
    code_hash TEXT,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
);
CREATE INDEX tokens_account ON tokens (account_id);
CREATE INDEX tokens_code ON tokens (code_hash) WHERE code_hash IS NOT NULL;

-- What members prefer, where they write and what they keep to themselves.
CREATE TABLE preferences (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    audience TEXT NOT NULL DEFAULT 'public',
    sensitive INTEGER NOT NULL DEFAULT 0,
    language TEXT,
    notification_policy TEXT NOT NULL DEFAULT '{}'
);

CREATE TABLE personal_notes (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    target_id INTEGER NOT NULL REFERENCES accounts (id),
    text TEXT NOT NULL,
    PRIMARY KEY (account_id, target_id)
);

ALTER TABLE follows ADD COLUMN boosts INTEGER NOT NULL DEFAULT 1;
ALTER TABLE follows ADD COLUMN notify INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mutes ADD COLUMN notifications INTEGER NOT NULL DEFAULT 1;
ALTER TABLE mutes ADD COLUMN until INTEGER;
ALTER TABLE markers ADD COLUMN version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE markers ADD COLUMN updated_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE posts ADD COLUMN app_id INTEGER;
ALTER TABLE media ADD COLUMN held_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE notifications ADD COLUMN filtered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reports ADD COLUMN category TEXT NOT NULL DEFAULT 'other';

CREATE TABLE muted_threads (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    thread_id INTEGER NOT NULL,
    PRIMARY KEY (account_id, thread_id)
);

CREATE TABLE conversation_marks (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    thread_id INTEGER NOT NULL,
    read_up_to INTEGER NOT NULL DEFAULT 0,
    hidden_up_to INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (account_id, thread_id)
);

CREATE TABLE scheduled_posts (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    app_id INTEGER,
    run_at INTEGER NOT NULL,
    draft TEXT NOT NULL,
    idempotency_key TEXT
);
CREATE INDEX scheduled_posts_account ON scheduled_posts (account_id, run_at);
CREATE UNIQUE INDEX scheduled_posts_key ON scheduled_posts (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Lists, filters and hashtags.
CREATE TABLE lists (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    title TEXT NOT NULL,
    replies TEXT NOT NULL DEFAULT 'list',
    exclusive INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX lists_account ON lists (account_id, id);

CREATE TABLE list_members (
    list_id INTEGER NOT NULL REFERENCES lists (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (list_id, account_id)
);
CREATE INDEX list_members_account ON list_members (account_id);

CREATE TABLE filters (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    title TEXT NOT NULL,
    contexts TEXT NOT NULL,
    action TEXT NOT NULL DEFAULT 'warn',
    expires_at INTEGER
);
CREATE INDEX filters_account ON filters (account_id, id);

CREATE TABLE filter_keywords (
    id INTEGER PRIMARY KEY,
    filter_id INTEGER NOT NULL REFERENCES filters (id),
    keyword TEXT NOT NULL,
    whole_word INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX filter_keywords_filter ON filter_keywords (filter_id, id);

CREATE TABLE filter_posts (
    id INTEGER PRIMARY KEY,
    filter_id INTEGER NOT NULL REFERENCES filters (id),
    post_id INTEGER NOT NULL,
    UNIQUE (filter_id, post_id)
);

CREATE TABLE followed_tags (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    tag TEXT NOT NULL,
    UNIQUE (account_id, tag)
);

CREATE TABLE featured_tags (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    tag TEXT NOT NULL,
    UNIQUE (account_id, tag)
);

-- Devices that are told about notifications (RFC 8291).
CREATE TABLE push_subscriptions (
    id INTEGER PRIMARY KEY,
    token_id INTEGER NOT NULL UNIQUE REFERENCES tokens (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    endpoint TEXT NOT NULL,
    key TEXT NOT NULL,
    auth TEXT NOT NULL,
    secret BLOB NOT NULL,
    standard INTEGER NOT NULL DEFAULT 0,
    alerts TEXT NOT NULL,
    policy TEXT NOT NULL DEFAULT 'all',
    created_at INTEGER NOT NULL
);
CREATE INDEX push_subscriptions_account ON push_subscriptions (account_id);

-- What open streams are told; kept for a minute.
CREATE TABLE news (
    id INTEGER PRIMARY KEY,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
