-- Ids are 48 bits of milliseconds and 16 of chance; times are milliseconds; flags are 0 or 1; JSON is opaque text.

CREATE TABLE node_state (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE nodes (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL UNIQUE,
    software TEXT,
    version TEXT,
    created_at INTEGER NOT NULL,
    seen_at INTEGER,
    nodeinfo_at INTEGER,
    rfc9421_at INTEGER,
    cavage_until INTEGER NOT NULL DEFAULT 0,
    failures INTEGER NOT NULL DEFAULT 0,
    failing_since INTEGER,
    next_attempt_at INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    last_error_at INTEGER,
    delivered_at INTEGER,
    suspended_at INTEGER,
    leased_until INTEGER NOT NULL DEFAULT 0,
    lease INTEGER
);

CREATE TABLE node_blocks (
    host TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
);

CREATE TABLE inboxes (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE,
    node_id INTEGER NOT NULL REFERENCES nodes (id)
);

CREATE TABLE accounts (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    role TEXT NOT NULL DEFAULT 'member',
    name TEXT NOT NULL,
    name_key TEXT NOT NULL,
    host TEXT NOT NULL DEFAULT '',
    domain TEXT NOT NULL DEFAULT '',
    uri TEXT NOT NULL UNIQUE,
    url TEXT,
    actor_type TEXT NOT NULL DEFAULT 'Person',
    display_name TEXT NOT NULL DEFAULT '',
    bio TEXT NOT NULL DEFAULT '',
    fields TEXT NOT NULL DEFAULT '[]',
    emojis TEXT NOT NULL DEFAULT '[]',
    avatar TEXT,
    header TEXT,
    avatar_url TEXT,
    header_url TEXT,
    locked INTEGER NOT NULL DEFAULT 0,
    bot INTEGER NOT NULL DEFAULT 0,
    discoverable INTEGER NOT NULL DEFAULT 0,
    indexable INTEGER NOT NULL DEFAULT 0,
    public_key_id TEXT,
    public_key_pem TEXT,
    ed25519_key_id TEXT,
    ed25519_key TEXT,
    keys_at INTEGER NOT NULL DEFAULT 0,
    inbox_id INTEGER REFERENCES inboxes (id),
    shared_inbox_id INTEGER REFERENCES inboxes (id),
    followers_uri TEXT,
    following_uri TEXT,
    outbox_uri TEXT,
    featured_uri TEXT,
    aliases TEXT NOT NULL DEFAULT '[]',
    moved_to TEXT,
    moved_at INTEGER,
    followers_count INTEGER NOT NULL DEFAULT 0,
    following_count INTEGER NOT NULL DEFAULT 0,
    posts_count INTEGER NOT NULL DEFAULT 0,
    last_post_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    fetched_at INTEGER,
    backfilled_at INTEGER,
    disabled_at INTEGER,
    deleted_at INTEGER,
    version INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX accounts_handle ON accounts (name_key, domain) WHERE kind <> 'guest' AND deleted_at IS NULL;
CREATE INDEX accounts_kind ON accounts (kind, id);
CREATE INDEX accounts_host ON accounts (host, id);
CREATE INDEX accounts_key ON accounts (public_key_id);

CREATE TABLE credentials (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    email TEXT,
    email_confirmed_at INTEGER,
    password TEXT,
    totp_secret BLOB,
    totp_confirmed_at INTEGER,
    totp_step INTEGER NOT NULL DEFAULT 0,
    recovery_codes TEXT NOT NULL DEFAULT '[]',
    locale TEXT
);
CREATE UNIQUE INDEX credentials_email ON credentials (email) WHERE email IS NOT NULL;

CREATE TABLE private_keys (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    rsa BLOB NOT NULL,
    ed25519 BLOB NOT NULL
);

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    browser TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id);

CREATE TABLE mail_tokens (
    token_hash TEXT PRIMARY KEY,
    purpose TEXT NOT NULL,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    email TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE TABLE mails (
    id INTEGER PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    sent_at INTEGER
);

CREATE TABLE follows (
    id INTEGER PRIMARY KEY,
    follower_id INTEGER NOT NULL REFERENCES accounts (id),
    followee_id INTEGER NOT NULL REFERENCES accounts (id),
    uri TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    accepted_at INTEGER,
    UNIQUE (follower_id, followee_id)
);
CREATE INDEX follows_followee ON follows (followee_id, id);
CREATE INDEX follows_follower ON follows (follower_id, id);
CREATE INDEX follows_uri ON follows (uri);

CREATE TABLE blocks (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    target_id INTEGER NOT NULL REFERENCES accounts (id),
    uri TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, target_id)
);
CREATE INDEX blocks_target ON blocks (target_id);

CREATE TABLE mutes (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    target_id INTEGER NOT NULL REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, target_id)
);

