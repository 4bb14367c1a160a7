/* keeper.h: the keeper as a whole: joins chain, IPFS, store and the other processes on one loop.
 *
 * Start, in this order, so that devices are served before anything slow:
 *
 *	configuration ─► sandbox ─► last catalog from disk, filtered by the floor, to the supervisor
 *	─► store (set aside and made anew when damaged) ─► ledger judges everything ─► new catalog
 *	─► control socket, READY ─► recovery of objects ─► chain
 *
 * Stop is the reverse. What fails on the way out of the disk's or the
 * network's doing never ends the keeper: it is said (trouble, alarms) and
 * tried again; what is cached is served on by the server. */
#ifndef KEEPER_KEEPER_H
#define KEEPER_KEEPER_H

#include "catalog/catalog.h"
#include "daemon/conf.h"
#include "daemon/sandbox.h"
#include "keeper/alarms.h"
#include "keeper/api.h"
#include "keeper/backup.h"
#include "keeper/bundle_export.h"
#include "keeper/bundle_import.h"
#include "keeper/catalogs.h"
#include "keeper/chain.h"
#include "keeper/control.h"
#include "keeper/devices.h"
#include "keeper/entries_source.h"
#include "keeper/entryfiles.h"
#include "keeper/fetcher.h"
#include "keeper/ledger.h"
#include "keeper/sup.h"
#include "net/secrets.h"
#include "store/space.h"
#include "store/tokens.h"

struct keeper_listener {
	enum listener_kind kind;
	char address[64];
};

struct keeper {
	uv_loop_t loop;
	struct clock clock_used;		/* as the configuration says */
	const struct clock *clock;
	struct sm sm;
	struct conf *conf;
	struct ledger_follow *follow;		/* from conf */
	struct fetch_source *source;		/* from conf */
	size_t sources;
	struct entries_source *entries;		/* from conf */
	size_t entries_n;
	int state_dir;
	struct sup sup;
	struct seqsock server;			/* closed while there is no server */
	int server_fd;				/* a new pair's end that waits for the old one to be closed, or -1 */
	struct control control;
	struct store *store;
	struct blobs *blobs;
	struct floors *floors;
	struct tokens *tokens;
	struct http *http;
	struct alarms alarms;
	struct ledger ledger;
	struct chain chain;
	struct secrets secrets;			/* of every URL that we ask, and our tokens */
	struct fetcher fetcher;
	struct devices devices;
	struct catalogs catalogs;
	struct entryfiles entryfiles;
	struct bundle_import *import;		/* the last one, under way or over; NULL: none yet */
	struct bundle_export *export;		/* likewise */
	struct backup *backup;			/* likewise */
	uint64_t bundles_begun;			/* names of all three */
	struct keeper_listener listener[LISTENERS_MAX];
	size_t listeners;
	struct link_stats served;
	struct sandbox_state sandbox;
	int64_t started_mono_ms;
	struct clock_bound bound;		/* by the newest block that proved something */
	uv_timer_t housekeeping, settling;
	unsigned adoptions;			/* objects that workers are hashing */
	bool is_store_damaged;			/* set it aside on the way out */
	int exit_status;
	char trouble[320];			/* why the disk keeps us from storing; "" when it does not */
};

/* Runs until the supervisor says stop. sup_fd is taken. Returns the exit status. */
int keeper_run(int sup_fd);

/* --- for the API --- */

/* "fresh", "stale" or "unknown", of one product or (NULL) of the worst. */
const char *keeper_freshness(const struct keeper *k, const struct ledger_product *p);
/* The oldest last proof; NULL while some product has none, or none is followed. */
const struct proof_mark *keeper_worst_proof(const struct keeper *k);
/* By the wall clock, never below 0. */
uint64_t keeper_age_s(const struct keeper *k, const struct proof_mark *m);
/* What knowledge of the product (NULL: of all, the weakest) rests on. */
enum catalog_trust keeper_trust_in(const struct keeper *k, const struct ledger_product *p);
const char *keeper_trust(const struct keeper *k);

/* Adds an operator's act to the audit log. */
MUST_USE int keeper_audit(struct keeper *k, const struct api_call *c, const char *action, const char *subject,
			  const char *detail, struct err *e);
/* Judges what is marked and tells everybody. Trouble is noted, not returned. */
void keeper_settle(struct keeper *k);
/* The same from the loop, a moment later: for callbacks that may run inside a settle. */
void keeper_settle_soon(struct keeper *k);
/* Every product, soon. */
void keeper_settle_all(struct keeper *k);
/* The operator wants the release's image again, now. */
MUST_USE int keeper_refetch(struct keeper *k, const struct ledger_product *p, const struct release_row *row, struct err *e);

/* --- between keeper.c and its parts --- */

/* Storing failed: remembers why for the status; a damaged database is set aside. */
void keeper_trouble(struct keeper *k, const struct err *e);
void keeper_trouble_over(struct keeper *k);
void keeper_alarm(struct keeper *k, const char *code, const char *subject, const char *detail, bool latch);
void keeper_alarm_over(struct keeper *k, const char *code, const char *subject);

bool keeper_is_serving(const struct keeper *k);

/* --- keeper_server.c --- */
/* A new pair's end: instead of the old one, once that is closed. Taken. */
void keeper_take_server(struct keeper *k, int fd);
/* Speaks over the pair that waits, if there is one and we serve. */
void keeper_open_server(struct keeper *k);

/* --- keeper_start.c --- */
/* The database is damaged: ends the keeper, which sets it aside; the supervisor starts it again. */
void keeper_rebuild(struct keeper *k);
/* Does storing work again? */
MUST_USE int keeper_probe(struct keeper *k, struct err *e);
MUST_USE int keeper_open_state(struct keeper *k, struct err *e);
MUST_USE int keeper_open_store(struct keeper *k, struct err *e);
MUST_USE int keeper_read_conf(struct keeper *k, int fd, struct err *e);
void keeper_close_all(struct keeper *k);

/* --- keeper_entries.c: files of entries --- */
/* Before a catalog tells of p->file. What fails is trouble, and tried again with the next catalog. */
void keeper_bring_entries(struct keeper *k, struct ledger_product *p, uint32_t final_entries);
/* Removes, once, the files of products that are not followed any more. */
void keeper_sweep_entries(struct keeper *k);
/* The server found that a file is not what the catalog says. */
void keeper_entries_rotten(struct keeper *k, const struct hash32 *product);

/* --- keeper_images.c: owner of the fetcher, and eviction --- */
struct fetcher_owner keeper_fetcher_owner(struct keeper *k);
/* Looks for images that lie on disk without a row, and rows without a file. */
void keeper_recover(struct keeper *k);
/* Evictions whose time has come, damaged images, images nobody names. */
void keeper_sweep(struct keeper *k);
void keeper_image_rotten(struct keeper *k, const struct link_rot *m);
void keeper_image_wanted(struct keeper *k, const struct hash32 *sha256);

#endif
