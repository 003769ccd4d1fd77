-- When a request was signed, and what shows that it is the same one again.
ALTER TABLE received ADD COLUMN signed_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE received ADD COLUMN signature TEXT;
CREATE UNIQUE INDEX received_signature ON received (signature) WHERE signature IS NOT NULL;

-- Ids of activities that were taken back: by a request of when, and how many of them are still to come.
CREATE TABLE undone (
    uri TEXT PRIMARY KEY,
    signed_at INTEGER NOT NULL,
    swallows INTEGER NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX undone_created ON undone (created_at);

-- Whether a remote account's move is known by its Move alone, and not by its document.
ALTER TABLE accounts ADD COLUMN moved_undocumented INTEGER NOT NULL DEFAULT 0;
