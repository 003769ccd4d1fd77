-- The waiting list, lists of addresses, and mail that is sent to many.
CREATE TABLE waiting (
    id INTEGER PRIMARY KEY,
    token TEXT NOT NULL UNIQUE,
    code TEXT NOT NULL UNIQUE,
    email TEXT UNIQUE,
    account_id INTEGER UNIQUE REFERENCES accounts (id),
    answer TEXT NOT NULL DEFAULT '',
    locale TEXT NOT NULL DEFAULT 'en',
    brought_by INTEGER,
    counts INTEGER NOT NULL DEFAULT 1,
    origin_hash TEXT NOT NULL,
    verified_at INTEGER,
    invitation_id INTEGER REFERENCES invitations (id),
    admitted_at INTEGER,
    created_at INTEGER NOT NULL
);
CREATE INDEX waiting_brought ON waiting (brought_by) WHERE brought_by IS NOT NULL;

ALTER TABLE invitations ADD COLUMN consent TEXT NOT NULL DEFAULT '';
ALTER TABLE invitations ADD COLUMN bounced_at INTEGER;

ALTER TABLE mails ADD COLUMN bulk INTEGER NOT NULL DEFAULT 0;
ALTER TABLE mails ADD COLUMN failed TEXT;
CREATE INDEX mails_bulk ON mails (created_at) WHERE bulk = 1;
CREATE TABLE mail_stops (
    address TEXT PRIMARY KEY,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
