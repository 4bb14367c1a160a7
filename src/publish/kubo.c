/* kubo.c: see kubo.h. Reading back is in readback.c. */
#include "publish/kubo.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/limits.h"
#include "formats/secret.h"
#include "net/address.h"

#include <stdio.h>
#include <string.h>

#define REPLY_MAX (64 * KIB)	/* a line for each root; we have one */
#define CALL_MS (10 * 60 * 1000)
#define LOOK_MS 30000		/* it looks on its own disk only */
#define SLOWEST 16384		/* bytes a second: below that an upload is hopeless */

struct upload {
	struct pack_car car;
	struct span head, tail;	/* of the multipart body, around the CAR */
	const struct pack_watch *watch;
	uint64_t total;
};

static int on_send(void *arg, uint8_t *out, size_t cap, size_t *n, struct err *e)
{
	struct upload *u = arg;
	size_t done = span_drain(&u->head, out, cap), of_car = 0;
	int rc = done < cap ? pack_car_read(&u->car, out + done, cap - done, &of_car, e) : ERR_OK;

	if (rc)
		return rc;
	done += of_car;
	if (done < cap)
		done += span_drain(&u->tail, out + done, cap - done);
	if (u->watch)
		u->watch->progress(u->watch->arg, u->car.sent, u->total);
	*n = done;
	return ERR_OK;
}

/* An answer's status in words; nodes add a sentence, {"Message":"…"}. */
static int check_status(const struct target *t, const struct web_reply *r, const char *what, struct err *e)
{
	char quoted[TARGET_QUOTE_MAX] = "";
	const char *said;
	json_t *answer;

	if (r->status == 200)
		return ERR_OK;
	answer = json_loadb((const char *)r->body.p, r->body.n, 0, NULL);
	said = json_string_value(json_object_get(answer, "Message"));
	if (said)
		target_quote(t, said, quoted);
	json_decref(answer);
	if (r->status == 401 || r->status == 402 || r->status == 403)
		return err_set(e, ERR_DENIED, "%s: HTTP status %u: it wants another token%s%s", what, r->status, quoted[0] ? ": " : "", quoted);
	return err_set(e, ERR_NET, "%s: HTTP status %u%s%s", what, r->status, quoted[0] ? ": " : "", quoted);
}

/* {"Root":{"Cid":{"/":"bafy…"},"PinErrorMsg":""}} on one of the lines. Others (Stats, say) are passed over. */
static int read_import(struct span body, const struct pack *p, struct err *e)
{
	while (body.n) {
		const uint8_t *end = memchr(body.p, '\n', body.n);
		size_t n = end ? (size_t)(end - body.p) : body.n;
		json_t *line = json_loadb((const char *)body.p, n, 0, NULL);
		const json_t *root = json_object_get(line, "Root");
		const char *text = json_string_value(json_object_get(json_object_get(root, "Cid"), "/"));
		int rc = root ? pack_check_root(p, text, "dag/import", e) : ERR_OK;
		bool found = root != NULL;

		json_decref(line);
		if (found)
			return rc;
		body = span_cut(body, n + 1, body.n);
	}
	return err_set(e, ERR_NET, "dag/import: the answer names no root");
}

#define BOUNDARY_MAX 48

/* Random, so that no firmware has it in it. */
static int make_boundary(char out[BOUNDARY_MAX], struct err *e)
{
	uint8_t random[16];
	int rc = secret_random(random, sizeof random, e);

	if (!rc) {
		memcpy(out, "gatepost-", 9);
		hex_str(SPAN_OF(random), out + 9);
	}
	return rc;
}

static int import(struct web *web, const struct target *t, const struct pack *p, const struct pack_watch *watch,
		  uint64_t *sent, struct err *e)
{
	char url[TARGET_WHERE_MAX + 64], boundary[BOUNDARY_MAX], type[96], head[256], tail[64];
	char token[TARGET_BEARER_MAX];
	struct upload u = { .watch = watch, .total = p->car_size };
	AUTO(web_reply_free) struct web_reply reply = { 0 };
	int rc = make_boundary(boundary, e);

	*sent = 0;
	if (rc)
		return rc;
	snprintf(url, sizeof url, "%s/api/v0/dag/import", t->where);
	snprintf(type, sizeof type, "Content-Type: multipart/form-data; boundary=%s", boundary);
	snprintf(head, sizeof head, "--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"image.car\"\r\n"
		 "Content-Type: application/octet-stream\r\n\r\n", boundary);
	snprintf(tail, sizeof tail, "\r\n--%s--\r\n", boundary);
	u.head = span_str(head);
	u.tail = span_str(tail);
	pack_car_init(&u.car, p, false);
	struct web_ask ask = {
		.method = "POST", .url = url, .lines = { type, target_bearer(t, token) },
		.send = on_send, .send_length = u.head.n + p->car_size + u.tail.n,
		.reply_max = REPLY_MAX, .total_ms = CALL_MS + (int64_t)(p->car_size / SLOWEST * 1000), .arg = &u,
	};
	rc = web_call(web, &ask, &reply, e);
	*sent = u.car.sent;
	pack_car_fini(&u.car);
	if (!rc)
		rc = check_status(t, &reply, "dag/import", e);
	return rc ? rc : read_import(buf_span(&reply.body), p, e);
}

