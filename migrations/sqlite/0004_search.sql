-- Words of posts; the two databases have their own ways to search them.
CREATE VIRTUAL TABLE post_texts USING fts5 (body, content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 0');
