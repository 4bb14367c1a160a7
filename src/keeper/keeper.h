/* keeper.h: the keeper as a whole: joins chain, IPFS, store and the other processes on one loop.
 *
 * Start, in this order, so that devices are served before anything slow:
 *
 *	configuration ─► sandbox ─► last catalog from disk, filtered by the floor, to the supervisor
 *	─► store (set aside and made anew when damaged; an empty one in memory when the disk lets none be opened)
 *	─► ledger judges everything ─► new catalog
 *	─► control socket, READY ─► recovery of objects ─► chain
 *
 * Stop is the reverse. What fails on the way out of the disk's or the
 * network's doing never ends the keeper: it is said (degraded.h, alarms) and
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
#include "keeper/degraded.h"
#include "keeper/devices.h"
#include "keeper/entries_source.h"
#include "keeper/entryfiles.h"
#include "keeper/fetcher.h"
#include "keeper/ledger.h"
#include "keeper/scrubber.h"
#include "keeper/stuck.h"
#include "keeper/sup.h"
#include "keeper/verify.h"
#include "net/secrets.h"
#include "store/owncopy.h"
#include "store/recover.h"
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
	gid_t control_group;		/* found before the sandbox */
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
	struct scrubber scrubber;
	struct verify *verify;			/* the last one that an operator asked for; NULL: none yet */
	struct verify *upkeep;			/* the scrubber's own look at what is no image, while it is under way */
	uint64_t verifies_begun;		/* names of the former */
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
	struct list adopting;			/* and which */
	bool is_store_damaged;			/* set it aside on the way out */
	bool is_copy_in_trouble;		/* the second copy could not be made, and that was said */
	unsigned copy_tries;			/* in a row that were in vain, or for what could not be noted */
	int64_t copy_next_mono_ms;		/* no sooner the next one: each writes all of it */
	bool is_recovered;			/* objects and rows were compared: before that nothing is fetched */
	struct err unadopted;			/* why one of these could not be adopted that a recovery has met; code 0: none */
	unsigned scans;				/* in a row that could not read all of objects/, or adopt all of it */
	int64_t scan_next_mono_ms;		/* when the next one is due; 0: none is */
	struct stuck stuck;			/* evicted images that the disk does not let go of */
	char stuck_why[200];			/* of the last one */
	int exit_status;
	struct degraded degraded;		/* does storing work? */
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

/* --- keeper_disk.c --- */
void keeper_watch_disk(struct keeper *k);
/* Storing failed: remembers why for the status, and lets everything rest that fetches or writes; a damaged database is set aside. */
void keeper_trouble(struct keeper *k, const struct err *e);
/* After whatever may have met damage in the database without saying so. */
void keeper_look_at_store(struct keeper *k);
/* Nothing is to be fetched or written now: what is asked for is done when it is over. */
bool keeper_is_paused(const struct keeper *k);
/* All that fetches or writes lets go. */
void keeper_rest(struct keeper *k);
/* No database can be opened: an empty one in memory stands in for it, until one can. */
MUST_USE int keeper_do_without_store(struct keeper *k, const struct err *why, struct err *e);
/* What an error at the start says to the supervisor. */
int keeper_exit_status(const struct err *e);

void keeper_alarm(struct keeper *k, const char *code, const char *subject, const char *detail, bool latch);
void keeper_alarm_over(struct keeper *k, const char *code, const char *subject);

bool keeper_is_serving(const struct keeper *k);

/* --- keeper_server.c --- */
/* A new pair's end: instead of the old one, once that is closed. Taken. */
void keeper_take_server(struct keeper *k, int fd);
/* Speaks over the pair that waits, if there is one and we serve. */
void keeper_open_server(struct keeper *k);
/* Of devices, since that: records for LINK_FLOORS. */
void keeper_tell_floors(void *arg, struct span records);

/* --- keeper_start.c --- */
/* The database is damaged: ends the keeper, which sets it aside; the supervisor starts it again. */
void keeper_rebuild(struct keeper *k);
MUST_USE int keeper_open_state(struct keeper *k, struct err *e);
MUST_USE int keeper_open_store(struct keeper *k, struct err *e);
MUST_USE int keeper_read_conf(struct keeper *k, int fd, struct err *e);
void keeper_close_all(struct keeper *k);

/* --- keeper_own.c: the second copy of what the chain cannot tell --- */
MUST_USE int keeper_wants_recall(const struct keeper *k, bool *out, struct err *e);
MUST_USE int keeper_recall(struct keeper *k, struct owncopy_recalled *r, struct err *e);
/* What came back, for people: a clause. */
const char *keeper_recalled_words(const struct owncopy_recalled *r);
void keeper_begin_copy(struct keeper *k);
/* Makes it anew when that is due. */
void keeper_keep_copy(struct keeper *k);

/* --- keeper_entries.c: files of entries --- */
/* Before a catalog tells of p->file. What fails is trouble, and tried again with the next catalog. */
void keeper_bring_entries(struct keeper *k, struct ledger_product *p, uint32_t final_entries);
/* Compares the product's file with the database, whatever was seen to; true: it was not right, and was written again. */
bool keeper_check_entries(struct keeper *k, struct ledger_product *p);
/* Removes, once, the files of products that are not followed any more. */
void keeper_sweep_entries(struct keeper *k);
/* The server found that a file is not what the catalog says. */
void keeper_entries_rotten(struct keeper *k, const struct hash32 *product);

/* --- keeper_sweep.c --- */
/* Evictions whose time has come, damaged images, images nobody names; a look at objects/ that is to be taken again. */
void keeper_sweep(struct keeper *k);

/* --- keeper_images.c: owner of the fetcher --- */
struct fetcher_owner keeper_fetcher_owner(struct keeper *k);
/* What a try brought of an image that is not here goes, with a row that had that try's size. Of any other image nothing goes: under repair the part is the
 * image itself, of which others know better. */
MUST_USE int keeper_drop_unfinished(struct keeper *k, const struct hash32 *sha256, struct err *e);
/* Looks for images that lie on disk without a row, and rows without a file. After a start; and again as long as that leaves k->is_recovered false. */
void keeper_recover(struct keeper *k);
/* A worker is hashing that image's object: nobody may move it, and it may turn out to be all that is wanted. */
bool keeper_is_adopting(const struct keeper *k, const struct hash32 *sha256);
/* So many (none: the alarm is over) cannot be removed; why the first or last of them cannot. */
void keeper_tell_stuck(struct keeper *k, const char *subject, size_t n, const char *why);
/* The same look as keeper_recover's, while fetches are under way: their files are passed over. What cannot be removed or read is told by alarms. */
MUST_USE int keeper_look_at_objects(struct keeper *k, struct recover_counts *n, struct err *e);
void keeper_image_rotten(struct keeper *k, const struct link_rot *m);
/* The server could not make an image's blocks: is its .dag what was written? */
void keeper_dag_rotten(struct keeper *k, const struct hash32 *sha256);
/* Everything that names the image is judged again, soon. */
void keeper_image_changed(struct keeper *k, const struct hash32 *sha256);
void keeper_image_wanted(struct keeper *k, const struct hash32 *sha256);

#endif
