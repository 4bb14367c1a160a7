/* entries.c: see entries.h. */
#include "chain/entries.h"
#include "base/hex.h"

#include <inttypes.h>

/* --- reading --- */

struct reading {
	struct span rest;
	size_t line;			/* number of the present one, from 1 */
	struct rpc_log_filter any;	/* the filter, for every block */
	bool has_last;
	struct record last;		/* place of the line before */
	uint8_t data[RECORD_DATA_MAX];
};

/* What people may point us at instead, by name. */
static int refuse_others(struct span file, struct err *e)
{
	static const char root[] = "eroots";	/* in the CBOR map of a CARv1's header, which begins after its length */

	if (file.n > 16 && memmem(file.p, 16, root, sizeof root - 1))
		return err_set(e, ERR_FORMAT, "entries: a CAR archive; this version reads JSON lines only");
	if (file.n > 2 && file.p[0] == 0x1f && file.p[1] == 0x8b)
		return err_set(e, ERR_FORMAT, "entries: compressed; they are asked for as they are");
	if (file.n && file.p[0] == '[')
		return err_set(e, ERR_FORMAT, "entries: one array; each line is an object of its own");
	return ERR_OK;
}

/* The next line, without its break. */
static int take_line(struct reading *g, struct span *out, struct err *e)
{
	const uint8_t *end = memchr(g->rest.p, '\n', g->rest.n);
	size_t n = end ? (size_t)(end - g->rest.p) : g->rest.n;

	g->line++;
	if (n > ENTRIES_LINE_MAX)
		return err_set(e, ERR_LIMIT, "a line has at most %d bytes", ENTRIES_LINE_MAX);
	if (!end)
		return err_set(e, ERR_FORMAT, "the last line is cut");
	*out = SPAN(g->rest.p, n);
	g->rest = span_cut(g->rest, n + 1, g->rest.n);
	return ERR_OK;
}

static int read_line(struct reading *g, struct record *r, struct err *e)
{
	struct span line;
	json_t *row;
	int rc = take_line(g, &line, e);

	if (rc)
		return rc;
	row = json_parse(line, e);
	if (!row)
		return (int)e->code;
	rc = json_is_object(row) ? read_log(row, &g->any, g->data, r, e) : err_set(e, ERR_FORMAT, "a line is one object");
	json_decref(row);
	if (rc == ERR_OK && g->has_last && !record_is_after(r, &g->last))
		rc = err_set(e, ERR_RULE, "log: lines stand in the order of the chain");
	if (rc == ERR_OK) {
		g->has_last = true;
		g->last = *r;
	}
	return rc;
}

static int keep(struct records *out, const struct record *r, struct err *e)
{
	if ((out->n + 1) * sizeof *r + out->bytes + r->data.n > RECORDS_HELD_MAX)
		return err_set(e, ERR_LIMIT, "a history takes more than %d bytes", RECORDS_HELD_MAX);
	return records_add(out, r, e);
}

/* e is there, so that the line can be named. */
static int read_all(struct reading *g, const struct rpc_log_filter *f, struct records *out, struct err *e)
{
	while (g->rest.n) {
		struct record r = { .block = 0 };
		int rc = read_line(g, &r, e);

		if (rc == ERR_OK && r.block >= f->from && r.block <= f->to)
			rc = keep(out, &r, e);
		if (rc)
			return err_wrap(e, "entries, line %zu", g->line), rc;
	}
	return ERR_OK;
}

int entries_read(struct span file, const struct rpc_log_filter *f, struct records *out, struct err *e)
{
	struct reading g = { .rest = file, .any = *f };
	struct err why = { 0 };
	int rc = refuse_others(file, e);

	g.any.from = 0;
	g.any.to = UINT64_MAX;
	if (rc == ERR_OK)
		rc = read_all(&g, f, out, e ? e : &why);
	return rc;
}

/* --- writing --- */

static void put_hex(struct buf *b, const char *before, struct span bytes)
{
	buf_str(b, before);
	buf_hex(b, bytes);
}

/* Names in the order in which the publisher's export has them. What we do not keep (transactionIndex) is left out. */
void entries_put_line(struct buf *b, const struct addr20 *registry, const struct record *r)
{
	put_hex(b, "{\"address\":\"0x", SPAN_OF(*registry));
	put_hex(b, "\",\"blockHash\":\"0x", SPAN_OF(r->block_hash));
	buf_fmt(b, "\",\"blockNumber\":\"0x%" PRIx64, r->block);
	put_hex(b, "\",\"data\":\"0x", r->data);
	buf_fmt(b, "\",\"logIndex\":\"0x%" PRIx32 "\",\"removed\":false,\"topics\":[", r->log_index);
	for (uint32_t i = 0; i < r->topics_n; i++) {
		put_hex(b, i ? ",\"0x" : "\"0x", SPAN_OF(r->topics[i]));
		buf_byte(b, '"');
	}
	put_hex(b, "],\"transactionHash\":\"0x", SPAN_OF(r->tx));
	buf_str(b, "\"}\n");
}
