/* car.c: see car.h.
 *
 *	HEADER_LENGTH ─► HEADER ─► LENGTH ─► CID ─► BLOCK ─► LENGTH …
 *	                                      └───► SKIP  ─►
 *
 * Each part has a function that runs when bytes have come. It either finishes
 * its part (and begins the next), or takes what there is and waits. */
#include "formats/car.h"
#include "formats/varint.h"

#include <assert.h>

enum part { HEADER_LENGTH, HEADER, LENGTH, CID, BLOCK, SKIP };

enum step { AGAIN, WAIT, SAY };

static const char *const part_names[] = {
	[HEADER_LENGTH] = "the header's length",
	[HEADER] = "the header",
	[LENGTH] = "a section's length",
	[CID] = "a CID",
	[BLOCK] = "a block",
	[SKIP] = "a block",
};

static void begin(struct car_reader *r, enum part at, uint64_t want)
{
	r->at = at;
	r->want = want;
	buf_reset(&r->held);
}

static struct span take(struct span *chunk, size_t n)
{
	struct span front = span_cut(*chunk, 0, n);

	*chunk = span_cut(*chunk, n, chunk->n);
	return front;
}

/* r->want bytes in one piece once they have all come: straight from the chunk when they lie there. */
static enum step gather(struct car_reader *r, struct span *chunk, struct span *whole)
{
	size_t want = (size_t)r->want;

	if (r->held.n == 0 && chunk->n >= want) {
		*whole = take(chunk, want);
		return AGAIN;
	}
	buf_add(&r->held, take(chunk, want - r->held.n));
	*whole = buf_span(&r->held);
	return r->held.n == want ? AGAIN : WAIT;
}

static bool is_short_of_memory(const struct car_reader *r)
{
	return r->held.failed;
}

/* A varint arrives byte by byte; its length is not known before its end. */
static int gather_varint(struct car_reader *r, struct span *chunk, uint64_t *v, enum step *s, struct err *e)
{
	struct cursor c;

	*s = WAIT;
	while (chunk->n > 0 && *s == WAIT) {
		struct span byte = take(chunk, 1);

		buf_add(&r->held, byte);
		if (byte.p[0] < 0x80 || r->held.n == VARINT_MAX)
			*s = AGAIN;
	}
	if (*s == WAIT || is_short_of_memory(r))
		return ERR_OK;
	c = cur_of(buf_span(&r->held));
	if (varint_next(&c, v, e))
		return err_wrap(e, "car: %s", part_names[r->at]);
	return ERR_OK;
}

static int on_header_length(struct car_reader *r, struct span *chunk, struct car_item *item, enum step *s, struct err *e)
{
	uint64_t n;
	int rc = gather_varint(r, chunk, &n, s, e);

	(void)item;
	if (rc || *s == WAIT || is_short_of_memory(r))
		return rc;
	if (n == 0)
		return err_set(e, ERR_FORMAT, "car: the header is empty");
	if (n > CAR_HEADER_MAX)
		return err_set(e, ERR_LIMIT, "car: a header of %llu bytes, at most %d", (unsigned long long)n, CAR_HEADER_MAX);
	begin(r, HEADER, n);
	return ERR_OK;
}

/* A CBOR head of this major type with a minimal argument below 65536; else c is failed. */
static uint64_t cbor_head(struct cursor *c, unsigned major)
{
	uint8_t first = cur_u8(c);
	unsigned info = first & 31;
	uint64_t v = info < 24 ? info : cur_be(c, info == 24 ? 1 : 2);

	if (first >> 5 != major || info > 25 || (info == 24 && v < 24) || (info == 25 && v < 256))
		cur_fail(c);
	return v;
}

static bool cbor_is_text(struct cursor *c, const char *text)
{
	struct span s = cur_take(c, (size_t)cbor_head(c, 3));

	return cur_ok(c) && span_is(s, text);
}

/* Links in CBOR: tag 42 on a byte string that begins with a zero. Which CIDs they are is nobody's business.
 * go-car writes a list that was never filled as null. */
