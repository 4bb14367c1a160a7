/* conf_rules.c: what several settings must be together. */
#include "base/template.h"
#include "daemon/conf_table.h"

#include <inttypes.h>
#include <stdio.h>

/* Where the setting stands, else its section, else the file. */
static struct place place_of(const struct settings *s, const char *word, const char *name, const char *key)
{
	const struct section *sec = settings_section(s, word, name);
	const struct setting *set = settings_get(sec, key);

	return set ? set->place : sec ? sec->place : (struct place){ s->file, 0 };
}

static unsigned count_operators(const struct conf *c)
{
	unsigned n = 0;

	for (size_t i = 0; i < c->providers_n; i++) {
		bool is_new = *c->providers[i].operator != '\0';

		for (size_t j = 0; j < i; j++)
			is_new &= strcmp(c->providers[i].operator, c->providers[j].operator) != 0;
		n += is_new;
	}
	return n;
}

/* Chapter 4: votes are counted per operator. */
static void check_quorum(struct settings *s, const struct conf *c)
{
	struct place anchor = place_of(s, "chain", "", "anchor");
	unsigned k = c->chain.quorum, operators = count_operators(c);

	if (c->chain.anchor != CONF_QUORUM || k <= 1 || c->providers_n == 0)
		return;
	for (size_t i = 0; i < c->providers_n; i++)
		if (!*c->providers[i].operator)
			settings_error(s, place_of(s, "provider", c->providers[i].name, "operator"),
				       "[provider %s] needs operator, since quorum:%u counts operators", c->providers[i].name, k);
	if (operators < k)
		settings_error(s, anchor, "anchor: quorum:%u needs %u operators, the providers have %u", k, k, operators);
	else if (operators < 2 * k - 1)
		settings_warn(s, anchor, "anchor: quorum:%u with %u operators stops when one of them does not answer or lies; "
			      "%u operators would not", k, operators, 2 * k - 1);
}

/* Chains that people will try, and that cannot be followed as Ethereum's are (docs/chains.md says why, with sources). */
static const struct { uint64_t chain_id; const char *why; } unfit[] = {
	{ 42161, "Arbitrum One: block.number in a contract is not the number of the block that it is in" },
	{ 137, "Polygon: its headers are longer than those that this gateway takes" },
	{ 324, "zkSync Era: it has no eth_getProof" },
};

static void check_chain_id(struct settings *s, const struct conf *c)
{
	for (size_t i = 0; i < sizeof unfit / sizeof unfit[0]; i++)
		if (c->chain.chain_id == unfit[i].chain_id)
			settings_warn(s, place_of(s, "chain", "", "chain-id"), "chain-id: %" PRIu64 " does not suit: %s",
				      unfit[i].chain_id, unfit[i].why);
}

static void check_chain(struct settings *s, const struct conf *c)
{
	check_chain_id(s, c);
	if (c->providers_n == 0)
		settings_warn(s, (struct place){ s->file, 0 }, "there is no [provider NAME]: nothing is learnt but from offline bundles");
	if (c->chain.finality == CONF_LATEST)
		settings_warn(s, place_of(s, "chain", "", "finality"), "finality: latest takes blocks that may be undone; for tests");
	if (c->chain.max_age_ms < c->chain.poll_ms)
		settings_warn(s, place_of(s, "chain", "", "max-age"), "max-age: shorter than poll: the gateway will be stale between two looks");
	check_quorum(s, c);
}

static bool is_loopback(const struct conf_address *a)
{
	return a->is_ipv6 ? strcmp(a->host, "::1") == 0 || strncmp(a->host, "::ffff:127.", 11) == 0
			  : strncmp(a->host, "127.", 4) == 0;
}

static void check_operator(struct settings *s, const struct conf *c)
{
	for (size_t i = 0; i < c->op.listen.n; i++) {
		const struct conf_address *a = &c->op.listen.at[i];

		if (!is_loopback(a) && !c->op.insecure)
			settings_error(s, place_of(s, "operator", "", "listen"), "listen: tokens would cross the network unprotected at %s; "
				       "listen on loopback, behind a TLS proxy, or say insecure = yes", a->host);
	}
}

