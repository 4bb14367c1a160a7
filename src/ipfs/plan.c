/* plan.c: see plan.h. What a verified block does is place.c; here is who gets to place one, and what is asked for. */
#include "ipfs/plan.h"
#include "base/cleanup.h"
#include "base/limits.h"
#include "formats/unixfs.h"
#include "ipfs/place.h"

#include <stdlib.h>

const char *plan_verdict_name(enum plan_verdict v)
{
	static const char *const names[] = {
		[PLAN_TAKEN] = "taken",		[PLAN_REPEAT] = "repeat",   [PLAN_STRAY] = "stray",
		[PLAN_LIE] = "lie",		[PLAN_BAD_DAG] = "bad-dag", [PLAN_STORAGE] = "storage",
	};

	return names[v];
}

int plan_keep_none(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	(void)arg, (void)what, (void)cid, (void)block, (void)e;
	return ERR_OK;
}

int plan_load_none(void *arg, const struct cid *cid, struct buf *out, struct err *e)
{
	(void)arg, (void)cid, (void)out;
	return err_set(e, ERR_NOT_FOUND, "not kept");
}

static bool is_over(const struct plan *p, struct err *e)
{
	if (p->bad.code)
		*e = p->bad;
	return p->bad.code != ERR_OK;
}

int plan_new(const struct cid *root, uint64_t size, const struct plan_io *io, struct plan **out, struct err *e)
{
	struct spot s = { .size = (uint32_t)size, .codec = root->codec, .version = root->version };
	struct plan *p;
	struct err local;
	int rc;

	e = e ? e : &local;
	if (size < 1 || size > IMAGE_MAX)
		return err_set(e, ERR_LIMIT, "a file of %llu bytes", (unsigned long long)size);
	if ((rc = place_check_link((enum cid_codec)root->codec, size, e)))
		return rc;
	p = calloc(1, sizeof *p);
	if (!p)
		return err_set(e, ERR_MEMORY, "no memory for a plan");
	p->root = *root;
	p->size = size;
	p->io = *io;
	p->block = BUF_INIT(BLOCK_MAX);
	p->nodes_max = DAG_NODES_FREE + size / DAG_BYTES_PER_NODE;
	if (root->hash == CID_IDENTITY) {
		rc = place_identity_root(p, e) == PLAN_TAKEN ? ERR_OK : (int)e->code;
	} else {
		memcpy(s.digest.b, root->digest, sizeof s.digest.b);
		rc = frontier_append(&p->frontier, &s, e);
	}
	if (rc)
		plan_free(p);
	else
		*out = p;
	return rc;
}

void plan_free(struct plan *p)
{
	if (!p)
		return;
	frontier_free(&p->frontier);
	seen_free(&p->seen);
	buf_free(&p->block);
	free(p);
}

static bool frontier_has(const struct frontier *f, const struct hash32 *digest)
{
	for (size_t i = f->n; i-- > 0;)
		if (spot_is(&f->spots[i], digest))
			return true;
	return false;
}

static struct hash32 digest_of(const struct cid *cid)
{
	struct hash32 h;

	memcpy(h.b, cid->digest, sizeof h.b);
	return h;
}

enum plan_verdict plan_wants(const struct plan *p, const struct cid *cid, enum plan_order order)
{
	const struct frontier *f = &p->frontier;
	struct hash32 digest = digest_of(cid);

	if (cid->hash != CID_SHA256)
		return PLAN_STRAY;
	if (f->n > 0 && spot_is(&f->spots[f->n - 1], &digest))
		return PLAN_TAKEN;
	if (order == PLAN_ANY && frontier_has(f, &digest))
		return PLAN_TAKEN;
	return seen_find(&p->seen, &digest) ? PLAN_REPEAT : PLAN_STRAY;
}

enum plan_verdict plan_block(struct plan *p, const struct cid *cid, struct span block, enum plan_order order,
			     struct err *e)
{
	struct hash32 digest = digest_of(cid);
	enum plan_verdict v;
	struct err local;

	e = e ? e : &local;
	if (is_over(p, e))
		return PLAN_BAD_DAG;
	v = plan_wants(p, cid, order);
	if (v != PLAN_TAKEN)
		return v;
	if (cid_check(cid, block, e)) {
		char text[CID_TEXT_MAX];

		err_wrap(e, "block %s", cid_text(cid, text));
		return PLAN_LIE;
	}
	return place_all(p, &digest, block, PLAN_PLACE_MAX, FROM_SOURCE, e);
}

static bool may_be_leaf(const struct spot *s)
{
	return s->size <= BLOCK_MAX;
}

/* Makes the leaf of spot s around its file bytes; *block borrows from bytes or p->block. */
static int rebuild(struct plan *p, const struct spot *s, struct span bytes, struct span *block, struct err *e)
{
	struct cid cid = spot_cid(s);
	int rc;

	buf_reset(&p->block);
	rc = unixfs_rebuild_leaf(&cid, bytes, &p->block, e);
	*block = s->codec == CID_RAW ? bytes : buf_span(&p->block);
	return rc;
}

