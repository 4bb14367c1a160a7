/* follow.h: the follower's inside, shared by its files and nobody else.
 *
 * One round per poll interval, a step after the other; a step ends when all of its calls have been answered:
 *
 *	IDLE → CHECKING     chain id and genesis of providers that we do not know yet
 *	     → TAGS	    latest and final block of every provider
 *	     → HASHES	    hashes at the candidates; then votes
 *	     → ACCOUNT	    the registry's account at the target block, from any provider
 *	     → WORDS	    the storage words, if the storage root is new
 *	     → EXPLAINING   who registered ids that we have not seen (wants without name only)
 *	     → RECORDS	    records up to the proven heads; outputs
 *	     → PROMOTING    the votes on a block whose proof waits for the anchor
 *	     → LINKING	    the same where no quorum votes: parent hashes, or EIP-2935
 *
 * ACCOUNT to RECORDS are run for the anchor first, then for the recent block. Every failure leads on
 * to the next provider, and at last to IDLE. A provider that lets us wait is left behind when the others
 * suffice (patience.c). */
#ifndef CHAIN_FOLLOW_H
#define CHAIN_FOLLOW_H

#include "base/buf.h"
#include "base/hex.h"
#include "base/list.h"
#include "base/sm.h"
#include "chain/follower.h"
#include "chain/provider.h"
#include "chain/read.h"
#include "chain/rpc.h"
#include "chain/track.h"
#include "chain/vote.h"
#include "chain/witness.h"

enum step {
	STEP_IDLE, STEP_CHECKING, STEP_TAGS, STEP_HASHES, STEP_ACCOUNT, STEP_WORDS, STEP_EXPLAINING, STEP_RECORDS,
	STEP_PROMOTING, STEP_LINKING, STEPS,
};

enum level { LEVEL_FINAL, LEVEL_RECENT, LEVELS };

#define NO_PROVIDER SIZE_MAX

/* --- calls: out (calls.c), back (answers.c), given up (patience.c) --- */

struct follower;
struct call;

struct call_kind {
	const char *method;
	const char *lean;	/* gives the same without the transactions: asked first, where a provider has it; or NULL */
	bool is_bulk;		/* sent alone, with the long timeout */
	bool is_long;		/* with many keys or records: may take its time */
	bool is_big;		/* its answer may have RPC_BODY_MAX bytes; few of those at a time */
	bool is_background;	/* no step waits for it */
	/* What became of it. With a->class RPC_OK the result is there to be read; the return value is the final class and e its
	 * text. Else returns a->class after noting the failure. */
	enum rpc_class (*done)(struct follower *f, struct call *c, const struct rpc_answer *a, struct err *e);
};

struct call {
	struct list node;
	const struct call_kind *kind;
	uint64_t id;
	size_t provider;
	struct buf params;
	int64_t since_ms;		/* in the queue since */
	bool is_alone;			/* was in a batch that failed */
	bool is_lean, is_doubted;	/* sent as kind->lean; that was answered, but not well */
	uint64_t number;		/* block asked for */
	struct hash32 hash;		/* expected there (doubt.c) */
	size_t index, count;		/* fetch slot; or first key and number of keys */
	struct doubt *doubt;		/* its own, or NULL */
};

/* A proof that did not hold, to be asked for once more (doubt.c). */
struct doubt {
	uint64_t number;
	struct hash32 state_root;
	struct addr20 account;
	char text[RPC_TEXT_MAX];	/* what it was caught at */
	size_t n;
	struct hash32 keys[];
};

/* What a proof was asked for. */
struct proof_keys {
	const struct addr20 *account;
	const struct hash32 *slots;
	size_t n;
};

struct exchange {			/* what was sent together */
	struct list node;
	uint64_t id;
	size_t provider;
	bool is_big;
	struct call *calls[RPC_BATCH_MAX];	/* NULL: given up */
	size_t n;
	struct buf body;
};

/* A new call in the queue; fill in its params and arguments. */
struct call *call_push(struct follower *f, const struct call_kind *kind, size_t provider);

/* Tells the call's step what became of it, and its provider's record; frees it. */
void call_finish(struct follower *f, struct call *c, const struct rpc_answer *a, int64_t retry_after_ms);

void exchange_free(struct exchange *x);

/* When the next call can be sent to a provider that is at its rate. INT64_MAX: none waits. */
int64_t calls_ready_ms(const struct follower *f);

/* Goes on from step to step while no call is open. */
void follow_advance(struct follower *f);

/* Gives up calls that take too long, if the step can do without them. */
void patience_end(struct follower *f);
/* When that has to be looked at again. INT64_MAX: only an answer can move us. */
int64_t patience_wake_ms(const struct follower *f);

