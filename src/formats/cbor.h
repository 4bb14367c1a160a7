/* cbor.h: deterministic CBOR (RFC 8949 section 4.2.1), both ways.
 *
 * Reading works on borrowed bytes: it allocates nothing, copies nothing, never
 * recurses and never reads past the span. It accepts exactly one encoding of
 * each value: shortest heads, definite lengths, map keys in bytewise order and
 * no key twice, shortest floats. Errors are sticky, as in base/cursor.h: after
 * the first broken rule every read gives zeros or empty spans, and loops over
 * arrays and maps end; cbor_done() or cbor_ok() then names that first rule.
 *
 *	struct cbor c = cbor_of(bytes);
 *	struct cbor_map m = cbor_map(&c);
 *	int64_t key;
 *	while (cbor_map_int(&c, &m, &key))
 *		switch (key) {
 *		case 1: version = cbor_uint(&c); break;
 *		default: cbor_refuse(&c, ERR_RULE, "member %" PRId64 " is not known", key);
 *		}
 *	return cbor_done(&c, e);	// nothing broken, nothing left over
 *
 * Depth of nesting is limited only in cbor_skip(), to CBOR_DEPTH_MAX; the other
 * functions go as deep as the caller's own code does.
 *
 * A lenient reader (cbor_lenient) takes any definite length, any order of keys
 * and any length of heads; keys twice are then the caller's to notice. It is
 * for devices' reports, never for what is signed. */
#ifndef FORMATS_CBOR_H
#define FORMATS_CBOR_H

#include "base/buf.h"
#include "base/cursor.h"
#include "base/err.h"

#define CBOR_DEPTH_MAX 16	/* the SUIT profile needs 5 at a stretch */

enum cbor_kind {
	CBOR_UINT = 0,
	CBOR_NEGINT,	/* -1 - n */
	CBOR_BYTES,
	CBOR_TEXT,
	CBOR_ARRAY,
	CBOR_MAP,
	CBOR_TAG,
	CBOR_SIMPLE,	/* false, true, null, floats, … */
	CBOR_END,	/* no further byte, or a rule was broken before */
};

struct cbor {
	struct cursor at;
	bool lenient;
	enum err_code code;	/* of the first broken rule; ERR_OK while there is none */
	char rule[160];
};

/* A walk through an array or a map: how many items or pairs are left, and the last key. */
struct cbor_array {
	uint64_t left;
};

struct cbor_map {
	uint64_t left;
	struct span key;	/* the present key as encoded */
};

struct cbor cbor_of(struct span bytes);
struct cbor cbor_lenient(struct span bytes);

/* What comes next. Looks at the first byte only. */
enum cbor_kind cbor_peek(const struct cbor *c);
bool cbor_is_null(const struct cbor *c);

uint64_t cbor_uint(struct cbor *c);
int64_t cbor_int(struct cbor *c);	/* refuses what int64_t does not hold */
bool cbor_bool(struct cbor *c);
void cbor_null(struct cbor *c);
uint64_t cbor_tag(struct cbor *c);	/* its number; the tagged item follows */
struct span cbor_bytes(struct cbor *c);
struct span cbor_text(struct cbor *c);	/* well-formed UTF-8 */

/* Enters an array; its items follow. cbor_array_next says whether there is one more. */
struct cbor_array cbor_array(struct cbor *c);
bool cbor_array_next(struct cbor *c, struct cbor_array *a);
/* Enters an array that has exactly n items. `what` names it: "digest" → "digest is not an array of 2". */
void cbor_array_of(struct cbor *c, size_t n, const char *what);

/* Enters a map. Each next goes to a pair's key, checks its order and leaves it to be read, then its value. */
struct cbor_map cbor_map(struct cbor *c);
bool cbor_map_next(struct cbor *c, struct cbor_map *m);
/* The same for maps whose keys are all integers, or all texts: the key is read, the value follows. */
bool cbor_map_int(struct cbor *c, struct cbor_map *m, int64_t *key);
bool cbor_map_text(struct cbor *c, struct cbor_map *m, struct span *key);

/* Passes over one item, checking all of it; gives its encoded bytes. */
struct span cbor_skip(struct cbor *c);

/* Breaks a rule of the caller's own. Only the first one is kept. */
void cbor_refuse(struct cbor *c, enum err_code code, const char *fmt, ...) PRINTF(3, 4);

/* Nothing broken so far? */
MUST_USE int cbor_ok(const struct cbor *c, struct err *e);
/* Nothing broken and nothing left over? */
MUST_USE int cbor_done(struct cbor *c, struct err *e);

/* Writing appends to a buf, which is sticky itself. The caller writes map keys in order. */
void cbor_put_uint(struct buf *b, uint64_t v);
void cbor_put_int(struct buf *b, int64_t v);
void cbor_put_bytes(struct buf *b, struct span s);
void cbor_put_text(struct buf *b, struct span s);
void cbor_put_array(struct buf *b, uint64_t n);	/* n items follow */
void cbor_put_map(struct buf *b, uint64_t n);	/* n pairs follow */
void cbor_put_tag(struct buf *b, uint64_t tag);
void cbor_put_bool(struct buf *b, bool v);
void cbor_put_null(struct buf *b);

#endif
