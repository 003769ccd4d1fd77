-- Keeping the peace: measures on accounts and nodes, posts that wait for a look, rules, and calm by the clock.

ALTER TABLE accounts ADD COLUMN silenced_at BIGINT;
ALTER TABLE accounts ADD COLUMN sensitised_at BIGINT;
ALTER TABLE accounts ADD COLUMN frozen_at BIGINT;
-- By a measure on their node.
ALTER TABLE accounts ADD COLUMN limited_at BIGINT;
ALTER TABLE accounts ADD COLUMN purge_at BIGINT;
CREATE INDEX accounts_quiet ON accounts (id) WHERE silenced_at IS NOT NULL OR limited_at IS NOT NULL;
CREATE INDEX accounts_locked_out ON accounts (id) WHERE disabled_at IS NOT NULL;

-- What somebody did about an account, with the reasons and what they answered.
CREATE TABLE measures (
    id BIGINT PRIMARY KEY,
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    kind TEXT COLLATE "C" NOT NULL,
    reasons TEXT COLLATE "C" NOT NULL,
    by_id BIGINT NOT NULL REFERENCES accounts (id),
    report_id BIGINT,
    created_at BIGINT NOT NULL,
    lifted_at BIGINT,
    appeal TEXT COLLATE "C" NOT NULL DEFAULT '',
    appealed_at BIGINT,
    answer TEXT COLLATE "C" NOT NULL DEFAULT '',
    answered_at BIGINT
);
CREATE INDEX measures_account ON measures (account_id, id);

ALTER TABLE reports ADD COLUMN snapshot TEXT COLLATE "C" NOT NULL DEFAULT '[]';
ALTER TABLE reports ADD COLUMN assigned_id BIGINT REFERENCES accounts (id);
ALTER TABLE reports ADD COLUMN outcome TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE report_notes (
    id BIGINT PRIMARY KEY,
    report_id BIGINT NOT NULL REFERENCES reports (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    text TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX report_notes_report ON report_notes (report_id, id);

-- A block is one of several measures on a node; and the nodes of a house that talks to named ones only.
ALTER TABLE node_blocks ADD COLUMN severity TEXT COLLATE "C" NOT NULL DEFAULT 'suspend';
ALTER TABLE node_blocks ADD COLUMN reject_media BIGINT NOT NULL DEFAULT 0;
ALTER TABLE node_blocks ADD COLUMN reject_reports BIGINT NOT NULL DEFAULT 0;
ALTER TABLE node_blocks ADD COLUMN comment TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE TABLE node_allows (
    host TEXT COLLATE "C" PRIMARY KEY,
    created_at BIGINT NOT NULL
);

-- A post that waits for a look has the audience 'held'; this is the one it will have.
ALTER TABLE posts ADD COLUMN held_audience TEXT COLLATE "C";
ALTER TABLE posts ADD COLUMN held_for TEXT COLLATE "C";
ALTER TABLE posts ADD COLUMN dropped_at BIGINT;
CREATE INDEX posts_held ON posts (id) WHERE held_audience IS NOT NULL;

CREATE TABLE word_filters (
    id BIGINT PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    pattern TEXT COLLATE "C" NOT NULL,
    act TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL
);

-- Answers and mentions that came, in tens of minutes; and what is done about a crowd until a moment.
CREATE TABLE incoming (
    bucket BIGINT PRIMARY KEY,
    came BIGINT NOT NULL,
    held BIGINT NOT NULL
);
CREATE TABLE calm (
    kind TEXT COLLATE "C" NOT NULL,
    host TEXT COLLATE "C" NOT NULL DEFAULT '',
    minutes BIGINT NOT NULL DEFAULT 0,
    until BIGINT NOT NULL,
    by_id BIGINT REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (kind, host)
);
