-- Lists of tasks, newest first, without sorting the whole table.
CREATE INDEX tasks_newest ON tasks (created_at, id);
CREATE INDEX tasks_newest_of_repository ON tasks (repository, created_at, id);
CREATE INDEX tasks_active_of_repository ON tasks (repository, created_at, id) WHERE terminal = 0;
