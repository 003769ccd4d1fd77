-- Who may answer, favourite and boost a post of elsewhere, as its author says; NULL where whoever sees it may.
ALTER TABLE posts ADD COLUMN interaction_policy TEXT;
-- What the author of the post that one of ours answers or boosts said to it: 'asked', 'given' or 'refused'; NULL where
-- nobody was to be asked.
ALTER TABLE posts ADD COLUMN approval TEXT;
-- The consent, on the wire.
ALTER TABLE posts ADD COLUMN approval_uri TEXT;
-- The languages of posts that a follower wants of whom they follow, each between commas; empty for all.
ALTER TABLE follows ADD COLUMN languages TEXT NOT NULL DEFAULT '';
-- Whether the votes are shown only when the poll is over.
ALTER TABLE polls ADD COLUMN hides_totals BIGINT NOT NULL DEFAULT 0;
-- Who may quote new posts of a member, until they say otherwise.
ALTER TABLE preferences ADD COLUMN quote_policy TEXT NOT NULL DEFAULT 'everyone';
-- Whom a member recommends on their profile.
CREATE TABLE endorsements (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    target_id BIGINT NOT NULL REFERENCES accounts (id),
    UNIQUE (account_id, target_id)
);
CREATE INDEX endorsements_target ON endorsements (target_id);
-- The time zone of a member, as the IANA database names it; empty where it is not known.
ALTER TABLE preferences ADD COLUMN zone TEXT NOT NULL DEFAULT '';