enum plan_verdict plan_bytes(struct plan *p, uint64_t offset, struct span bytes, struct err *e)
{
	size_t i = frontier_find(&p->frontier, offset);
	const struct spot *s = i < p->frontier.n ? &p->frontier.spots[i] : NULL;
	struct hash32 digest;
	struct span block;
	struct err local;

	e = e ? e : &local;
	if (is_over(p, e))
		return PLAN_BAD_DAG;
	if (!s || s->offset != offset || s->size != bytes.n || !may_be_leaf(s))
		return PLAN_STRAY;
	digest = s->digest;
	if (rebuild(p, s, bytes, &block, e)) {
		p->frontier.spots[i].needs_block = s->codec == CID_DAG_PB;
		err_wrap(e, "bytes at %llu", (unsigned long long)offset);
		return PLAN_LIE;
	}
	return place_all(p, &digest, block, PLAN_PLACE_MAX, FROM_SOURCE, e);
}

/* The block of spot s from what was kept. ERR_PROOF when the store's copy has rotted. */
static int load_kept(struct plan *p, const struct spot *s, struct span *block, struct err *e)
{
	struct cid cid = spot_cid(s);
	int rc;

	/* Raw blocks are never kept: they are the file's own bytes. */
	if (s->codec == CID_RAW)
		return ERR_NOT_FOUND;
	buf_reset(&p->block);
	rc = p->io.load(p->io.arg, &cid, &p->block, e);
	*block = buf_span(&p->block);
	return rc ? rc : cid_check(&cid, *block, e);
}

/* The block of spot s, if the part file holds the right bytes at this offset. bytes: room for them. */
static int load_part(struct plan *p, const struct spot *s, uint64_t offset, struct buf *bytes, struct span *block,
		     struct err *e)
{
	uint8_t *out;
	int rc;

	if (!may_be_leaf(s))
		return ERR_NOT_FOUND;
	buf_reset(bytes);
	out = buf_grow(bytes, s->size);
	if (!out)
		return err_set(e, ERR_MEMORY, "no memory for %u bytes", s->size);
	rc = p->io.read(p->io.arg, offset, out, s->size, e);
	return rc ? rc : rebuild(p, s, buf_span(bytes), block, e);
}

/* A spot whose block was verified elsewhere in the file: the nearest to the front, or NULL. */
static const struct spot *next_repeated(const struct plan *p, const struct seen_entry **where)
{
	for (size_t i = p->frontier.n; i-- > 0;) {
		*where = seen_find(&p->seen, &p->frontier.spots[i].digest);
		if (*where)
			return &p->frontier.spots[i];
	}
	return NULL;
}

enum plan_verdict plan_settle(struct plan *p, uint64_t budget_bytes, bool *more, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(BLOCK_MAX);
	uint64_t start = p->done.verified;
	enum plan_verdict v = PLAN_TAKEN;
	const struct seen_entry *where;
	const struct spot *found;
	struct err local;

	e = e ? e : &local;
	*more = false;
	if (is_over(p, e))
		return PLAN_BAD_DAG;
	while (v == PLAN_TAKEN && (found = next_repeated(p, &where))) {
		uint64_t used = p->done.verified - start;
		struct spot s = *found;
		struct span block;

		*more = used >= budget_bytes;
		if (*more)
			return PLAN_TAKEN;
		if (load_kept(p, &s, &block, NULL) == ERR_OK ||
		    load_part(p, &s, where->offset, &bytes, &block, NULL) == ERR_OK)
			v = place_all(p, &s.digest, block, budget_bytes - used, FROM_COPY, e);
		else
			seen_forget(&p->seen, &s.digest);
	}
	/* No room yet for one of them: its turn comes. */
	return v == PLAN_STRAY ? PLAN_TAKEN : v;
}

enum plan_verdict plan_restore(struct plan *p, uint64_t budget_bytes, bool *more, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(BLOCK_MAX);
	uint64_t start = p->restore_at;
	struct err local;
	size_t i;

	e = e ? e : &local;
	*more = false;
	if (is_over(p, e))
		return PLAN_BAD_DAG;
	while ((i = frontier_find(&p->frontier, p->restore_at)) < p->frontier.n) {
		struct spot s = p->frontier.spots[i];
		enum plan_verdict v = PLAN_TAKEN;
		struct span block;

		*more = s.offset - start >= budget_bytes;
		if (*more)
			return PLAN_TAKEN;
		p->restore_at = s.offset;
		if (load_kept(p, &s, &block, NULL) == ERR_OK)
			v = place_at(p, i, block, FROM_SOURCE, e);
		else if (load_part(p, &s, s.offset, &bytes, &block, NULL) == ERR_OK)
			v = place_at(p, i, block, FROM_PART, e);
		else
			v = PLAN_STRAY;
		if (v == PLAN_STRAY)
			p->restore_at = (uint64_t)s.offset + s.size;
		else if (v != PLAN_TAKEN)
			return v;
		frontier_sweep(&p->frontier);
	}
	return PLAN_TAKEN;
}

