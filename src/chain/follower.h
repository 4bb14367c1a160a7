/* follower.h: follows one registry contract through RPC providers that it does not trust.
 *
 * Pure: answers in, actions out. No sockets, no clock, no disk, no threads. The owner (the keeper) sends what
 * follower_action gives, hands every answer back, passes the time, and drains the outputs:
 *
 *	f = follower_new(&conf, &known, &e);
 *	for (;;) {
 *		follower_poll(f, mono_ms);			starts what is due
 *		while (follower_cancel(f, &id))			end that request
 *			…
 *		while (follower_action(f, &a))			POST a.body to provider a.provider
 *			…
 *		when an answer or a failure of action ID is in:
 *			follower_answer(f, ID, &answer, mono_ms);
 *		begin transaction;
 *		while ((o = follower_output(f)) != NULL)	after every poll and answer, until NULL
 *			…
 *		commit;
 *		sleep until follower_wake(f), or an answer;
 *	}
 *
 * Happy path, once per poll interval: (1) every provider is asked for its latest and its final block; votes are
 * counted per operator, which gives the *anchor* (final) and the *recent* block (any block whose hash K operators
 * give). (2) Any provider gives the registry's account proof at each of them. Same storage root as last time: the whole
 * registry is proven unchanged. (3) Else the two words of each followed product are proven: of a few products all, of
 * many what the trie's nodes that are known already do not prove. (4) For a head that
 * moved, records are fetched (a range query when more than a few are missing, else block by block over prevBlock) until
 * they replay from a head that we hold to the proven one; if no provider has them, from entries sources.
 * (5) Outputs.
 *
 * What can go wrong moves nothing: the provider that failed or lied is marked, another one is asked, and when none is left
 * the round ends with an alarm and the next poll tries again. Everything that is output as proven was proven.
 *
 * Promises: an action is answered exactly once by the owner, or cancelled; an answer to an unknown action is ignored. Calls are not reentrant.
 * Memory: the owner holds at most RPC_BIG_MAX bodies of RPC_BODY_MAX bytes and one of RPC_SMALL_BODY_MAX for each provider; for
 * the rest bounded by the limits of base/limits.h, and 200 bytes per followed product and provisional entry. */
#ifndef CHAIN_FOLLOWER_H
#define CHAIN_FOLLOWER_H

#include "base/limits.h"
#include "chain/entry.h"
#include "chain/rpc.h"

/* --- configuration; everything is copied --- */

enum finality { FINALITY_FINALIZED, FINALITY_SAFE, FINALITY_DEPTH, FINALITY_LATEST };
enum anchor_kind { ANCHOR_QUORUM, ANCHOR_PINNED };

struct block_ref {
	uint64_t number;
	struct hash32 hash;
	uint64_t time;			/* the block's timestamp, seconds; 0 in a pin */
};

struct follower_provider {
	const char *name;		/* of its section; never its URL */
	const char *operator;		/* NULL or "": its own name counts (only sensible with K = 1) */
};

/* Somebody who may have whole histories as a file (chain/entries.h): another gateway, a publisher's export. Asked when no
 * provider gives records that replay, and believed as little. */
struct follower_entries {
	const char *name;		/* of its section; never its URL */
};

struct follower_want {
	struct addr20 registrant;
	const char *name;		/* vendor/model; NULL follows every product of this registrant */
};

struct follower_conf {
	uint64_t chain_id;
	struct addr20 registry;
	const struct hash32 *code_hashes;	/* the registry's code must have one of these */
	size_t code_hashes_n;
	const struct hash32 *genesis;		/* NULL: learnt from a quorum at first contact (FOLLOWER_GENESIS) */
	enum anchor_kind anchor;
	unsigned quorum;			/* K ≥ 1, at most the number of operators; for a pin: ignored */
	struct block_ref pin;			/* for ANCHOR_PINNED */
	enum finality finality;
	uint64_t depth;				/* for FINALITY_DEPTH */
	int64_t poll_ms;			/* between two rounds */
	int64_t probe_ms;			/* between probes of a quarantined provider; 0: QUARANTINE_PROBE_MS */
	uint64_t stall_s;			/* recent block this much younger than the anchor: alarm; 0: FINALITY_STALL_S */
	size_t proof_keys;			/* keys an eth_getProof call; 0: PROOF_KEYS_MAX, and no more than that */
	size_t round_keys;			/* keys a round and level, of many products; 0: PROOF_KEYS_A_ROUND */
	size_t first_ids;			/* elements of the registry's list that are read without pause; 0: PRODUCTS_MAX */
	uint64_t seed;				/* for jitter */
	const struct follower_provider *providers;
	size_t providers_n;			/* 1 to PROVIDERS_MAX */
	const struct follower_entries *entries;	/* the first is asked first */
	size_t entries_n;			/* up to ENTRIES_SOURCES_MAX */
	const struct follower_want *wants;
	size_t wants_n;
};

/* --- what the owner's store knew; everything is copied --- */

struct follower_mark {			/* the product's history up to and with one entry */
	struct hash32 head;
	uint64_t block;			/* of that entry */
};