/* A POST without a body. The node's answer, whatever its status. */
static int ask(struct web *web, const struct target *t, const char *url, int64_t total_ms, struct web_reply *reply,
	       struct err *e)
{
	char token[TARGET_BEARER_MAX];
	struct web_ask q = {
		.method = "POST", .url = url, .lines = { target_bearer(t, token) }, .reply_max = REPLY_MAX, .total_ms = total_ms,
	};

	return web_call(web, &q, reply, e);
}

static int pin(struct web *web, const struct target *t, const struct pack *p, struct err *e)
{
	char url[TARGET_WHERE_MAX + CID_TEXT_MAX + 64], text[CID_TEXT_MAX];
	AUTO(web_reply_free) struct web_reply reply = { 0 };
	json_t *answer;
	int rc;

	snprintf(url, sizeof url, "%s/api/v0/pin/add?arg=%s&recursive=true", t->where, cid_text(&p->root, text));
	rc = ask(web, t, url, CALL_MS, &reply, e);
	if (!rc)
		rc = check_status(t, &reply, "pin/add", e);
	if (rc)
		return rc;
	answer = json_loadb((const char *)reply.body.p, reply.body.n, 0, NULL);
	rc = pack_check_root(p, json_string_value(json_array_get(json_object_get(answer, "Pins"), 0)), "pin/add", e);
	json_decref(answer);
	return rc;
}

int kubo_upload(struct web *web, const struct target *t, const struct pack *p, const struct pack_watch *watch,
		uint64_t *sent, struct err *e)
{
	int rc = import(web, t, p, watch, sent, e);

	return rc ? rc : pin(web, t, p, e);
}

/* 200 is yes. Others say in many ways that it has not, or that it does not know the question; an upload will tell. Blocks without a
 * pin are not asked for: an import pins its root, and some nodes wait for ever for a block that they lack. */
int kubo_look(struct web *web, const struct target *t, const struct pack *p, bool *is_pinned, struct err *e)
{
	char url[TARGET_WHERE_MAX + CID_TEXT_MAX + 64], text[CID_TEXT_MAX];
	AUTO(web_reply_free) struct web_reply reply = { 0 };
	int rc;

	snprintf(url, sizeof url, "%s/api/v0/pin/ls?arg=%s&type=recursive", t->where, cid_text(&p->root, text));
	rc = ask(web, t, url, LOOK_MS, &reply, e);
	if (!rc && (reply.status == 401 || reply.status == 402 || reply.status == 403))
		rc = check_status(t, &reply, "pin/ls", e);
	if (!rc)
		*is_pinned = reply.status == 200;
	return rc;
}

/* --- where it can be reached --- */

#define MULTIADDR_MAX 256	/* with a relay and two peer ids some 200 */

/* "/ip4/ADDRESS/…", "/ip6/ADDRESS/…" and "/dns…/NAME/…". */
static bool is_public(const char *multiaddr)
{
	char address[MULTIADDR_MAX];
	size_t n;

	if (strlen(multiaddr) >= MULTIADDR_MAX)
		return false;
	if (strncmp(multiaddr, "/dns", 4) == 0)
		return true;
	if (strncmp(multiaddr, "/ip4/", 5) != 0 && strncmp(multiaddr, "/ip6/", 5) != 0)
		return false;
	n = strcspn(multiaddr + 5, "/");
	memcpy(address, multiaddr + 5, n);
	address[n] = '\0';
	return !address_text_is_private(address);
}

void kubo_addresses(struct web *web, const struct target *t, json_t *out, size_t max)
{
	AUTO(web_reply_free) struct web_reply reply = { 0 };
	char url[TARGET_WHERE_MAX + 64];
	json_t *answer, *item;
	size_t i;

	snprintf(url, sizeof url, "%s/api/v0/id", t->where);
	if (ask(web, t, url, LOOK_MS, &reply, NULL) != ERR_OK || reply.status != 200)
		return;
	answer = json_loadb((const char *)reply.body.p, reply.body.n, 0, NULL);
	json_array_foreach(json_object_get(answer, "Addresses"), i, item)
		if (json_is_string(item) && json_array_size(out) < max && is_public(json_string_value(item)))
			json_array_append(out, item);
	json_decref(answer);
}
