-- Who of one host follows an account, as a digest: it changes with a follow, so that no delivery reads the followers.
CREATE TABLE follower_digests (
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    host TEXT NOT NULL,
    digest BLOB NOT NULL,
    followers INTEGER NOT NULL,
    PRIMARY KEY (account_id, host)
);

-- When a node was asked whom its people follow here, after a backup was restored.
ALTER TABLE nodes ADD COLUMN follows_asked_at INTEGER;