CREATE TABLE muted_nodes (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    host TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, host)
);

CREATE TABLE audiences (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE audience_members (
    audience_id INTEGER NOT NULL REFERENCES audiences (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    until INTEGER,
    PRIMARY KEY (audience_id, account_id)
);

CREATE TABLE posts (
    id INTEGER PRIMARY KEY,
    uri TEXT NOT NULL UNIQUE,
    url TEXT,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    boost_of_id INTEGER REFERENCES posts (id),
    thread_id INTEGER NOT NULL,
    in_reply_to_id INTEGER,
    in_reply_to_uri TEXT,
    kind TEXT NOT NULL DEFAULT 'note',
    audience TEXT NOT NULL,
    audience_id INTEGER REFERENCES audiences (id),
    title TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL DEFAULT '',
    html TEXT NOT NULL DEFAULT '',
    warning TEXT NOT NULL DEFAULT '',
    sensitive INTEGER NOT NULL DEFAULT 0,
    language TEXT,
    emojis TEXT NOT NULL DEFAULT '[]',
    quote_of_id INTEGER,
    quote_uri TEXT,
    quote_state TEXT,
    quote_stamp_uri TEXT,
    quote_policy TEXT NOT NULL DEFAULT 'everyone',
    replies_count INTEGER NOT NULL DEFAULT 0,
    boosts_count INTEGER NOT NULL DEFAULT 0,
    favourites_count INTEGER NOT NULL DEFAULT 0,
    idempotency_key TEXT,
    pinned_at INTEGER,
    created_at INTEGER NOT NULL,
    edited_at INTEGER,
    fetched_at INTEGER,
    replies_fetched_at INTEGER,
    version INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX posts_account ON posts (account_id, id);
CREATE INDEX posts_thread ON posts (thread_id, id);
CREATE INDEX posts_reply ON posts (in_reply_to_id) WHERE in_reply_to_id IS NOT NULL;
CREATE INDEX posts_reply_uri ON posts (in_reply_to_uri) WHERE in_reply_to_uri IS NOT NULL;
CREATE INDEX posts_quote ON posts (quote_of_id) WHERE quote_of_id IS NOT NULL;
CREATE UNIQUE INDEX posts_boost ON posts (boost_of_id, account_id) WHERE boost_of_id IS NOT NULL;
CREATE UNIQUE INDEX posts_idempotency ON posts (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX posts_pinned ON posts (account_id, pinned_at) WHERE pinned_at IS NOT NULL;

CREATE TABLE post_people (
    post_id INTEGER NOT NULL REFERENCES posts (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    mentioned INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (post_id, account_id)
);
CREATE INDEX post_people_account ON post_people (account_id, post_id);

CREATE TABLE post_tags (
    tag TEXT NOT NULL,
    post_id INTEGER NOT NULL REFERENCES posts (id),
    PRIMARY KEY (tag, post_id)
);
CREATE INDEX post_tags_post ON post_tags (post_id);

CREATE TABLE post_edits (
    id INTEGER PRIMARY KEY,
    post_id INTEGER NOT NULL REFERENCES posts (id),
    title TEXT NOT NULL,
    html TEXT NOT NULL,
    warning TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX post_edits_post ON post_edits (post_id, id);

CREATE TABLE media (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    post_id INTEGER REFERENCES posts (id),
    position INTEGER NOT NULL DEFAULT 0,
    kind TEXT NOT NULL,
    media_type TEXT NOT NULL,
    file TEXT,
    preview TEXT,
    remote_url TEXT,
    icon_url TEXT,
    width INTEGER,
    height INTEGER,
    duration_ms INTEGER,
    blurhash TEXT,
    description TEXT NOT NULL DEFAULT '',
    focus_x INTEGER NOT NULL DEFAULT 0,
    focus_y INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
);
CREATE INDEX media_post ON media (post_id, position);

CREATE TABLE cached_pictures (
    key TEXT PRIMARY KEY,
    file TEXT,
    media_type TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    used_at INTEGER NOT NULL,
    failed_at INTEGER
);
CREATE INDEX cached_pictures_used ON cached_pictures (used_at);

CREATE TABLE polls (
    post_id INTEGER PRIMARY KEY REFERENCES posts (id),
    multiple INTEGER NOT NULL,
    voters_count INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER,
    closed_at INTEGER
);

CREATE TABLE poll_options (
    post_id INTEGER NOT NULL REFERENCES posts (id),
    position INTEGER NOT NULL,
    title TEXT NOT NULL,
    votes_count INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (post_id, position)
);

CREATE TABLE poll_votes (
    post_id INTEGER NOT NULL REFERENCES posts (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    position INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (post_id, account_id, position)
);

CREATE TABLE favourites (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    post_id INTEGER NOT NULL REFERENCES posts (id),
    uri TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (post_id, account_id)
);
CREATE INDEX favourites_account ON favourites (account_id, id);
CREATE INDEX favourites_uri ON favourites (uri);

CREATE TABLE bookmarks (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    post_id INTEGER NOT NULL REFERENCES posts (id),
    UNIQUE (account_id, post_id)
);

CREATE TABLE quote_stamps (
    id INTEGER PRIMARY KEY,
    post_id INTEGER NOT NULL REFERENCES posts (id),
    quoting_uri TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    revoked_at INTEGER,
    UNIQUE (post_id, quoting_uri)
);

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    from_id INTEGER NOT NULL REFERENCES accounts (id),
    post_id INTEGER REFERENCES posts (id),
    created_at INTEGER NOT NULL
);
CREATE INDEX notifications_account ON notifications (account_id, id);
CREATE INDEX notifications_post ON notifications (post_id) WHERE post_id IS NOT NULL;
CREATE UNIQUE INDEX notifications_once ON notifications (account_id, kind, from_id, COALESCE(post_id, 0)) WHERE kind <> 'edit';

CREATE TABLE markers (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    timeline TEXT NOT NULL,
    last_read_id INTEGER NOT NULL,
    PRIMARY KEY (account_id, timeline)
);

CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    uri TEXT UNIQUE,
    from_id INTEGER NOT NULL REFERENCES accounts (id),
    target_id INTEGER NOT NULL REFERENCES accounts (id),
    comment TEXT NOT NULL,
    posts TEXT NOT NULL DEFAULT '[]',
    created_at INTEGER NOT NULL,
    forwarded_at INTEGER,
    closed_at INTEGER
);

CREATE TABLE tombstones (
    uri TEXT PRIMARY KEY,
    host TEXT NOT NULL,
    local INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
);

CREATE TABLE received (
    id INTEGER PRIMARY KEY,
    uri TEXT NOT NULL UNIQUE,
    actor_id INTEGER NOT NULL REFERENCES accounts (id),
    inbox_of INTEGER,
    body TEXT,
    created_at INTEGER NOT NULL,
    processed_at INTEGER,
    next_attempt_at INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    outcome TEXT,
    leased_until INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX received_waiting ON received (next_attempt_at, id) WHERE processed_at IS NULL;
CREATE INDEX received_done ON received (processed_at) WHERE processed_at IS NOT NULL;

CREATE TABLE activities (
    id INTEGER PRIMARY KEY,
    uri TEXT NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    object_uri TEXT NOT NULL,
    body TEXT NOT NULL,
    digest TEXT NOT NULL,
    followers_of INTEGER,
    created_at INTEGER NOT NULL
);
CREATE INDEX activities_object ON activities (object_uri);

CREATE TABLE deliveries (
    activity_id INTEGER NOT NULL REFERENCES activities (id),
    inbox_id INTEGER NOT NULL REFERENCES inboxes (id),
    node_id INTEGER NOT NULL REFERENCES nodes (id),
    attempts INTEGER NOT NULL DEFAULT 0,
    parked_until INTEGER NOT NULL DEFAULT 0,
    dead_at INTEGER,
    last_error TEXT,
    PRIMARY KEY (activity_id, inbox_id)
);
CREATE INDEX deliveries_waiting ON deliveries (node_id, activity_id) WHERE dead_at IS NULL;
CREATE INDEX deliveries_inbox ON deliveries (inbox_id, activity_id) WHERE dead_at IS NULL;

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    body TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    leased_until INTEGER NOT NULL DEFAULT 0,
    dead_at INTEGER,
    last_error TEXT
);
CREATE INDEX jobs_waiting ON jobs (run_at, id) WHERE dead_at IS NULL;
