/* conf.h: the configuration, gatepost.conf(5): read, checked, resolved.
 *
 * One table (conf_table.c) names every setting once: section, key, type,
 * bounds, default, place in struct conf, what it is for. Parser, `gatepostd -T`, the
 * resolved form and the checks of man page and example file all read it.
 *
 * Who reads what:
 *	gatepost-keeper -P	conf_resolve(): the files, strictly; every problem is named with file, line and nearest
 *				known word. Runs briefly, before anything else, and again on SIGHUP
 *	keeper, server		conf_read(): the resolved form from the memfd of SUP_CONF and SUP_RELOAD. Nothing of the
 *				file system is needed any more: url-file and the like have been read
 *	gatepost (CLI)		conf_run_dir(): where the control socket is
 *
 * The resolved form comes twice: the server's copy has no [provider], [source], [hook]
 * section and no secret, so that who takes over the server finds no key in it.
 *
 * Strings and arrays belong to the struct conf. No pointer is NULL unless it says so. */
#ifndef DAEMON_CONF_H
#define DAEMON_CONF_H

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/span.h"

#include <stdint.h>

/* A numeric address to listen on; port 0: any. */
struct conf_address {
	char host[46];		/* without brackets */
	uint16_t port;
	bool is_ipv6;
};

struct conf_words {
	char **at;
	size_t n;
};

struct conf_addresses {
	struct conf_address *at;
	size_t n;
};

struct conf_thumbprints {
	struct hash32 *at;
	size_t n;
};

enum conf_clock { CONF_CLOCK_KERNEL, CONF_CLOCK_TRUSTED };
enum conf_finality { CONF_FINALIZED, CONF_SAFE, CONF_DEPTH, CONF_LATEST };
enum conf_anchor { CONF_QUORUM, CONF_PINNED };
enum conf_kind { CONF_TRUSTLESS, CONF_PEER, CONF_KUBO, CONF_CAR, CONF_BLOCKS, CONF_MIRROR };
enum conf_policy { CONF_AUTO, CONF_APPROVE };

struct conf_gateway {
	char *name;
	char *state_dir, *run_dir;
	enum log_level log_level;
	enum conf_clock clock;		/* trusted: the operator vouches for the machine's clock */
};

struct conf_chain {
	uint64_t chain_id;
	struct addr20 registry;
	struct hash32 code_hash, genesis_hash;	/* zero: not configured */
	enum conf_finality finality;
	uint64_t depth;			/* CONF_DEPTH */
	enum conf_anchor anchor;
	unsigned quorum;		/* CONF_QUORUM; at most the number of operators */
	uint64_t pin_number;		/* CONF_PINNED */
	struct hash32 pin_hash;
	int64_t max_age_ms, poll_ms;
};

struct conf_provider {
	char *name;		/* of its section */
	char *url;		/* keys in it: log only http_redact() of it */
	char *operator;		/* "" when not said (allowed with K = 1 only) */
};

struct conf_source {
	char *name;
	char *url;
	char *token;		/* "" when there is none */
	enum conf_kind kind;
	bool private_ok;	/* also true for peers */
	uint64_t priority;
	char *inner;		/* mirrors: where the CAR of inner blocks is, a template; "" when not said */
	char *entries;		/* where product histories are, a template with {vendor} and {model}; "" when not said */
};

struct conf_product {
	char *name;		/* "vendor/model", or "*": every product of this registrant */
	struct addr20 registrant;
	struct conf_words channels;	/* at least one; the first is the default */
	enum conf_policy policy;
	uint64_t keep;
	struct conf_thumbprints signers;	/* none: not pinned */
	uint64_t max_image;
};

struct conf_cache {
	uint64_t size;
	int64_t scrub_interval_ms;
};

struct conf_http {
	struct conf_addresses listen;
};

struct conf_coap {
	struct conf_addresses listen;
	char *trusted;		/* "on-link", "none", or CIDR prefixes with spaces between; checked */
};

struct conf_operator {
	struct conf_addresses listen;
	struct conf_words hosts;
	bool insecure;
};

struct conf_network {
	char *proxy, *ca_file;	/* "" when not said */
	uint64_t uplink;	/* bytes a second; 0: no bound */
	char *fetch_window;	/* "HH:MM-HH:MM" or "" */
};

struct conf_limits {
	uint64_t hot;
	uint64_t downloads, downloads_per_device, bandwidth, bandwidth_per_device, devices;	/* 0: no bound */
};

struct conf_hook {
	char *name;
	struct conf_words on;
	char *url, *run, *secret;	/* "" when not said */
};

struct conf {
	struct conf_gateway gateway;
	struct conf_chain chain;
	struct conf_provider *providers;
	size_t providers_n;
	struct conf_source *sources;
	size_t sources_n;
	struct conf_product *products;
	size_t products_n;
	struct conf_cache cache;
	struct conf_http http;
	struct conf_coap coap;
	struct conf_operator op;
	struct conf_network network;
	struct conf_limits limits;
	struct conf_hook *hooks;
	size_t hooks_n;
};

#define CONF_RUN_DIR_DEFAULT "/run/gatepost"
#define CONF_FILE_DEFAULT GATEPOST_SYSCONFDIR "/gatepost.conf"

void conf_free(struct conf *c);

/* Reads one resolved form, from its start whatever the file offset is. */
MUST_USE int conf_read(int fd, struct conf **out, struct err *e);

/* Problems, one line each: "FILE:LINE: what is wrong". A warning does not refuse the configuration. */
struct conf_say {
	void (*problem)(void *arg, bool is_error, const char *text);
	void *arg;
};

/* FILE and FILE's directory/conf.d/ *.conf (by name; a later file's setting replaces an earlier one's), checked by every
 * rule. ERR_USAGE when there was an error; all of them were said. say may be NULL. */
MUST_USE int conf_load(const char *file, const struct conf_say *say, struct conf **out, struct err *e);

/* `gatepost-keeper -P -c FILE`: conf_load, problems to stderr; then, when sock is a socket, one datagram SUP_CONF over it with two
 * sealed memfds: the keeper's resolved form, then the server's. The return value is the exit status: 0 or 1.
 *
 * A resolved form is a head for the supervisor, which parses nothing else
 *	listen KIND ADDR PORT	KIND http, coap or operator; once for each listener
 *	run-dir PATH
 *	state-dir PATH
 *	log-level WORD
 * an empty line, and the merged settings as canonical INI. */
int conf_resolve(const char *file, int sock);

/* The run-dir that FILE says, without judging the rest of it. ERR_NOT_FOUND when the file cannot be read; "run-dir" left out is the
 * default. out is for the caller to free. */
MUST_USE int conf_run_dir(const char *file, char **out, struct err *e);

#endif
