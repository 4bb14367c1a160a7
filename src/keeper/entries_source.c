/* entries_source.c: see entries_source.h. */
#include "keeper/entries_source.h"
#include "base/buf.h"
#include "base/cleanup.h"

#include <string.h>

bool entries_source_of(const struct conf_source *s, struct fetch_source *source, struct entries_source *out)
{
	bool is_template = s->entries[0] != '\0';

	if (!is_template && s->kind != CONF_PEER)
		return false;
	*out = (struct entries_source){ .url = is_template ? s->entries : s->url, .is_template = is_template, .source = source,
		.token = !is_template && s->token[0] ? s->token : NULL };
	return true;
}

static bool is_before(const struct entries_source *a, const struct entries_source *b)
{
	return b->source && (!a->source || a->source->priority < b->source->priority);
}

void entries_source_sort(struct entries_source *all, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		struct entries_source s = all[i];
		size_t at = i;

		for (; at > 0 && is_before(&s, &all[at - 1]); at--)
			all[at] = all[at - 1];
		all[at] = s;
	}
}

static const char *put_name(struct buf *b, const char *at, const char *product)
{
	const char *slash = strchr(product, '/');

	if (strncmp(at, "{vendor}", 8) == 0) {
		buf_add(b, SPAN(product, (size_t)(slash - product)));
		return at + 8;
	}
	if (strncmp(at, "{model}", 7) == 0) {
		buf_str(b, slash + 1);
		return at + 7;
	}
	buf_byte(b, (uint8_t)*at);
	return at + 1;
}

int entries_source_url(const struct entries_source *s, const char *product, char out[ENTRIES_URL_MAX], struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(ENTRIES_URL_MAX);
	size_t n = strlen(s->url);
	int rc;

	while (!s->is_template && n > 0 && s->url[n - 1] == '/')
		n--;
	for (const char *at = s->url; at < s->url + n;)
		at = s->is_template ? put_name(&b, at, product) : (buf_byte(&b, (uint8_t)*at), at + 1);
	if (!s->is_template)
		buf_fmt(&b, "/entries/%s", product);
	buf_byte(&b, '\0');
	rc = buf_ok(&b, e);
	if (!rc)
		memcpy(out, b.p, b.n);
	return rc;
}
