-- How soon people need to see it, since which number nobody knows what stands, that there is nothing to show it at any
-- more, what the product calls it, and what a look saw there.
ALTER TABLE projections ADD COLUMN need INTEGER NOT NULL DEFAULT 1;
ALTER TABLE projections ADD COLUMN doubted INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projections ADD COLUMN ended_at INTEGER;
ALTER TABLE projections ADD COLUMN external_id TEXT;
ALTER TABLE projections ADD COLUMN looked TEXT;
CREATE INDEX projections_next ON projections (target, need, due)
    WHERE wanted > sent AND owner IS NULL AND ended_at IS NULL;
CREATE INDEX projections_claimed ON projections (owner) WHERE owner IS NOT NULL;
CREATE INDEX projections_objects ON projections (object);
