/* histories.h: products' files of entries (the keeper's keeper/entryfiles.h), checked before a byte of them leaves.
 *
 * The catalog names the first bytes of a file by their number and SHA-256; the file may have grown since. A file is read once
 * for each digest that is asked for: what fits lies in a sealed memfd from then on, so that it may be sent with sendfile; what
 * does not is told through conf.rot, and refused for HISTORY_AGAIN_MS, after which the keeper may have mended it.
 *
 * Held are at most HISTORIES_MAX of them and HISTORIES_BYTES_MAX in all: the ones that nobody sends leave for others, and leave
 * anyway when they were not asked for in OBJECT_IDLE_MS. Any thread may call. */
#ifndef SERVER_HISTORIES_H
#define SERVER_HISTORIES_H

#include "base/clock.h"
#include "catalog/catalog.h"

struct histories;
struct history;

struct histories_conf {
	int dir;		/* STATE/entries; taken: closed by histories_free, and on failure. -1: every file is missing */
	const struct clock *clock;
	/* A product's file is not what the catalog says. On any thread, without a lock held. */
	void (*rot)(void *arg, const struct hash32 *product);
	void *arg;
};

MUST_USE int histories_new_take(const struct histories_conf *conf, struct histories **out, struct err *e);
/* No history may be held any more. NULL is fine. */
void histories_free(struct histories *all);

/* The product's history, which has to be held in the catalog (entries_bytes > 0). ERR_CORRUPT: it is not there, or is not what the
 * catalog says; ERR_BUSY: no room. */
MUST_USE int histories_get(struct histories *all, const struct catalog_product *p, struct history **out, struct err *e);
void history_put(struct history *h);		/* NULL is fine */

/* The sealed memfd with all of it, borrowed while it is held. */
int history_fd(const struct history *h);
/* n bytes from off on, which lie within it. */
MUST_USE int history_read(const struct history *h, uint64_t off, uint8_t *out, size_t n, struct err *e);

/* Lets go of what was not asked for. About once a second. */
void histories_trim(struct histories *all);

struct histories_stats {
	uint32_t held, bad;
	uint64_t bytes;
};
struct histories_stats histories_stats(struct histories *all);

#endif
