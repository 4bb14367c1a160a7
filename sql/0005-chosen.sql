-- Products of which the operator said something, with what makes them known again: own.h copies them, the chain tells the rest.
CREATE TABLE chosen (
	product BLOB NOT NULL PRIMARY KEY REFERENCES product (id) ON DELETE CASCADE,
	name TEXT NOT NULL CHECK (length(name) BETWEEN 3 AND 65),
	registrant BLOB NOT NULL CHECK (length(registrant) = 20),
	is_pinned INTEGER NOT NULL DEFAULT 0 CHECK (is_pinned IN (0, 1))
) STRICT, WITHOUT ROWID;

INSERT INTO chosen (product, name, registrant, is_pinned)
	SELECT id, name, registrant, is_pinned FROM product
	WHERE is_pinned = 1 OR id IN (SELECT product FROM decision) OR id IN (SELECT product FROM accepted_set);
ALTER TABLE product DROP COLUMN is_pinned;

-- Whether what the second copy (owncopy.h) holds was taken over. A database that has been in use needs nothing of it.
CREATE TABLE recalled (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	at_ms INTEGER NOT NULL
) STRICT;

INSERT INTO recalled (id, at_ms) SELECT id, 0 FROM mark;
