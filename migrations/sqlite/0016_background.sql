-- Archives that are packed in turns, and how far the end of an account has come.
CREATE TABLE archives (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL UNIQUE REFERENCES accounts (id),
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    file TEXT,
    bytes INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    packed_at INTEGER
);

CREATE TABLE farewells (
    token_hash TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    posts INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);

-- Lists of addresses that are invited in turns; mails know of which invitation they are.
CREATE TABLE address_lists (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    proof TEXT NOT NULL,
    days INTEGER,
    tier_id INTEGER REFERENCES audiences (id),
    lines TEXT NOT NULL,
    total INTEGER NOT NULL,
    done INTEGER NOT NULL DEFAULT 0,
    invited INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
);
ALTER TABLE mails ADD COLUMN invitation_id INTEGER;
CREATE INDEX mails_recipient ON mails (recipient);
CREATE INDEX invitations_address ON invitations (address) WHERE address IS NOT NULL;

-- Who counts for whom on the waiting list: one person once, also once they are members.
ALTER TABLE waiting ADD COLUMN bare TEXT NOT NULL DEFAULT '';
UPDATE waiting SET bare = COALESCE(email, 'account ' || CAST(account_id AS TEXT));
CREATE UNIQUE INDEX waiting_bare ON waiting (bare) WHERE counts = 1;
ALTER TABLE waiting ADD COLUMN brought INTEGER NOT NULL DEFAULT 0;

-- Why a post that was put off could not be written, for whoever wrote it.
ALTER TABLE scheduled_posts ADD COLUMN failed TEXT;
-- Requests to follow that were let lie: nobody is told, and asking again changes nothing.
ALTER TABLE follows ADD COLUMN ignored_at INTEGER;
ALTER TABLE imports ADD COLUMN failures INTEGER NOT NULL DEFAULT 0;

-- Requests to quote by somebody whose posts wait for a look, answered once the quoting post is let through.
CREATE TABLE quote_wishes (
    quoting_uri TEXT PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    post_id INTEGER NOT NULL,
    request TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

-- Files that were reported, kept for whoever looks at the report, also when their author deletes them.
CREATE TABLE report_files (
    name TEXT PRIMARY KEY,
    report_id INTEGER NOT NULL REFERENCES reports (id)
);
CREATE INDEX report_files_report ON report_files (report_id);
