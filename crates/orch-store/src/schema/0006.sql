-- Hosts that share the database, and where each run is. Earlier releases do not ask for any of it.

-- One process of a host works at a time: the newest incarnation.
CREATE TABLE hosts (
    id TEXT NOT NULL PRIMARY KEY,
    incarnation INTEGER NOT NULL,
    name TEXT NOT NULL,
    release TEXT NOT NULL,
    kinds TEXT NOT NULL,
    max_runs INTEGER NOT NULL,
    lease_until INTEGER NOT NULL
);

-- Written before a run is launched. `launched`, `given_up` (its host was taken for dead), `over`.
CREATE TABLE runs (
    name TEXT NOT NULL,
    host TEXT NOT NULL,
    kind TEXT NOT NULL,
    task TEXT NOT NULL,
    launched_at INTEGER NOT NULL,
    state TEXT NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (name, host)
);
CREATE INDEX runs_unfinished ON runs (host, kind) WHERE state <> 'over';
CREATE INDEX runs_of_task ON runs (task) WHERE state <> 'over';
CREATE INDEX runs_ended ON runs (ended_at) WHERE state = 'over';

-- The host whose run a row is about: no other one may claim it.
ALTER TABLE work ADD COLUMN host TEXT;

-- The limits and switches that every process decides by.
CREATE TABLE policies (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    body TEXT NOT NULL
);
