/* report.c: see report.h. Both encodings end in the same setters, so that they refuse the same things. */
#include "server/report.h"

#include "base/cleanup.h"
#include "base/utf8.h"
#include "formats/cbor.h"
#include "server/devpath.h"

#include <jansson.h>

enum { HAS_DEVICE = 1, HAS_SEQUENCE = 2, HAS_STATE = 4, HAS_REASON = 8, HAS_PROGRESS = 16 };
#define HAS_REQUIRED (HAS_SEQUENCE | HAS_STATE)

static int set_device(struct report *r, struct span s, struct err *e)
{
	if (!devpath_is_device(s))
		return err_set(e, ERR_FORMAT, "device: not 1 to %d of A-Z a-z 0-9 . _ : -", DEVICE_ID_MAX);
	memcpy(r->device, s.p, s.n);
	r->device[s.n] = 0;
	return ERR_OK;
}

static int set_sequence(struct report *r, uint64_t sequence, struct err *e)
{
	if (sequence > INT64_MAX)
		return err_set(e, ERR_FORMAT, "sequence: too large");
	r->sequence = sequence;
	return ERR_OK;
}

static int set_progress(struct report *r, uint64_t progress, struct err *e)
{
	if (progress > 100)
		return err_set(e, ERR_FORMAT, "progress: not 0 to 100");
	r->progress = (uint8_t)progress;
	return ERR_OK;
}

/* Reasons are for people: what is not printable becomes a space, what is too long is cut. */
static int set_reason(struct report *r, struct span s, struct err *e)
{
	size_t at = 0;

	(void)e;
	while (s.n) {
		size_t n = utf8_next(s);
		struct span one = span_cut(s, 0, n ? n : 1);

		if (at + one.n > REPORT_REASON_MAX)
			break;
		if (n && utf8_is_printable(one)) {
			memcpy(r->reason + at, one.p, one.n);
			at += one.n;
		} else {
			r->reason[at++] = ' ';
		}
		s = span_cut(s, one.n, s.n);
	}
	r->reason[at] = 0;
	return ERR_OK;
}

static unsigned member(struct span name)
{
	static const struct {
		const char *name;
		unsigned bit;
	} members[] = {
		{ "device", HAS_DEVICE }, { "sequence", HAS_SEQUENCE }, { "state", HAS_STATE },
		{ "reason", HAS_REASON }, { "progress", HAS_PROGRESS },
	};

	for (size_t i = 0; i < sizeof members / sizeof *members; i++)
		if (span_is(name, members[i].name))
			return members[i].bit;
	return 0;
}

static int set_text(struct report *r, unsigned which, struct span s, struct err *e)
{
	switch (which) {
	case HAS_DEVICE:
		return set_device(r, s, e);
	case HAS_STATE:
		return report_state_read(s, &r->state, e);
	default:
		return set_reason(r, s, e);
	}
}

static int set_number(struct report *r, unsigned which, uint64_t n, struct err *e)
{
	return which == HAS_SEQUENCE ? set_sequence(r, n, e) : set_progress(r, n, e);
}

static bool is_number(unsigned which)
{
	return which == HAS_SEQUENCE || which == HAS_PROGRESS;
}

static int finish(struct report *r, unsigned has, struct report *out, struct err *e)
{
	if ((has & HAS_REQUIRED) != HAS_REQUIRED)
		return err_set(e, ERR_FORMAT, "report: sequence and state are required");
	if (!(has & HAS_PROGRESS))
		r->progress = 255;
	*out = *r;
	return ERR_OK;
}

static int check_length(struct span body, struct err *e)
{
	return body.n > REPORT_MAX ? err_set(e, ERR_LIMIT, "report: over %d bytes", REPORT_MAX) : ERR_OK;
}

static void free_json(json_t **j)
{
	json_decref(*j);
}

static int set_json(struct report *r, unsigned which, json_t *value, struct err *e)
{
	if (is_number(which)) {
		if (!json_is_integer(value) || json_integer_value(value) < 0)
			return err_set(e, ERR_FORMAT, "report: a number is not an integer from 0 on");
		return set_number(r, which, (uint64_t)json_integer_value(value), e);
	}
	if (!json_is_string(value))
		return err_set(e, ERR_FORMAT, "report: a text is not a string");
	return set_text(r, which, SPAN(json_string_value(value), json_string_length(value)), e);
}

int report_read_json(struct span body, struct report *out, struct err *e)
{
	struct report r = { 0 };
	unsigned has = 0;
	AUTO(free_json) json_t *root = NULL;
	const char *key;
	json_t *value;
	int rc = check_length(body, e);

	if (rc)
		return rc;
	root = json_loadb((const char *)body.p, body.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
	if (!json_is_object(root))
		return err_set(e, ERR_FORMAT, "report: not a JSON object with each member once");
	json_object_foreach(root, key, value) {
		unsigned which = member(span_str(key));

		if (!which || json_is_null(value))
			continue;
		rc = set_json(&r, which, value, e);
		if (rc)
			return rc;
		has |= which;
	}
	return finish(&r, has, out, e);
}

static int set_cbor(struct report *r, unsigned which, struct cbor *c, struct err *e)
{
	struct span text = { NULL, 0 };
	uint64_t number = 0;
	int rc;

	if (is_number(which))
		number = cbor_uint(c);
	else
		text = cbor_text(c);
	rc = cbor_ok(c, e);
	if (rc)
		return rc;
	return is_number(which) ? set_number(r, which, number, e) : set_text(r, which, text, e);
}

int report_read_cbor(struct span body, struct report *out, struct err *e)
{
	struct report r = { 0 };
	struct cbor c = cbor_lenient(body);
	struct cbor_map m = cbor_map(&c);
	struct span key;
	unsigned has = 0;
	int rc = check_length(body, e);

	while (!rc && cbor_map_text(&c, &m, &key)) {
		unsigned which = member(key);

		if (has & which)
			return err_set(e, ERR_FORMAT, "report: a member twice");
		if (!which || cbor_is_null(&c)) {
			cbor_skip(&c);
			continue;
		}
		rc = set_cbor(&r, which, &c, e);
		has |= which;
	}
	if (!rc)
		rc = cbor_done(&c, e);
	return rc ? rc : finish(&r, has, out, e);
}
