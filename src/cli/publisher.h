/* publisher.h: what the publisher's commands share: their options, and the way to the registry. */
#ifndef CLI_PUBLISHER_H
#define CLI_PUBLISHER_H

#include "cli/cli.h"
#include "formats/sig.h"
#include "formats/suit.h"
#include "publish/pack.h"
#include "publish/registry.h"
#include "publish/transact.h"
#include "publish/wallet.h"

struct publisher_options {
	const char *product, *registrant;
	const char *wallet, *password_file, *rpc, *registry, *code_hash, *ca_file;
	const char *version, *channel, *description, *image, *profile, *cid, *manifest;
	const char *type, *out, *reason, *threshold, *sequence;
	uint64_t from_sequence, need, pin_wait;
	struct words keys, signers, uploads, hardware;
	bool urgent, dry_run, only_upload, only_car, allow, refuse, accept, withdraw;
};

#define OPT_AT(member) offsetof(struct publisher_options, member)

#define OPT_PRODUCT	{ "product", OPT_TEXT, OPT_AT(product), "VENDOR/MODEL", "the product" }
#define OPT_REGISTRANT	{ "registrant", OPT_TEXT, OPT_AT(registrant), "0xADDRESS", \
			  "who registered the product (default: the wallet's own address)" }
#define OPT_WALLET	{ "wallet", OPT_TEXT, OPT_AT(wallet), "FILE", "keystore (JSON), or hex key with mode 0600" }
#define OPT_PASSWORD	{ "password-file", OPT_TEXT, OPT_AT(password_file), "FILE", "the keystore's password (default: ask)" }
#define OPT_RPC		{ "rpc", OPT_TEXT, OPT_AT(rpc), "URL", "JSON-RPC of an Ethereum node" }
#define OPT_REGISTRY	{ "registry", OPT_TEXT, OPT_AT(registry), "0xADDRESS", "the registry contract" }
#define OPT_CODE_HASH	{ "code-hash", OPT_TEXT, OPT_AT(code_hash), "0xHASH", "of a registry of another build" }
#define OPT_CA_FILE	{ "ca-file", OPT_TEXT, OPT_AT(ca_file), "FILE", "trust only these authorities (PEM)" }
/* Everything that a transaction takes. */
#define OPTS_CHAIN	OPT_WALLET, OPT_PASSWORD, OPT_RPC, OPT_REGISTRY, OPT_REGISTRANT, OPT_CODE_HASH, OPT_CA_FILE

#define OPT_VERSION	{ "version", OPT_TEXT, OPT_AT(version), "TEXT", "the release's version, for people" }
#define OPT_CHANNEL	{ "channel", OPT_TEXT, OPT_AT(channel), "NAME", "default: stable" }
#define OPT_DESCRIPTION	{ "description", OPT_TEXT, OPT_AT(description), "TEXT", "a line about the release" }
#define OPT_FROM	{ "from-sequence", OPT_NUMBER, OPT_AT(from_sequence), "N", \
			  "only for devices that run release N or later" }
#define OPT_HARDWARE	{ "hardware", OPT_LIST, OPT_AT(hardware), "NAME", "a board revision that it fits (default: all)" }
#define OPT_URGENT	{ "urgent", OPT_FLAG, OPT_AT(urgent), NULL, "gateways fetch it outside their fetch windows too" }
#define OPT_IMAGE	{ "image", OPT_TEXT, OPT_AT(image), "FILE", "the firmware" }
#define OPT_PROFILE	{ "profile", OPT_TEXT, OPT_AT(profile), "NAME", "unixfs-v1-2025 (default) or unixfs-v0-2015" }
#define OPT_KEYS	{ "signing-key", OPT_LIST, OPT_AT(keys), "FILE", "private key (PEM) that signs the manifest" }
/* What the signed text says. */
#define OPTS_ABOUT	OPT_VERSION, OPT_CHANNEL, OPT_DESCRIPTION, OPT_FROM, OPT_HARDWARE, OPT_URGENT, OPT_IMAGE, OPT_PROFILE

