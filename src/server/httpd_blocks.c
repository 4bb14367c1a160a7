/* httpd_blocks.c: see httpd_blocks.h. */
#include "server/httpd_blocks.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "server/accept.h"
#include "server/clients.h"
#include "server/httpd_reply.h"
#include "server/share.h"

#include <stdio.h>

/* --- headers --- */

static void add_fmt(struct MHD_Response **r, const char *name, const char *before, struct span cid, const char *after)
{
	char text[CID_TEXT_MAX + 64];

	snprintf(text, sizeof text, "%s%.*s%s", before, (int)cid.n, (const char *)cid.p, after);
	httpd_add(r, name, text);
}

void httpd_blocks_add_name(struct MHD_Response **r, const struct answer *a)
{
	add_fmt(r, "X-Ipfs-Path", "/ipfs/", a->cid, "");
	add_fmt(r, "X-Ipfs-Roots", "", a->cid, "");
	/* One path, and Accept decides what is under it. */
	httpd_add(r, "Vary", "Accept");
}

void httpd_blocks_add_kind(struct MHD_Response **r, const struct answer *a)
{
	bool is_car = a->ipfs.kind == IPFSREQ_CAR;
	char location[IPFSREQ_LOCATION_MAX];

	httpd_add(r, "X-Content-Type-Options", "nosniff");
	if (a->ipfs.kind == IPFSREQ_PLAIN) {
		httpd_add(r, "Content-Type", accept_type_of(a->format));
		return;
	}
	httpd_add(r, "Content-Type", ipfsreq_type(&a->ipfs));
	add_fmt(r, "Content-Disposition", "attachment; filename=\"", a->cid, is_car ? ".car\"" : ".bin\"");
	if (a->ipfs.is_by_accept)
		httpd_add(r, "Content-Location", ipfsreq_location(&a->ipfs, a->cid, location));
	httpd_add(r, "Accept-Ranges", is_car ? "none" : "bytes");
}

/* --- bodies --- */

static ssize_t on_read(void *share, uint64_t pos, char *out, size_t max)
{
	struct err e = { 0 };
	size_t n;

	(void)pos;
	if (share_read(share, (uint8_t *)out, max, &n, &e) == ERR_OK)
		return (ssize_t)n;
	/* Cut short: the client sees fewer bytes than announced, and never wrong ones. */
	log_unusual("server", "blocks were cut short", "why=\"%s\"", e.msg);
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static void on_read_end(void *share)
{
	share_free(share);
}

static ssize_t on_read_nothing(void *cls, uint64_t pos, char *out, size_t max)
{
	(void)cls, (void)pos, (void)out, (void)max;
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

static int begin(struct share *s, uint64_t first)
{
	struct err e = { 0 };
	int rc = share_begin(s, &e);

	if (rc == ERR_OK)
		share_skip(s, first);
	else if (rc != ERR_BUSY)
		log_unusual("server", "a block is not given out", "why=\"%s\"", e.msg);
	return rc;
}

int httpd_blocks_body(struct client *k, uint64_t first, uint64_t n, struct MHD_Response **out)
{
	struct share *s = STEAL_PTR(k->answer.share);
	bool is_head = k->req.method == HTTP_HEAD;
	int rc = is_head ? ERR_OK : begin(s, first);

	*out = NULL;
	if (rc == ERR_OK && !is_head)
		*out = MHD_create_response_from_callback(n, HTTP_READ_SIZE, on_read, s, on_read_end);
	if (!*out)
		share_free(s);
	if (is_head)
		*out = MHD_create_response_from_callback(n, HTTP_READ_SIZE, on_read_nothing, NULL, NULL);
	return rc || *out ? rc : ERR_MEMORY;
}