/* The best provider for a single call: usable, of this chain, not in `tried`, and it has reached the block.
 * NO_PROVIDER when none is left. */
size_t follow_pick(struct follower *f, uint32_t tried, uint64_t block);
/* The same for eth_getProof: those that lack it only when nobody else is left. */
size_t proof_pick(struct follower *f, uint32_t tried, uint64_t block);
/* Remembers who lacks eth_getProof; returns class. */
enum rpc_class proof_answered(struct follower *f, const struct call *c, enum rpc_class class);

/* --- outputs and alarms (outputs.c) --- */

struct output;
struct follower_output *output_push(struct follower *f, enum follower_output_kind kind);
/* For SEEN: takes the record's data. */
void output_seen(struct follower *f, const struct track *t, uint64_t position, struct record *r, const struct hash32 *head);
/* For the log: what a provider does. */
void output_note(struct follower *f, const char *provider, const char *text);
void alarm_on(struct follower *f, enum follower_alarm alarm, const char *subject, const char *fmt, ...) PRINTF(4, 5);
void alarm_off(struct follower *f, enum follower_alarm alarm, const char *subject);
void calls_free(struct follower *f);
void outputs_free(struct follower *f);

/* --- the proven words of all tracks at one storage root (heads.c) --- */

struct head {
	struct product_words words;
	bool is_known;			/* false: it was not proven at this root */
};

#define HEADS_PART 64

/* Shared by the heads of all storage roots under which these products stand alike: a change costs memory for a part, not
 * for all. */
struct heads_part {
	unsigned refs;
	struct head v[HEADS_PART];
};

struct heads {
	unsigned refs;
	bool is_missing;		/* there was no registry: all words are zero */
	bool is_whole;			/* all of them are known, and the registry's list was read to its end */
	struct hash32 storage_root;
	uint64_t listed;		/* how long the list was; 0: it has ids that nobody has explained */
	size_t n;			/* tracks that were followed then; later ones are not in it */
	struct heads_part *part[];
};

struct snap {
	struct block_ref block;
	struct heads *heads;		/* NULL: none */
};

/* For n tracks, none of them known. NULL: no memory. */
struct heads *heads_new(size_t n);
struct head *heads_at(const struct heads *h, size_t i);
/* From now on h is only read: what it has in common with `like` (may be NULL) is kept once. */
void heads_share(struct heads *h, const struct heads *like);
void heads_put(struct heads *h);
void snap_set(struct snap *s, const struct block_ref *block, struct heads *heads);

/* --- where a round is --- */

struct sought {				/* a storage word to prove */
	struct hash32 slot, word;
	bool is_known;
};

struct target {
	enum level level;
	struct header header;
	uint32_t tried;			/* providers asked for the present call */
	bool has_account, is_missing;	/* the registry's account was proven; it was proven absent */
	struct hash32 storage_root, code_hash;
	struct heads *heads;
	/* the words to prove (words.c) */
	enum { PLAN_PRODUCTS, PLAN_IDS } plan;
	struct sought *sought;
	size_t sought_n, sought_cap;
	uint32_t *asked;		/* places in sought that are asked for in this pass, of which `done` are there */
	size_t asked_n, asked_cap, done;
	bool is_cut;			/* what may be asked in a round was used up */
	uint64_t ids_n, ids_at;		/* the registry's list: its length, and how far it has been read at this root */
	/* explaining */
	size_t explain_at;		/* ids before this place were asked about in the present pass … */
	uint32_t explainers;		/* … of these providers */
};

struct suspect {			/* a story that did not replay */
	size_t provider;
	struct hash32 *digests;
	size_t n;
	bool is_cut;			/* it said itself that it has no more: only what it gave is judged */
	char text[RPC_TEXT_MAX];
};

#define FETCH_SLOTS 20			/* products whose records are fetched side by side: one batch of calls */

struct fetch {
	bool is_busy;
	size_t track;
	struct product_words words;
	struct records got;
	bool is_range;
	uint64_t next_block;
	uint32_t tried;
	struct suspect suspects[PROVIDERS_MAX];
	size_t suspects_n;
	/* of entries sources, when no provider helps */
	bool is_borrowing;		/* waits for its turn, or for an answer */
	uint64_t ask_id;		/* of the action; 0: its turn has not come */
	uint64_t sources_tried;
	size_t source;			/* asked last */
	struct records base;		/* the earlier part of what is missing, as that source has it: providers may have the rest */
	bool is_lent;			/* `got` is that source's, or begins with its base */
};

