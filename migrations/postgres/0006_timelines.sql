-- Posts of the house are few among those of everyone: an index of their own, in the order of time.
ALTER TABLE posts ADD COLUMN is_local BIGINT NOT NULL DEFAULT 0;
UPDATE posts SET is_local = 1 WHERE account_id IN (SELECT id FROM accounts WHERE kind = 'local');
CREATE INDEX posts_local ON posts (id) WHERE is_local = 1;
