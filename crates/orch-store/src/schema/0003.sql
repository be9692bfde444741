-- What failed on this host: log-ins that are not served, agents that do not start. A row stays when its outage is over.
CREATE TABLE outages (
    name TEXT NOT NULL PRIMARY KEY,
    version INTEGER NOT NULL,
    body TEXT
);
-- What people added to a budget beyond its ceiling.
ALTER TABLE budgets ADD COLUMN raised INTEGER NOT NULL DEFAULT 0;
CREATE INDEX reservations_holder ON reservations (holder);
