/* manifest.c: `gatepost manifest new|sign|merge|check`: signing apart from sending, as thresholds and offline keys need it. */
#include "cli/publisher.h"
#include "cli/describe.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "publish/release.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where an envelope goes, and a line about it. */
static int write_envelope(const struct cli *cli, const char *path, struct span envelope, struct err *e)
{
	struct suit_envelope env;
	int rc = write_named_file(path, envelope, e);

	if (!rc)
		rc = suit_open_unsigned(envelope, &env, e);
	if (rc || strcmp(path, "-") == 0)
		return rc;
	cli_print_take(cli, json_pack("{s:s, s:I, s:I}", "file", path, "manifest_bytes", (json_int_t)envelope.n,
				      "signatures", (json_int_t)env.signatures));
	return ERR_OK;
}

/* --- new --- */

static int next_sequence(const struct publisher_options *o, const char *name, uint64_t *out, struct err *e)
{
	struct registry_product p;
	struct connection c;
	int rc = connection_open(o, false, &c, e);

	if (rc)
		return rc;
	rc = registry_product(&c.registry, &c.registrant, span_str(name), &p, e);
	if (!rc)
		*out = p.words.sequence + 1;
	connection_close(&c);
	return rc;
}

static int find_sequence(const struct publisher_options *o, const char *name, uint64_t *out, struct err *e)
{
	char *end;

	if (!o->sequence && !o->rpc)
		return err_set(e, ERR_USAGE, "--sequence is needed, or --rpc and --registry to ask for the next one");
	if (!o->sequence)
		return next_sequence(o, name, out, e);
	*out = strtoull(o->sequence, &end, 10);
	if (o->sequence[0] < '0' || o->sequence[0] > '9' || *end || *out == 0)
		return err_set(e, ERR_USAGE, "--sequence: \"%.40s\" is not a sequence number", o->sequence);
	return ERR_OK;
}

static int measure_image(const struct cli *cli, const struct publisher_options *o, struct suit_manifest *m, struct err *e)
{
	struct progress shown = { .cli = cli, .what = "reading the image" };
	const struct pack_watch watch = { on_progress, &shown };
	const struct dag_profile *profile;
	struct pack pack;
	int rc = need_option(o->image, "image", e);

	if (!rc)
		rc = read_profile(o->profile, &profile, e);
	if (!rc)
		rc = pack_open(o->image, profile, &watch, &pack, e);
	if (rc)
		return rc;
	m->image_sha256 = pack.sha256;
	m->image_size = pack.size;
	cid_text(&pack.root, m->cid);
	pack_close(&pack);
	return ERR_OK;
}

