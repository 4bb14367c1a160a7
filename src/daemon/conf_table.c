/* conf_table.c: see conf_table.h. gatepost.conf(5) and etc/gatepost.conf are held against this by a test. */
#include "daemon/conf_table.h"

#include <stddef.h>

#define SEC INT64_C(1000)
#define MIN (60 * SEC)
#define HOUR (60 * MIN)
#define DAY (24 * HOUR)
#define COUNT(list) (sizeof(list) / sizeof *(list))
#define AT(type, member) offsetof(struct conf_##type, member)

static const char *const clocks[] = { "kernel", "trusted", NULL };
static const char *const kinds[] = { "trustless", "peer", "kubo", "car", "blocks", "mirror", NULL };
static const char *const policies[] = { "auto", "approve", NULL };

static const struct conf_item gateway[] = {
	{ "name", conf_read_text, AT(gateway, name), 1, 64, "gatepost", .help = "shown to people: in the status and the log" },
	{ "state-dir", conf_read_path, AT(gateway, state_dir), .text = "/var/lib/gatepost", .help = "database, images, floors, last catalog" },
	{ "run-dir", conf_read_path, AT(gateway, run_dir), .text = CONF_RUN_DIR_DEFAULT, .help = "control.sock" },
	{ "log-level", conf_read_level, AT(gateway, log_level), .text = "info", .help = "debug, info, unusual or broken" },
	{ "clock", conf_read_choice, AT(gateway, clock), .text = "kernel", .words = clocks,
	  .help = "trusted: the operator vouches for the time of day, whatever the kernel thinks of it" },
};

static const struct conf_item chain[] = {
	{ "chain-id", conf_read_count, AT(chain, chain_id), 1, UINT64_MAX, NULL, .help = "of the chain that holds the registry" },
	{ "registry", conf_read_address20, AT(chain, registry), .text = NULL, .help = "the contract's address" },
	{ "code-hash", conf_read_hash32, AT(chain, code_hash), .text = "", .help = "keccak-256 of the registry's code, when it is of another build" },
	{ "genesis-hash", conf_read_hash32, AT(chain, genesis_hash), .text = "", .help = "of block 0; else learnt from a quorum, then kept" },
	{ "finality", conf_read_finality, AT(chain, finality), .text = "finalized", .help = "finalized, safe, depth:N or latest" },
	{ "anchor", conf_read_anchor, AT(chain, anchor), 1, PROVIDERS_MAX, "quorum:2", .help = "quorum:K or pinned:NUMBER:HASH" },
	{ "max-age", conf_read_time, AT(chain, max_age_ms), 1 * SEC, 365 * DAY, "60m", .help = "older proofs make the gateway stale" },
	{ "poll", conf_read_time, AT(chain, poll_ms), 100, DAY, "60s", .help = "between two looks at the chain" },
};

static const struct conf_item provider[] = {
	{ "url", conf_read_url, AT(provider, url), .text = NULL, .help = "JSON-RPC over http or https" },
	{ "url-file", .into = "url", .text = "", .help = "a file, or credential, that holds the URL" },
	{ "operator", conf_read_text, AT(provider, operator), 1, 64, "", .help = "who runs it; votes are counted per operator" },
};

static const struct conf_item source[] = {
	{ "url", conf_read_url, AT(source, url), .text = NULL, .help = "where it is; a template for some kinds" },
	{ "url-file", .into = "url", .text = "", .help = "a file, or credential, that holds the URL" },
	{ "token", conf_read_secret, AT(source, token), 1, SOURCE_TOKEN_MAX, "", .help = "sent as bearer token" },
	{ "token-file", .into = "token", .text = "", .help = "a file, or credential, that holds the token" },
	{ "kind", conf_read_choice, AT(source, kind), .text = NULL, .words = kinds, .help = "how it is asked" },
	{ "private", conf_read_yes, AT(source, private_ok), .text = "no", .help = "allow loopback and private addresses" },
	{ "priority", conf_read_count, AT(source, priority), 0, 1000, "10", .help = "lower is asked first" },
	{ "inner", conf_read_url, AT(source, inner), .text = "", .help = "where a mirror has the CAR of its inner blocks, a template" },
	{ "entries", conf_read_template, AT(source, entries), .text = "", .help = "where it has product histories, with {vendor} and {model}" },
};

static const struct conf_item product[] = {
	{ "registrant", conf_read_address20, AT(product, registrant), .text = NULL, .help = "who registered it" },
	{ "channels", conf_read_channels, AT(product, channels), 1, CHANNEL_MAX, "stable", .help = "followed ones; the first is the default" },
	{ "policy", conf_read_choice, AT(product, policy), .text = "auto", .words = policies, .help = "approve: releases wait for an operator" },
	{ "keep", conf_read_count, AT(product, keep), 1, 1000, "2", .help = "newest releases whose images are never evicted" },
	{ "signers", conf_read_thumbprints, AT(product, signers), 0, SIGNERS_MAX, "", .help = "only these keys count" },
	{ "max-image", conf_read_bytes, AT(product, max_image), 1, IMAGE_MAX, "64M", .help = "larger images are rejected" },
};

static const struct conf_item cache[] = {
	{ "size", conf_read_bytes, AT(cache, size), 1 * MIB, 1024 * GIB, "2G", .help = "disk to use for images" },
	{ "scrub-interval", conf_read_time, AT(cache, scrub_interval_ms), 1 * SEC, 365 * DAY, "7d",
	  .help = "every image is read and checked once in this time" },
};

