-- More ways through the door, what is done at home, and the houses our members entered.
CREATE TABLE guest_ways (
    state_hash TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    browser_hash TEXT COLLATE "C" NOT NULL,
    home TEXT COLLATE "C" NOT NULL,
    wanted TEXT COLLATE "C",
    code_hash TEXT COLLATE "C",
    tries BIGINT NOT NULL DEFAULT 0,
    next TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE guest_tickets (
    token_hash TEXT COLLATE "C" PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL
);

CREATE TABLE guest_wishes (
    token_hash TEXT COLLATE "C" PRIMARY KEY,
    actor TEXT COLLATE "C" NOT NULL,
    verb TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    next TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- Guests who proved a mail address, and who they turned out to be.
CREATE TABLE guest_mails (
    address TEXT COLLATE "C" PRIMARY KEY,
    account_id BIGINT NOT NULL UNIQUE REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    offered_to_id BIGINT REFERENCES accounts (id),
    merged_into_id BIGINT REFERENCES accounts (id),
    merged_at BIGINT
);

-- What guests let this house do for them at home.
CREATE TABLE guest_grants (
    account_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    app_id TEXT COLLATE "C" NOT NULL REFERENCES guest_apps (id),
    origin TEXT COLLATE "C" NOT NULL,
    token_sealed TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL
);

ALTER TABLE guest_states ADD COLUMN acts BIGINT NOT NULL DEFAULT 0;
ALTER TABLE guest_sessions ADD COLUMN method TEXT COLLATE "C" NOT NULL DEFAULT 'oauth';

-- The houses our members entered, which need not ask them again.
CREATE TABLE entered_houses (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    origin TEXT COLLATE "C" NOT NULL,
    client TEXT COLLATE "C" NOT NULL,
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (account_id, origin, client)
);

-- The token by which a signed-in browser is told about notifications.
ALTER TABLE sessions ADD COLUMN push_token_id BIGINT;

-- When a follow was asked for again, by who had it already.
ALTER TABLE follows ADD COLUMN asked_at BIGINT;
