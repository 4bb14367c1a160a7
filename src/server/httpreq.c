/* httpreq.c: see httpreq.h.
 *
 * libmicrohttpd 0.9.75 cuts header lines at a NUL, joins folded ones and takes
 * bare line feeds, without a trace in what it hands over. But it parses in
 * place: request line and header lines stay where they were received, with the
 * delimiters overwritten by zeros. So each piece must begin exactly where the one before it
 * ended, and a gap of another length is one of those three. Versions from 0.9.76 on judge all that themselves, with
 * MHD_OPTION_CLIENT_DISCIPLINE_LVL, and are not looked at that way. */
#include "server/httpreq.h"

#include "server/clients.h"

#include <microhttpd.h>
#include <stddef.h>
#include <strings.h>

void *httpreq_note_target(void *clients, const char *uri, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct client *k = info ? info->socket_context : NULL;

	(void)clients;
	if (!k)
		return NULL;
	k->raw = uri;
	k->target_n = uri ? strlen(uri) : 0;
	memcpy(k->target, uri ? uri : "", k->target_n < HTTP_TARGET_MAX ? k->target_n : HTTP_TARGET_MAX);
	return k;
}

size_t httpreq_no_unescape(void *cls, struct MHD_Connection *connection, char *s)
{
	(void)cls, (void)connection;
	return strlen(s);
}

/* --- headers --- */

static const struct known {
	const char *name;
	size_t at;
	bool is_single;		/* twice is refused; of others the first counts */
} known[] = {
	{ "Host", offsetof(struct httpreq, host), true },
	{ "Content-Length", offsetof(struct httpreq, length), true },
	{ "Transfer-Encoding", offsetof(struct httpreq, transfer), true },
	{ "Content-Type", offsetof(struct httpreq, content_type), true },
	{ "Authorization", offsetof(struct httpreq, authorization), true },
	{ "Range", offsetof(struct httpreq, range), false },
	{ "If-Range", offsetof(struct httpreq, if_range), false },
	{ "If-Match", offsetof(struct httpreq, if_match), false },
	{ "If-None-Match", offsetof(struct httpreq, if_none_match), false },
	{ "Cache-Control", offsetof(struct httpreq, cache_control), false },
	{ "Accept", offsetof(struct httpreq, accept), false },
	{ "Gatepost-Device", offsetof(struct httpreq, device), false },
	{ "Origin", offsetof(struct httpreq, origin), true },
	{ "Sec-Fetch-Site", offsetof(struct httpreq, fetch_site), true },
};

/* A walk over the header. */
struct walk {
	struct httpreq *out;
	const char *why;	/* of the first broken rule; NULL: none */
	const char *next;	/* where the next line must begin; NULL: not to be checked */
};

static void break_rule(struct walk *w, const char *why)
{
	if (!w->why)
		w->why = why;
}

/* tchar of RFC 9110, 5.6.2 */
static bool is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char c = s[i];
		bool is_alnum = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!is_alnum && (c == 0 || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return n > 0;
}

