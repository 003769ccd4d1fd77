-- Guests: people whose home is elsewhere, who proved it.
CREATE TABLE guest_apps (
    id TEXT COLLATE "C" PRIMARY KEY,
    origin TEXT COLLATE "C" NOT NULL,
    scope TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    secret_sealed TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    worked_at BIGINT NOT NULL,
    UNIQUE (origin, scope)
);

CREATE TABLE guest_states (
    state_hash TEXT COLLATE "C" PRIMARY KEY,
    browser_hash TEXT COLLATE "C" NOT NULL,
    app_id TEXT COLLATE "C" NOT NULL REFERENCES guest_apps (id),
    home TEXT COLLATE "C" NOT NULL,
    wanted TEXT COLLATE "C",
    next TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE guest_sessions (
    id BIGINT PRIMARY KEY,
    token_hash TEXT COLLATE "C" NOT NULL UNIQUE,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    origin TEXT COLLATE "C" NOT NULL,
    browser TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL
);
CREATE INDEX guest_sessions_account ON guest_sessions (account_id);
