-- The pages of others, which people paste to find what they show.
CREATE INDEX posts_url ON posts (url) WHERE url IS NOT NULL;
CREATE INDEX accounts_url ON accounts (url) WHERE url IS NOT NULL;