static const struct conf_item http[] = {
	{ "listen", conf_read_listen, AT(http, listen), .text = "0.0.0.0:8080", .help = "for devices" },
	{ "tls-listen", conf_read_listen, SIZE_MAX, .text = "", .state = CONF_REFUSED, .help = "the same over TLS" },
	{ "tls-cert", conf_read_path, SIZE_MAX, .text = "", .state = CONF_REFUSED, .help = "certificate chain, PEM" },
	{ "tls-key", conf_read_path, SIZE_MAX, .text = "", .state = CONF_REFUSED, .help = "its key, PEM" },
};

static const struct conf_item coap[] = {
	{ "listen", conf_read_listen, AT(coap, listen), .text = "0.0.0.0:5683", .help = "for devices" },
	{ "trusted", conf_read_trusted, AT(coap, trusted), .text = "on-link", .help = "whose addresses need no proof: on-link, none, or prefixes" },
	{ "dtls-listen", conf_read_listen, SIZE_MAX, .text = "", .state = CONF_REFUSED, .help = "the same over DTLS" },
	{ "psk-file", conf_read_path, SIZE_MAX, .text = "", .state = CONF_REFUSED, .help = "identities, keys and their products" },
};

static const struct conf_item op[] = {
	{ "listen", conf_read_listen, AT(operator, listen), .text = "127.0.0.1:8081", .help = "REST API and web page" },
	{ "hosts", conf_read_hosts, AT(operator, hosts), .text = "", .help = "further names allowed in Host" },
	{ "insecure", conf_read_yes, AT(operator, insecure), .text = "no", .help = "listen beyond loopback without TLS" },
	{ "tls-cert", conf_read_path, SIZE_MAX, .text = "", .state = CONF_REFUSED, .help = "certificate chain, PEM" },
	{ "tls-key", conf_read_path, SIZE_MAX, .text = "", .state = CONF_REFUSED, .help = "its key, PEM" },
};

static const struct conf_item network[] = {
	{ "proxy", conf_read_proxy, AT(network, proxy), .text = "", .help = "for everything that goes out" },
	{ "ca-file", conf_read_path, AT(network, ca_file), .text = "", .help = "PEM roots instead of the system's" },
	{ "uplink", conf_read_bytes, AT(network, uplink), 1024, 1024 * GIB, "", .help = "bytes a second that fetching may take" },
	{ "fetch-window", conf_read_window, AT(network, fetch_window), .text = "", .help = "local time in which images are fetched" },
};

static const struct conf_item limits[] = {
	{ "hot", conf_read_bytes, AT(limits, hot), 0, 64 * GIB, "64M", .help = "memory for images that are asked for often" },
	{ "downloads", conf_read_count, AT(limits, downloads), 1, 100000, "64", .state = CONF_LATER, .help = "image downloads at a time" },
	{ "downloads-per-device", conf_read_count, AT(limits, downloads_per_device), 1, 1000, "2", .state = CONF_LATER, .help = "of one device" },
	{ "bandwidth", conf_read_bytes, AT(limits, bandwidth), 1024, 1024 * GIB, "", .state = CONF_LATER, .help = "bytes a second to all devices" },
	{ "bandwidth-per-device", conf_read_bytes, AT(limits, bandwidth_per_device), 1024, 1024 * GIB, "", .state = CONF_LATER, .help = "to one device" },
	{ "devices", conf_read_count, AT(limits, devices), 1, 10000000, "100000", .help = "devices that are remembered" },
};

static const struct conf_item hook[] = {
	{ "on", conf_read_events, AT(hook, on), .text = NULL, .state = CONF_LATER, .help = "active alarm failed revoked rollout-halted" },
	{ "url", conf_read_url, AT(hook, url), .text = "", .state = CONF_LATER, .help = "gets a POST" },
	{ "run", conf_read_path, AT(hook, run), .text = "", .state = CONF_LATER, .help = "program to run" },
	{ "secret", conf_read_secret, AT(hook, secret), 16, 512, "", .state = CONF_LATER, .help = "key of the POST's signature" },
	{ "secret-file", .into = "secret", .text = "", .state = CONF_LATER, .help = "a file, or credential, that holds the secret" },
};

#define ONE(word, list, member) { word, list, COUNT(list), offsetof(struct conf, member) }
#define MANY(word, list, member, most, rule, hide) { word, list, COUNT(list), offsetof(struct conf, member), \
	offsetof(struct conf, member##_n), sizeof(*((struct conf *)0)->member), most, rule, hide }

const struct conf_section conf_sections[] = {
	ONE("gateway", gateway, gateway),
	ONE("chain", chain, chain),
	MANY("provider", provider, providers, PROVIDERS_MAX, conf_read_label, true),
	MANY("source", source, sources, CONF_SOURCES_MAX, conf_read_label, true),
	MANY("product", product, products, CONF_SECTIONS_MAX, conf_read_product, false),
	ONE("cache", cache, cache),
	ONE("http", http, http),
	ONE("coap", coap, coap),
	ONE("operator", op, op),
	ONE("network", network, network),
	ONE("limits", limits, limits),
	MANY("hook", hook, hooks, CONF_HOOKS_MAX, conf_read_label, true),
};
const size_t conf_sections_n = COUNT(conf_sections);
