/* fake_chain.h: a chain with a registry in it, RPC providers that serve it, honest and otherwise, and a log of what a
 * follower told. All in memory: headers, state tries and proofs are real, blocks are made by fake_mine. */
#ifndef TESTS_FAKE_CHAIN_H
#define TESTS_FAKE_CHAIN_H

#include "base/buf.h"
#include "chain/follower.h"
#include "chain/records.h"

#define FAKE_BLOCKS 400
#define FAKE_WORDS 640
#define FAKE_PRODUCTS 160

struct fake_word {
	struct hash32 slot, value;
};

struct fake_block {
	struct hash32 hash, parent, state_root, storage_root, history_root;
	uint64_t number, time;
	struct fake_word words[FAKE_WORDS];	/* the registry's storage after this block */
	size_t words_n;
	size_t logs_from, logs_to;		/* in the chain's records */
	bool has_registry;
};

struct fake_product {
	struct hash32 id;
	struct product_words words;
	char name[PRODUCT_NAME_MAX + 1];
	struct addr20 registrant;
};

struct fake_chain {
	struct fake_block *block;		/* FAKE_BLOCKS of them */
	size_t n;
	struct records logs;
	struct fake_product product[FAKE_PRODUCTS];
	size_t products_n;
	uint64_t ids;
	unsigned salt;				/* differs between forks */
	uint64_t skips;				/* numbers that the next blocks leave out */
	bool is_other_code;
	uint64_t deployed;			/* the registry exists from this block on */
	uint64_t history_from;			/* the EIP-2935 contract keeps hashes from this block on; UINT64_MAX: there is none */
};

struct fake_chain *fake_new(void);
void fake_free(struct fake_chain *c);

/* Entries of the block that fake_mine makes next. Give the product's index. */
size_t fake_register(struct fake_chain *c, const struct addr20 *registrant, const char *name);
void fake_publish(struct fake_chain *c, size_t product);
void fake_revoke(struct fake_chain *c, size_t product, uint64_t sequence);
void fake_mine(struct fake_chain *c, size_t blocks);

/* A copy of the chain up to and with block `number`, whose further blocks will differ from c's. */
struct fake_chain *fake_fork(const struct fake_chain *c, uint64_t number);

/* One switch per lie or defect. */
enum lie {
	HONEST,
	/* records */
	OMITS_LOGS, OMITS_FIRST_LOG, OMITS_IN_RANGES, EDITS_DATA, EDITS_TOPIC, ADDS_LOG, SWAPS_LOGS, OTHER_ADDRESS, REMOVED_ROW,
	OTHER_BLOCK_ROW, OTHER_PRODUCT_ROW, PREV_NOWHERE, LOGS_TOO_LARGE, LOGS_PRUNED, SHIFTS_FIRST_BLOCK, SHIFTS_LAST_BLOCK,
	EDITS_LAST,
	/* proofs */
	FLIPS_PROOF, CUTS_PROOF, PADS_PROOF, DISOWNS_PROOF, OTHER_ACCOUNT, CLAIMS_STORAGE_ROOT, CLAIMS_ADDRESS, CLAIMS_VALUE, STALE_PROOF, HIDES_SLOT, OTHER_KEY,
	NO_PROOF_METHOD, NO_REGISTRY_PROOF, PROOF_PRUNED, PROOF_WINDOW,
	/* headers */
	ALTERS_HEADER, NEW_FORK_FIELDS, NO_GENESIS_BLOCK, NO_GENESIS_AT_ALL, OTHER_NUMBER, NULL_BLOCKS,
	/* JSON-RPC */
	OTHER_CHAIN_ID, OTHER_GENESIS, HTML_PAGE, WRONG_ID, BOTH_MEMBERS, NEITHER_MEMBER, DUPLICATE_KEYS, HTTP_429, RPC_429_IN_200,
	REDIRECT, NO_ANSWER, SILENT, HOLDS_LOGS, OVER_LIMIT, SINGLE_FOR_BATCH, PARTIAL_BATCH, SHUFFLED_BATCH, JSON_BOMB, HTTP_500,
	LIES,
};

