-- What lists show of a task, beside its row. It holds as long as `listed` is the version of the row: an earlier release
-- that writes the row leaves it behind, and then it is made again. Empty: the row itself is read.
ALTER TABLE tasks ADD COLUMN listed INTEGER NOT NULL DEFAULT -1;
ALTER TABLE tasks ADD COLUMN updated_at INTEGER;
ALTER TABLE tasks ADD COLUMN doing TEXT;
ALTER TABLE tasks ADD COLUMN shown TEXT;
CREATE INDEX tasks_doing ON tasks (doing, created_at, id, repository) WHERE terminal = 0;
CREATE INDEX tasks_not_listed ON tasks (id) WHERE terminal = 0 AND listed <> version;
-- Places are counted. Those who were let in stand before those who wait.
CREATE INDEX lane_entries_waiting ON lane_entries (repository, line, priority DESC, place, task)
    WHERE settled = 0 AND body NOT LIKE '%"state":{"state":"admitted"}%';
CREATE INDEX lane_entries_admitted ON lane_entries (repository, line, priority DESC, place, task)
    WHERE settled = 0 AND body LIKE '%"state":{"state":"admitted"}%';
/*pg
CREATE OR REPLACE FUNCTION json_extract(body TEXT, path TEXT) RETURNS TEXT LANGUAGE SQL IMMUTABLE
AS $$ SELECT body::jsonb #>> string_to_array(substr(path, 3), '.') $$;
*/
