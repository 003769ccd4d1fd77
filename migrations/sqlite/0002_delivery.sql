-- When a node showed that it reads Ed25519 signatures.
ALTER TABLE nodes ADD COLUMN ed25519_at INTEGER;
-- Until when an inbox is left alone with everything behind what it refused.
ALTER TABLE inboxes ADD COLUMN waits_until INTEGER NOT NULL DEFAULT 0;
-- When an inbox first said that it does not know the signature.
ALTER TABLE deliveries ADD COLUMN unknown_since INTEGER;
-- How many fetches an activity may still cause.
ALTER TABLE received ADD COLUMN fetches INTEGER NOT NULL DEFAULT 5;
-- When the newest version of a remote post that we have was written.
ALTER TABLE posts ADD COLUMN revised_at INTEGER;