struct follower_known_product {
	struct addr20 registrant;
	const char *name;
	struct product_words final;	/* at the last final proof; zero when there was none */
	struct block_ref proof;		/* of the last final proof; number 0: none */
	const struct follower_mark *provisional;	/* entries after `final`, oldest first */
	size_t provisional_n;
};

struct follower_known {
	struct block_ref anchor;	/* the last one; number 0: none */
	bool conflict;			/* the anchor conflict alarm is latched */
	const struct follower_known_product *products;	/* those not wanted (any more) are ignored */
	size_t products_n;
	struct block_ref whole;		/* of the last REFRESHED that was final and whole; number 0: none */
	struct hash32 whole_root;	/* its hash */
	uint64_t listed;		/* its position, if the same registrants were wanted then; else 0 */
};

struct follower;

/* ERR_USAGE for a configuration that cannot work: no provider, K of 0 or above the number of operators, a
 * wanted name outside the pattern, no code hash. NULL on failure. Free with follower_free. */
MUST_USE struct follower *follower_new(const struct follower_conf *conf, const struct follower_known *known,
				       struct err *e);
void follower_free(struct follower *f);

/* --- the loop --- */

/* Starts what is due. Never goes back in time: mono_ms is a monotonic clock. */
void follower_poll(struct follower *f, int64_t mono_ms);

/* When to call follower_poll again at the latest. INT64_MAX: only an answer can move us. */
int64_t follower_wake(const struct follower *f);

/* Between two rounds. */
bool follower_is_idle(const struct follower *f);

/* Makes a poll due at once (operator asked, uplink came back). */
void follower_hurry(struct follower *f);

enum follower_ask {
	FOLLOWER_ASK_RPC,		/* POST body to the provider */
	FOLLOWER_ASK_ENTRIES,		/* GET the product's entries of the source */
};

struct follower_action {
	uint64_t id;			/* never 0, never used twice */
	enum follower_ask ask;
	size_t provider;		/* index into conf.providers */
	struct span body;		/* JSON, POST with Content-Type: application/json; valid until answered */
	size_t source;			/* index into conf.entries */
	const char *product;		/* vendor/model; valid as long as the follower */
	int64_t timeout_ms;		/* for the whole exchange: hand in a failure after that, however it trickles */
	size_t answer_max;		/* bytes; stop reading beyond it and answer with net = ERR_LIMIT */
};

/* The next request to send. false: none now. */
bool follower_action(struct follower *f, struct follower_action *out);

struct follower_answer {
	int net;			/* ERR_OK, or why there is no answer: ERR_NET, ERR_LIMIT, … */
	const char *net_text;		/* one line without secrets, for the status; may be NULL */
	int status;			/* HTTP status */
	int64_t retry_after_ms;		/* from Retry-After; 0: not there */
	struct span body;		/* decoded bytes; borrowed */
};

void follower_answer(struct follower *f, uint64_t id, const struct follower_answer *answer, int64_t mono_ms);

/* The next exchange of which nothing is wanted any more, after a poll or an answer: end it, and do not answer it. false: none. */
bool follower_cancel(struct follower *f, uint64_t *id);

/* --- outputs --- */

enum follower_output_kind {
	FOLLOWER_GENESIS,	/* hash: learnt; keep it and pass it as conf.genesis from now on */
	FOLLOWER_ANCHOR,	/* block: the newest final block (nothing is proven by that yet) */
	FOLLOWER_PRODUCT,	/* product, name, registrant: found for a want without name; followed from now on */
	FOLLOWER_UNDONE,	/* product, position: entries above this position are gone (reorg) */
	FOLLOWER_SEEN,		/* product, position, record, head: the history's next entry, contained in a head that is
				 * proven at a block which K operators gave: act on revocations and floors, fetch images */
	FOLLOWER_PROVEN,	/* product, position, words, block, is_final: the history up to position is proven at block. With
				 * is_final all of it is under the anchor. Emitted when position or finality changed */
	FOLLOWER_REFRESHED,	/* block, is_final, is_whole, hash, position: the last output of a completed proof. With is_final: every
				 * product whose follower_product().proof is this block was proven at it; the time of freshness. With
				 * is_whole that is every one. hash is the registry's storage root (zero: a restart has to look at it again), position how many
				 * elements of its list need not be read again */
	FOLLOWER_ALARM_ON,	/* alarm, subject, detail */
	FOLLOWER_ALARM_OFF,	/* alarm, subject */
	FOLLOWER_NOTE,		/* subject: provider; detail: something odd that it does, told now and then. For the log */
};

