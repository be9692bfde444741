-- What the running release does not know of a queued row; such a row waits for one that does.
ALTER TABLE work ADD COLUMN unread TEXT;
CREATE INDEX work_unread ON work (id) WHERE unread IS NOT NULL;
