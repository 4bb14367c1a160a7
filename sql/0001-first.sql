-- The keeper's memory. Times ending in _ms are milliseconds since 1970 by the wall clock.
-- Everything of the registry can be had again from the chain, images from IPFS; decisions,
-- devices and the audit log cannot.

-- How far the registry was followed; one row.
CREATE TABLE mark (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	chain_id INTEGER NOT NULL CHECK (chain_id >= 0),
	registry BLOB NOT NULL CHECK (length(registry) = 20),
	genesis BLOB CHECK (length(genesis) = 32),
	anchor_number INTEGER CHECK (anchor_number >= 0),
	anchor_hash BLOB CHECK (length(anchor_hash) = 32),
	proven_number INTEGER CHECK (proven_number >= 0),
	proven_hash BLOB CHECK (length(proven_hash) = 32),
	proven_root BLOB CHECK (length(proven_root) = 32),
	proven_time INTEGER CHECK (proven_time >= 0),
	proven_wall_ms INTEGER,
	trust TEXT NOT NULL,
	CHECK ((anchor_number IS NULL) = (anchor_hash IS NULL)),
	CHECK ((proven_number IS NULL) = (proven_hash IS NULL) AND (proven_number IS NULL) = (proven_root IS NULL)
		AND (proven_number IS NULL) = (proven_time IS NULL) AND (proven_number IS NULL) = (proven_wall_ms IS NULL))
) STRICT;

-- Alarms that only an operator clears.
CREATE TABLE latched (
	code TEXT NOT NULL,
	subject TEXT NOT NULL,
	detail TEXT NOT NULL,
	since_ms INTEGER NOT NULL,
	PRIMARY KEY (code, subject)
) STRICT, WITHOUT ROWID;

CREATE TABLE product (
	id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
	name TEXT NOT NULL CHECK (length(name) BETWEEN 3 AND 65),
	registrant BLOB NOT NULL CHECK (length(registrant) = 20),
	owner BLOB NOT NULL CHECK (length(owner) = 20),
	signers BLOB NOT NULL,		-- threshold:2, then each key with its length:1
	remembered BLOB,		-- the same, of the set that continuity accepted
	head BLOB NOT NULL CHECK (length(head) = 32),
	sequence INTEGER NOT NULL CHECK (sequence >= 0),
	floor INTEGER NOT NULL CHECK (floor >= 0),
	last_block INTEGER NOT NULL CHECK (last_block >= 0),
	entries INTEGER NOT NULL DEFAULT 0,
	final_entries INTEGER NOT NULL DEFAULT 0,
	proven_number INTEGER CHECK (proven_number >= 0),
	proven_hash BLOB CHECK (length(proven_hash) = 32),
	proven_root BLOB CHECK (length(proven_root) = 32),
	proven_time INTEGER CHECK (proven_time >= 0),
	proven_wall_ms INTEGER,
	keep INTEGER NOT NULL DEFAULT 2 CHECK (keep >= 0),
	in_rollout INTEGER NOT NULL DEFAULT 0 CHECK (in_rollout IN (0, 1)),
	is_pinned INTEGER NOT NULL DEFAULT 0 CHECK (is_pinned IN (0, 1)),
	UNIQUE (name, registrant),
	CHECK (final_entries BETWEEN 0 AND entries),
	CHECK ((proven_number IS NULL) = (proven_hash IS NULL) AND (proven_number IS NULL) = (proven_root IS NULL)
		AND (proven_number IS NULL) = (proven_time IS NULL) AND (proven_number IS NULL) = (proven_wall_ms IS NULL))
) STRICT;

-- Signer sets that the operator accepted against continuity.
CREATE TABLE accepted_set (
	product BLOB NOT NULL REFERENCES product (id) ON DELETE CASCADE,
	set_id BLOB NOT NULL CHECK (length(set_id) = 32),
	at_ms INTEGER NOT NULL,
	PRIMARY KEY (product, set_id)
) STRICT, WITHOUT ROWID;

-- Log records as they stood in the log.
CREATE TABLE entry (
	product BLOB NOT NULL REFERENCES product (id) ON DELETE CASCADE,
	ord INTEGER NOT NULL CHECK (ord >= 0),
	block INTEGER NOT NULL CHECK (block >= 0),
	block_hash BLOB NOT NULL CHECK (length(block_hash) = 32),
	tx BLOB NOT NULL CHECK (length(tx) = 32),
	log_index INTEGER NOT NULL CHECK (log_index BETWEEN 0 AND 4294967295),
	topics BLOB NOT NULL CHECK (length(topics) IN (0, 32, 64, 96, 128)),
	data BLOB NOT NULL,
	PRIMARY KEY (product, ord)
) STRICT;