static void cbor_skip_links(struct cursor *c)
{
	if (cur_left(c) > 0 && c->p[0] == 0xf6) {
		cur_u8(c);
		return;
	}
	for (uint64_t left = cbor_head(c, 4); left > 0 && cur_ok(c); left--) {
		uint64_t tag = cbor_head(c, 6);
		struct span link = cur_take(c, (size_t)cbor_head(c, 2));

		if (tag != 42 || link.n == 0 || link.p[0] != 0)
			cur_fail(c);
	}
}

static int read_header(struct span header, struct err *e)
{
	struct cursor c = cur_of(header);
	uint64_t members = cbor_head(&c, 5), version;

	if (members == 2) {
		if (!cbor_is_text(&c, "roots"))
			return err_set(e, ERR_FORMAT, "car: the header must begin with roots");
		cbor_skip_links(&c);
		if (!cur_ok(&c))
			return err_set(e, ERR_FORMAT, "car: the header's roots are not a list of links");
	}
	if (members < 1 || members > 2 || !cbor_is_text(&c, "version"))
		return err_set(e, ERR_FORMAT, "car: the header is not { roots, version }");
	version = cbor_head(&c, 0);
	if (!cur_at_end(&c))
		return err_set(e, ERR_FORMAT, "car: the header has bytes left over or missing");
	if (version != 1)
		return err_set(e, ERR_RULE, "car: version %llu is not supported", (unsigned long long)version);
	return members == 2 ? ERR_OK : err_set(e, ERR_FORMAT, "car: the header has no roots");
}

static int on_header(struct car_reader *r, struct span *chunk, struct car_item *item, enum step *s, struct err *e)
{
	struct span header;
	int rc;

	(void)item;
	*s = gather(r, chunk, &header);
	if (*s == WAIT || is_short_of_memory(r))
		return ERR_OK;
	rc = read_header(header, e);
	if (rc == ERR_OK)
		begin(r, LENGTH, 0);
	return rc;
}

static int on_length(struct car_reader *r, struct span *chunk, struct car_item *item, enum step *s, struct err *e)
{
	uint64_t n;
	int rc = gather_varint(r, chunk, &n, s, e);

	(void)item;
	if (rc || *s == WAIT || is_short_of_memory(r))
		return rc;
	if (n == 0)
		return err_set(e, ERR_FORMAT, "car: a section of no bytes");
	if (n > CID_BYTES_MAX + BLOCK_MAX)
		return err_set(e, ERR_LIMIT, "car: a section of %llu bytes, at most %d", (unsigned long long)n,
			       CID_BYTES_MAX + BLOCK_MAX);
	begin(r, CID, n);
	return ERR_OK;
}

/* The CID is whole in `held`: what comes after it, and is it worth speaking of? */
static int open_section(struct car_reader *r, struct car_item *item, enum step *s, struct err *e)
{
	uint64_t length = r->want - r->held.n;
	int rc = cid_read(buf_span(&r->held), &r->cid, e);

	if (rc)
		return err_wrap(e, "car");
	if (length > BLOCK_MAX)
		return err_set(e, ERR_LIMIT, "car: a block of %llu bytes, at most %d", (unsigned long long)length, BLOCK_MAX);
	r->length = (size_t)length;
	if (r->cid.hash == CID_IDENTITY) {
		begin(r, SKIP, length);
		*s = AGAIN;
		return ERR_OK;
	}
	begin(r, BLOCK, length);
	*item = (struct car_item){ .kind = CAR_CID, .cid = r->cid, .length = r->length };
	*s = SAY;
	return ERR_OK;
}

static int on_cid(struct car_reader *r, struct span *chunk, struct car_item *item, enum step *s, struct err *e)
{
	size_t need = cid_measure(buf_span(&r->held));

	while (r->held.n < need && need <= r->want && !is_short_of_memory(r)) {
		if (chunk->n == 0) {
			*s = WAIT;
			return ERR_OK;
		}
		buf_add(&r->held, take(chunk, need - r->held.n));
		need = cid_measure(buf_span(&r->held));
	}
	if (need > r->want)
		return err_set(e, ERR_FORMAT, "car: a CID runs past the end of its section");
	return is_short_of_memory(r) ? ERR_OK : open_section(r, item, s, e);
}

