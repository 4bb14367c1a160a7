/* history.h: which releases of a product count, judged from its registry entries alone (chapter 3).
 *
 * Pure: the same entries, rules and decisions always give the same verdicts, so
 * a reorg or a lost database is mended by walking the entries again. Entries
 * are added in log order. Signatures are checked against the signer set that
 * was in force at that point; whether that set itself is trusted is continuity:
 *
 *	the first set is remembered as it is; a later one only when a release
 *	is signed to the threshold of the remembered set too, or when the
 *	operator accepted it. Until then what it alone signed is HELD. */
#ifndef KEEPER_HISTORY_H
#define KEEPER_HISTORY_H

#include "formats/suit.h"
#include "keeper/verified.h"

/* What the operator wrote down for the product. */
struct history_rules {
	struct span vendor, model;
	const struct hash32 *pinned;	/* thumbprints; when there are any, no other key counts */
	size_t pinned_n;
	const struct hash32 *accepted;	/* history_set.id of sets that the operator accepted */
	size_t accepted_n;
	uint64_t image_max;		/* bytes */
	struct verified *verified;	/* signatures that were checked before; NULL: all are checked */
};

enum history_verdict { HISTORY_GOOD, HISTORY_HELD, HISTORY_REJECTED };

struct history_set {
	struct suit_signers signers;	/* pins applied: a key that does not count is not usable */
	struct hash32 digest;		/* of threshold and keys, whatever their order */
	struct hash32 id;		/* of digest and place in the history: what an acceptance names */
};

struct history_release {
	uint64_t sequence;
	enum history_verdict verdict;
	bool is_final;			/* its entry is proven under the anchor and final */
	bool is_revoked;		/* by a final entry or floor */
	bool is_revoked_soon;		/* by an entry or floor that is proven, but not final */
	size_t set;			/* index into history.set: who could sign it */
	uint32_t who;			/* bit i: signer i of that set signed */
	struct suit_manifest manifest;	/* only when verdict is not REJECTED for a manifest that cannot be read */
	bool has_manifest;
	char why[320];			/* for HELD and REJECTED, or why it is revoked: a sentence without stop */
};

struct history {
	struct history_rules rules;
	struct history_set *set;
	size_t sets;
	struct history_release *release;	/* by sequence: release[0] is sequence 1 of what was added */
	size_t releases;
	size_t remembered;		/* index into set: the first, until another takes its place */
	uint64_t floor, floor_soon;	/* by final entries; by all proven ones */
};

/* rules and all that it points to are borrowed until history_fini. */
void history_init(struct history *h, const struct history_rules *rules);
void history_fini(struct history *h);

/* Each adds one entry; is_final says whether it lies at or below a final, proven block. Malformed content never
 * fails (it is a verdict); only ERR_MEMORY, ERR_RULE for an order that the contract cannot produce, ERR_LIMIT for more keys
 * than it takes. What failed was not added. */
MUST_USE int history_signers(struct history *h, uint16_t threshold, const struct span *keys, size_t n, struct err *e);
MUST_USE int history_publish(struct history *h, uint64_t sequence, struct span envelope, bool is_final, struct err *e);
MUST_USE int history_revoke(struct history *h, uint64_t sequence, struct span reason, bool is_final, struct err *e);
MUST_USE int history_raise_floor(struct history *h, uint64_t floor, struct span reason, bool is_final, struct err *e);

/* By sequence; NULL when there is none. */
struct history_release *history_find(struct history *h, uint64_t sequence);

/* The set in force now, or NULL before the first; and is it the remembered one? */
const struct history_set *history_current(const struct history *h);
bool history_is_continuous(const struct history *h);

#endif
