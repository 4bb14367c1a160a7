/* entries_source.h: who may have whole histories (chain/entries.h): peers, servers with a publisher's `dir:` export, and we
 * ourselves: after a lost database our own files may know what no node gives any more. They are believed as little. */
#ifndef KEEPER_ENTRIES_SOURCE_H
#define KEEPER_ENTRIES_SOURCE_H

#include "daemon/conf.h"
#include "keeper/fetcher.h"

struct entries_source {
	const char *url;		/* "…{vendor}…{model}…"; a peer's without `entries`: its base */
	const char *token;		/* a peer's own; never for another place than its url. NULL: none */
	bool is_template;
	struct fetch_source *source;	/* of that section: name, private, what is shown of it; NULL: our own files */
	uint64_t misses;		/* of the follower's, as far as they were shown */
};

/* Is s one? false: neither a peer nor with `entries`. source is borrowed, and so are s's texts. */
bool entries_source_of(const struct conf_source *s, struct fetch_source *source, struct entries_source *out);

/* Our own first, then by priority, else in the order of the configuration. */
void entries_source_sort(struct entries_source *all, size_t n);

#define ENTRIES_URL_MAX (5 * SOURCE_URL_MAX)	/* "{model}" has 7 characters, a name at most 32 */

/* Where the product's entries are. ERR_MEMORY. */
MUST_USE int entries_source_url(const struct entries_source *s, const char *product, char out[ENTRIES_URL_MAX], struct err *e);

#endif
