/* uploads.c: see uploads.h. */
#include "coap/uploads.h"

#define UPLOAD_MS 247000	/* EXCHANGE_LIFETIME (RFC 7252, 4.8.2) */

static bool is_of(const struct upload *u, const struct endpoint *peer, const struct coapreq *r)
{
	return u->is_taken && endpoint_eq(&u->peer, peer) &&
	       span_eq(SPAN(u->path, u->path_n), coapreq_path(r));
}

static struct upload *find(struct uploads *all, const struct endpoint *peer, const struct coapreq *r, int64_t now_ms)
{
	for (size_t i = 0; i < COAP_UPLOADS_MAX; i++)
		if (is_of(&all->all[i], peer, r) && now_ms - all->all[i].used_ms < UPLOAD_MS)
			return &all->all[i];
	return NULL;
}

/* The peer's old place, a free one, or the one idle for longest. */
static struct upload *place(struct uploads *all, const struct endpoint *peer, const struct coapreq *r, int64_t now_ms)
{
	struct upload *best = find(all, peer, r, now_ms);

	for (size_t i = 0; !best && i < COAP_UPLOADS_MAX; i++)
		if (!all->all[i].is_taken)
			best = &all->all[i];
	if (!best) {
		best = &all->all[0];
		for (size_t i = 1; i < COAP_UPLOADS_MAX; i++)
			if (all->all[i].used_ms < best->used_ms)
				best = &all->all[i];
	}
	best->peer = *peer;
	memcpy(best->path, r->path, r->path_n);
	best->path_n = r->path_n;
	best->n = 0;
	best->is_taken = true;
	return best;
}

uint8_t uploads_take(struct uploads *all, const struct endpoint *peer, const struct coapreq *r,
		     int64_t now_ms, struct span *body)
{
	const struct blockwise *b = &r->block1;
	struct span piece = r->pdu.payload;
	struct upload *u;

	if (piece.n > blockwise_size(b) || (b->has_more && piece.n != blockwise_size(b)))
		return PDU_BAD_REQUEST;
	u = b->number == 0 ? place(all, peer, r, now_ms) : find(all, peer, r, now_ms);
	if (!u || blockwise_offset(b) != u->n)
		return PDU_INCOMPLETE;
	if (piece.n > sizeof u->body - u->n) {
		u->is_taken = false;
		return PDU_TOO_LARGE;
	}
	if (piece.n)
		memcpy(u->body + u->n, piece.p, piece.n);
	u->n += piece.n;
	u->used_ms = now_ms;
	if (b->has_more)
		return PDU_CONTINUE;
	u->is_taken = false;
	*body = SPAN(u->body, u->n);
	return 0;
}
