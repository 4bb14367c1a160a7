/* json.h: jansson with a memory budget, and strict reading of Ethereum's JSON.
 *
 * json_budget_install() sets jansson's allocator for the whole process: call it once, before any
 * other use of jansson. Memory still comes from malloc and may be freed by free(). Between
 * json_budget_begin and json_budget_end at most RPC_JSON_HEAP_MAX bytes can be taken. */
#ifndef CHAIN_JSON_H
#define CHAIN_JSON_H

#include "base/err.h"
#include "base/span.h"

#include <jansson.h>

void json_budget_install(void);

/* Parses text that came from outside: one value, no duplicate keys, within the budget. ERR_LIMIT over the budget, else
 * ERR_FORMAT. NULL on failure; free with json_decref. */
MUST_USE json_t *json_parse(struct span text, struct err *e);

/* The heap that the last json_parse took at its peak, in bytes. */
size_t json_budget_peak(void);

/* A string's bytes; p == NULL when j is not a string. */
struct span json_text(const json_t *j);

/* QUANTITY (execution-apis): "0x0", "0x1f": no leading zero, at most 64 bits. */
MUST_USE int json_quantity(const json_t *j, uint64_t *out, struct err *e);

/* DATA of exactly n bytes. */
MUST_USE int json_fixed(const json_t *j, uint8_t *out, size_t n, struct err *e);

/* DATA of any length up to max; out has room for max. */
MUST_USE int json_data(const json_t *j, uint8_t *out, size_t max, size_t *n, struct err *e);

/* A storage key or word as nodes write them: "0x" and 1 to 64 digits, with or without leading zeros. */
MUST_USE int json_word(const json_t *j, struct hash32 *out, struct err *e);

#endif