int run_manifest_new(struct cli *cli, const void *options, struct err *e)
{
	const struct publisher_options *o = options;
	AUTO(signing_keys_wipe) struct signing_keys keys = { 0 };
	AUTO(buf_free) struct buf envelope = BUF_INIT(MANIFEST_MAX);
	struct suit_manifest m = { 0 };
	const char *name;
	int rc = take_product(cli, o, &name, e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (!rc)
		rc = need_option(o->out, "out", e);
	if (!rc)
		rc = read_about(o, &m, e);
	if (!rc)
		rc = read_signing_keys(&o->keys, &keys, e);
	if (!rc)
		rc = find_sequence(o, name, &m.sequence, e);
	if (!rc)
		rc = measure_image(cli, o, &m, e);
	if (rc)
		return rc;
	snprintf(m.vendor, sizeof m.vendor, "%.*s", (int)(strchr(name, '/') - name), name);
	snprintf(m.model, sizeof m.model, "%s", strchr(name, '/') + 1);
	rc = release_make_envelope(&m, keys.key, keys.n, &envelope, e);
	return rc ? rc : write_envelope(cli, o->out, buf_span(&envelope), e);
}

/* --- sign --- */

static int sign_all(struct span from, const struct signing_keys *keys, struct buf *out, struct err *e)
{
	AUTO(buf_free) struct buf next = BUF_INIT(MANIFEST_MAX);
	int rc;

	buf_add(out, from);
	for (size_t i = 0; i < keys->n; i++) {
		buf_reset(&next);
		rc = suit_sign(buf_span(out), &keys->key[i], &next, e);
		if (rc)
			return rc;
		buf_reset(out);
		buf_add(out, buf_span(&next));
	}
	return buf_ok(out, e);
}

int run_manifest_sign(struct cli *cli, const void *options, struct err *e)
{
	const struct publisher_options *o = options;
	AUTO(signing_keys_wipe) struct signing_keys keys = { 0 };
	AUTO(buf_free) struct buf from = BUF_INIT(MANIFEST_MAX), signed_ = BUF_INIT(MANIFEST_MAX);
	const char *path;
	int rc = take_word(cli, "a manifest's file", &path, e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (!rc && o->keys.n == 0)
		rc = err_set(e, ERR_USAGE, "--signing-key is needed");
	if (!rc)
		rc = read_signing_keys(&o->keys, &keys, e);
	if (!rc)
		rc = read_named_file(path, "manifest", &from, e);
	if (!rc)
		rc = sign_all(buf_span(&from), &keys, &signed_, e);
	return rc ? rc : write_envelope(cli, o->out ? o->out : path, buf_span(&signed_), e);
}

/* --- merge --- */

static int merge_one(const char *path, struct buf *all, struct err *e)
{
	AUTO(buf_free) struct buf more = BUF_INIT(MANIFEST_MAX), merged = BUF_INIT(MANIFEST_MAX);
	int rc = read_named_file(path, "manifest", &more, e);

	if (!rc && all->n && suit_merge(buf_span(all), buf_span(&more), &merged, e))
		rc = err_wrap(e, "%s", path);
	if (rc)
		return rc;
	buf_reset(all);
	buf_add(all, merged.n ? buf_span(&merged) : buf_span(&more));
	return buf_ok(all, e);
}

int run_manifest_merge(struct cli *cli, const void *options, struct err *e)
{
	const struct publisher_options *o = options;
	AUTO(buf_free) struct buf all = BUF_INIT(MANIFEST_MAX);
	int rc = need_option(o->out, "out", e);

	if (!rc && cli->words.n < 2)
		rc = err_set(e, ERR_USAGE, "two or more manifests are needed");
	for (size_t i = 0; !rc && i < cli->words.n; i++)
		rc = merge_one(cli->words.v[i], &all, e);
	return rc ? rc : write_envelope(cli, o->out, buf_span(&all), e);
}

/* --- check --- */

/* From the registry, when it is to be asked, else from the command line; neither: nothing is known of signers. */
static int find_signers(const struct publisher_options *o, const struct suit_manifest *m, struct suit_signers *set,
			struct err *e)
{
	AUTO(buf_free) struct buf room = BUF_INIT(SIGNERS_MAX * COSE_KEY_MAX);
	char name[PRODUCT_NAME_MAX + 1];
	struct span key[SIGNERS_MAX];
	struct registry_product p;
	struct connection c;
	size_t n;
	int rc;

	*set = (struct suit_signers){ 0 };
	if (o->rpc) {
		snprintf(name, sizeof name, "%s/%s", m->vendor, m->model);
		rc = connection_open(o, false, &c, e);
		if (rc)
			return rc;
		rc = registry_product(&c.registry, &c.registrant, span_str(name), &p, e);
		if (!rc)
			rc = registry_signers(&c.registry, &p, set, e);
		connection_close(&c);
		return rc;
	}
	if (o->signers.n == 0)
		return ERR_OK;
	rc = read_signers(&o->signers, &room, key, &n, e);
	if (!rc)
		rc = read_threshold(o->threshold, n, &set->threshold, e);
	for (size_t i = 0; !rc && i < n; i++)
		rc = suit_signers_add(set, key[i], e);
	return rc;
}

static int check_image(const char *path, const struct suit_manifest *m, struct err *e)
{
	static const char *const profiles[] = { "unixfs-v1-2025", "unixfs-v0-2015" };
	char cid[CID_TEXT_MAX];
	bool is_same = false;

	for (size_t i = 0; !is_same && i < sizeof profiles / sizeof *profiles; i++) {
		struct pack pack;
		int rc = pack_open(path, dag_profile_find(span_str(profiles[i])), NULL, &pack, e);

		if (rc)
			return rc;
		is_same = strcmp(cid_text(&pack.root, cid), m->cid) == 0;
		if (pack.size != m->image_size || !hash32_eq(&pack.sha256, &m->image_sha256))
			rc = err_set(e, ERR_PROOF, "%s is not the manifest's image: size or SHA-256 differ", path);
		pack_close(&pack);
		if (rc)
			return rc;
	}
	/* Size and SHA-256 agree; another chunker may have made the CID. */
	if (!is_same)
		cli_note("note: the CID was not made by one of our profiles");
	return ERR_OK;
}

int run_manifest_check(struct cli *cli, const void *options, struct err *e)
{
	const struct publisher_options *o = options;
	AUTO(buf_free) struct buf bytes = BUF_INIT(MANIFEST_MAX);
	struct suit_envelope env;
	struct suit_manifest m;
	struct suit_signers set;
	const char *path;
	uint32_t who = 0;
	int rc = take_word(cli, "a manifest's file", &path, e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (!rc)
		rc = read_named_file(path, "manifest", &bytes, e);
	if (!rc)
		rc = suit_open_unsigned(buf_span(&bytes), &env, e);
	if (!rc)
		rc = suit_manifest(&env, &m, e);
	if (!rc)
		rc = find_signers(o, &m, &set, e);
	if (!rc && set.n)
		rc = suit_verify(&env, &set, &who, e);
	if (!rc && o->image)
		rc = check_image(o->image, &m, e);
	if (rc)
		return rc;
	if (!set.n)
		cli_note("note: no signer was given (--signer, or --rpc and --registry); signatures were not checked");
	cli_print_take(cli, describe_manifest(&env, &m, &set, who));
	return ERR_OK;
}
