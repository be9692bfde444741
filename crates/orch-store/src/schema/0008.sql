-- What a row waits for before it is tried again. Earlier releases do not ask for it: they try again by its due time.
ALTER TABLE work ADD COLUMN waits_for TEXT;
CREATE INDEX work_waiting ON work (waits_for) WHERE waits_for IS NOT NULL;
