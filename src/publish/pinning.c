/* pinning.c: see pinning.h. */
#include "publish/pinning.h"
#include "publish/patience.h"
#include "base/cleanup.h"
#include "base/limits.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define REPLY_MAX (256 * KIB)	/* ten pins with twenty delegates each take 20 KiB */
#define CALL_MS 60000
#define POLL_MAX_MS 5000
#define ID_MAX 256		/* bytes of a request's id; a UUID has 36 */
#define URL_MAX (TARGET_WHERE_MAX + 3 * ID_MAX + 2 * CID_TEXT_MAX + 64)

static void json_free(json_t **j)
{
	json_decref(*j);
}

enum pin_status { PIN_QUEUED, PIN_PINNING, PIN_PINNED, PIN_FAILED, PIN_STATUSES };
static const char *const status_names[PIN_STATUSES] = { "queued", "pinning", "pinned", "failed" };

struct pin {
	char id[ID_MAX + 1];
	enum pin_status status;
	char details[TARGET_QUOTE_MAX];
};

struct run {
	const struct pinning_job *job;
	struct patience patience;
	struct pin pin;
};

/* --- one question --- */

/* {"error":{"reason":"INSUFFICIENT_FUNDS","details":"…"}} as " INSUFFICIENT_FUNDS: …"; "" when it is nothing of the kind. */
static void error_words(const struct target *t, const json_t *answer, char out[TARGET_QUOTE_MAX + 2])
{
	const json_t *error = json_object_get(answer, "error");
	const char *reason = json_string_value(json_object_get(error, "reason"));
	const char *details = json_string_value(json_object_get(error, "details"));
	char words[TARGET_QUOTE_MAX], quoted[TARGET_QUOTE_MAX];

	out[0] = '\0';
	if (!reason && !details)
		return;
	snprintf(words, sizeof words, "%s%s%s", reason ? reason : "", reason && details ? ": " : "", details ? details : "");
	snprintf(out, TARGET_QUOTE_MAX + 2, ": %s", target_quote(t, words, quoted));
}

/* What a status other than the one hoped for means. */
static int refusal(const struct target *t, unsigned status, const json_t *answer, struct err *e)
{
	char words[TARGET_QUOTE_MAX + 2];

	error_words(t, answer, words);
	if (status == 401 || status == 403)
		return err_set(e, ERR_DENIED, "HTTP status %u, it wants another token%s", status, words);
	if (status >= 300 && status < 400)
		return err_set(e, ERR_NET, "HTTP status %u, a redirect, which is not followed", status);
	if (status >= 400 && status < 500 && status != 429)
		return err_set(e, ERR_RULE, "HTTP status %u, it refuses%s", status, words);
	return err_set(e, ERR_NET, "HTTP status %u%s", status, words);
}

/* body NULL: a GET. *answer is the caller's, an object. */
static int ask(struct run *r, const char *url, const char *body, json_t **answer, struct err *e)
{
	AUTO(web_reply_free) struct web_reply reply = { 0 };
	AUTO(json_free) json_t *said = NULL;
	char token[TARGET_BEARER_MAX];
	const char *bearer = target_bearer(r->job->target, token);
	int64_t left = patience_left_ms(&r->patience);
	struct web_ask q = {
		.method = body ? "POST" : "GET", .url = url, .body = span_str(body), .reply_max = REPLY_MAX,
		.lines = { "Accept: application/json", body ? "Content-Type: application/json" : bearer, body ? bearer : NULL },
		.total_ms = left && left < CALL_MS ? left : CALL_MS,
	};
	int rc = web_call(r->job->web, &q, &reply, e);

	if (rc)
		return rc;
	said = json_loadb((const char *)reply.body.p, reply.body.n, 0, NULL);
	if (reply.status != 200 && reply.status != 202)
		return refusal(r->job->target, reply.status, said, e);
	if (!json_is_object(said))
		return err_set(e, ERR_NET, "the answer is no JSON object");
	*answer = STEAL_PTR(said);
	return ERR_OK;
}

/* --- a PinStatus --- */

static int read_status(const char *text, enum pin_status *out, struct err *e)
{
	for (int i = 0; text && i < PIN_STATUSES; i++)
		if (strcmp(text, status_names[i]) == 0) {
			*out = (enum pin_status)i;
			return ERR_OK;
		}
	return err_set(e, ERR_NET, "the answer's status is none of queued, pinning, pinned and failed");
}

static const char *cid_of_pin(const json_t *o)
{
	return json_string_value(json_object_get(json_object_get(o, "pin"), "cid"));
}