/* Is a block an ancestor of the anchor? Decided by one provider's answers, each of which is checked. */
struct link {
	struct block_ref block;
	uint32_t tried;
	bool is_by_parents;			/* else by EIP-2935 */
	enum { LINK_OPEN, LINK_YES, LINK_NO, LINK_UNKNOWN } verdict;
	struct hash32 parent;			/* by parents: hash of the next block below */
	uint64_t at;				/* and its number */
};


/* --- entries sources (entries_ask.c) --- */

struct entries_source {
	char *name;
	char last_error[RPC_TEXT_MAX + PRODUCT_NAME_MAX + 4];
	unsigned failures;		/* in a row, of its own making */
	int64_t rest_until_ms;
	uint64_t asks, misses, bytes_in;
};

/* Queues x for an entries source that was not tried. false: there is none now. */
bool entries_begin(struct follower *f, struct fetch *x);
/* What the source asked last gave was not enough, whoever was asked for the rest. */
void entries_unfit(struct follower *f, struct fetch *x);
void entries_good(struct follower *f, struct fetch *x);
/* No source helped x's product: they are asked again for it later and later. */
void entries_in_vain(struct follower *f, struct fetch *x);
bool entries_action(struct follower *f, struct follower_action *out);
/* false: no action of ours. */
bool entries_answer(struct follower *f, uint64_t id, const struct follower_answer *answer);

struct unexplained {
	struct hash32 id;
	uint64_t at;			/* its place in the registry's list */
	bool is_stranger;		/* explained, and not wanted; else nobody has said yet whose it is */
	bool is_final;			/* it stands there at an anchored block */
};

struct alarm {
	struct list node;
	enum follower_alarm alarm;
	char subject[67], detail[256];
};

struct follower {
	/* configuration */
	uint64_t chain_id, depth, stall_s, rng;
	struct addr20 registry;
	struct hash32 *code_hashes;
	size_t code_hashes_n;
	enum anchor_kind anchor_kind;
	unsigned quorum, operators;
	struct block_ref pin;
	enum finality finality;
	int64_t poll_ms, probe_ms;
	size_t proof_keys, round_keys, first_ids;
	struct addr20 *wild;			/* registrants all of whose products are wanted */
	size_t wild_n;

	/* lasting state */
	struct provider provider[PROVIDERS_MAX];
	uint8_t operator_of[PROVIDERS_MAX];
	size_t providers_n;
	struct track *track;
	size_t tracks_n, tracks_cap;
	struct table tracks_by_id;
	bool has_genesis, is_conflict;
	struct hash32 genesis;
	struct entries_source source[ENTRIES_SOURCES_MAX];
	size_t sources_n;
	struct block_ref anchor;
	struct header anchor_header;		/* of the anchor, once its hash equals the anchor's */
	struct snap final_snap, recent_snap, pending[FOLLOW_PENDING_MAX];
	size_t pending_n;
	unsigned lower_rounds;			/* in a row in which the recent block was below the last one */
	struct witness witness;			/* of the registry's storage */
	size_t keys_left[LEVELS], words_from[LEVELS];	/* keys that may be asked for; where the last round was cut */
	uint64_t words_round;			/* in which that was last added to */
	/* the registry's list of ids, for wants without name (explain.c) */
	struct unexplained *ids;		/* those that are not of a track, and still of interest */
	size_t ids_n, ids_cap;
	struct table ids_by_id;
	uint64_t ids_final_n;			/* so many elements of the list are final, and explained or in ids */
	uint64_t ids_noted_n;			/* so many have been seen, final or not */
	uint64_t ids_left;			/* elements that may be asked for */
	bool has_new_ids;			/* nobody was asked about them yet */
	unsigned explain_tries;			/* in vain, in a row … */
	int64_t explain_at_ms;			/* … and the next one is not due before */

	/* the loop */
	int64_t now_ms, next_round_ms;
	uint64_t rounds, next_id;
	struct sm sm;
	struct list queue, sent, dropped;	/* calls; exchanges; those to be cancelled */
	size_t open;				/* calls that the present step waits for */
	struct list outputs, alarms;
	struct output *handed;

	/* the round */
	struct claims claims;
	struct voters latest, final;
	bool has_recent, is_quorum_missing, has_proof, is_proof_tried;
	struct header recent;
	bool wants_final, wants_promotion, wants_recent;
	struct target target;
	struct fetch fetch[FETCH_SLOTS];
	size_t apply_at, incomplete;
	struct link link;
	int64_t final_moved_ms, final_step_ms;	/* when the anchor last moved, and by how much of the chain's time */
	unsigned final_quiet;			/* rounds in a row in which nobody was asked for the final block */
	bool asks_final, is_final_behind;	/* a provider's final block was below the anchor in the last round */
	unsigned final_below;			/* rounds in a row in which a quorum's final block was below the anchor */
};

