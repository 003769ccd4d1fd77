-- Who sees whom one follows; and lists that were brought along.
ALTER TABLE preferences ADD COLUMN hides_follows INTEGER NOT NULL DEFAULT 0;

CREATE TABLE imports (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    lines TEXT NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    failed TEXT NOT NULL DEFAULT '[]',
    created_at INTEGER NOT NULL
);
CREATE INDEX imports_account ON imports (account_id, id);