/* What a source's URL may hold goes by its kind: files on a web server are templates, the others bases of a path. */
static int check_source_url(const struct conf_source *src, struct err *e)
{
	bool is_template = src->kind == CONF_CAR || src->kind == CONF_BLOCKS || src->kind == CONF_MIRROR;

	if (is_template)
		return template_check(src->url, e);
	if (template_has_names(src->url))
		return err_set(e, ERR_FORMAT, "names in braces are for the kinds car, blocks and mirror");
	if (strchr(src->url, '?'))
		return err_set(e, ERR_FORMAT, "has a query, but paths are put behind it");
	return ERR_OK;
}

static int check_authority(const char *url, struct err *e)
{
	const char *host = strstr(url, "://") + 3;

	if (memchr(host, '@', strcspn(host, "/?#")))
		return err_set(e, ERR_FORMAT, "has a user or password; use token");
	return strchr(host, '#') ? err_set(e, ERR_FORMAT, "has a fragment") : ERR_OK;
}

static int check_source_places(const struct conf_source *src, struct err *e)
{
	bool has_names = template_has_names(src->url) || strchr(src->url, '?');
	int rc = check_source_url(src, e);

	rc = rc ? rc : check_authority(src->url, e);
	if (rc)
		return rc;
	/* Without either they lie below it, as URL/CID. */
	if (src->kind == CONF_BLOCKS && has_names && !template_has_name(src->url, "{cid}"))
		return err_set(e, ERR_FORMAT, "names each block by {cid}");
	return ERR_OK;
}

static void check_inner(struct settings *s, const struct conf_source *src)
{
	struct err e = { 0 };

	if (*src->inner && src->kind != CONF_MIRROR)
		settings_error(s, place_of(s, "source", src->name, "inner"), "inner: is for the kind mirror");
	else if (*src->inner && (template_check(src->inner, &e) || check_authority(src->inner, &e)))
		settings_error(s, place_of(s, "source", src->name, "inner"), "inner: %s", e.msg);
}

static void check_sources(struct settings *s, const struct conf *c)
{
	if (c->sources_n == 0)
		settings_warn(s, (struct place){ s->file, 0 }, "there is no [source NAME]: images cannot be fetched");
	for (size_t i = 0; i < c->sources_n; i++) {
		const struct conf_source *src = &c->sources[i];

		struct err e = { 0 };

		if (check_source_places(src, &e))
			settings_error(s, place_of(s, "source", src->name, "url"), "url: %s", e.msg);
		else if ((src->kind == CONF_CAR || src->kind == CONF_MIRROR) && !template_has_names(src->url))
			settings_warn(s, place_of(s, "source", src->name, "url"), "url: holds no {sha256}, {cid} or the like: "
				      "every image is asked for at the same place");
		check_inner(s, src);
	}
}

static void check_hooks(struct settings *s, const struct conf *c)
{
	for (size_t i = 0; i < c->hooks_n; i++) {
		const struct conf_hook *h = &c->hooks[i];

		if (!*h->url == !*h->run)
			settings_error(s, place_of(s, "hook", h->name, "on"), "[hook %s] needs either url or run", h->name);
	}
}

/* Two listeners of one transport at one place would only show when the second is opened. */
static void check_listeners(struct settings *s, const struct conf *c)
{
	for (size_t i = 0; i < c->http.listen.n; i++) {
		for (size_t j = 0; j < c->op.listen.n; j++) {
			const struct conf_address *a = &c->http.listen.at[i], *b = &c->op.listen.at[j];

			if (a->port && a->port == b->port && strcmp(a->host, b->host) == 0)
				settings_error(s, place_of(s, "operator", "", "listen"), "listen: [http] listens at %s port %u already",
					       a->host, a->port);
		}
	}
}

/* A run directory inside the state directory would let the server's read-only view of images see the control socket. */
static void check_directories(struct settings *s, const struct conf *c)
{
	if (strcmp(c->gateway.state_dir, c->gateway.run_dir) == 0)
		settings_error(s, place_of(s, "gateway", "", "run-dir"), "run-dir: must not be the state directory");
}

void conf_rules(struct settings *s, const struct conf *c)
{
	check_directories(s, c);
	check_chain(s, c);
	check_sources(s, c);
	if (c->products_n == 0)
		settings_warn(s, (struct place){ s->file, 0 }, "there is no [product VENDOR/MODEL]: nothing will be followed");
	check_operator(s, c);
	check_listeners(s, c);
	check_hooks(s, c);
}