static int on_block(struct car_reader *r, struct span *chunk, struct car_item *item, enum step *s, struct err *e)
{
	struct span block;

	(void)e;
	*s = gather(r, chunk, &block);
	if (*s == WAIT || is_short_of_memory(r))
		return ERR_OK;
	*item = (struct car_item){ .kind = CAR_BLOCK, .cid = r->cid, .length = r->length, .block = block };
	/* begin() forgets the held bytes' count only; the bytes stay until the next call adds others. */
	begin(r, LENGTH, 0);
	*s = SAY;
	return ERR_OK;
}

static int on_skip(struct car_reader *r, struct span *chunk, struct car_item *item, enum step *s, struct err *e)
{
	(void)item;
	(void)e;
	r->want -= take(chunk, (size_t)r->want).n;
	*s = r->want > 0 ? WAIT : AGAIN;
	if (r->want == 0)
		begin(r, LENGTH, 0);
	return ERR_OK;
}

static int (*const on_part[])(struct car_reader *, struct span *, struct car_item *, enum step *, struct err *) = {
	[HEADER_LENGTH] = on_header_length,
	[HEADER] = on_header,
	[LENGTH] = on_length,
	[CID] = on_cid,
	[BLOCK] = on_block,
	[SKIP] = on_skip,
};

void car_open(struct car_reader *r)
{
	*r = (struct car_reader){ .held = BUF_INIT(BLOCK_MAX) };
	begin(r, HEADER_LENGTH, 0);
}

void car_open_inside(struct car_reader *r)
{
	*r = (struct car_reader){ .held = BUF_INIT(BLOCK_MAX) };
	begin(r, LENGTH, 0);
}

void car_close(struct car_reader *r)
{
	buf_free(&r->held);
}

int car_next(struct car_reader *r, struct span *chunk, struct car_item *item, struct err *e)
{
	struct err local;
	enum step s = AGAIN;
	size_t before = chunk->n;
	int rc = ERR_OK;

	e = e ? e : &local;
	*item = (struct car_item){ .kind = CAR_MORE };
	while (rc == ERR_OK && s == AGAIN) {
		rc = on_part[r->at](r, chunk, item, &s, e);
		if (rc == ERR_OK && is_short_of_memory(r))
			rc = err_set(e, ERR_MEMORY, "car: no memory for %s", part_names[r->at]);
	}
	r->consumed += before - chunk->n;
	return rc;
}

void car_skip(struct car_reader *r)
{
	assert(r->at == BLOCK && r->held.n == 0);
	r->at = SKIP;
}

bool car_has_header(const struct car_reader *r)
{
	return r->at >= LENGTH;
}

int car_end(const struct car_reader *r, struct err *e)
{
	if (r->at == LENGTH && r->held.n == 0)
		return ERR_OK;
	return err_set(e, ERR_FORMAT, "car: ends inside %s", part_names[r->at]);
}

void car_put_header(struct buf *out, const struct cid *root)
{
	static const uint8_t before[] = { 0xa2, 0x65, 'r', 'o', 'o', 't', 's', 0x81, 0xd8, 0x2a };
	static const uint8_t after[] = { 0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n', 0x01 };
	uint8_t cid[CID_BYTES_MAX];
	size_t n = cid_write(root, cid);
	size_t head = n + 1 < 24 ? 1 : 2;

	varint_add(out, sizeof before + head + 1 + n + sizeof after);
	buf_add(out, SPAN(before, sizeof before));
	buf_byte(out, (uint8_t)(head == 1 ? 0x40 + n + 1 : 0x58));
	if (head == 2)
		buf_byte(out, (uint8_t)(n + 1));
	buf_byte(out, 0x00);
	buf_add(out, SPAN(cid, n));
	buf_add(out, SPAN(after, sizeof after));
}

void car_put_section_head(struct buf *out, const struct cid *cid, size_t block_length)
{
	uint8_t bytes[CID_BYTES_MAX];
	size_t n = cid_write(cid, bytes);

	varint_add(out, n + block_length);
	buf_add(out, SPAN(bytes, n));
}

uint64_t car_section_length(const struct cid *cid, size_t block_length)
{
	uint8_t bytes[CID_BYTES_MAX];
	uint64_t n = cid_write(cid, bytes) + block_length;

	return varint_length(n) + n;
}
