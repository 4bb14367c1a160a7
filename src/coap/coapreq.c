/* coapreq.c: see coapreq.h. */
#include "coap/coapreq.h"
#include "coap/option.h"

struct reading {
	struct coapreq *r;
	size_t segments;
	bool has_slash;		/* inside of a segment */
	const char *why;
};

/* The first of them as one text; "/" stands in front of each. Paths too long for the buffer name nothing. */
static uint8_t take_segment(struct reading *g, struct span s)
{
	struct coapreq *r = g->r;

	if (memchr(s.n ? (const char *)s.p : "", '/', s.n))
		g->has_slash = true;
	if (g->segments == 0 && s.n > 0 && s.p[0] == '/')
		s = span_cut(s, 1, s.n);
	g->segments++;
	if (r->path_n + 1 + s.n > sizeof r->path) {
		r->is_odd = true;
		return 0;
	}
	r->path[r->path_n++] = '/';
	if (s.n)
		memcpy(r->path + r->path_n, s.p, s.n);
	r->path_n += s.n;
	return 0;
}

static uint8_t take_block(struct reading *g, struct span value, struct blockwise *b, bool *has)
{
	if (blockwise_read(value, b, NULL)) {
		g->why = "block size exponent 7 is reserved";
		return PDU_BAD_REQUEST;
	}
	*has = true;
	return 0;
}

static uint8_t take_query(struct reading *g, struct span value)
{
	if (g->r->nqueries == COAP_QUERIES_MAX) {
		g->why = "too many queries";
		return PDU_BAD_REQUEST;
	}
	g->r->queries[g->r->nqueries++] = value;
	return 0;
}

static uint8_t take_option(struct reading *g, const struct option *o)
{
	struct coapreq *r = g->r;

	switch (o->number) {
	case OPTION_URI_PATH:
		return take_segment(g, o->value);
	case OPTION_URI_QUERY:
		return take_query(g, o->value);
	case OPTION_BLOCK1:
		return take_block(g, o->value, &r->block1, &r->has_block1);
	case OPTION_BLOCK2:
		return take_block(g, o->value, &r->block2, &r->has_block2);
	case OPTION_ACCEPT:
		r->accept = (int32_t)option_uint(o->value);
		return 0;
	case OPTION_CONTENT_FORMAT:
		r->format = (int32_t)option_uint(o->value);
		return 0;
	case OPTION_OBSERVE:
		r->observe = (int32_t)option_uint(o->value);
		return 0;
	case OPTION_ETAG:
		if (r->netags < COAPREQ_ETAGS_MAX)
			r->etags[r->netags++] = o->value;
		return 0;
	case OPTION_ECHO:
		r->echo = o->value;
		return 0;
	case OPTION_SIZE2:
		r->wants_size2 = true;
		return 0;
	case OPTION_PROXY_URI:
	case OPTION_PROXY_SCHEME:
		g->why = "no proxy";
		return PDU_NO_PROXY;
	case OPTION_IF_MATCH:
	case OPTION_IF_NONE_MATCH:	/* nothing here can be changed, so that a condition on it is a mistake */
		g->why = "condition not supported";
		return PDU_BAD_OPTION;
	default:			/* Uri-Host and Uri-Port: every name and port that reaches us is ours */
		return 0;
	}
}

static bool is_understood(const struct option *o, uint32_t previous)
{
	const struct option_rule *rule = option_rule(o->number);

	return rule && o->value.n >= rule->min && o->value.n <= rule->max &&
	       (rule->repeats || o->number != previous);
}

static uint8_t take_options(struct reading *g, struct span options)
{
	struct option_iter it = option_first(options);
	uint32_t previous = UINT32_MAX;
	struct option o;

	for (; option_next(&it, &o); previous = o.number) {
		uint8_t code = 0;

		if (is_understood(&o, previous))
			code = take_option(g, &o);
		else if (option_is_critical(o.number)) {
			g->why = "critical option not understood";
			code = PDU_BAD_OPTION;
		}
		if (code)
			return code;
	}
	return 0;
}

uint8_t coapreq_read(const struct pdu *pdu, struct coapreq *out, const char **why)
{
	struct reading g = { .r = out };
	uint8_t code;

	/* Not `*out = {}`: the arrays are large, and their counts say what is in them. */
	out->pdu = *pdu;
	out->path_n = out->nqueries = out->netags = 0;
	out->is_odd = out->has_block1 = out->has_block2 = out->wants_size2 = false;
	out->echo = SPAN(NULL, 0);
	out->accept = out->format = out->observe = COAPREQ_ANY;
	out->block1 = out->block2 = (struct blockwise){ .szx = BLOCKWISE_SZX_MAX };

	code = take_options(&g, pdu->options);
	if (code) {
		*why = g.why;
		return code;
	}
	if (g.segments == 0)
		out->path[out->path_n++] = '/';
	if (g.segments > 1 && g.has_slash)
		out->is_odd = true;
	return 0;
}

struct span coapreq_query(const struct coapreq *r, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < r->nqueries; i++) {
		struct span q = r->queries[i];

		if (q.n > n && memcmp(q.p, key, n) == 0 && q.p[n] == '=')
			return span_cut(q, n + 1, q.n);
	}
	return SPAN(NULL, 0);
}
