/* ownlog.c: see ownlog.h. */
#include "store/ownlog.h"

#include "base/cursor.h"
#include "formats/sha256.h"

#include <string.h>

#define MAGIC "GPOW"
#define MAGIC_LEN 4
#define SUM_LEN 8

static struct hash32 sum_of(const uint8_t length[4], struct span payload)
{
	struct sha256 h;

	sha256_init(&h);
	sha256_add(&h, SPAN(length, 4));
	sha256_add(&h, payload);
	return sha256_end(&h);
}

void ownlog_add(struct buf *out, struct span payload)
{
	uint8_t length[4];
	struct hash32 sum;

	for (unsigned i = 0; i < sizeof length; i++)
		length[i] = (uint8_t)(payload.n >> 8 * (3 - i));
	sum = sum_of(length, payload);
	buf_str(out, MAGIC);
	buf_add(out, SPAN_OF(length));
	buf_add(out, SPAN(sum.b, SUM_LEN));
	buf_add(out, payload);
}

/* s: with room for a head. */
static bool read_at(struct span s, struct span *payload)
{
	struct hash32 sum;
	size_t n;

	if (memcmp(s.p, MAGIC, MAGIC_LEN) != 0)
		return false;
	n = (size_t)s.p[4] << 24 | (size_t)s.p[5] << 16 | (size_t)s.p[6] << 8 | s.p[7];
	if (n > s.n - OWNLOG_HEAD)
		return false;
	*payload = SPAN(s.p + OWNLOG_HEAD, n);
	sum = sum_of(s.p + MAGIC_LEN, *payload);
	return memcmp(sum.b, s.p + MAGIC_LEN + 4, SUM_LEN) == 0;
}

bool ownlog_next(struct span *rest, struct span *payload, uint64_t *skipped)
{
	for (; rest->n >= OWNLOG_HEAD; *rest = SPAN(rest->p + 1, rest->n - 1), ++*skipped)
		if (read_at(*rest, payload)) {
			*rest = SPAN(payload->p + payload->n, rest->n - OWNLOG_HEAD - payload->n);
			return true;
		}
	*skipped += rest->n;
	*rest = SPAN(NULL, 0);
	return false;
}
