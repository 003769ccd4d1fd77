-- Words of posts; the two databases have their own ways to search them.
CREATE TABLE post_texts (
    post_id BIGINT PRIMARY KEY,
    body tsvector NOT NULL
);
CREATE INDEX post_texts_body ON post_texts USING gin (body);
