-- How people become members: invitations, who came by whose, who asked to come in; and the tiers they may have.
CREATE TABLE invitations (
    id BIGINT PRIMARY KEY,
    code TEXT COLLATE "C" NOT NULL UNIQUE,
    inviter_id BIGINT NOT NULL REFERENCES accounts (id),
    note TEXT COLLATE "C" NOT NULL,
    address TEXT COLLATE "C",
    tier_id BIGINT REFERENCES audiences (id),
    uses_most BIGINT NOT NULL,
    uses BIGINT NOT NULL DEFAULT 0,
    expires_at BIGINT,
    sent_at BIGINT,
    opened_at BIGINT,
    revoked_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX invitations_inviter ON invitations (inviter_id);

CREATE TABLE invited (
    account_id BIGINT PRIMARY KEY REFERENCES accounts (id),
    invitation_id BIGINT NOT NULL REFERENCES invitations (id),
    inviter_id BIGINT NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL
);
CREATE INDEX invited_invitation ON invited (invitation_id);

CREATE TABLE join_requests (
    id BIGINT PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    email TEXT COLLATE "C" NOT NULL UNIQUE,
    password TEXT COLLATE "C" NOT NULL,
    answers TEXT COLLATE "C" NOT NULL,
    locale TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- Tiers are grants with a name; what they say about how one gets in.
CREATE TABLE tiers (
    audience_id BIGINT PRIMARY KEY REFERENCES audiences (id),
    how TEXT COLLATE "C" NOT NULL
);

-- What everybody else sees of a post for a tier.
ALTER TABLE posts ADD COLUMN teaser TEXT COLLATE "C" NOT NULL DEFAULT '';
