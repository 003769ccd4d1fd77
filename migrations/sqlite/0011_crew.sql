-- People who help the host: what each may do, what they did, and what they prepared.
CREATE TABLE crew (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    rights TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    act TEXT NOT NULL,
    object TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX audit_log_account ON audit_log (account_id, id);

CREATE TABLE house_drafts (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    draft TEXT NOT NULL,
    returned TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL,
    run_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
);

-- Who of the crew wrote in the name of the house, and whether everybody reads their name.
ALTER TABLE posts ADD COLUMN written_by_id INTEGER REFERENCES accounts (id);
ALTER TABLE posts ADD COLUMN signed INTEGER NOT NULL DEFAULT 0;
