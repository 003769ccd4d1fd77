-- People who help the host: what each may do, what they did, and what they prepared.
CREATE TABLE crew (
    account_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    rights TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE audit_log (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    act TEXT COLLATE "C" NOT NULL,
    object TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX audit_log_account ON audit_log (account_id, id);

CREATE TABLE house_drafts (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    draft TEXT COLLATE "C" NOT NULL,
    returned TEXT COLLATE "C" NOT NULL DEFAULT '',
    state TEXT COLLATE "C" NOT NULL,
    run_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- Who of the crew wrote in the name of the house, and whether everybody reads their name.
ALTER TABLE posts ADD COLUMN written_by_id BIGINT REFERENCES accounts (id);
ALTER TABLE posts ADD COLUMN signed BIGINT NOT NULL DEFAULT 0;