#define OPT_SIGNERS	{ "signer", OPT_LIST, OPT_AT(signers), "KEY", "COSE_Key in hex, or a file with it, or a PEM key" }
#define OPT_THRESHOLD	{ "threshold", OPT_TEXT, OPT_AT(threshold), "N", "signatures that a release needs (default: 1)" }
#define PIN_WAIT_MAX_S (24 * 3600)	/* who wants to wait longer looks again */

#define OPT_OUT		{ "out", OPT_TEXT, OPT_AT(out), "FILE", "where to write it" }

/* ERR_USAGE unless the option was given. */
MUST_USE int need_option(const char *value, const char *name, struct err *e);

/* --product, or the first word, which is then taken off the words. ERR_USAGE: neither; ERR_RULE: not a product's name. */
MUST_USE int take_product(struct cli *cli, const struct publisher_options *o, const char **out, struct err *e);
/* The next word, taken off. `what` names it in the error. */
MUST_USE int take_word(struct cli *cli, const char *what, const char **out, struct err *e);
/* ERR_USAGE when there are words left. */
MUST_USE int no_more_words(const struct cli *cli, struct err *e);

/* The way to the registry, with a wallet when --wallet is given or needed. */
struct connection {
	struct web *web;
	struct node node;
	struct registry registry;
	bool has_wallet;
	struct wallet wallet;
	struct addr20 registrant;	/* --registrant, else the wallet's address */
};

MUST_USE int connection_open(const struct publisher_options *o, bool needs_wallet, struct connection *out, struct err *e);
/* Only wallet and node: there is no registry yet. */
MUST_USE int connection_open_node(const struct publisher_options *o, struct connection *out, struct err *e);
void connection_close(struct connection *c);

/* Sends one call to the registry, with notes for people, and prints its receipt: JSON keys tx, block, gas after those
 * of `about` (consumed; may be NULL). */
MUST_USE int send_and_print(const struct cli *cli, struct connection *c, struct span data, json_t *about_take,
			    struct err *e);

/* --signing-key files. Wipe each with sig_secret_wipe. */
struct signing_keys {
	size_t n;
	struct sig_secret key[SIGNERS_MAX];
};
MUST_USE int read_signing_keys(const struct words *files, struct signing_keys *out, struct err *e);
void signing_keys_wipe(struct signing_keys *k);

/* --signer values as registered COSE_Keys, back to back in room. */
MUST_USE int read_signers(const struct words *values, struct buf *room, struct span out[SIGNERS_MAX], size_t *n,
			  struct err *e);
/* --threshold, 1 when not given; at most n. */
MUST_USE int read_threshold(const char *text, size_t n, unsigned *out, struct err *e);

/* What OPTS_ABOUT say, into m. */
MUST_USE int read_about(const struct publisher_options *o, struct suit_manifest *m, struct err *e);
MUST_USE int read_profile(const char *name, const struct dag_profile **out, struct err *e);

/* A file of at most max bytes that the user named. */
MUST_USE int read_named_file(const char *path, const char *what, struct buf *out, struct err *e);
/* Writes a file whole: to stdout when path is "-". */
MUST_USE int write_named_file(const char *path, struct span bytes, struct err *e);

/* A bar for pack.h's watch; arg is the struct progress. */
struct progress {
	const struct cli *cli;
	const char *what;
	int64_t shown_ms;
};
void on_progress(void *arg, uint64_t done, uint64_t total);

/* The commands, by file. */
int run_keygen(struct cli *cli, const void *options, struct err *e);
int run_product_register(struct cli *cli, const void *options, struct err *e);
int run_product_signers(struct cli *cli, const void *options, struct err *e);
int run_product_publisher(struct cli *cli, const void *options, struct err *e);
int run_product_floor(struct cli *cli, const void *options, struct err *e);
int run_product_owner(struct cli *cli, const void *options, struct err *e);
int run_manifest_new(struct cli *cli, const void *options, struct err *e);
int run_manifest_sign(struct cli *cli, const void *options, struct err *e);
int run_manifest_merge(struct cli *cli, const void *options, struct err *e);
int run_manifest_check(struct cli *cli, const void *options, struct err *e);
int run_publish(struct cli *cli, const void *options, struct err *e);
int run_revoke(struct cli *cli, const void *options, struct err *e);
int run_inspect(struct cli *cli, const void *options, struct err *e);
int run_registry_deploy(struct cli *cli, const void *options, struct err *e);

#endif
