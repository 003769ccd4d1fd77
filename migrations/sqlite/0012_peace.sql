-- Keeping the peace: measures on accounts and nodes, posts that wait for a look, rules, and calm by the clock.

ALTER TABLE accounts ADD COLUMN silenced_at INTEGER;
ALTER TABLE accounts ADD COLUMN sensitised_at INTEGER;
ALTER TABLE accounts ADD COLUMN frozen_at INTEGER;
-- By a measure on their node.
ALTER TABLE accounts ADD COLUMN limited_at INTEGER;
ALTER TABLE accounts ADD COLUMN purge_at INTEGER;
CREATE INDEX accounts_quiet ON accounts (id) WHERE silenced_at IS NOT NULL OR limited_at IS NOT NULL;
CREATE INDEX accounts_locked_out ON accounts (id) WHERE disabled_at IS NOT NULL;

-- What somebody did about an account, with the reasons and what they answered.
CREATE TABLE measures (
    id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    kind TEXT NOT NULL,
    reasons TEXT NOT NULL,
    by_id INTEGER NOT NULL REFERENCES accounts (id),
    report_id INTEGER,
    created_at INTEGER NOT NULL,
    lifted_at INTEGER,
    appeal TEXT NOT NULL DEFAULT '',
    appealed_at INTEGER,
    answer TEXT NOT NULL DEFAULT '',
    answered_at INTEGER
);
CREATE INDEX measures_account ON measures (account_id, id);

ALTER TABLE reports ADD COLUMN snapshot TEXT NOT NULL DEFAULT '[]';
ALTER TABLE reports ADD COLUMN assigned_id INTEGER REFERENCES accounts (id);
ALTER TABLE reports ADD COLUMN outcome TEXT NOT NULL DEFAULT '';
CREATE TABLE report_notes (
    id INTEGER PRIMARY KEY,
    report_id INTEGER NOT NULL REFERENCES reports (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    text TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX report_notes_report ON report_notes (report_id, id);

-- A block is one of several measures on a node; and the nodes of a house that talks to named ones only.
ALTER TABLE node_blocks ADD COLUMN severity TEXT NOT NULL DEFAULT 'suspend';
ALTER TABLE node_blocks ADD COLUMN reject_media INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node_blocks ADD COLUMN reject_reports INTEGER NOT NULL DEFAULT 0;
ALTER TABLE node_blocks ADD COLUMN comment TEXT NOT NULL DEFAULT '';
CREATE TABLE node_allows (
    host TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
);

-- A post that waits for a look has the audience 'held'; this is the one it will have.
ALTER TABLE posts ADD COLUMN held_audience TEXT;
ALTER TABLE posts ADD COLUMN held_for TEXT;
ALTER TABLE posts ADD COLUMN dropped_at INTEGER;
CREATE INDEX posts_held ON posts (id) WHERE held_audience IS NOT NULL;

CREATE TABLE word_filters (
    id INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    pattern TEXT NOT NULL,
    act TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

-- Answers and mentions that came, in tens of minutes; and what is done about a crowd until a moment.
CREATE TABLE incoming (
    bucket INTEGER PRIMARY KEY,
    came INTEGER NOT NULL,
    held INTEGER NOT NULL
);
CREATE TABLE calm (
    kind TEXT NOT NULL,
    host TEXT NOT NULL DEFAULT '',
    minutes INTEGER NOT NULL DEFAULT 0,
    until INTEGER NOT NULL,
    by_id INTEGER REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    PRIMARY KEY (kind, host)
);
