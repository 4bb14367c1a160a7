-- How far the registry's list of ids was read, and a digest of what was wanted then: for others it has to be read again.
ALTER TABLE mark ADD COLUMN listed INTEGER NOT NULL DEFAULT 0 CHECK (listed >= 0);
ALTER TABLE mark ADD COLUMN listed_for BLOB NOT NULL DEFAULT X'' CHECK (length(listed_for) IN (0, 32));

-- It was the last proof of the account; now it is the last one that covered every product.
UPDATE mark SET proven_number = NULL, proven_hash = NULL, proven_root = NULL, proven_time = NULL, proven_wall_ms = NULL;
