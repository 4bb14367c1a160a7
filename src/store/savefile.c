/* savefile.c: see savefile.h. */
#include "store/savefile.h"

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/io.h"
#include "formats/cbor.h"
#include "formats/sha256.h"

#include <stdlib.h>
#include <string.h>

#define FORMAT 1
#define HEAD_ITEMS 9
#define START (sizeof magic + 4)

static const char magic[8] = { 'G', 'P', 'B', 'A', 'C', 'K', 'U', 'P' };

static const uint64_t size_max[SAVE_PARTS] = { [SAVE_DATABASE] = SAVE_DATABASE_MAX, [SAVE_FLOORS] = FLOOR_FILE_MAX, [SAVE_TOKENS] = SAVE_TOKENS_MAX };

/* Where the parts lie, of which only the sizes are known. */
static void place(struct savefile *s, uint64_t at)
{
	for (size_t i = 0; i < SAVE_PARTS; i++) {
		s->at[i] = at;
		at += s->size[i];
	}
	s->total = at + SAVEFILE_SUM;
}

int savefile_front(struct savefile *s, struct buf *out, struct err *e)
{
	AUTO(buf_free) struct buf head = BUF_INIT(SAVE_FRONT_MAX - START);
	int rc;

	cbor_put_array(&head, HEAD_ITEMS);
	cbor_put_uint(&head, FORMAT);
	cbor_put_text(&head, span_str(s->version));
	cbor_put_text(&head, span_str(s->name));
	cbor_put_uint(&head, s->made_ms);
	cbor_put_uint(&head, s->chain_id);
	cbor_put_bytes(&head, SPAN_OF(s->registry));
	for (size_t i = 0; i < SAVE_PARTS; i++)
		cbor_put_uint(&head, s->size[i]);
	if ((rc = buf_ok(&head, e)))
		return rc;
	buf_add(out, SPAN_OF(magic));
	buf_be(out, head.n, 4);
	buf_add(out, buf_span(&head));
	place(s, START + head.n);
	return buf_ok(out, e);
}

/* Printed to people's terminals later: letters of ASCII only. */
static void text(struct cbor *c, char *out, size_t cap, const char *what)
{
	struct span s = cbor_text(c);

	if (s.n >= cap)
		cbor_refuse(c, ERR_LIMIT, "the backup's %s is longer than any of ours", what);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < ' ' || s.p[i] > '~')
			cbor_refuse(c, ERR_FORMAT, "the backup's %s has characters that it cannot have", what);
	if (cbor_ok(c, NULL) == ERR_OK && s.n)
		memcpy(out, s.p, s.n);
}

static void sizes(struct cbor *c, struct savefile *s)
{
	for (size_t i = 0; i < SAVE_PARTS; i++) {
		s->size[i] = cbor_uint(c);
		if (s->size[i] > size_max[i])
			cbor_refuse(c, ERR_LIMIT, "a part of the backup is longer than any of ours");
	}
}

static int read_head(struct span head, struct savefile *s, struct err *e)
{
	struct cbor c = cbor_of(head);
	struct cbor_array a = cbor_array(&c);
	uint64_t format = cbor_uint(&c);
	struct span registry;

	if (cbor_ok(&c, NULL) == ERR_OK && format != FORMAT)
		return err_set(e, ERR_RULE, "the backup has format %llu, this gatepost knows %d: it was written by a newer one",
			       (unsigned long long)format, FORMAT);
	if (a.left != HEAD_ITEMS)
		cbor_refuse(&c, ERR_FORMAT, "the backup's head does not have %d items", HEAD_ITEMS);
	text(&c, s->version, sizeof s->version, "version");
	text(&c, s->name, sizeof s->name, "name");
	s->made_ms = cbor_uint(&c);
	s->chain_id = cbor_uint(&c);
	registry = cbor_bytes(&c);
	if (registry.n != sizeof s->registry)
		cbor_refuse(&c, ERR_FORMAT, "the backup's registry is not an address");
	else
		memcpy(&s->registry, registry.p, sizeof s->registry);
	sizes(&c, s);
	return cbor_done(&c, e);
}

int savefile_read(struct span start, uint64_t file_size, struct savefile *out, struct err *e)
{
	struct cursor c = cur_of(start);
	struct span name = cur_take(&c, sizeof magic), head = cur_take(&c, (size_t)cur_be(&c, 4));
	struct savefile s = { .total = 0 };
	int rc;

	if (name.n != sizeof magic || memcmp(name.p, magic, sizeof magic) != 0)
		return err_set(e, ERR_FORMAT, "this is not a backup of gatepost");
	if (!cur_ok(&c) || head.n > SAVE_FRONT_MAX - START)
		return err_set(e, ERR_FORMAT, "the backup's head is cut short");
	if ((rc = read_head(head, &s, e)))
		return rc;
	place(&s, START + head.n);
	if (s.total != file_size)
		return err_set(e, ERR_FORMAT, "the backup has %llu bytes, and says %llu", (unsigned long long)file_size, (unsigned long long)s.total);
	*out = s;
	return ERR_OK;
}

int savefile_check(int fd, uint64_t file_size, struct hash32 *sum, struct err *e)
{
	autofree uint8_t *piece = malloc(CHUNK_SIZE);
	struct hash32 written, found;
	struct sha256 h;
	int rc = piece ? ERR_OK : err_set(e, ERR_MEMORY, "no memory to read a backup");

	if (!rc && file_size < START + SAVEFILE_SUM)
		rc = err_set(e, ERR_FORMAT, "this is not a backup of gatepost");
	sha256_init(&h);
	for (uint64_t at = 0; !rc && at < file_size - SAVEFILE_SUM; at += CHUNK_SIZE) {
		uint64_t left = file_size - SAVEFILE_SUM - at;
		size_t n = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;

		rc = io_pread_exact(fd, piece, n, (off_t)at, e);
		if (!rc)
			sha256_add(&h, SPAN(piece, n));
	}
	found = sha256_end(&h);
	if (!rc)
		rc = io_pread_exact(fd, written.b, sizeof written.b, (off_t)(file_size - SAVEFILE_SUM), e);
	if (rc)
		return rc;
	if (!hash32_eq(&found, &written))
		return err_set(e, ERR_PROOF, "the backup's bytes do not have the digest at its end: it is cut short or damaged");
	*sum = found;
	return ERR_OK;
}
