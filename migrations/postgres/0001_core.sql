-- Ids are 48 bits of milliseconds and 16 of chance; times are milliseconds; flags are 0 or 1; JSON is opaque text.

CREATE FUNCTION json_each(list TEXT, OUT value BIGINT) RETURNS SETOF BIGINT LANGUAGE sql IMMUTABLE STRICT ROWS 50 AS $$ SELECT jsonb_array_elements_text(list::jsonb)::bigint $$;

CREATE TABLE node_state (
    key TEXT COLLATE "C" PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE nodes (
    id BIGINT PRIMARY KEY,
    host TEXT COLLATE "C" NOT NULL UNIQUE,
    software TEXT,
    version TEXT,
    created_at BIGINT NOT NULL,
    seen_at BIGINT,
    nodeinfo_at BIGINT,
    rfc9421_at BIGINT,
    cavage_until BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0,
    failing_since BIGINT,
    next_attempt_at BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    last_error_at BIGINT,
    delivered_at BIGINT,
    suspended_at BIGINT,
    leased_until BIGINT NOT NULL DEFAULT 0,
    lease BIGINT
);

CREATE TABLE node_blocks (
    host TEXT COLLATE "C" PRIMARY KEY,
    created_at BIGINT NOT NULL
);

CREATE TABLE inboxes (
    id BIGINT PRIMARY KEY,
    url TEXT COLLATE "C" NOT NULL UNIQUE,
    node_id BIGINT NOT NULL REFERENCES nodes (id)
);

CREATE TABLE accounts (
    id BIGINT PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    role TEXT COLLATE "C" NOT NULL DEFAULT 'member',
    name TEXT COLLATE "C" NOT NULL,
    name_key TEXT COLLATE "C" NOT NULL,
    host TEXT COLLATE "C" NOT NULL DEFAULT '',
    domain TEXT COLLATE "C" NOT NULL DEFAULT '',
    uri TEXT COLLATE "C" NOT NULL UNIQUE,
    url TEXT,
    actor_type TEXT COLLATE "C" NOT NULL DEFAULT 'Person',
    display_name TEXT NOT NULL DEFAULT '',
    bio TEXT NOT NULL DEFAULT '',
    fields TEXT NOT NULL DEFAULT '[]',
    emojis TEXT NOT NULL DEFAULT '[]',
    avatar TEXT,
    header TEXT,
    avatar_url TEXT,
    header_url TEXT,
    locked BIGINT NOT NULL DEFAULT 0,
    bot BIGINT NOT NULL DEFAULT 0,
    discoverable BIGINT NOT NULL DEFAULT 0,
    indexable BIGINT NOT NULL DEFAULT 0,
    public_key_id TEXT COLLATE "C",
    public_key_pem TEXT,
    ed25519_key_id TEXT COLLATE "C",
    ed25519_key TEXT COLLATE "C",
    keys_at BIGINT NOT NULL DEFAULT 0,
    inbox_id BIGINT REFERENCES inboxes (id),
    shared_inbox_id BIGINT REFERENCES inboxes (id),
    followers_uri TEXT COLLATE "C",
    following_uri TEXT COLLATE "C",
    outbox_uri TEXT COLLATE "C",
    featured_uri TEXT COLLATE "C",
    aliases TEXT NOT NULL DEFAULT '[]',
    moved_to TEXT COLLATE "C",
    moved_at BIGINT,
    followers_count BIGINT NOT NULL DEFAULT 0,
    following_count BIGINT NOT NULL DEFAULT 0,
    posts_count BIGINT NOT NULL DEFAULT 0,
    last_post_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    fetched_at BIGINT,
    backfilled_at BIGINT,
    disabled_at BIGINT,
    deleted_at BIGINT,
    version BIGINT NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX accounts_handle ON accounts (name_key, domain) WHERE kind <> 'guest' AND deleted_at IS NULL;
CREATE INDEX accounts_kind ON accounts (kind, id);
CREATE INDEX accounts_host ON accounts (host, id);
CREATE INDEX accounts_key ON accounts (public_key_id);

CREATE TABLE credentials (
    account_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    email TEXT COLLATE "C",
    email_confirmed_at BIGINT,
    password TEXT,
    totp_secret BYTEA,
    totp_confirmed_at BIGINT,
    totp_step BIGINT NOT NULL DEFAULT 0,
    recovery_codes TEXT NOT NULL DEFAULT '[]',
    locale TEXT COLLATE "C"
);
CREATE UNIQUE INDEX credentials_email ON credentials (email) WHERE email IS NOT NULL;

CREATE TABLE private_keys (
    account_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    rsa BYTEA NOT NULL,
    ed25519 BYTEA NOT NULL
);

CREATE TABLE sessions (
    id BIGINT PRIMARY KEY,
    token_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    browser TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX sessions_account ON sessions (account_id);

CREATE TABLE mail_tokens (
    token_hash TEXT COLLATE "C" PRIMARY KEY,
    purpose TEXT COLLATE "C" NOT NULL,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    email TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE TABLE mails (
    id BIGINT PRIMARY KEY,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    sent_at BIGINT
);

CREATE TABLE follows (
    id BIGINT PRIMARY KEY,
    follower_id BIGINT NOT NULL REFERENCES accounts (id),
    followee_id BIGINT NOT NULL REFERENCES accounts (id),
    uri TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    accepted_at BIGINT,
    UNIQUE (follower_id, followee_id)
);
CREATE INDEX follows_followee ON follows (followee_id, id);
CREATE INDEX follows_follower ON follows (follower_id, id);
CREATE INDEX follows_uri ON follows (uri);

CREATE TABLE blocks (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    target_id BIGINT NOT NULL REFERENCES accounts (id),
    uri TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, target_id)
);
CREATE INDEX blocks_target ON blocks (target_id);

CREATE TABLE mutes (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    target_id BIGINT NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, target_id)
);

CREATE TABLE muted_nodes (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    host TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, host)
);

CREATE TABLE audiences (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    kind TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE audience_members (
    audience_id BIGINT NOT NULL REFERENCES audiences (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    until BIGINT,
    PRIMARY KEY (audience_id, account_id)
);

CREATE TABLE posts (
    id BIGINT PRIMARY KEY,
    uri TEXT COLLATE "C" NOT NULL UNIQUE,
    url TEXT,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    boost_of_id BIGINT REFERENCES posts (id),
    thread_id BIGINT NOT NULL,
    in_reply_to_id BIGINT,
    in_reply_to_uri TEXT COLLATE "C",
    kind TEXT COLLATE "C" NOT NULL DEFAULT 'note',
    audience TEXT COLLATE "C" NOT NULL,
    audience_id BIGINT REFERENCES audiences (id),
    title TEXT NOT NULL DEFAULT '',
    text TEXT NOT NULL DEFAULT '',
    html TEXT NOT NULL DEFAULT '',
    warning TEXT NOT NULL DEFAULT '',
    sensitive BIGINT NOT NULL DEFAULT 0,
    language TEXT COLLATE "C",
    emojis TEXT NOT NULL DEFAULT '[]',
    quote_of_id BIGINT,
    quote_uri TEXT COLLATE "C",
    quote_state TEXT COLLATE "C",
    quote_stamp_uri TEXT COLLATE "C",
    quote_policy TEXT COLLATE "C" NOT NULL DEFAULT 'everyone',
    replies_count BIGINT NOT NULL DEFAULT 0,
    boosts_count BIGINT NOT NULL DEFAULT 0,
    favourites_count BIGINT NOT NULL DEFAULT 0,
    idempotency_key TEXT COLLATE "C",
    pinned_at BIGINT,
    created_at BIGINT NOT NULL,
    edited_at BIGINT,
    fetched_at BIGINT,
    replies_fetched_at BIGINT,
    version BIGINT NOT NULL DEFAULT 0
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
    post_id BIGINT NOT NULL REFERENCES posts (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    mentioned BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (post_id, account_id)
);
CREATE INDEX post_people_account ON post_people (account_id, post_id);

CREATE TABLE post_tags (
    tag TEXT COLLATE "C" NOT NULL,
    post_id BIGINT NOT NULL REFERENCES posts (id),
    PRIMARY KEY (tag, post_id)
);
CREATE INDEX post_tags_post ON post_tags (post_id);

CREATE TABLE post_edits (
    id BIGINT PRIMARY KEY,
    post_id BIGINT NOT NULL REFERENCES posts (id),
    title TEXT NOT NULL,
    html TEXT NOT NULL,
    warning TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX post_edits_post ON post_edits (post_id, id);

CREATE TABLE media (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    post_id BIGINT REFERENCES posts (id),
    position BIGINT NOT NULL DEFAULT 0,
    kind TEXT COLLATE "C" NOT NULL,
    media_type TEXT COLLATE "C" NOT NULL,
    file TEXT,
    preview TEXT,
    remote_url TEXT,
    icon_url TEXT,
    width BIGINT,
    height BIGINT,
    duration_ms BIGINT,
    blurhash TEXT,
    description TEXT NOT NULL DEFAULT '',
    focus_x BIGINT NOT NULL DEFAULT 0,
    focus_y BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);
CREATE INDEX media_post ON media (post_id, position);

CREATE TABLE cached_pictures (
    key TEXT COLLATE "C" PRIMARY KEY,
    file TEXT,
    media_type TEXT COLLATE "C" NOT NULL,
    bytes BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    failed_at BIGINT
);
CREATE INDEX cached_pictures_used ON cached_pictures (used_at);

CREATE TABLE polls (
    post_id BIGINT PRIMARY KEY REFERENCES posts (id),
    multiple BIGINT NOT NULL,
    voters_count BIGINT NOT NULL DEFAULT 0,
    expires_at BIGINT,
    closed_at BIGINT
);

CREATE TABLE poll_options (
    post_id BIGINT NOT NULL REFERENCES posts (id),
    position BIGINT NOT NULL,
    title TEXT NOT NULL,
    votes_count BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (post_id, position)
);

CREATE TABLE poll_votes (
    post_id BIGINT NOT NULL REFERENCES posts (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    position BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (post_id, account_id, position)
);

CREATE TABLE favourites (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    post_id BIGINT NOT NULL REFERENCES posts (id),
    uri TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (post_id, account_id)
);
CREATE INDEX favourites_account ON favourites (account_id, id);
CREATE INDEX favourites_uri ON favourites (uri);

CREATE TABLE bookmarks (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    post_id BIGINT NOT NULL REFERENCES posts (id),
    UNIQUE (account_id, post_id)
);

CREATE TABLE quote_stamps (
    id BIGINT PRIMARY KEY,
    post_id BIGINT NOT NULL REFERENCES posts (id),
    quoting_uri TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT,
    UNIQUE (post_id, quoting_uri)
);

CREATE TABLE notifications (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    kind TEXT COLLATE "C" NOT NULL,
    from_id BIGINT NOT NULL REFERENCES accounts (id),
    post_id BIGINT REFERENCES posts (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX notifications_account ON notifications (account_id, id);
CREATE INDEX notifications_post ON notifications (post_id) WHERE post_id IS NOT NULL;
CREATE UNIQUE INDEX notifications_once ON notifications (account_id, kind, from_id, COALESCE(post_id, 0)) WHERE kind <> 'edit';

CREATE TABLE markers (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    timeline TEXT COLLATE "C" NOT NULL,
    last_read_id BIGINT NOT NULL,
    PRIMARY KEY (account_id, timeline)
);

CREATE TABLE reports (
    id BIGINT PRIMARY KEY,
    uri TEXT COLLATE "C" UNIQUE,
    from_id BIGINT NOT NULL REFERENCES accounts (id),
    target_id BIGINT NOT NULL REFERENCES accounts (id),
    comment TEXT NOT NULL,
    posts TEXT NOT NULL DEFAULT '[]',
    created_at BIGINT NOT NULL,
    forwarded_at BIGINT,
    closed_at BIGINT
);

CREATE TABLE tombstones (
    uri TEXT COLLATE "C" PRIMARY KEY,
    host TEXT COLLATE "C" NOT NULL,
    local BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);

CREATE TABLE received (
    id BIGINT PRIMARY KEY,
    uri TEXT COLLATE "C" NOT NULL UNIQUE,
    actor_id BIGINT NOT NULL REFERENCES accounts (id),
    inbox_of BIGINT,
    body TEXT,
    created_at BIGINT NOT NULL,
    processed_at BIGINT,
    next_attempt_at BIGINT NOT NULL DEFAULT 0,
    attempts BIGINT NOT NULL DEFAULT 0,
    outcome TEXT,
    leased_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX received_waiting ON received (next_attempt_at, id) WHERE processed_at IS NULL;
CREATE INDEX received_done ON received (processed_at) WHERE processed_at IS NOT NULL;

CREATE TABLE activities (
    id BIGINT PRIMARY KEY,
    uri TEXT COLLATE "C" NOT NULL UNIQUE,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    kind TEXT COLLATE "C" NOT NULL,
    object_uri TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    digest TEXT NOT NULL,
    followers_of BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX activities_object ON activities (object_uri);

CREATE TABLE deliveries (
    activity_id BIGINT NOT NULL REFERENCES activities (id),
    inbox_id BIGINT NOT NULL REFERENCES inboxes (id),
    node_id BIGINT NOT NULL REFERENCES nodes (id),
    attempts BIGINT NOT NULL DEFAULT 0,
    parked_until BIGINT NOT NULL DEFAULT 0,
    dead_at BIGINT,
    last_error TEXT,
    PRIMARY KEY (activity_id, inbox_id)
);
CREATE INDEX deliveries_waiting ON deliveries (node_id, activity_id) WHERE dead_at IS NULL;
CREATE INDEX deliveries_inbox ON deliveries (inbox_id, activity_id) WHERE dead_at IS NULL;

CREATE TABLE jobs (
    id BIGINT PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    body TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    leased_until BIGINT NOT NULL DEFAULT 0,
    dead_at BIGINT,
    last_error TEXT
);
CREATE INDEX jobs_waiting ON jobs (run_at, id) WHERE dead_at IS NULL;
