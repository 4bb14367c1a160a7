/* template.h: URLs with names in them, for sources that are files on a web server: "https://fw.example/{vendor}/{model}/{sha256}.bin".
 *
 *	{cid}		the file's CID, base32 of version 1 or base58 of version 0; for a block, that block's
 *	{sha256}	the image's digest, bare lower-case hex
 *	{vendor} {model}	the two halves of the product's name
 *	{version}	as the manifest has it, percent-encoded (RFC 3986, 2.1)
 *	{sequence}	decimal
 *
 * Names stand behind the host: what a publisher writes into a manifest must not choose whom we ask. Pure. */
#ifndef BASE_TEMPLATE_H
#define BASE_TEMPLATE_H

#include "base/err.h"
#include "base/span.h"

/* What stands for the names. */
struct template_names {
	const char *cid;
	struct hash32 sha256;
	const char *product;	/* vendor/model */
	const char *version;
	uint64_t sequence;
};

/* Does the URL hold names at all? */
bool template_has_names(const char *url);
bool template_has_name(const char *url, const char *name);

/* ERR_USAGE: a name that there is not, a brace without its other half, or a name before the path. */
MUST_USE int template_check(const char *url, struct err *e);

/* Writes the URL with everything filled in. ERR_USAGE: longer than cap - 1 characters; or a name has made a segment "." or ".."
 * of its path. */
MUST_USE int template_fill(const char *url, const struct template_names *names, char *out, size_t cap, struct err *e);

#endif
