/* source_reply.c: what the head of a reply means. See source.h. */
#include "ipfs/source_own.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <time.h>

const char *source_verdict_name(enum source_verdict v)
{
	static const char *const names[] = {
		[SOURCE_READ] = "read",	  [SOURCE_NO_RANGE] = "no-range", [SOURCE_LACKS] = "lacks",   [SOURCE_NO_CAR] = "no-car",
		[SOURCE_LATER] = "later", [SOURCE_DENIES] = "denies",	  [SOURCE_BROKEN] = "broken",
	};

	return names[v];
}

static struct span trim(struct span s)
{
	while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
		s = span_cut(s, 1, s.n);
	while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
		s.n--;
	return s;
}

static bool is_same_word(struct span a, const char *b)
{
	return a.n == strlen(b) && strncasecmp((const char *)a.p, b, a.n) == 0;
}

/* Takes what stands before the next `mark` off the front; all of it when there is none. */
static struct span take_until(struct span *s, uint8_t mark)
{
	const uint8_t *at = s->n ? memchr(s->p, mark, s->n) : NULL;
	size_t n = at ? (size_t)(at - s->p) : s->n;
	struct span front = span_cut(*s, 0, n);

	*s = span_cut(*s, at ? n + 1 : n, s->n);
	return front;
}

static int take_parameter(struct span text, struct source_media *m, struct err *e)
{
	struct span name = trim(take_until(&text, '=')), value = trim(text);

	if (name.n == 0)
		return value.n == 0 ? ERR_OK : err_set(e, ERR_FORMAT, "a parameter without a name");
	if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
		value = span_cut(value, 1, value.n - 2);
	if (is_same_word(name, "order"))
		m->order = value;
	else if (is_same_word(name, "dups"))
		m->dups = value;
	else if (is_same_word(name, "version"))
		m->version = value;
	return ERR_OK;
}

int source_media_read(struct span text, struct source_media *out, struct err *e)
{
	struct source_media m = { .type = trim(take_until(&text, ';')) };
	const uint8_t *slash = m.type.n ? memchr(m.type.p, '/', m.type.n) : NULL;
	int rc = ERR_OK;

	if (!slash || slash == m.type.p || slash == m.type.p + m.type.n - 1)
		return err_set(e, ERR_FORMAT, "not a media type");
	/* No parameter that we read may hold a semicolon, so quotes need no care here. */
	while (rc == ERR_OK && text.n > 0)
		rc = take_parameter(take_until(&text, ';'), &m, e);
	if (rc == ERR_OK)
		*out = m;
	return rc;
}

static int64_t clamp_wait(int64_t ms)
{
	return ms < 1000 ? 1000 : ms > RETRY_AFTER_MAX_MS ? RETRY_AFTER_MAX_MS : ms;
}

/* RFC 9110 10.2.3: seconds, or an HTTP date; what cannot be read counts as not said. */
static int64_t wait_of(const struct source_reply *r)
{
	struct span text = trim(r->retry_after);
	char copy[40] = "";
	struct tm tm = { 0 };
	const char *end;

	if (text.n == 0 || text.n >= sizeof copy)
		return RETRY_AFTER_DEFAULT_MS;
	memcpy(copy, text.p, text.n);
	if (strspn(copy, "0123456789") == text.n)
		return clamp_wait(text.n > 9 ? RETRY_AFTER_MAX_MS : (int64_t)strtoul(copy, NULL, 10) * 1000);
	end = strptime(copy, "%a, %d %b %Y %H:%M:%S GMT", &tm);
	if (!end || *end || r->wall_ms == 0)
		return RETRY_AFTER_DEFAULT_MS;
	return clamp_wait((int64_t)timegm(&tm) * 1000 - r->wall_ms);
}

/* Statuses that mean the same whoever says them. NO_CAR is LACKS when a block was asked for. */
static const struct { unsigned status; enum source_verdict verdict; const char *why; } statuses[] = {
	{ 400, SOURCE_NO_CAR, "does not take the question" },
	{ 401, SOURCE_DENIES, "wants credentials" },
	{ 402, SOURCE_DENIES, "wants to be paid" },
	{ 403, SOURCE_DENIES, "forbids it" },
	{ 404, SOURCE_LACKS, "does not have it" },
	{ 405, SOURCE_NO_CAR, "does not take the question" },
	{ 406, SOURCE_NO_CAR, "does not give that format" },
	{ 408, SOURCE_LATER, "took too long" },
	{ 410, SOURCE_NO_CAR, "does not give it any more" },
	{ 413, SOURCE_NO_CAR, "finds it too large" },
	{ 415, SOURCE_NO_CAR, "does not give that format" },
	{ 416, SOURCE_NO_RANGE, "does not have that part of it" },
	{ 425, SOURCE_LATER, "finds it too early" },
	{ 429, SOURCE_LATER, "has had too many requests" },
	{ 451, SOURCE_DENIES, "may not give it" },
	{ 501, SOURCE_NO_CAR, "does not give that format" },
	{ 503, SOURCE_LATER, "is not available now" },
};

