-- Guests: people whose home is elsewhere, who proved it.
CREATE TABLE guest_apps (
    id TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    scope TEXT NOT NULL,
    client_id TEXT NOT NULL,
    secret_sealed TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    worked_at INTEGER NOT NULL,
    UNIQUE (origin, scope)
);

CREATE TABLE guest_states (
    state_hash TEXT PRIMARY KEY,
    browser_hash TEXT NOT NULL,
    app_id TEXT NOT NULL REFERENCES guest_apps (id),
    home TEXT NOT NULL,
    wanted TEXT,
    next TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE guest_sessions (
    id INTEGER PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    origin TEXT NOT NULL,
    browser TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL
);
CREATE INDEX guest_sessions_account ON guest_sessions (account_id);