static inline struct block_ref block_ref_of(const struct header *h)
{
	return (struct block_ref){ h->number, h->hash, h->time };
}

/* --- steps; each begins by queueing calls and is advanced when none is open --- */

void round_init(struct follower *f);
void round_begin(struct follower *f);
void round_advance(struct follower *f);		/* round.c */
void round_next(struct follower *f);		/* the next level, or the end */
void round_end(struct follower *f);
void step_to(struct follower *f, enum step to);

void check_begin(struct follower *f);		/* check.c */
void check_done(struct follower *f);
void tags_begin(struct follower *f);		/* anchor.c */
void tags_done(struct follower *f);
void hashes_done(struct follower *f);
bool anchor_ask(struct follower *f, struct voters *v, uint64_t number);
/* A header out of an answer, with the class that a failure has. */
enum rpc_class answer_header(struct follower *f, struct call *c, const struct rpc_answer *a, struct header *h, struct err *e);
void lie_found(struct follower *f, size_t provider, const char *text);

void prove_begin(struct follower *f, enum level level, const struct header *h);	/* prove.c */
void account_advance(struct follower *f);
void words_begin(struct follower *f);		/* words.c */
void words_advance(struct follower *f);
void words_listed(struct follower *f);		/* what is listed has been explained, as far as anybody does */
void words_missing(struct follower *f);		/* there is no registry at this root, and that is fine */
/* The class of a proof under the target's state root that could not be read; the provider is asked once more, for the block and
 * for the proof (doubt.c). */
enum rpc_class proof_doubted(struct follower *f, const struct call *failed, const struct proof_keys *asked, int rc, struct err *e);
void target_reset(struct follower *f);

void explain_begin(struct follower *f);		/* explain.c */
void explain_advance(struct follower *f);
/* Notes element `at` of the registry's list. false: no memory. */
bool explain_note(struct follower *f, const struct hash32 *id, uint64_t at, bool is_final);
/* The list is read again from ids_final_n on: what stood there unexplained may be gone. */
void explain_reread(struct follower *f);
/* What is final and known to be a stranger's is of no interest any more. */
void explain_sweep(struct follower *f);
/* Ids that nobody has explained, and it is time to ask. */
bool explain_is_due(const struct follower *f);
/* At a round's end: is there nothing left to explain? */
bool explain_over(struct follower *f);
/* The list is final up to there, and whose those ids are is known. */
void explain_settle(struct follower *f, uint64_t listed);
/* Final ones that nobody has explained. */
size_t explain_open(const struct follower *f);
/* So many elements of the list are final and explained: what a restart need not read again. */
uint64_t explain_listed(const struct follower *f);

void promote_begin(struct follower *f);		/* promote.c */
void promote_done(struct follower *f);
void promote_linked(struct follower *f, bool is_ancestor);	/* what link_begin found out about the candidate */
void link_begin(struct follower *f, const struct block_ref *block);	/* link.c */
void link_advance(struct follower *f);
void watch_providers(struct follower *f);	/* watch.c */
void watch_changed_word(struct follower *f, size_t provider, const char *text);	/* a proof was wrong, and now it is not, or its block has changed */
void pending_add(struct follower *f);
void pending_drop(struct follower *f, uint64_t up_to);
void pending_clear(struct follower *f);

bool track_undo(struct follower *f, struct track *t, uint64_t position);	/* apply.c */
void track_proven(struct follower *f, struct track *t, uint64_t position, const struct product_words *w);
bool track_is_too_deep(struct follower *f, const struct track *t, const struct product_words *w);
void track_subject(const struct track *t, char out[HEX32_MAX]);

void records_begin(struct follower *f);		/* history.c */
void records_advance(struct follower *f);
void fetches_reset(struct follower *f);
/* A source's records between what is final and the proven head; *got may be taken. ERR_OK: they replay, or providers are
 * asked for what is behind them. ERR_NOT_FOUND: there are none. */
MUST_USE int history_borrowed(struct follower *f, struct fetch *x, struct records *got, struct err *e);
void history_failed(struct follower *f, struct fetch *x);

struct track *track_add(struct follower *f, const struct addr20 *registrant, const char *name);	/* follower.c */
struct track *track_of(struct follower *f, const struct hash32 *id);
uint64_t follow_random(struct follower *f);

#endif