static int read_pin(const struct run *r, const json_t *o, struct pin *out, struct err *e)
{
	const char *id = json_string_value(json_object_get(o, "requestid"));
	const char *details = json_string_value(json_object_get(json_object_get(o, "info"), "status_details"));
	struct pin pin = { .details = "" };
	int rc = pack_check_root(r->job->pack, cid_of_pin(o), "the pin", e);

	if (!rc)
		rc = read_status(json_string_value(json_object_get(o, "status")), &pin.status, e);
	if (!rc && (!id || strlen(id) > ID_MAX || id[strspn(id, ".")] == '\0'))	/* "." and ".." mean something in a path */
		rc = err_set(e, ERR_NET, "the answer has no requestid of 1 to %d bytes", ID_MAX);
	if (rc)
		return rc;
	snprintf(pin.id, sizeof pin.id, "%s", id);
	if (details)
		target_quote(r->job->target, details, pin.details);
	*out = pin;
	return ERR_OK;
}

/* --- asked for already? --- */

/* Services compare texts: both names of a dag-pb block. */
static void put_names(const struct pack *p, char *out, size_t size)
{
	char own[CID_TEXT_MAX], other[CID_TEXT_MAX];
	struct cid twin = p->root;

	twin.version = !twin.version;
	if (p->root.codec == CID_DAG_PB)
		snprintf(out, size, "%s,%s", cid_text(&p->root, own), cid_text(&twin, other));
	else
		snprintf(out, size, "%s", cid_text(&p->root, own));
}

/* One that failed is no use: it is asked for again. A service that knows no filters may list anything. */
static int find(struct run *r, bool *found, struct err *e)
{
	char url[URL_MAX], names[2 * CID_TEXT_MAX];
	AUTO(json_free) json_t *answer = NULL;
	const json_t *item;
	size_t i;
	int rc;

	put_names(r->job->pack, names, sizeof names);
	snprintf(url, sizeof url, "%s/pins?cid=%s&status=queued,pinning,pinned&limit=10", r->job->target->where, names);
	rc = ask(r, url, NULL, &answer, e);
	if (rc)
		return rc;
	json_array_foreach(json_object_get(answer, "results"), i, item)
		if (read_pin(r, item, &r->pin, NULL) == ERR_OK && r->pin.status != PIN_FAILED) {
			*found = true;
			return ERR_OK;
		}
	*found = false;
	return ERR_OK;
}

/* --- asking for it --- */

static int request(struct run *r, struct err *e)
{
	const struct pinning_job *j = r->job;
	char url[URL_MAX], cid[CID_TEXT_MAX];
	AUTO(json_free) json_t *answer = NULL;
	AUTO(json_free) json_t *pin = json_pack("{s:s, s:s}", "cid", cid_text(&j->pack->root, cid), "name", j->name);
	autofree char *body = NULL;
	int rc;

	if (j->meta)
		json_object_set(pin, "meta", j->meta);
	if (j->origins && json_array_size(j->origins))
		json_object_set(pin, "origins", j->origins);
	body = json_dumps(pin, JSON_COMPACT);
	if (!body)
		return err_set(e, ERR_MEMORY, "out of memory");
	snprintf(url, sizeof url, "%s/pins", j->target->where);
	rc = ask(r, url, body, &answer, e);
	return rc ? rc : read_pin(r, answer, &r->pin, e);
}

/* --- until it is done --- */

/* An id is whatever the service likes: in a path everything but the unreserved characters is escaped (RFC 3986, 2.3). */
static void put_escaped(const char *id, char *out)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (; *id; id++)
		if (strchr(plain, *id))
			*out++ = *id;
		else
			out += snprintf(out, 4, "%%%02X", (unsigned char)*id);
	*out = '\0';
}

static int look(struct run *r, struct err *e)
{
	char url[URL_MAX];
	AUTO(json_free) json_t *answer = NULL;
	int n = snprintf(url, sizeof url, "%s/pins/", r->job->target->where), rc;

	put_escaped(r->pin.id, url + n);
	rc = ask(r, url, NULL, &answer, e);
	return rc ? rc : read_pin(r, answer, &r->pin, e);
}

static int too_late(const struct run *r, const struct err *last, struct err *e)
{
	return err_set(e, ERR_NET, "after %" PRId64 " s it is still %s%s%.120s; the service goes on by itself, and the same command looks again",
		       r->job->wait_ms / 1000, status_names[r->pin.status], last->msg[0] ? ", and last: " : "", last->msg);
}

/* A service that fails to answer meanwhile is asked again: it has the request. */
static int await(struct run *r, struct err *e)
{
	struct err last = { 0 };

	for (;;) {
		int rc;

		if (r->pin.status == PIN_PINNED)
			return ERR_OK;
		if (r->pin.status == PIN_FAILED)
			return err_set(e, ERR_RULE, "it failed to pin%s%s", r->pin.details[0] ? ": " : "", r->pin.details);
		if (!patience_pause(&r->patience))
			return too_late(r, &last, e);
		last.msg[0] = '\0';
		rc = look(r, &last);
		if (rc && rc != ERR_NET)
			return err_tell(e, &last);
	}
}

int pinning_pin(const struct pinning_job *job, struct err *e)
{
	struct run r = { .job = job, .patience = patience_of(job->wait_ms, POLL_MAX_MS) };
	bool found = false;
	int rc = find(&r, &found, e);

	if (!rc && !found)
		rc = request(&r, e);
	return rc ? rc : await(&r, e);
}
