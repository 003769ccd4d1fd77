-- The waiting list, lists of addresses, and mail that is sent to many.
CREATE TABLE waiting (
    id BIGINT PRIMARY KEY,
    token TEXT COLLATE "C" NOT NULL UNIQUE,
    code TEXT COLLATE "C" NOT NULL UNIQUE,
    email TEXT COLLATE "C" UNIQUE,
    account_id BIGINT UNIQUE REFERENCES accounts (id),
    answer TEXT COLLATE "C" NOT NULL DEFAULT '',
    locale TEXT COLLATE "C" NOT NULL DEFAULT 'en',
    brought_by BIGINT,
    counts BIGINT NOT NULL DEFAULT 1,
    origin_hash TEXT COLLATE "C" NOT NULL,
    verified_at BIGINT,
    invitation_id BIGINT REFERENCES invitations (id),
    admitted_at BIGINT,
    created_at BIGINT NOT NULL
);
CREATE INDEX waiting_brought ON waiting (brought_by) WHERE brought_by IS NOT NULL;

ALTER TABLE invitations ADD COLUMN consent TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE invitations ADD COLUMN bounced_at BIGINT;

ALTER TABLE mails ADD COLUMN bulk BIGINT NOT NULL DEFAULT 0;
ALTER TABLE mails ADD COLUMN failed TEXT COLLATE "C";
CREATE INDEX mails_bulk ON mails (created_at) WHERE bulk = 1;
CREATE TABLE mail_stops (
    address TEXT COLLATE "C" PRIMARY KEY,
    reason TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
