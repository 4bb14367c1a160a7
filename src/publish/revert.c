/* revert.c: see revert.h. The table of errors is made from the contract's source. */
#include "publish/revert.h"
#include "formats/abi.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define REGISTRY_WANT_ERRORS
#include "contracts/registry_gen.h"

#define WORD 32
#define TEXT_MAX 200	/* of a string in an error: enough to recognise it */

static const struct registry_error *find(struct span data)
{
	for (size_t i = 0; data.n >= 4 && i < sizeof registry_errors / sizeof *registry_errors; i++)
		if (memcmp(registry_errors[i].selector, data.p, 4) == 0)
			return &registry_errors[i];
	return NULL;
}

const char *revert_name(struct span data)
{
	const struct registry_error *error = find(data);

	return error ? error->name : NULL;
}

/* A uint of any width: decimal when it fits 64 bits. */
static void put_uint(struct span word, struct buf *out)
{
	uint64_t v = 0;

	for (size_t i = 0; i < WORD - 8; i++)
		if (word.p[i]) {
			buf_str(out, "0x");
			buf_hex(out, word);
			return;
		}
	for (size_t i = WORD - 8; i < WORD; i++)
		v = v << 8 | word.p[i];
	buf_fmt(out, "%" PRIu64, v);
}

/* The string whose offset the head word at `at` holds. */
static void put_string(struct span values, struct buf *out)
{
	struct abi_reader r = abi_read(values, 1);
	struct span text = abi_bytes(&r, values.n);

	if (abi_end(&r, NULL) != ERR_OK) {
		buf_str(out, "?");
		return;
	}
	buf_byte(out, '"');
	buf_json(out, span_cut(text, 0, TEXT_MAX));
	buf_str(out, text.n > TEXT_MAX ? "…\"" : "\"");
}

static void put_value(const char *type, struct span values, size_t i, struct buf *out)
{
	struct span word = span_cut(values, i * WORD, WORD);

	if (strcmp(type, "string") == 0) {
		put_string(values, out);
		return;
	}
	if (word.n < WORD) {
		buf_str(out, "?");
		return;
	}
	if (strncmp(type, "uint", 4) == 0) {
		put_uint(word, out);
	} else if (strcmp(type, "bool") == 0) {
		buf_str(out, word.p[WORD - 1] ? "true" : "false");
	} else if (strcmp(type, "address") == 0) {
		buf_str(out, "0x");
		buf_hex(out, span_cut(word, 12, 20));
	} else {	/* bytesN is left-aligned */
		buf_str(out, "0x");
		buf_hex(out, span_cut(word, 0, (size_t)strtoul(type + strlen("bytes"), NULL, 10)));
	}
}

static void put_error(const struct registry_error *error, struct span values, struct buf *out)
{
	buf_str(out, error->name);
	for (unsigned i = 0; i < error->args; i++) {
		buf_fmt(out, "%s%s ", i ? ", " : " (", error->arg[i].name);
		put_value(error->arg[i].type, values, i, out);
	}
	if (error->args)
		buf_byte(out, ')');
}

void revert_describe(struct span data, struct buf *out)
{
	static const uint8_t error_string[4] = { 0x08, 0xc3, 0x79, 0xa0 }, panic[4] = { 0x4e, 0x48, 0x7b, 0x71 };
	struct span selector = span_cut(data, 0, 4), values = span_cut(data, 4, data.n);
	const struct registry_error *error = find(data);

	if (error) {
		put_error(error, values, out);
	} else if (data.n == 0) {
		buf_str(out, "no reason given");
	} else if (span_eq(selector, SPAN_OF(error_string))) {
		put_string(values, out);
	} else if (span_eq(selector, SPAN_OF(panic)) && values.n == WORD) {
		buf_str(out, "Panic ");
		put_uint(values, out);
	} else {
		buf_str(out, "0x");
		buf_hex(out, span_cut(data, 0, TEXT_MAX));
	}
}

int revert_refuse(struct span data, struct err *e)
{
	struct buf text = BUF_INIT(4 * 1024);
	int rc;

	revert_describe(data, &text);
	rc = err_set(e, ERR_RULE, "the registry refuses: %.*s", (int)text.n, (const char *)text.p);
	buf_free(&text);
	return rc;
}
