/* world.h: a registry's history, made entry by entry and really signed, told to a real ledger over a real store. */
#ifndef TESTS_KEEPER_WORLD_H
#define TESTS_KEEPER_WORLD_H

#include "formats/cose.h"
#include "keeper/ledger.h"
#include "store/releases.h"
#include "store/tempdir.h"

#define WORLD_PRODUCTS 3
#define WORLD_ENTRIES 64
#define WORLD_NOTES 64

/* What the ledger told its owner since world_forget(). */
struct world_note {
	char product[PRODUCT_NAME_MAX + 1], cid[CID_TEXT_MAX];
	uint64_t sequence;
	struct hash32 sha256;
};

struct world_product {
	struct hash32 id;
	uint64_t entries, sequence, last_block;
};

struct world {
	const char *dir;		/* a new directory */
	int dir_fd;
	struct store *store;
	struct floors *floors;
	struct alarms alarms;
	struct clock clock;
	int64_t wall_ms, mono_ms;
	enum clock_state clock_state;
	struct ledger ledger;
	struct ledger_follow follow[WORLD_PRODUCTS];
	size_t follow_n;
	struct sig_secret key[3];	/* A, B, C */
	struct buf cose[3];
	struct world_product product[WORLD_PRODUCTS];
	uint64_t block;			/* of the next entry */
	struct world_note want[WORLD_NOTES], change[WORLD_NOTES];
	struct world_note unwanted[WORLD_NOTES];	/* the last ones; the oldest make room */
	size_t wants, changes, unwanteds, settled;
	struct hash32 fetching;		/* zero: none */
	bool is_recovering;		/* what lies on the disk is still being looked at */
};

/* product 0 is acme/thermostat; all belong to world_registrant. Nothing is registered yet. */
extern const struct addr20 world_registrant;
extern const char *const world_name[WORLD_PRODUCTS];
/* CIDs of three small raw blocks. */
extern const char *const world_cid[3];

/* Channels stable and beta, keep 2, policy auto. */
void world_open(struct world *w);
/* Like a restart: what is in memory only is gone. keep_store false: so is the database. */
void world_reopen(struct world *w, bool keep_store);
void world_close(struct world *w);

/* --- entries; each is one follower output, in a transaction of its own --- */
void world_register(struct world *w, size_t product, uint16_t threshold, const char *keys);
void world_signers(struct world *w, size_t product, uint16_t threshold, const char *keys);
/* The defaults: version "1.N", channel stable, cid 0, image SHA-256 world_sha(0), 1000 bytes. */
struct suit_manifest world_manifest(const struct world *w, size_t product);
struct hash32 world_sha(unsigned n);
void world_publish_as(struct world *w, size_t product, const struct suit_manifest *m, const char *keys);
void world_publish(struct world *w, size_t product, unsigned image);	/* by A, with image world_sha(image) */
void world_revoke(struct world *w, size_t product, uint64_t sequence);
void world_floor(struct world *w, size_t product, uint64_t floor);
/* All entries so far are final, proven at a new block. */
void world_final(struct world *w, size_t product);
/* Takes back what lies above this position. sequence: what the product's newest is then. */
void world_undo(struct world *w, size_t product, uint64_t position, uint64_t sequence);

/* --- images, as the fetcher would tell --- */
void world_image(struct world *w, unsigned n, enum image_state state);

/* Judges everything; fails the test when that fails. */
void world_settle(struct world *w);
void world_forget(struct world *w);
struct release_row world_row(struct world *w, size_t product, uint64_t sequence);
const char *world_state(struct world *w, size_t product, uint64_t sequence);	/* "active", … */
bool world_wanted(const struct world *w, size_t product, uint64_t sequence);

#endif
