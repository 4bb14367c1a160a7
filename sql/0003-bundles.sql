-- What an offline bundle brought last: how many of a product's entries count by it, on what, and the block that it is about.
-- With bundle-signers nobody vouches for that block: the entries stay provisional, and only the pinned signers' word makes them count.
CREATE TABLE bundle (
	product BLOB NOT NULL PRIMARY KEY REFERENCES product (id) ON DELETE CASCADE,
	entries INTEGER NOT NULL CHECK (entries > 0),
	trust TEXT NOT NULL CHECK (trust IN ('bundle-signers', 'bundle-pinned')),
	number INTEGER NOT NULL CHECK (number >= 0),
	hash BLOB NOT NULL CHECK (length(hash) = 32),
	time INTEGER NOT NULL CHECK (time >= 0),
	at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
