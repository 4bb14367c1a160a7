/* ownpatch.c: see ownpatch.h. */
#include "store/ownpatch.h"

#include "base/cursor.h"
#include "store/ownlog.h"

#include <sqlite3.h>
#include <string.h>

#define TABLE 'P'
#define UNCHANGED 0
#define NUMBER_LEN 8
#define VARINT_LEN 5	/* of a number below 2^32: SQLite's, the highest bits first */

static uint64_t varint(struct cursor *c)
{
	uint64_t v = 0;

	for (int i = 0; i < VARINT_LEN; i++) {
		uint8_t b = cur_u8(c);

		v = v << 7 | (b & 0x7f);
		if (b < 0x80)
			return v;
	}
	cur_fail(c);
	return 0;
}

/* Gives a byte for each column: not 0 where it is part of the key. */
static struct span read_table(struct cursor *c)
{
	struct span keys = cur_take(c, cur_u8(c));
	const uint8_t *end = cur_left(c) ? memchr(c->p, 0, cur_left(c)) : NULL;

	if (!end || keys.n == 0 || keys.n > OWNPATCH_COLUMNS_MAX)
		cur_fail(c);
	else
		cur_take(c, (size_t)(end - c->p) + 1);
	return keys;
}

static void pass_value(struct cursor *c)
{
	switch (cur_u8(c)) {
	case UNCHANGED:
	case SQLITE_NULL:
		break;
	case SQLITE_INTEGER:
	case SQLITE_FLOAT:
		cur_take(c, NUMBER_LEN);
		break;
	case SQLITE_TEXT:
	case SQLITE_BLOB:
		cur_take(c, varint(c));
		break;
	default:
		cur_fail(c);
	}
}

/* Of a row that goes there is the key alone. */
static void pass_change(struct cursor *c, uint8_t op, struct span keys)
{
	if (op != SQLITE_INSERT && op != SQLITE_UPDATE && op != SQLITE_DELETE)
		cur_fail(c);
	cur_u8(c);
	for (size_t i = 0; i < keys.n; i++)
		if (op != SQLITE_DELETE || keys.p[i])
			pass_value(c);
}

bool ownpatch_is_sound(struct span patch)
{
	struct cursor c = cur_of(patch);
	struct span keys = { 0 };

	while (cur_left(&c)) {
		uint8_t op = cur_u8(&c);

		if (op == TABLE)
			keys = read_table(&c);
		else if (keys.n)
			pass_change(&c, op, keys);
		else
			cur_fail(&c);
	}
	return cur_ok(&c);
}

bool ownpatch_next(struct span *rest, struct span *patch, uint64_t *skipped)
{
	for (; ownlog_next(rest, patch, skipped); *skipped += OWNLOG_HEAD + patch->n)
		if (ownpatch_is_sound(*patch))
			return true;
	return false;
}
