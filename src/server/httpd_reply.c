/* httpd_reply.c: see httpd_reply.h. */
#include "server/httpd_reply.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "server/accept.h"
#include "server/clients.h"
#include "server/histories.h"
#include "server/httpd_blocks.h"
#include "server/objects.h"
#include "server/range.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void httpd_add(struct MHD_Response **r, const char *name, const char *value)
{
	if (*r && MHD_add_response_header(*r, name, value) != MHD_YES) {
		MHD_destroy_response(*r);
		*r = NULL;
	}
}

static void add_number(struct MHD_Response **r, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof text, "%" PRIu64, value);
	httpd_add(r, name, text);
}

/* Queues, and gives our reference away. */
static enum MHD_Result queue(struct MHD_Connection *connection, unsigned status, struct MHD_Response *r)
{
	enum MHD_Result rc;

	if (!r)
		return MHD_NO;
	rc = MHD_queue_response(connection, status, r);
	MHD_destroy_response(r);
	return rc;
}

/* --- short texts --- */

static struct MHD_Response *text_response(const char *why)
{
	char line[128];
	int n = snprintf(line, sizeof line, "%s\n", why);
	struct MHD_Response *r = MHD_create_response_from_buffer((size_t)n, line, MHD_RESPMEM_MUST_COPY);

	httpd_add(&r, "Content-Type", "text/plain; charset=utf-8");
	httpd_add(&r, "Cache-Control", "no-store");
	return r;
}

enum MHD_Result httpd_reply_text(struct MHD_Connection *connection, unsigned status, const char *why)
{
	return queue(connection, status, text_response(why));
}

enum MHD_Result httpd_reply_close(struct MHD_Connection *connection, unsigned status, const char *why)
{
	struct MHD_Response *r = text_response(why);

	httpd_add(&r, "Connection", "close");
	return queue(connection, status, r);
}

enum MHD_Result httpd_reply_not_allowed(struct MHD_Connection *connection, const char *allow)
{
	struct MHD_Response *r = text_response("this method is not for this path");

	httpd_add(&r, "Allow", allow);
	return queue(connection, 405, r);
}

enum MHD_Result httpd_reply_retry(struct MHD_Connection *connection, const char *why, uint32_t retry_after_s)
{
	struct MHD_Response *r = text_response(why);

	add_number(&r, "Retry-After", retry_after_s);
	return queue(connection, 503, r);
}

enum MHD_Result httpd_reply_empty(struct MHD_Connection *connection, unsigned status)
{
	return queue(connection, status, MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT));
}

/* --- headers of an answer --- */

static void add_text(struct MHD_Response **r, const char *name, struct span value)
{
	char text[VERSION_MAX + 1];

	value = span_cut(value, 0, VERSION_MAX);
	if (value.n)
		memcpy(text, value.p, value.n);
	text[value.n] = 0;
	httpd_add(r, name, text);
}

/* Caching: images by digest never change. All else may depend on who asks, and is to be asked again. */
static void add_caching(struct MHD_Response **r, const struct answer *a)
{
	if (a->is_immutable) {
		httpd_add(r, "Cache-Control", "public, max-age=31536000, immutable");
		return;
	}
	httpd_add(r, "Cache-Control", a->is_private ? "private, no-cache" : "no-cache");
	if (a->is_private)
		httpd_add(r, "Vary", "Gatepost-Device, Accept");
}

static void add_release(struct MHD_Response **r, const struct answer *a)
{
	if (!a->sequence)
		return;
	add_number(r, "Gatepost-Sequence", a->sequence);
	add_text(r, "Gatepost-Version", a->version);
	httpd_add(r, "Gatepost-Freshness", freshness_name(a->freshness));
}

/* What 200, 206 and 304 have in common (RFC 9110, 15.4.5). */
static void add_validators(struct MHD_Response **r, const struct answer *a, const char *etag)
{
	httpd_add(r, "ETag", etag);
	add_caching(r, a);
	add_release(r, a);
	if (a->cid.n)
		httpd_blocks_add_name(r, a);
}

/* `sha-256=:BASE64:` (RFC 9530): of the whole representation, also with a part of it. */
static void add_digest(struct MHD_Response **r, const struct hash32 *sha256)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[9 + 44 + 2] = "sha-256=:";
	char *out = text + 9;

	for (size_t i = 0; i < 33; i += 3) {
		uint32_t v = (uint32_t)sha256->b[i] << 16 | (uint32_t)sha256->b[i + 1] << 8 | (i + 2 < 32 ? sha256->b[i + 2] : 0u);

		for (unsigned shift = 24; shift > 0;)
			*out++ = digits[v >> (shift -= 6) & 63];
	}
	memcpy(out - 1, "=:", 3);	/* 32 bytes leave one digit over */
	httpd_add(r, "Repr-Digest", text);
}