CREATE TABLE release (
	product BLOB NOT NULL REFERENCES product (id) ON DELETE CASCADE,
	sequence INTEGER NOT NULL CHECK (sequence > 0),
	entry_ord INTEGER NOT NULL CHECK (entry_ord >= 0),
	block INTEGER NOT NULL CHECK (block >= 0),
	tx BLOB NOT NULL CHECK (length(tx) = 32),
	published_at INTEGER NOT NULL CHECK (published_at >= 0),
	manifest BLOB NOT NULL CHECK (length(manifest) BETWEEN 1 AND 4096),
	manifest_sha256 BLOB NOT NULL CHECK (length(manifest_sha256) = 32),
	-- what it says; NULL when it could not be read
	version TEXT CHECK (length(version) > 0),
	channel TEXT CHECK (length(channel) > 0),
	cid TEXT CHECK (length(cid) > 0),
	sha256 BLOB CHECK (length(sha256) = 32),
	size INTEGER CHECK (size BETWEEN 1 AND 4294967295),
	from_sequence INTEGER CHECK (from_sequence >= 0),
	urgent INTEGER CHECK (urgent IN (0, 1)),
	hardware TEXT,			-- names, with spaces between
	description TEXT,
	signers BLOB CHECK (length(signers) % 32 = 0),	-- thumbprints
	-- where it stands
	state TEXT NOT NULL CHECK (state IN ('seen', 'fetching', 'failed', 'ready', 'held', 'active', 'superseded',
		'rejected', 'revoked', 'evicted')),
	why TEXT NOT NULL,
	-- fetching
	image_is_wrong INTEGER NOT NULL DEFAULT 0 CHECK (image_is_wrong IN (0, 1)),
	fetch_detail TEXT NOT NULL DEFAULT '',
	tries INTEGER NOT NULL DEFAULT 0 CHECK (tries >= 0),
	retry_at_ms INTEGER NOT NULL DEFAULT 0,
	PRIMARY KEY (product, sequence),
	CHECK ((version IS NULL) = (sha256 IS NULL) AND (version IS NULL) = (size IS NULL)
		AND (version IS NULL) = (channel IS NULL) AND (version IS NULL) = (cid IS NULL)
		AND (version IS NULL) = (from_sequence IS NULL) AND (version IS NULL) = (urgent IS NULL))
) STRICT;

-- When it last came into each state.
CREATE TABLE release_time (
	product BLOB NOT NULL,
	sequence INTEGER NOT NULL,
	state TEXT NOT NULL,
	at_ms INTEGER NOT NULL,
	PRIMARY KEY (product, sequence, state),
	FOREIGN KEY (product, sequence) REFERENCES release (product, sequence) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX release_by_image ON release (sha256) WHERE sha256 IS NOT NULL;

-- The operator's word on one manifest; outlives the release row in a reorg.
CREATE TABLE decision (
	product BLOB NOT NULL REFERENCES product (id) ON DELETE CASCADE,
	sequence INTEGER NOT NULL CHECK (sequence > 0),
	manifest_sha256 BLOB NOT NULL CHECK (length(manifest_sha256) = 32),
	decision TEXT NOT NULL CHECK (decision IN ('approved', 'held')),
	at_ms INTEGER NOT NULL,
	PRIMARY KEY (product, sequence, manifest_sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE image (
	sha256 BLOB NOT NULL PRIMARY KEY CHECK (length(sha256) = 32),
	size INTEGER NOT NULL CHECK (size BETWEEN 1 AND 4294967295),
	cid TEXT NOT NULL DEFAULT '',
	state TEXT NOT NULL CHECK (state IN ('wanted', 'fetching', 'good', 'damaged', 'evicting', 'revoked')),
	since_ms INTEGER NOT NULL,
	wanted_ms INTEGER NOT NULL,
	verified_ms INTEGER NOT NULL DEFAULT 0,
	served_bytes INTEGER NOT NULL DEFAULT 0 CHECK (served_bytes >= 0),
	sums BLOB CHECK (length(sums) = 32),
	dag BLOB CHECK (length(dag) = 32),
	dag_bytes INTEGER NOT NULL DEFAULT 0 CHECK (dag_bytes >= 0),
	format TEXT NOT NULL DEFAULT '',
	CHECK (state NOT IN ('good', 'damaged') OR sums IS NOT NULL),
	CHECK ((sums IS NULL) = (dag IS NULL))
) STRICT;

CREATE TABLE image_damage (
	sha256 BLOB NOT NULL REFERENCES image (sha256) ON DELETE CASCADE,
	chunk INTEGER NOT NULL CHECK (chunk >= 0),
	at_ms INTEGER NOT NULL,
	PRIMARY KEY (sha256, chunk)
) STRICT, WITHOUT ROWID;

CREATE TABLE device (
	device TEXT NOT NULL PRIMARY KEY CHECK (length(device) BETWEEN 1 AND 64),
	is_listed INTEGER NOT NULL DEFAULT 0 CHECK (is_listed IN (0, 1)),
	product TEXT NOT NULL DEFAULT '',
	channel TEXT NOT NULL DEFAULT '',
	grp TEXT NOT NULL DEFAULT '',
	version TEXT NOT NULL DEFAULT '',
	sequence INTEGER NOT NULL DEFAULT 0 CHECK (sequence >= 0),
	state TEXT NOT NULL DEFAULT '',
	reason TEXT NOT NULL DEFAULT '',
	progress INTEGER NOT NULL DEFAULT 255 CHECK (progress BETWEEN 0 AND 255),
	address TEXT NOT NULL DEFAULT '',
	protocol TEXT NOT NULL DEFAULT '',
	first_seen_ms INTEGER NOT NULL,
	last_seen_ms INTEGER NOT NULL DEFAULT 0,
	reported_ms INTEGER NOT NULL DEFAULT 0,
	bytes INTEGER NOT NULL DEFAULT 0 CHECK (bytes >= 0)
) STRICT;

-- Who makes room when the table is full.
CREATE INDEX device_by_age ON device (last_seen_ms) WHERE is_listed = 0;

CREATE TABLE device_floor (
	device TEXT NOT NULL REFERENCES device (device) ON DELETE CASCADE,
	product TEXT NOT NULL,
	channel TEXT NOT NULL,
	sequence INTEGER NOT NULL CHECK (sequence > 0),
	PRIMARY KEY (device, product, channel)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
	n INTEGER PRIMARY KEY CHECK (n > 0),
	at_ms INTEGER NOT NULL,
	actor TEXT NOT NULL,
	address TEXT NOT NULL,
	action TEXT NOT NULL,
	subject TEXT NOT NULL,
	detail TEXT NOT NULL,
	hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
