/* js.h: JSON values as the REST API writes them (chapter 8, "Conventions").
 *
 * Every function returns a new reference, or NULL when memory is out; js_set
 * and js_append take NULL and remember, so that a whole answer is checked once,
 * where it is sent: one that lacks an alarm, or the bytes of a backup, must not
 * pass for whole. The keeper's main thread only. */
#ifndef KEEPER_JS_H
#define KEEPER_JS_H

#include "base/span.h"

#include <jansson.h>
#include <stdint.h>

/* Bytes that are not UTF-8 become U+FFFD; an absent span (p == NULL) is null. */
json_t *js_text(struct span s);
json_t *js_str(const char *s);		/* NULL or "" is null */
json_t *js_hex(struct span s);		/* bare lower-case */
json_t *js_0x(struct span s);		/* "0x…" */
json_t *js_time(int64_t wall_ms);	/* RFC 3339; 0 is null */
json_t *js_u64(uint64_t v);
json_t *js_u64_or_null(uint64_t v);	/* 0 is null */
json_t *js_bool(bool v);

/* obj[key] = value; array[] = value. Steal value. */
void js_set(json_t *obj, const char *key, json_t *value);
void js_append(json_t *array, json_t *value);

/* Has any of these failed since this was asked last? */
bool js_take_short(void);

#endif
