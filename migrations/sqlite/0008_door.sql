-- More ways through the door, what is done at home, and the houses our members entered.
CREATE TABLE guest_ways (
    state_hash TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    browser_hash TEXT NOT NULL,
    home TEXT NOT NULL,
    wanted TEXT,
    code_hash TEXT,
    tries INTEGER NOT NULL DEFAULT 0,
    next TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE guest_tickets (
    token_hash TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    created_at INTEGER NOT NULL
);

CREATE TABLE guest_wishes (
    token_hash TEXT PRIMARY KEY,
    actor TEXT NOT NULL,
    verb TEXT NOT NULL,
    object TEXT NOT NULL,
    next TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

-- Guests who proved a mail address, and who they turned out to be.
CREATE TABLE guest_mails (
    address TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL UNIQUE REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    offered_to_id INTEGER REFERENCES accounts (id),
    merged_into_id INTEGER REFERENCES accounts (id),
    merged_at INTEGER
);

-- What guests let this house do for them at home.
CREATE TABLE guest_grants (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    app_id TEXT NOT NULL REFERENCES guest_apps (id),
    origin TEXT NOT NULL,
    token_sealed TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    used_at INTEGER NOT NULL
);

ALTER TABLE guest_states ADD COLUMN acts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE guest_sessions ADD COLUMN method TEXT NOT NULL DEFAULT 'oauth';

-- The houses our members entered, which need not ask them again.
CREATE TABLE entered_houses (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    origin TEXT NOT NULL,
    client TEXT NOT NULL,
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    PRIMARY KEY (account_id, origin, client)
);

-- The token by which a signed-in browser is told about notifications.
ALTER TABLE sessions ADD COLUMN push_token_id INTEGER;

-- When a follow was asked for again, by who had it already.
ALTER TABLE follows ADD COLUMN asked_at INTEGER;
