-- Sound and video, files that are kept once, and what was told about links.
ALTER TABLE media ADD COLUMN bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE media ADD COLUMN processing BIGINT NOT NULL DEFAULT 0;
ALTER TABLE media ADD COLUMN title TEXT COLLATE "C";
ALTER TABLE media ADD COLUMN artist TEXT COLLATE "C";
ALTER TABLE media ADD COLUMN album TEXT COLLATE "C";
ALTER TABLE media ADD COLUMN waveform TEXT COLLATE "C";
CREATE INDEX media_account ON media (account_id, id);
CREATE INDEX media_file ON media (file) WHERE file IS NOT NULL;
CREATE INDEX accounts_avatar ON accounts (avatar) WHERE avatar IS NOT NULL;
CREATE INDEX accounts_header ON accounts (header) WHERE header IS NOT NULL;
CREATE INDEX media_preview ON media (preview) WHERE preview IS NOT NULL;

CREATE TABLE blobs (
    id TEXT COLLATE "C" PRIMARY KEY,
    hash TEXT COLLATE "C" NOT NULL UNIQUE,
    bytes BIGINT NOT NULL,
    uses BIGINT NOT NULL
);

CREATE TABLE files (
    name TEXT COLLATE "C" PRIMARY KEY,
    blob_id TEXT COLLATE "C" NOT NULL
);

CREATE TABLE previews (
    url TEXT COLLATE "C" PRIMARY KEY,
    kind TEXT COLLATE "C" NOT NULL,
    title TEXT COLLATE "C" NOT NULL,
    description TEXT COLLATE "C" NOT NULL,
    provider_name TEXT COLLATE "C" NOT NULL,
    author_name TEXT COLLATE "C" NOT NULL,
    picture_url TEXT COLLATE "C",
    width BIGINT,
    height BIGINT,
    fetched_at BIGINT NOT NULL
);
ALTER TABLE posts ADD COLUMN preview_url TEXT COLLATE "C";
CREATE INDEX posts_preview ON posts (preview_url) WHERE preview_url IS NOT NULL;

-- What the host tells everyone who lives here.
CREATE TABLE announcements (
    id BIGINT PRIMARY KEY,
    text TEXT COLLATE "C" NOT NULL,
    html TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    ends_at BIGINT
);

CREATE TABLE announcement_reads (
    announcement_id BIGINT NOT NULL REFERENCES announcements (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    PRIMARY KEY (announcement_id, account_id)
);

CREATE TABLE announcement_reactions (
    announcement_id BIGINT NOT NULL REFERENCES announcements (id),
    account_id BIGINT NOT NULL REFERENCES accounts (id),
    name TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (announcement_id, account_id, name)
);