struct fake_provider {
	const struct fake_chain *chain;
	uint64_t latest, final;		/* UINT64_MAX: the chain's end */
	bool final_above;		/* its final block is one above its latest */
	uint64_t proofs_from;		/* state below this block is pruned */
	uint64_t logs_from;		/* and logs */
	uint64_t hides, hides_to;	/* says that it does not have this block (to that one); 0: has all */
	enum lie lie;
	unsigned calls[8];		/* by method: see fake_calls */
	enum { LEAN_FINE, LEAN_MISSING, LEAN_POOR } lean;	/* eth_getHeaderBy…: there; not; without the newest fields */
};

/* An entries source: every product's history up to a block, as JSON lines; bent by some of the lies above. */
struct fake_source {
	const struct fake_chain *chain;
	uint64_t final;			/* UINT64_MAX: the chain's end */
	enum lie lie;
	const char *text;		/* sent instead */
	int status;			/* 0: 200 */
	unsigned asked;
};

/* --- a follower in this world --- */

#define FAKE_LINES 24000		/* more than PRODUCTS_MAX: one for each in a first round */

#define FAKE_HELD 64

struct fake_held {			/* an exchange without an answer */
	uint64_t id;
	int64_t due_ms;
	size_t answer_max;
};

struct fake_world;

/* For whoever wants to do worse than the lies above, and to look at every output. */
struct fake_hooks {
	/* Before a provider answers: may change what it is. */
	void (*asked)(struct fake_world *w, const struct follower_action *a);
	/* After that: may change its answer. body is the answer's. */
	void (*answered)(struct fake_world *w, const struct follower_action *a, struct follower_answer *answer, struct buf *body);
	/* For each output. Any of the three may be NULL. */
	void (*told)(struct fake_world *w, const struct follower_output *o);
};

struct fake_world {
	struct follower *f;
	struct fake_provider p[PROVIDERS_MAX];
	size_t n;
	struct fake_source source[ENTRIES_SOURCES_MAX];
	int64_t now_ms;
	char *line[FAKE_LINES];
	size_t lines;
	struct hash32 genesis, whole_root;
	struct block_ref whole;		/* of the last proof of all that was final */
	uint64_t listed;
	unsigned exchanges, calls, proofs, logs, headers, blocks;
	unsigned keys, keys_most, topics_most;	/* asked for; in one call */
	unsigned registrations;		/* log queries about who registered what */
	unsigned silent_after;		/* from this exchange with silent_provider on it is silent; 0: never */
	size_t silent_provider;
	size_t bytes;
	struct fake_held held[FAKE_HELD];
	size_t held_n;
	unsigned cancelled;
	unsigned disowned;
	unsigned lies_told;		/* a provider that disowns its proof gave one */
	int64_t took_ms;		/* the last round, from its poll to its end */
	const struct fake_hooks *hooks;	/* or NULL */
	void *arg;			/* theirs */
};

/* Polls, answers everything, and lets time pass until the round has ended; notes the outputs as lines. Then a minute is over. */
void fake_run(struct fake_world *w);

/* One action by hand: as fake_run answers it, whenever the test wants to. */
void fake_answer(struct fake_world *w, const struct follower_action *a);

/* Answers what is due but for entries: gives the ids of those actions, for the test to answer. */
void fake_hold_entries(struct fake_world *w, uint64_t *ids, unsigned *n);

/* Was the line told since the last fake_forget? A trailing '*' matches any rest. */
bool fake_said(const struct fake_world *w, const char *line);
size_t fake_count(const struct fake_world *w, const char *line);
void fake_forget(struct fake_world *w);
void fake_world_free(struct fake_world *w);

extern const struct addr20 fake_registry, fake_owner, fake_stranger, fake_history;
struct hash32 fake_code_hash(bool is_other);
#define FAKE_CHAIN_ID 31337

#endif
