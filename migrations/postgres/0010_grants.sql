-- Tiers with a face, several for one post, and what leaves as personal copies.

-- What an audience consists of: itself, or several others of which one is enough.
CREATE TABLE audience_parts (
    audience_id BIGINT NOT NULL REFERENCES audiences (id),
    part_id BIGINT NOT NULL REFERENCES audiences (id),
    PRIMARY KEY (audience_id, part_id)
);
INSERT INTO audience_parts (audience_id, part_id) SELECT id, id FROM audiences;
CREATE INDEX audience_members_account ON audience_members (account_id, audience_id);

ALTER TABLE audiences ADD COLUMN colour TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE audiences ADD COLUMN badge TEXT COLLATE "C" NOT NULL DEFAULT '';

-- Where whoever is in shows it: nowhere, on the profile, everywhere.
ALTER TABLE audience_members ADD COLUMN shown TEXT COLLATE "C" NOT NULL DEFAULT '';
-- Why they are in: by hand, by invitation, by the rule.
ALTER TABLE audience_members ADD COLUMN reason TEXT COLLATE "C" NOT NULL DEFAULT '';

-- By what the host proposes people for a tier; off until switched on.
ALTER TABLE tiers ADD COLUMN rule_since BIGINT;
ALTER TABLE tiers ADD COLUMN rule_days BIGINT NOT NULL DEFAULT 0;
ALTER TABLE tiers ADD COLUMN rule_answers BIGINT NOT NULL DEFAULT 0;

CREATE TABLE tier_refusals (
    audience_id BIGINT NOT NULL REFERENCES audiences (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (audience_id, account_id)
);

-- A member's list as an audience.
ALTER TABLE lists ADD COLUMN audience_id BIGINT REFERENCES audiences (id);

-- What of a post for a grant leaves: its text, its teaser, or nothing; and whether a blur is shown to others.
ALTER TABLE posts ADD COLUMN travels TEXT COLLATE "C" NOT NULL DEFAULT 'no';
ALTER TABLE posts ADD COLUMN blurred BIGINT NOT NULL DEFAULT 0;

-- Personal copies; they outlive the post until everybody was told that it is gone.
CREATE TABLE post_copies (
    uri TEXT COLLATE "C" PRIMARY KEY,
    post_id BIGINT NOT NULL,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    UNIQUE (post_id, account_id)
);