/* --- bodies --- */

/* The library reads a cold image through this, as far as the client takes it. */
struct cold {
	struct transfer *transfer;
	uint64_t first;		/* of the part */
};

static ssize_t on_read(void *cls, uint64_t pos, char *out, size_t max)
{
	struct cold *c = cls;
	struct err e = { 0 };
	size_t n;

	if (transfer_read(c->transfer, c->first + pos, (uint8_t *)out, max, &n, &e) == ERR_OK)
		return (ssize_t)n;
	/* Cut short: the client sees fewer bytes than announced, and never wrong ones. */
	log_unusual("server", "an answer was cut short", "why=\"%s\"", e.msg);
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void on_read_end(void *cls)
{
	struct cold *c = cls;

	transfer_free(c->transfer);
	free(c);
}

/* ERR_BUSY: too many cold transfers. */
static int cold_response(struct object *o, uint64_t first, uint64_t n, struct MHD_Response **out)
{
	struct cold *c = calloc(1, sizeof *c);
	int rc;

	if (!c)
		return ERR_MEMORY;
	c->first = first;
	rc = transfer_new(o, &c->transfer, NULL);
	if (rc) {
		free(c);
		return rc;
	}
	*out = MHD_create_response_from_callback(n, HTTP_READ_SIZE, on_read, c, on_read_end);
	if (!*out)
		on_read_end(c);
	return *out ? ERR_OK : ERR_MEMORY;
}

/* From a verified memfd: the library sends it with sendfile. It closes the descriptor, so that it gets its own. */
static struct MHD_Response *hot_response(int fd, uint64_t first, uint64_t n)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	struct MHD_Response *r = own >= 0 ? MHD_create_response_from_fd_at_offset64(n, own, first) : NULL;

	if (!r && own >= 0)
		close(own);
	return r;
}

static void on_bytes_end(void *cls)
{
	catalog_put(cls);
}

static struct MHD_Response *bytes_response(const struct answer *a, struct span part)
{
	struct MHD_Response *r;

	if (a->kind != ANSWER_MANIFEST)
		return MHD_create_response_from_buffer(part.n, (void *)(uintptr_t)part.p, MHD_RESPMEM_MUST_COPY);
	/* The bytes lie in the catalog: the response holds it until the library has let go of it. */
	r = MHD_create_response_from_buffer_with_free_callback_cls(part.n, (void *)(uintptr_t)part.p, on_bytes_end,
								   catalog_hold(a->catalog));
	if (!r)
		catalog_put(a->catalog);
	return r;
}

static int body_response(struct client *k, uint64_t first, uint64_t n, struct MHD_Response **out)
{
	const struct answer *a = &k->answer;
	int fd = a->object ? object_hot_fd(a->object) : a->history ? history_fd(a->history) : -1;

	*out = NULL;
	if (a->share)
		return httpd_blocks_body(k, first, n, out);
	if (a->object && fd < 0)
		return cold_response(a->object, first, n, out);
	*out = fd >= 0 ? hot_response(fd, first, n) : bytes_response(a, span_cut(a->bytes, (size_t)first, (size_t)n));
	return *out ? ERR_OK : ERR_MEMORY;
}

/* --- replies --- */

static void add_representation(struct MHD_Response **r, const struct answer *a, const char *etag)
{
	add_validators(r, a, etag);
	if (a->kind == ANSWER_BLOCKS) {
		httpd_blocks_add_kind(r, a);
		return;
	}
	httpd_add(r, "Content-Type", accept_type_of(a->format));
	add_digest(r, &a->etag);
	if (a->kind == ANSWER_IMAGE)
		httpd_add(r, "Accept-Ranges", "bytes");
}

/* There is no body: too many at once, damage that was met before the first byte, or no memory, which ends the connection. */
static enum MHD_Result cannot_send(struct client *k, int why)
{
	if (why == ERR_BUSY)
		return httpd_reply_retry(k->connection, "too many images are being sent", 2);
	return why == ERR_MEMORY ? MHD_NO : httpd_reply_retry(k->connection, "this image is being repaired", 30);
}

static enum MHD_Result reply_whole(struct replies *replies, struct client *k, const char *etag)
{
	const struct answer *a = &k->answer;
	struct MHD_Response *r;
	enum MHD_Result rc;
	int failed = body_response(k, 0, a->size, &r);

