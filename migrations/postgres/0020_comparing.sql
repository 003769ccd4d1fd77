-- Who of one host follows an account, as a digest: it changes with a follow, so that no delivery reads the followers.
CREATE TABLE follower_digests (
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    host TEXT COLLATE "C" NOT NULL,
    digest BYTEA NOT NULL,
    followers BIGINT NOT NULL,
    PRIMARY KEY (account_id, host)
);

-- When a node was asked whom its people follow here, after a backup was restored.
ALTER TABLE nodes ADD COLUMN follows_asked_at BIGINT;
