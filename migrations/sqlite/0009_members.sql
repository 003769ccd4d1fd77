-- How people become members: invitations, who came by whose, who asked to come in; and the tiers they may have.
CREATE TABLE invitations (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    inviter_id INTEGER NOT NULL REFERENCES accounts (id),
    note TEXT NOT NULL,
    address TEXT,
    tier_id INTEGER REFERENCES audiences (id),
    uses_most INTEGER NOT NULL,
    uses INTEGER NOT NULL DEFAULT 0,
    expires_at INTEGER,
    sent_at INTEGER,
    opened_at INTEGER,
    revoked_at INTEGER,
    created_at INTEGER NOT NULL
);
CREATE INDEX invitations_inviter ON invitations (inviter_id);

CREATE TABLE invited (
    account_id INTEGER PRIMARY KEY REFERENCES accounts (id),
    invitation_id INTEGER NOT NULL REFERENCES invitations (id),
    inviter_id INTEGER NOT NULL REFERENCES accounts (id),
    created_at INTEGER NOT NULL
);
CREATE INDEX invited_invitation ON invited (invitation_id);

CREATE TABLE join_requests (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL,
    answers TEXT NOT NULL,
    locale TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

-- Tiers are grants with a name; what they say about how one gets in.
CREATE TABLE tiers (
    audience_id INTEGER PRIMARY KEY REFERENCES audiences (id),
    how TEXT NOT NULL
);

-- What everybody else sees of a post for a tier.
ALTER TABLE posts ADD COLUMN teaser TEXT NOT NULL DEFAULT '';
