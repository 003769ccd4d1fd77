-- Sound and video, files that are kept once, and what was told about links.
ALTER TABLE media ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE media ADD COLUMN processing INTEGER NOT NULL DEFAULT 0;
ALTER TABLE media ADD COLUMN title TEXT;
ALTER TABLE media ADD COLUMN artist TEXT;
ALTER TABLE media ADD COLUMN album TEXT;
ALTER TABLE media ADD COLUMN waveform TEXT;
CREATE INDEX media_account ON media (account_id, id);
CREATE INDEX media_file ON media (file) WHERE file IS NOT NULL;
CREATE INDEX accounts_avatar ON accounts (avatar) WHERE avatar IS NOT NULL;
CREATE INDEX accounts_header ON accounts (header) WHERE header IS NOT NULL;
CREATE INDEX media_preview ON media (preview) WHERE preview IS NOT NULL;

CREATE TABLE blobs (
    id TEXT PRIMARY KEY,
    hash TEXT NOT NULL UNIQUE,
    bytes INTEGER NOT NULL,
    uses INTEGER NOT NULL
);

CREATE TABLE files (
    name TEXT PRIMARY KEY,
    blob_id TEXT NOT NULL
);

CREATE TABLE previews (
    url TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    provider_name TEXT NOT NULL,
    author_name TEXT NOT NULL,
    picture_url TEXT,
    width INTEGER,
    height INTEGER,
    fetched_at INTEGER NOT NULL
);
ALTER TABLE posts ADD COLUMN preview_url TEXT;
CREATE INDEX posts_preview ON posts (preview_url) WHERE preview_url IS NOT NULL;

-- What the host tells everyone who lives here.
CREATE TABLE announcements (
    id INTEGER PRIMARY KEY,
    text TEXT NOT NULL,
    html TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    ends_at INTEGER
);

CREATE TABLE announcement_reads (
    announcement_id INTEGER NOT NULL REFERENCES announcements (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (announcement_id, account_id)
);

CREATE TABLE announcement_reactions (
    announcement_id INTEGER NOT NULL REFERENCES announcements (id),
    account_id INTEGER NOT NULL REFERENCES accounts (id),
    name TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (announcement_id, account_id, name)
);