enum follower_alarm {
	ALARM_CHAIN_ID,		/* subject: provider. It serves another chain; not used */
	ALARM_GENESIS,		/* provider. Another genesis block; not used */
	ALARM_PROVIDER_LYING,	/* provider. Quarantined; detail says what it was caught at */
	ALARM_NO_QUORUM,	/* "". Fewer than K operators agree on any block */
	ALARM_ANCHOR_CONFLICT,	/* "". Latched: a quorum contradicts an earlier one. Nothing moves until follower_clear_conflict */
	ALARM_FINALITY_STALLED,	/* "". The anchor is far behind the recent block */
	ALARM_CODE_HASH,	/* "". The registry's code is not one that we know. Nothing moves */
	ALARM_REGISTRY_MISSING,	/* "". No contract at the registry's address */
	ALARM_NEW_FORK,		/* provider. Its headers have fields that we do not know, and do not hash right */
	ALARM_PROOF_UNAVAILABLE,/* "". No provider gives proofs now */
	ALARM_HISTORY_INCOMPLETE,/* product's id in hex. No provider or entries source gives records that replay to the proven head */
	ALARM_REGISTRATION_MISSING, /* "". Registered ids that no provider explains, for wants without name */
	ALARM_REORG_TOO_DEEP,	/* product's id. The final head is not in the chain any more */
	ALARM_MEMORY,		/* "". An allocation failed; the round was given up */
	FOLLOWER_ALARMS,
};

/* Stable codes: "chain-id", "genesis", "provider-lying", "no-quorum", "anchor-conflict", "finality-stalled", "code-hash",
 * "registry-missing", "new-fork", "proof-unavailable", "history-incomplete", "registration-missing", "reorg-too-deep", "memory". */
const char *follower_alarm_code(enum follower_alarm a);

/* Positions count a product's entries from 1; position 0 is the empty history. A product's outputs come in order: UNDONE
 * (if any), SEEN with rising positions, PROVEN. One call's outputs belong together: store them in one
 * transaction. When storing fails, free the follower and make a new one from the store. */
struct follower_output {
	enum follower_output_kind kind;
	struct hash32 product;
	uint64_t position;
	struct block_ref block;
	bool is_final, is_whole;
	struct product_words words;	/* PROVEN */
	struct record record;		/* SEEN; record.data is valid until the next follower_output */
	struct hash32 hash;		/* SEEN: head after the record; GENESIS */
	struct addr20 registrant;	/* PRODUCT */
	const char *name;		/* PRODUCT; valid as long as the follower */
	enum follower_alarm alarm;
	const char *subject, *detail;	/* ALARM_*, NOTE; valid until the next follower_output */
};

/* The next output, or NULL. Valid until the next call of this function. */
const struct follower_output *follower_output(struct follower *f);

/* --- status; pointers are valid until the next call of a function that is not a getter --- */

enum provider_state { PROVIDER_OK, PROVIDER_BEHIND, PROVIDER_THROTTLED, PROVIDER_DOWN, PROVIDER_QUARANTINED, PROVIDER_STATES };
const char *provider_state_name(enum provider_state s);	/* "ok", "behind", … */

struct follower_provider_info {
	const char *name, *operator;
	enum provider_state state;
	double availability, honesty;	/* 0 to 1 */
	const char *last_error;		/* "" if none yet */
	int64_t retry_at_ms;		/* monotonic; 0 when it may be asked now */
	const char *quarantine;		/* while quarantined: what it was caught at; else NULL */
	int64_t quarantined_ms;		/* monotonic; since then */
	unsigned agreements;		/* probes in a row that agreed, of QUARANTINE_AGREEMENTS */
	uint64_t contradictions;	/* rounds in which it contradicted itself or a quorum */
	uint64_t answers[RPC_CLASSES];	/* by class: rpc_class_name() */
	double rate;			/* calls a second that it is asked at most, by its own throttling */
	bool has_lean;			/* gives headers without their transactions */
	struct block_ref latest, final;	/* what it last said */
	uint64_t calls, failures, bytes_in;
};
size_t follower_providers(const struct follower *f);
void follower_provider(const struct follower *f, size_t i, struct follower_provider_info *out);

struct follower_entries_info {
	const char *name;
	const char *last_error;		/* with the product that it is about; "" if none yet */
	int64_t retry_at_ms;		/* monotonic; 0 when it may be asked now */
	uint64_t asks, misses, bytes_in;
};
void follower_entries(const struct follower *f, size_t i, struct follower_entries_info *out);

struct follower_product_info {
	struct hash32 id;
	struct addr20 registrant;
	const char *name;
	bool is_registered;		/* at the recent block */
	struct product_words final, recent;
	struct block_ref proof;		/* last final proof that covers it; number 0: none yet */
	struct block_ref recent_proof;
	uint64_t provisional;		/* entries after `final` */
};
size_t follower_products(const struct follower *f);
void follower_product(const struct follower *f, size_t i, struct follower_product_info *out);
/* By id. false: not followed. */
bool follower_product_find(const struct follower *f, const struct hash32 *id, struct follower_product_info *out);

struct follower_info {
	struct block_ref anchor, recent;	/* number 0: none yet */
	struct block_ref final_proof, recent_proof;
	bool has_genesis;
	struct hash32 genesis;
	bool is_conflict;
	unsigned quorum, operators;
	const char *trust;		/* "quorum", "single" (K = 1) or "pinned" */
	uint64_t rounds;		/* finished */
	const char *doing;		/* "idle", "checking", "voting", "proving", … */
};
void follower_info(const struct follower *f, struct follower_info *out);

/* The operator has looked at the conflict of quorums. The next quorum becomes the anchor. */
void follower_clear_conflict(struct follower *f);

#endif
