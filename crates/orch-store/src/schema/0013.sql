-- Who may open the pages: links that let somebody in once, sessions, passwords. Of every secret the SHA-256 stands here,
-- of a password what argon2 makes of it.
CREATE TABLE access_links (
    hash TEXT NOT NULL PRIMARY KEY,
    person TEXT,
    made_by TEXT NOT NULL,
    until INTEGER NOT NULL
);
CREATE TABLE access_sessions (
    hash TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    until INTEGER NOT NULL
);
CREATE INDEX access_sessions_person ON access_sessions (person);
CREATE TABLE access_passwords (
    person TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL
);
-- The board asks for tasks of one stage, and counts them.
CREATE INDEX tasks_place ON tasks (place, created_at, id);
CREATE INDEX tasks_census ON tasks (repository, terminal, place, doing);
