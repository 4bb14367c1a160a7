/* pack.c: see pack.h. */
#include "publish/pack.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "formats/car.h"
#include "formats/sha256.h"
#include "formats/unixfs.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* --- the first pass --- */

struct measuring {
	struct pack *pack;
	struct sha256 sha;
	uint64_t total;
	const struct pack_watch *watch;
};

static int on_read(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	struct measuring *m = arg;
	size_t done = 0;

	while (done < cap) {
		ssize_t got = read(m->pack->fd, out + done, cap - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(e, "read");
		if (got == 0)
			break;
		done += (size_t)got;
	}
	sha256_add(&m->sha, SPAN(out, done));
	m->pack->size += done;
	if (m->watch && done)
		m->watch->progress(m->watch->arg, m->pack->size, m->total);
	*n = done;
	return ERR_OK;
}

static int keep_inner(struct pack *p, const struct dag_block *b, struct err *e)
{
	struct pack_inner *more = realloc(p->inner, (p->inner_n + 1) * sizeof *more);

	if (!more)
		return err_set(e, ERR_MEMORY, "out of memory");
	p->inner = more;
	p->inner[p->inner_n] = (struct pack_inner){ .cid = b->cid, .block = BUF_INIT(BLOCK_MAX) };
	buf_add(&p->inner[p->inner_n].block, b->bytes);
	p->inner_n++;
	return buf_ok(&p->inner[p->inner_n - 1].block, e);
}

static int on_block(void *arg, const struct dag_block *b, struct err *e)
{
	struct measuring *m = arg;

	m->pack->car_size += car_section_length(&b->cid, b->bytes.n);
	if (b->is_leaf)
		return ERR_OK;
	m->pack->inner_car_size += car_section_length(&b->cid, b->bytes.n);
	return keep_inner(m->pack, b, e);
}

static int measure(struct pack *p, const struct dag_profile *profile, uint64_t total, const struct pack_watch *watch,
		   struct err *e)
{
	AUTO(buf_free) struct buf header = BUF_INIT(CAR_HEADER_MAX);
	struct measuring m = { .pack = p, .total = total, .watch = watch };
	const struct dag_io io = { .read = on_read, .block = on_block, .arg = &m };
	struct dag_built built;
	int rc;

	sha256_init(&m.sha);
	rc = dag_build(profile, &io, &built, e);
	if (rc)
		return rc;
	if (p->size == 0)
		return err_set(e, ERR_RULE, "an image has at least 1 byte");
	p->root = built.root;
	p->sha256 = sha256_end(&m.sha);
	car_put_header(&header, &p->root);
	p->car_size += header.n;
	p->inner_car_size += header.n;
	return buf_ok(&header, e);
}

int pack_open(const char *path, const struct dag_profile *profile, const struct pack_watch *watch, struct pack *out,
	      struct err *e)
{
	struct pack p = { .fd = open(path, O_RDONLY | O_CLOEXEC) };
	struct stat st;
	int rc;

	if (p.fd < 0)
		return err_set(e, ERR_USAGE, "image %s: %s", path, strerror(errno));
	if (fstat(p.fd, &st) < 0 || !S_ISREG(st.st_mode))
		rc = err_set(e, ERR_USAGE, "image %s: not a file", path);
	else
		rc = measure(&p, profile, (uint64_t)st.st_size, watch, e) ? err_wrap(e, "image %s", path) : ERR_OK;
	if (rc)
		pack_close(&p);
	else
		*out = p;
	return rc;
}

void pack_close(struct pack *p)
{
	if (p->fd >= 0)
		close(p->fd);
	for (size_t i = 0; i < p->inner_n; i++)
		buf_free(&p->inner[i].block);
	free(p->inner);
	*p = (struct pack){ .fd = -1 };
}

/* There are few: one for each 174 or 1024 leaves. */
const struct pack_inner *pack_find(const struct pack *p, const struct cid *cid)
{
	for (size_t i = p->inner_n; i-- > 0;)
		if (cid_eq(&p->inner[i].cid, cid))
			return &p->inner[i];
	return NULL;
}

int pack_check_root(const struct pack *p, const char *text, const char *what, struct err *e)
{
	struct cid named;
	char own[CID_TEXT_MAX];

	if (!text || cid_read_text(span_str(text), &named, NULL))
		return err_set(e, ERR_NET, "%s: the answer names no CID", what);
	if (named.codec != p->root.codec || !cid_same_block(&named, &p->root))
		return err_set(e, ERR_PROOF, "%s: it took %.100s, not %s", what, text, cid_text(&p->root, own));
	return ERR_OK;
}

/* --- the walk --- */

void pack_walk_init(struct pack_walk *w, const struct pack *p, bool only_inner)
{
	*w = (struct pack_walk){
		.pack = p, .only_inner = only_inner, .leaf = BUF_INIT(BLOCK_MAX), .data = BUF_INIT(BLOCK_MAX),
	};
}

void pack_walk_fini(struct pack_walk *w)
{
	buf_free(&w->leaf);
	buf_free(&w->data);
}

static int enter(struct pack_walk *w, const struct pack_inner *inner, struct cid *cid, struct span *block, struct err *e)
{
	struct unixfs_node node;
	int rc = unixfs_read(CID_DAG_PB, buf_span(&inner->block), &node, e);

	if (rc)
		return rc;
	if (w->depth == PACK_DEPTH_MAX)
		return err_set(e, ERR_INTERNAL, "a tree deeper than the profiles make");
	w->level[w->depth].links = node.links;
	w->level[w->depth].sizes = node.sizes;
	w->level[w->depth++].left = node.n_links;
	*cid = inner->cid;
	*block = buf_span(&inner->block);
	return ERR_OK;
}

/* The next child of the open path; false at the end of the whole. */
static bool next_child(struct pack_walk *w, struct unixfs_child *out)
{
	while (w->depth) {
		struct unixfs_node rest = {
			.links = w->level[w->depth - 1].links,
			.sizes = w->level[w->depth - 1].sizes,
			.n_links = w->level[w->depth - 1].left,
		};

		if (unixfs_next_child(&rest, out)) {
			w->level[w->depth - 1].links = rest.links;
			w->level[w->depth - 1].sizes = rest.sizes;
			w->level[w->depth - 1].left = rest.n_links;
			return true;
		}
		w->depth--;
	}
	return false;
}

static int read_leaf(struct pack_walk *w, const struct unixfs_child *child, struct span *block, struct err *e)
{
	uint8_t *at;
	int rc;

	buf_reset(&w->leaf);
	buf_reset(&w->data);
	at = buf_grow(&w->data, (size_t)child->size);
	if (!at)
		return buf_ok(&w->data, e);
	rc = io_pread_exact(w->pack->fd, at, (size_t)child->size, (off_t)w->offset, e);
	if (!rc)
		rc = unixfs_rebuild_leaf(&child->cid, buf_span(&w->data), &w->leaf, e);
	if (rc == ERR_PROOF || rc == ERR_CORRUPT)
		return err_set(e, ERR_PROOF, "the image has changed while it was being read");
	if (rc)
		return rc;
	w->offset += child->size;
	*block = w->leaf.n ? buf_span(&w->leaf) : buf_span(&w->data);
	return ERR_OK;
}

int pack_walk_next(struct pack_walk *w, struct cid *cid, struct span *block, struct err *e)
{
	struct unixfs_child child = { .cid = w->pack->root, .size = w->pack->size };
	const struct pack_inner *inner;

	do {
		if (w->begun && !next_child(w, &child)) {
			*block = SPAN(NULL, 0);
			return ERR_OK;
		}
		w->begun = true;
		inner = pack_find(w->pack, &child.cid);
		if (inner)
			return enter(w, inner, cid, block, e);
	} while (w->only_inner);
	*cid = child.cid;
	return read_leaf(w, &child, block, e);
}

/* --- as an archive --- */

void pack_car_init(struct pack_car *c, const struct pack *p, bool only_inner)
{
	*c = (struct pack_car){ .head = BUF_INIT(CAR_HEADER_MAX) };
	pack_walk_init(&c->walk, p, only_inner);
	car_put_header(&c->head, &p->root);
	c->pending[0] = buf_span(&c->head);
}

void pack_car_fini(struct pack_car *c)
{
	pack_walk_fini(&c->walk);
	buf_free(&c->head);
}

static int next_section(struct pack_car *c, struct err *e)
{
	struct cid cid;
	int rc = pack_walk_next(&c->walk, &cid, &c->pending[1], e);

	if (rc || !c->pending[1].p)
		return rc;
	buf_reset(&c->head);
	car_put_section_head(&c->head, &cid, c->pending[1].n);
	c->pending[0] = buf_span(&c->head);
	return buf_ok(&c->head, e);
}

int pack_car_read(struct pack_car *c, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	size_t done = 0;

	while (done < cap) {
		if (!c->pending[0].n && !c->pending[1].n) {
			int rc = next_section(c, e);

			if (rc)
				return rc;
			if (!c->pending[0].n)
				break;
		}
		done += span_drain(&c->pending[0], out + done, cap - done);
		done += span_drain(&c->pending[1], out + done, cap - done);
	}
	c->sent += done;
	*n = done;
	return ERR_OK;
}
