-- Who sees whom one follows; and lists that were brought along.
ALTER TABLE preferences ADD COLUMN hides_follows BIGINT NOT NULL DEFAULT 0;

CREATE TABLE imports (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    kind TEXT COLLATE "C" NOT NULL,
    lines TEXT COLLATE "C" NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL DEFAULT 0,
    failed TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    created_at BIGINT NOT NULL
);
CREATE INDEX imports_account ON imports (account_id, id);
