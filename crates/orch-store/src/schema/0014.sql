-- The line of each deploy target, written as a whole under its version; and every deployment that was ever in one.
CREATE TABLE deploy_lines (
    target TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    body TEXT
);
CREATE TABLE deployments (
    id TEXT NOT NULL PRIMARY KEY,
    target TEXT NOT NULL,
    repository TEXT NOT NULL,
    task TEXT,
    place INTEGER NOT NULL,
    state TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    body TEXT NOT NULL
);
CREATE INDEX deployments_of_task ON deployments (task);
CREATE INDEX deployments_newest ON deployments (begun_at);