static bool is_value(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint8_t c = (uint8_t)s[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* `name`, a zero where the colon was, blanks, `value`, two zeros where CR LF was. */
static void check_place(struct walk *w, const char *name, size_t name_n, const char *value, size_t value_n)
{
	if (!w->next)
		return;
	if (name != w->next)
		break_rule(w, "a header line has a NUL or is folded");
	for (const char *s = name + name_n + 1; s < value && !w->why; s++)
		if (*s != ' ' && *s != '\t')
			break_rule(w, "a header line has a NUL");
	/* There is always another line behind, at least the empty one, so that two bytes can be looked at. */
	if (!w->why && value[value_n + 1] != 0)
		break_rule(w, "a header line has a NUL, or ends without CR");
	w->next = value + value_n + 2;
}

static void keep(struct walk *w, const struct known *h, struct span value)
{
	struct span *at = (struct span *)(void *)((char *)w->out + h->at);

	if (at->p && h->is_single)
		break_rule(w, "a header that may come once came twice");
	if (!at->p)
		*at = value;
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_n, const char *value,
				 size_t value_n)
{
	struct walk *w = cls;

	(void)kind;
	if (!value) {
		value = "";
		value_n = 0;
		w->next = NULL;
	}
	if (!is_token(name, name_n))
		break_rule(w, "a header name is no token");
	if (!is_value(value, value_n))
		break_rule(w, "a header has control bytes");
	check_place(w, name, name_n, value, value_n);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strlen(known[i].name) == name_n && strncasecmp(known[i].name, name, name_n) == 0)
			keep(w, &known[i], SPAN(value, value_n));
	return MHD_YES;
}

/* Behind the last line comes the empty one: two zeros. A line ": x" looks to the library like the end. (A line of
 * nothing but a colon does too and cannot be told apart; what is behind it is then judged as a request of its own. Both bytes are
 * within its buffer: the last thing in that is never the header itself, but what the library knows of each line; and without
 * any line a request is far shorter than the buffer.) */
static void check_end(struct walk *w)
{
	if (w->next && (w->next[0] != 0 || w->next[1] != 0))
		break_rule(w, "a header line has no name, or the header ends without CR");
}

/* --- the request line --- */

static enum http_method method_of(const char *s)
{
	static const char *const names[] = {
		[HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD", [HTTP_POST] = "POST", [HTTP_PUT] = "PUT", [HTTP_DELETE] = "DELETE",
	};

	for (unsigned i = 0; i < HTTP_OTHER; i++)
		if (strcmp(s, names[i]) == 0)
			return (enum http_method)i;
	return HTTP_OTHER;
}

static bool parses_in_place(void)
{
	static const char seen[] = "0.9.75";

	return strncmp(MHD_get_version(), seen, sizeof seen - 1) == 0;
}

/* method, target and version, each a zero apart. */
static void check_line(struct walk *w, const struct client *k, const char *method, const char *version)
{
	if (!parses_in_place())
		return;
	if (k->raw != method + strlen(method) + 1 || version != k->raw + k->target_n + 1)
		break_rule(w, "the request line has a NUL or a space too many");
	if (version[strlen(version) + 1] != 0)
		break_rule(w, "the request line ends without CR");
	w->next = version + strlen(version) + 2;
}

static void check_framing(struct walk *w, const char *version)
{
	const struct httpreq *r = w->out;
	bool is_1_0 = strcmp(version, "HTTP/1.0") == 0;

	if (!r->host.p && !is_1_0)
		break_rule(w, "no Host");
	if (r->length.p && r->transfer.p)
		break_rule(w, "Content-Length and Transfer-Encoding");
	if (r->transfer.p && (is_1_0 || r->transfer.n != 7 || strncasecmp((const char *)r->transfer.p, "chunked", 7) != 0))
		break_rule(w, "a Transfer-Encoding that is not understood");
	for (size_t i = 0; i < r->length.n; i++)
		if (r->length.p[i] < '0' || r->length.p[i] > '9')
			break_rule(w, "Content-Length is no number");
}

unsigned httpreq_read(struct MHD_Connection *connection, const struct client *k, const char *method,
		      const char *version, struct httpreq *out, const char **why)
{
	struct walk w = { .out = out };
	int rc;

	*out = (struct httpreq){ .method = method_of(method) };
	*why = "the request target is too long";
	if (k->target_n > HTTP_TARGET_MAX)
		return 414;
	check_line(&w, k, method, version);
	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &w);
	check_end(&w);
	check_framing(&w, version);
	*why = w.why;
	if (w.why)
		return 400;
	rc = target_read(SPAN(k->target, k->target_n), &out->target, NULL);
	*why = "the request target is not a plain path";
	return rc ? 400 : 0;
}

bool httpreq_length(const struct httpreq *r, uint64_t *out)
{
	uint64_t v = 0;

	if (r->length.n == 0)
		return false;
	for (size_t i = 0; i < r->length.n; i++)
		v = v > UINT64_MAX / 10 - 1 ? UINT64_MAX / 10 : v * 10 + (uint64_t)(r->length.p[i] - '0');
	*out = v;
	return true;
}
