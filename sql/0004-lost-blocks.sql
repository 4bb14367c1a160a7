-- The image is whole, but the IPFS blocks beside it (<sha256>.dag) are not what was written: they are to be had again.
ALTER TABLE image ADD COLUMN is_dag_lost INTEGER NOT NULL DEFAULT 0 CHECK (is_dag_lost IN (0, 1));
