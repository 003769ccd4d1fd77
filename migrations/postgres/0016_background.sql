-- Archives that are packed in turns, and how far the end of an account has come.
CREATE TABLE archives (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL UNIQUE REFERENCES accounts (id),
    total BIGINT NOT NULL,
    done BIGINT NOT NULL DEFAULT 0,
    file TEXT COLLATE "C",
    bytes BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    packed_at BIGINT
);

CREATE TABLE farewells (
    token_hash TEXT COLLATE "C" PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    posts BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Lists of addresses that are invited in turns; mails know of which invitation they are.
CREATE TABLE address_lists (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    proof TEXT COLLATE "C" NOT NULL,
    days BIGINT,
    tier_id BIGINT REFERENCES audiences (id),
    lines TEXT COLLATE "C" NOT NULL,
    total BIGINT NOT NULL,
    done BIGINT NOT NULL DEFAULT 0,
    invited BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL
);
ALTER TABLE mails ADD COLUMN invitation_id BIGINT;
CREATE INDEX mails_recipient ON mails (recipient);
CREATE INDEX invitations_address ON invitations (address) WHERE address IS NOT NULL;

-- Who counts for whom on the waiting list: one person once, also once they are members.
ALTER TABLE waiting ADD COLUMN bare TEXT COLLATE "C" NOT NULL DEFAULT '';
UPDATE waiting SET bare = COALESCE(email, 'account ' || CAST(account_id AS TEXT));
CREATE UNIQUE INDEX waiting_bare ON waiting (bare) WHERE counts = 1;
ALTER TABLE waiting ADD COLUMN brought BIGINT NOT NULL DEFAULT 0;

-- Why a post that was put off could not be written, for whoever wrote it.
ALTER TABLE scheduled_posts ADD COLUMN failed TEXT COLLATE "C";
-- Requests to follow that were let lie: nobody is told, and asking again changes nothing.
ALTER TABLE follows ADD COLUMN ignored_at BIGINT;
ALTER TABLE imports ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;

-- Requests to quote by somebody whose posts wait for a look, answered once the quoting post is let through.
CREATE TABLE quote_wishes (
    quoting_uri TEXT COLLATE "C" PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    post_id BIGINT NOT NULL,
    request TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- Files that were reported, kept for whoever looks at the report, also when their author deletes them.
CREATE TABLE report_files (
    name TEXT COLLATE "C" PRIMARY KEY,
    report_id BIGINT NOT NULL REFERENCES reports (id)
);
CREATE INDEX report_files_report ON report_files (report_id);
