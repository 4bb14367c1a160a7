/* dagfile.c: see dagfile.h. */
#include "formats/dagfile.h"

#include "base/cursor.h"
#include "formats/sha256.h"

size_t dagfile_length(const uint8_t head[DAGFILE_HEAD])
{
	struct cursor c = cur_of(SPAN(head, DAGFILE_HEAD));
	size_t cid = (size_t)cur_be(&c, 2), block = (size_t)cur_be(&c, 4);

	if (cid == 0 || cid > CID_BYTES_MAX || block > BLOCK_MAX)
		return 0;
	return DAGFILE_HEAD + cid + block + DAGFILE_GUARD;
}

int dagfile_read(struct span record, struct span *cid, struct span *block)
{
	struct hash32 guard;
	size_t n, cid_n;

	if (record.n < DAGFILE_HEAD || dagfile_length(record.p) != record.n)
		return ERR_FORMAT;
	n = record.n - DAGFILE_GUARD;
	guard = sha256_of(span_cut(record, 0, n));
	if (memcmp(record.p + n, guard.b, DAGFILE_GUARD) != 0)
		return ERR_FORMAT;
	cid_n = (size_t)record.p[0] << 8 | record.p[1];
	*cid = span_cut(record, DAGFILE_HEAD, cid_n);
	*block = span_cut(record, DAGFILE_HEAD + cid_n, n - DAGFILE_HEAD - cid_n);
	return ERR_OK;
}

void dagfile_put(struct buf *out, struct span cid, struct span block)
{
	size_t start = out->n;
	struct hash32 guard;

	buf_be(out, cid.n, 2);
	buf_be(out, block.n, 4);
	buf_add(out, cid);
	buf_add(out, block);
	if (out->failed)
		return;
	guard = sha256_of(SPAN(out->p + start, out->n - start));
	buf_add(out, SPAN(guard.b, DAGFILE_GUARD));
}