	if (failed)
		return cannot_send(k, failed);
	add_representation(&r, a, etag);
	if (!r)
		return MHD_NO;
	rc = MHD_queue_response(k->connection, MHD_HTTP_OK, r);
	if (rc == MHD_YES && a->kind == ANSWER_MANIFEST)	/* of the others the library reads the bytes: replies.h */
		replies_keep_take(replies, a, r);
	else
		MHD_destroy_response(r);
	return rc;
}

static enum MHD_Result reply_part(struct client *k, const struct range *range, const char *etag)
{
	const struct answer *a = &k->answer;
	struct MHD_Response *r;
	char text[96];
	int failed = body_response(k, range->first, range->n, &r);

	if (failed)
		return cannot_send(k, failed);
	snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, range->first, range->first + range->n - 1, a->size);
	httpd_add(&r, "Content-Range", text);
	add_representation(&r, a, etag);
	return queue(k->connection, MHD_HTTP_PARTIAL_CONTENT, r);
}

static enum MHD_Result reply_outside(struct client *k)
{
	struct MHD_Response *r = text_response("no byte of this range is there");
	char text[48];

	snprintf(text, sizeof text, "bytes */%" PRIu64, k->answer.size);
	httpd_add(&r, "Content-Range", text);
	return queue(k->connection, MHD_HTTP_RANGE_NOT_SATISFIABLE, r);
}

static ssize_t on_read_nothing(void *cls, uint64_t pos, char *out, size_t max)
{
	(void)cls, (void)pos, (void)out, (void)max;
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* The library sends a Content-Length with 304 too, which must then be that of the 200 (RFC 9110, 8.6); the body is never
 * asked for. */
static enum MHD_Result reply_not_modified(struct client *k, const char *etag)
{
	struct MHD_Response *r = MHD_create_response_from_callback(k->answer.size, 1, on_read_nothing, NULL, NULL);

	add_validators(&r, &k->answer, etag);
	return queue(k->connection, MHD_HTTP_NOT_MODIFIED, r);
}

/* Images and blocks; a CAR is begun anew. */
static bool takes_ranges(const struct answer *a)
{
	return a->kind == ANSWER_IMAGE || (a->kind == ANSWER_BLOCKS && a->ipfs.kind != IPFSREQ_CAR);
}

static enum MHD_Result reply_found(struct replies *replies, struct client *k, const struct httpreq *q, const char *etag)
{
	struct range range = { .kind = RANGE_WHOLE };
	int kept;

	/* Range is defined for GET alone (RFC 9110, 14.2). */
	if (q->method == HTTP_GET && takes_ranges(&k->answer) && etag_allows_range(q->if_range, etag))
		range = range_read(q->range, k->answer.size);
	if (range.kind == RANGE_OUTSIDE)
		return reply_outside(k);
	if (k->answer.object && q->method == HTTP_GET)
		k->sends = range.kind == RANGE_PART ? range.n : k->answer.size;
	if (range.kind == RANGE_PART)
		return reply_part(k, &range, etag);
	kept = replies_queue(replies, &k->answer, k->connection);
	if (kept)
		return kept > 0 ? MHD_YES : MHD_NO;
	return reply_whole(replies, k, etag);
}

static void write_etag(const struct answer *a, char out[IPFSREQ_ETAG_MAX])
{
	if (a->ipfs.kind != IPFSREQ_PLAIN)
		ipfsreq_etag(&a->ipfs, a->cid, out);
	else
		etag_text(&a->etag, out);
}

enum MHD_Result httpd_reply(struct replies *replies, struct client *k, const struct httpreq *q)
{
	const struct answer *a = &k->answer;
	char etag[IPFSREQ_ETAG_MAX];

	if (a->status == 503)
		return httpd_reply_retry(k->connection, a->why, a->retry_after_s);
	/* "return HTTP 412 if the root block is not immediately available": nothing is ever fetched for the asker here. */
	if (a->is_absent && cache_control_has(q->cache_control, "only-if-cached"))
		return httpd_reply_text(k->connection, 412, a->why);
	if (a->status != 200)
		return httpd_reply_text(k->connection, a->status, a->why);
	write_etag(a, etag);
	if (q->if_match.p && !etag_is_matched(q->if_match, etag))
		return httpd_reply_text(k->connection, 412, "it has another ETag");
	if (etag_is_in(q->if_none_match, etag))
		return reply_not_modified(k, etag);
	return reply_found(replies, k, q, etag);
}
