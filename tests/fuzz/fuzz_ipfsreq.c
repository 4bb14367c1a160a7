/* fuzz_ipfsreq.c: any query and Accept for /ipfs/{cid} is refused with 400 or 406 and a reason, or asks for something that can be
 * answered: a range within the file, an ETag that is one quoted text.
 *
 * Input: size of the file (4 bytes), then the query, a line feed, the Accept header (none without the line feed). */
#include "base/cursor.h"
#include "server/answer.h"
#include "server/target.h"

#include <assert.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_etag(const struct ipfsreq *r)
{
	char text[IPFSREQ_ETAG_MAX];
	size_t n = strlen(ipfsreq_etag(r, SPAN_LIT("bafkqaaa"), text));

	assert(n < sizeof text && text[n - 1] == '"');
	assert(strchr(text, '"') == text + (r->kind == IPFSREQ_CAR ? 2 : 0));
	assert(strchr(strchr(text, '"') + 1, '"') == text + n - 1);
	assert(strlen(ipfsreq_type(r)) > 0);
}

static void check_range(const struct ipfsreq *r, uint64_t size)
{
	uint64_t from = 0, to = 0;
	int rc = ipfsreq_range(r, size, &from, &to);

	assert(rc == ERR_OK || rc == ERR_RULE || rc == ERR_NOT_FOUND);
	assert(rc || (from < size && (to == UINT64_MAX || (to >= from && to < size))));
}

static void check(const struct ask *ask, uint64_t size)
{
	struct ipfsreq r = { .kind = IPFSREQ_PLAIN };
	const char *why = NULL;
	unsigned status = ipfsreq_read(&ask->ipfs, &r, &why);

	assert(status == 0 || status == 400 || status == 406);
	assert(!status || (why && *why));
	if (status || r.kind == IPFSREQ_PLAIN)
		return;
	assert(!r.has_range || (r.kind == IPFSREQ_CAR && r.scope == IPFSREQ_ENTITY));
	check_etag(&r);
	if (r.has_range)
		check_range(&r, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct cursor c = cur_of(SPAN(data, n));
	uint64_t size = cur_be(&c, 4);
	struct span rest = cur_take(&c, cur_left(&c)), query, pair;
	const uint8_t *end = rest.n ? memchr(rest.p, '\n', rest.n) : NULL;
	struct ask ask = { .is_odd = false };
	char *room = malloc(rest.n + 1), *at = room;
	bool ok = true;

	assert(room);
	query = span_cut(rest, 0, end ? (size_t)(end - rest.p) : rest.n);
	if (end)
		ask.ipfs.accept = SPAN(end + 1, rest.n - query.n - 1);
	while (query_next(&query, at, &pair, &ok)) {
		ask_query(&ask, pair);
		at += pair.n;
	}
	if (ok)
		check(&ask, size);
	free(room);
	return 0;
}
