/* releases.h: each (product, sequence): what was published, its state and why, and what the operator decided. */
#ifndef STORE_RELEASES_H
#define STORE_RELEASES_H

#include "store/store.h"

/* Chapter 3, "States of a release on the gateway". Kept in the database as the word. */
enum release_state {
	RELEASE_SEEN, RELEASE_FETCHING, RELEASE_FAILED, RELEASE_READY, RELEASE_HELD, RELEASE_ACTIVE,
	RELEASE_SUPERSEDED, RELEASE_REJECTED, RELEASE_REVOKED, RELEASE_EVICTED, RELEASE_STATES
};

/* "seen" … "evicted". */
const char *release_state_name(enum release_state state);
MUST_USE int release_state_read(struct span text, enum release_state *out, struct err *e);

#define RELEASE_WHY_MAX 400

/* What the manifest says, when it could be read. Texts are NUL-terminated UTF-8. */
struct release_facts {
	char version[VERSION_MAX + 1];
	char channel[CHANNEL_MAX + 1];
	char cid[CID_TEXT_MAX];
	struct hash32 sha256;
	uint64_t size;
	uint64_t from_sequence;
	bool urgent;
	uint8_t hardware_n;
	char hardware[HARDWARE_MAX][HARDWARE_NAME_MAX + 1];
	uint16_t description_len;
	char description[MANIFEST_MAX + 1];
	uint8_t signers;		/* keys of the set in force that signed */
	struct hash32 signer[SIGNERS_MAX];	/* their thumbprints */
};

enum release_decision { RELEASE_UNDECIDED, RELEASE_APPROVED, RELEASE_HELD_BY_OPERATOR };

struct release_row {
	struct hash32 product;
	uint64_t sequence;
	/* where it was published */
	uint32_t entry_order;
	uint64_t block;
	struct hash32 tx;
	uint64_t published_at;		/* the entry's time, seconds since 1970 */
	uint16_t manifest_len;
	uint8_t manifest[MANIFEST_MAX];	/* the publisher's bytes */
	bool has_facts;
	struct release_facts facts;
	/* where it stands */
	enum release_state state;
	char why[RELEASE_WHY_MAX];	/* a sentence */
	int64_t times_ms[RELEASE_STATES];	/* when it last came into each state; 0: never */
	enum release_decision decision;	/* bound to this very manifest: survives a reorg that publishes it again */
	/* fetching; kept by releases_set_fetch */
	bool image_is_wrong;		/* the CID's content is not what the manifest says: never fetched again */
	char fetch_detail[RELEASE_WHY_MAX];	/* what the last try ended with */
	uint32_t tries;
	int64_t retry_at_ms;		/* 0: no try is due */
};

/* Inserts (publication, facts, state, why, times_ms[state] = now_ms), or, where it is known, puts publication and
 * facts right and leaves the rest. A manifest that differs from the known one starts anew. */
MUST_USE int releases_put(struct store *s, const struct release_row *r, int64_t now_ms, struct err *e);

/* Sets state and why; the state's time only when it was in another one. *changed (may be NULL) says whether
 * anything did. Writes nothing when nothing did. ERR_NOT_FOUND. */
MUST_USE int releases_set_state(struct store *s, const struct hash32 *product, uint64_t sequence,
				enum release_state state, const char *why, int64_t now_ms, bool *changed, struct err *e);
/* It came through this state; one that it is in has its time. An unknown release is not an error. */
MUST_USE int releases_note_time(struct store *s, const struct hash32 *product, uint64_t sequence, enum release_state state,
				int64_t now_ms, struct err *e);
MUST_USE int releases_set_fetch(struct store *s, const struct hash32 *product, uint64_t sequence, bool image_is_wrong,
				const char *detail, uint32_t tries, int64_t retry_at_ms, struct err *e);
/* The operator's word on the release as it is now. ERR_NOT_FOUND. */
MUST_USE int releases_decide(struct store *s, const struct hash32 *product, uint64_t sequence,
			     enum release_decision decision, int64_t now_ms, struct err *e);

MUST_USE int releases_get(struct store *s, const struct hash32 *product, uint64_t sequence, struct release_row *out,
			  struct err *e);

/* Lists go by (product name, registrant, sequence), from after the given place on. */
struct release_query {
	const struct hash32 *product;	/* NULL: every product */
	uint32_t states;		/* 1 << state, or-ed; 0: every state */
	const struct hash32 *after_product;	/* NULL: from the beginning */
	uint64_t after_sequence;
	uint32_t limit;			/* 0: no limit */
};
/* The row lives until fn returns; fn's failure ends the walk and is returned. fn may write to the store. */
typedef int releases_fn(void *arg, const struct release_row *r, struct err *e);
MUST_USE int releases_each(struct store *s, const struct release_query *q, releases_fn *fn, void *arg, struct err *e);

/* Every release whose manifest names this image. */
MUST_USE int releases_each_of_image(struct store *s, const struct hash32 *sha256, releases_fn *fn, void *arg,
				    struct err *e);
/* Does a release that is not revoked name this image? */
MUST_USE int releases_need_image(struct store *s, const struct hash32 *sha256, bool *out, struct err *e);

#endif
