-- Who is who. Tables that earlier releases do not ask for.

-- A person who was forgotten keeps the id, so that no account of that name is taken for them.
CREATE TABLE people (
    person TEXT NOT NULL PRIMARY KEY,
    display TEXT NOT NULL,
    language TEXT NOT NULL,
    role TEXT NOT NULL,
    forgotten INTEGER NOT NULL DEFAULT 0
);

-- `source` is what stands before the colon of an actor: a connection's id, `local`, `token`.
CREATE TABLE identities (
    source TEXT NOT NULL,
    id TEXT NOT NULL,
    person TEXT NOT NULL REFERENCES people (person),
    linked_by TEXT NOT NULL,
    linked_at INTEGER NOT NULL,
    PRIMARY KEY (source, id)
);
CREATE INDEX identities_person ON identities (person);

CREATE TABLE link_codes (
    code TEXT NOT NULL PRIMARY KEY,
    person TEXT NOT NULL REFERENCES people (person),
    until INTEGER NOT NULL
);

CREATE TABLE actor_names (
    actor TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL
);

CREATE TABLE connections (
    id TEXT NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL,
    kind TEXT NOT NULL,
    server TEXT NOT NULL,
    project TEXT NOT NULL,
    accounts TEXT NOT NULL
);
CREATE UNIQUE INDEX connections_project ON connections (kind, server, project);