static void say(struct source_answer *a, enum source_verdict v, unsigned status, const char *why)
{
	a->verdict = v;
	snprintf(a->why, sizeof a->why, "%.120s (status %u)", why, status);
}

/* "bytes FROM-LAST/TOTAL" (RFC 9110, 14.4) with what was asked for. */
static int check_content_range(const struct source_request *req, const struct source_reply *r, struct err *e)
{
	char text[80] = "";
	uint64_t from, last, total = 0;

	if (r->content_range.n >= sizeof text)
		return err_set(e, ERR_FORMAT, "answers with a Content-Range of %zu characters", r->content_range.n);
	memcpy(text, r->content_range.p, r->content_range.n);
	if (sscanf(text, "bytes %" SCNu64 "-%" SCNu64 "/%" SCNu64, &from, &last, &total) < 2 || from != req->from || last < from)
		return err_set(e, ERR_RULE, "answers with another part than was asked for");
	if (req->total && total && total != req->total)
		return err_set(e, ERR_RULE, "has a file of %" PRIu64 " bytes, not %" PRIu64, total, req->total);
	return ERR_OK;
}

static void classify_failure(enum source_kind kind, enum source_ask ask, const struct source_reply *r,
			     struct source_answer *out)
{
	for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
		enum source_verdict v = statuses[i].verdict;

		if (statuses[i].status != r->status)
			continue;
		if (v == SOURCE_NO_CAR && ask != SOURCE_ASK_CAR)
			v = SOURCE_LACKS;
		/* An RPC says 500 for what it lacks: here it is the call that is not there, as behind a proxy with a list. */
		if (r->status == 404 && source_traits[kind].errors_are_500 && ask == SOURCE_ASK_CAR)
			v = SOURCE_NO_CAR;
		say(out, v, r->status, statuses[i].why);
		out->wait_ms = v == SOURCE_LATER ? wait_of(r) : 0;
		return;
	}
	if (r->status == 500 && source_traits[kind].errors_are_500)
		say(out, SOURCE_LACKS, r->status, "does not have it, or cannot give it");
	else if (r->status >= 300 && r->status < 400)
		say(out, SOURCE_BROKEN, r->status, "redirects elsewhere, which is not followed");
	else
		say(out, SOURCE_BROKEN, r->status, "failed");
}

/* Is the media type one of the question's? A CAR's promise about its order goes to out. */
static int check_media(const struct question *q, const struct source_reply *r, struct source_answer *out, struct err *e)
{
	struct source_media m = { 0 };
	bool fits = q->types[0] == NULL;

	if (fits)
		return ERR_OK;
	if (source_media_read(r->content_type, &m, e))
		return err_set(e, ERR_FORMAT, "answers without a media type");
	for (size_t i = 0; i < TYPES_MAX && q->types[i]; i++)
		fits |= is_same_word(m.type, q->types[i]);
	if (!fits && m.type.n > 60)	/* whole or not at all: half of a key could not be told to be one */
		return err_set(e, ERR_RULE, "answers with a media type of %zu characters", m.type.n);
	if (!fits)
		return err_set(e, ERR_RULE, "answers with %.*s", (int)m.type.n, (const char *)m.type.p);
	if (m.version.n > 0 && !span_is(m.version, "1"))
		return err_set(e, ERR_RULE, "answers with a CAR of another version");
	out->order = span_is(m.order, "dfs") && span_is(m.dups, "y") ? PLAN_DFS : PLAN_ANY;
	return ERR_OK;
}

static int check_success(const struct question *q, const struct source_request *req, const struct source_reply *r,
			 struct source_answer *out, struct err *e)
{
	struct span encoding = trim(r->content_encoding);

	if (encoding.n > 0 && !is_same_word(encoding, "identity"))
		return err_set(e, ERR_RULE, "answers with a content encoding, which was not asked for");
	if (r->content_length >= 0 && (uint64_t)r->content_length > req->body_max)
		return err_set(e, ERR_LIMIT, "announces %" PRId64 " bytes, at most %" PRIu64, r->content_length,
			       req->body_max);
	return check_media(q, r, out, e);
}

void source_classify(const struct source *s, const struct source_request *req, enum source_ask ask,
		     const struct source_reply *r, struct source_answer *out)
{
	bool is_part = r->status == 206 && req->has_range;
	struct err e = { 0 };

	*out = (struct source_answer){ .verdict = SOURCE_READ, .order = PLAN_ANY };
	if (r->status != 200 && !is_part)
		classify_failure(s->kind, ask, r, out);
	else if (check_success(&source_traits[s->kind].ask[ask], req, r, out, &e) || (is_part && check_content_range(req, r, &e)))
		say(out, SOURCE_BROKEN, r->status, e.msg);
	else if (!is_part && req->from > 0)
		say(out, SOURCE_NO_RANGE, r->status, "does not give parts of it, or it has changed");
}
