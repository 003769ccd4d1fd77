-- Threads are read in the order in which they came, and our members' answers by themselves.
CREATE INDEX posts_thread_arrival ON posts (thread_id, COALESCE(fetched_at, created_at), id);
CREATE INDEX posts_thread_created ON posts (thread_id, created_at, id);
CREATE INDEX posts_thread_own ON posts (thread_id, id) WHERE is_local = 1;

-- Who wrote how much of what came in: one stranger alone is no crowd.
CREATE TABLE incoming_authors (
    bucket INTEGER NOT NULL,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    came INTEGER NOT NULL,
    PRIMARY KEY (bucket, account_id)
);

-- When a delivery first may have arrived; while it never left, what takes it back need not leave either.
ALTER TABLE deliveries ADD COLUMN begun_at INTEGER;
UPDATE deliveries SET begun_at = 1 WHERE attempts > 0;
-- Who reads at an inbox, when rights are asked again before something leaves.
CREATE INDEX accounts_inbox ON accounts (inbox_id) WHERE inbox_id IS NOT NULL;
CREATE INDEX accounts_shared_inbox ON accounts (shared_inbox_id) WHERE shared_inbox_id IS NOT NULL;

-- Counts that everybody sees tell of what everybody sees.
UPDATE accounts SET posts_count = (SELECT COUNT(*) FROM posts WHERE posts.account_id = accounts.id AND posts.audience IN ('public', 'unlisted')) WHERE kind <> 'remote';
UPDATE posts SET replies_count = (SELECT COUNT(*) FROM posts answers WHERE answers.in_reply_to_id = posts.id AND answers.audience IN ('public', 'unlisted')) WHERE is_local = 1 AND audience IN ('public', 'unlisted');