static void link_of(const struct spot *s, struct plan_link *out)
{
	*out = (struct plan_link){
		.cid = spot_cid(s), .offset = s->offset, .size = s->size, .depth = s->depth,
		.may_be_leaf = may_be_leaf(s), .may_be_inner = s->codec == CID_DAG_PB,
	};
}

static void mark_asked(struct plan *p, const struct hash32 *digest, bool is_asked)
{
	for (size_t i = 0; i < p->frontier.n; i++)
		if (spot_is(&p->frontier.spots[i], digest))
			p->frontier.spots[i].is_asked = is_asked;
}

static bool is_open_to_ask(const struct plan *p, const struct spot *s)
{
	return !s->is_asked && !seen_find(&p->seen, &s->digest);
}

static bool fits_all(void *arg, const struct plan_link *l)
{
	(void)arg, (void)l;
	return true;
}

bool plan_ask_if(struct plan *p, bool (*fits)(void *arg, const struct plan_link *l), void *arg, struct plan_link *out)
{
	struct plan_link link;

	if (p->bad.code)
		return false;
	for (size_t i = p->frontier.n; i-- > 0;) {
		const struct spot *s = &p->frontier.spots[i];

		if (!is_open_to_ask(p, s))
			continue;
		link_of(s, &link);
		if (!fits(arg, &link))
			continue;
		*out = link;
		mark_asked(p, &s->digest, true);
		return true;
	}
	return false;
}

bool plan_ask(struct plan *p, struct plan_link *out)
{
	return plan_ask_if(p, fits_all, NULL, out);
}

static bool is_run_material(const struct plan *p, const struct spot *s)
{
	return may_be_leaf(s) && !s->needs_block && is_open_to_ask(p, s);
}

bool plan_ask_run(struct plan *p, uint64_t max_bytes, uint64_t *offset, uint64_t *n)
{
	size_t i = p->frontier.n;
	uint64_t end;

	while (i > 0 && !is_run_material(p, &p->frontier.spots[i - 1]))
		i--;
	if (i == 0 || p->bad.code)
		return false;
	*offset = end = p->frontier.spots[i - 1].offset;
	for (; i > 0 && end - *offset < max_bytes; i--) {
		struct spot *s = &p->frontier.spots[i - 1];

		if (s->offset != end || !is_run_material(p, s))
			break;
		end += s->size;
		mark_asked(p, &s->digest, true);
		/* One that repeats an earlier one of this run was marked with it, and ends the run: plan_settle has it. */
	}
	*n = end - *offset;
	return true;
}

bool plan_reconsider(struct plan *p)
{
	bool any = false;

	for (size_t i = 0; i < p->frontier.n; i++) {
		any |= p->frontier.spots[i].needs_block;
		p->frontier.spots[i].needs_block = false;
	}
	return any;
}

void plan_unask_run(struct plan *p, uint64_t offset, uint64_t n)
{
	for (size_t i = 0; i < p->frontier.n; i++) {
		const struct spot *s = &p->frontier.spots[i];

		if (s->offset >= offset && s->offset < offset + n)
			mark_asked(p, &s->digest, false);
	}
}

void plan_unask(struct plan *p, const struct cid *cid)
{
	struct hash32 digest = digest_of(cid);

	mark_asked(p, &digest, false);
}

void plan_unask_all(struct plan *p)
{
	for (size_t i = 0; i < p->frontier.n; i++)
		p->frontier.spots[i].is_asked = false;
}

bool plan_missing(const struct plan *p, uint64_t offset, struct plan_link *out)
{
	size_t i = frontier_find(&p->frontier, offset);

	if (i == p->frontier.n)
		return false;
	link_of(&p->frontier.spots[i], out);
	return true;
}

bool plan_gap(const struct plan *p, uint64_t *at, uint64_t *n)
{
	const struct frontier *f = &p->frontier;
	size_t next = frontier_find(f, *at), before = next == f->n ? 0 : next + 1;
	const struct spot *s = before < f->n ? &f->spots[before] : NULL;
	uint64_t end = s ? (uint64_t)s->offset + s->size : 0;

	if (end <= *at && next == f->n)
		return false;
	if (end <= *at) {
		*at = f->spots[next].offset;
		end = *at + f->spots[next].size;
	}
	*n = end - *at;
	return true;
}

uint64_t plan_places(const struct plan *p)
{
	return p->nodes;
}

bool plan_needs_source(const struct plan *p)
{
	for (size_t i = p->frontier.n; i-- > 0;)
		if (!seen_find(&p->seen, &p->frontier.spots[i].digest))
			return true;
	return false;
}

void plan_progress(const struct plan *p, struct plan_progress *out)
{
	const struct frontier *f = &p->frontier;

	*out = p->done;
	out->size = p->size;
	out->contiguous = f->n > 0 ? f->spots[f->n - 1].offset : p->size;
	out->missing = (uint32_t)f->n;
	for (size_t i = 0; i < f->n; i++)
		out->asked += f->spots[i].is_asked;
}

bool plan_is_done(const struct plan *p)
{
	return !p->bad.code && p->frontier.n == 0;
}

uint64_t plan_size(const struct plan *p)
{
	return p->size;
}

const struct cid *plan_root(const struct plan *p)
{
	return &p->root;
}
