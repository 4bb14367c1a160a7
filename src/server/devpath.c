/* devpath.c: see devpath.h. */
#include "server/devpath.h"

#include "base/hex.h"
#include "base/limits.h"

static const struct {
	const char *name;
	enum devpath_kind kind;
} leaves[] = {
	{ "image", DEVPATH_IMAGE }, { "info", DEVPATH_INFO }, { "freshness", DEVPATH_FRESHNESS }, { "report", DEVPATH_REPORT },
};

static bool is_lower_or_digit(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_name(struct span s)
{
	if (s.n == 0 || s.n > NAME_PART_MAX || !is_lower_or_digit(s.p[0]))
		return false;
	for (size_t i = 1; i < s.n; i++)
		if (!is_lower_or_digit(s.p[i]) && s.p[i] != '.' && s.p[i] != '_' && s.p[i] != '-')
			return false;
	return true;
}

bool devpath_is_device(struct span id)
{
	if (id.n == 0 || id.n > DEVICE_ID_MAX)
		return false;
	for (size_t i = 0; i < id.n; i++) {
		uint8_t c = id.p[i];

		if (!is_lower_or_digit(c) && !(c >= 'A' && c <= 'Z') && c != '.' && c != '_' && c != ':' && c != '-')
			return false;
	}
	return true;
}

static bool take_prefix(struct span *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->n < n || memcmp(s->p, prefix, n) != 0)
		return false;
	*s = span_cut(*s, n, s->n);
	return true;
}

/* The front of *s up to the next slash or the end; *more: there was a slash. */
static struct span take_segment(struct span *s, bool *more)
{
	const uint8_t *slash = s->n ? memchr(s->p, '/', s->n) : NULL;
	size_t n = slash ? (size_t)(slash - s->p) : s->n;
	struct span segment = span_cut(*s, 0, n);

	*more = slash != NULL;
	*s = span_cut(*s, n + (slash ? 1 : 0), s->n);
	return segment;
}

static enum devpath_kind leaf(struct span name)
{
	for (size_t i = 0; i < sizeof leaves / sizeof *leaves; i++)
		if (span_is(name, leaves[i].name))
			return leaves[i].kind;
	return DEVPATH_NONE;
}

/* What follows "/fw/": vendor, model, and perhaps a leaf. */
static void read_product(struct devpath *d, struct span rest)
{
	struct span whole = rest, vendor, model;
	bool more;

	vendor = take_segment(&rest, &more);
	if (!more || !is_name(vendor))
		return;
	model = take_segment(&rest, &more);
	if (!is_name(model))
		return;
	d->product = span_cut(whole, 0, vendor.n + 1 + model.n);
	d->kind = more ? leaf(rest) : DEVPATH_MANIFEST;
}

static void read_history(struct devpath *d, struct span rest)
{
	read_product(d, rest);
	d->kind = d->kind == DEVPATH_MANIFEST ? DEVPATH_ENTRIES : DEVPATH_NONE;
}

static void read_cid(struct devpath *d, struct span rest)
{
	bool more;
	struct span text = take_segment(&rest, &more);
	int rc = cid_read_text(text, &d->cid, NULL);

	if (text.n == 0 || more)
		return;
	d->kind = rc == ERR_OK ? DEVPATH_CID : rc == ERR_RULE ? DEVPATH_OTHER_CID : DEVPATH_NO_CID;
}

struct devpath devpath_read(struct span path)
{
	struct devpath d = { .kind = DEVPATH_NONE };

	if (take_prefix(&path, "/fw/"))
		read_product(&d, path);
	else if (take_prefix(&path, "/entries/"))
		read_history(&d, path);
	else if (take_prefix(&path, "/sha256/") && hex_read(path, d.sha256.b, sizeof d.sha256.b, NULL) == 0)
		d.kind = DEVPATH_SHA256;
	else if (take_prefix(&path, "/ipfs/"))
		read_cid(&d, path);
	return d;
}
