-- Whether a file waits for a look, as an external scanner said or because it was silent.
ALTER TABLE media ADD COLUMN suspect BIGINT NOT NULL DEFAULT 0;
