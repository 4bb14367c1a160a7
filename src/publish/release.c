/* release.c: see release.h. */
#include "publish/release.h"
#include "publish/export.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/limits.h"
#include "formats/abi.h"
#include "formats/ethtx.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CALL_MAX (MANIFEST_MAX + 256)
#define ENTRIES_MAX (64 * MIB)	/* of one product's exported history: some 10,000 releases */

/* One publication under way. */
struct run {
	const struct release_job *job;
	struct registry_product product;
	struct suit_signers signers;
	bool has_image;
	struct pack pack;
	struct buf envelope;
	struct suit_manifest manifest;
	struct registry_release newest;
	bool is_published;	/* newest is this release */
};

static void step(const struct run *r, enum release_step at, const char *detail)
{
	if (r->job->on_step)
		r->job->on_step(r->job->arg, at, detail);
}

static const struct pack_watch *watch(const struct run *r)
{
	return r->job->watch.progress ? &r->job->watch : NULL;
}

/* --- look up --- */

static int look_up(struct run *r, struct err *e)
{
	const struct release_job *j = r->job;
	const struct addr20 *own = &j->wallet->address;
	char who[ADDR_TEXT_MAX];
	bool may = false;
	int rc = registry_product(j->registry, &j->registrant, span_str(j->product), &r->product, e);

	if (!rc)
		rc = registry_is_publisher(j->registry, &r->product.id, own, &may, e);
	if (!rc && !may)
		rc = err_set(e, ERR_DENIED, "%s is not a publisher of %s; its owner can make it one (gatepost product publisher)",
			     addr_text(own, who), j->product);
	return rc ? rc : registry_signers(j->registry, &r->product, &r->signers, e);
}

/* --- measure --- */

static int measure_with(struct run *r, const struct dag_profile *profile, struct err *e)
{
	int rc = pack_open(r->job->image, profile, watch(r), &r->pack, e);

	r->has_image = rc == ERR_OK;
	return rc;
}

/* Which profile cut the image of a manifest that was made elsewhere? */
static int measure_for(struct run *r, struct err *e)
{
	static const char *const names[] = { "unixfs-v1-2025", "unixfs-v0-2015" };
	char own[CID_TEXT_MAX];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int rc = measure_with(r, dag_profile_find(span_str(names[i])), e);

		if (rc)
			return rc;
		if (strcmp(cid_text(&r->pack.root, own), r->manifest.cid) == 0)
			return ERR_OK;
		pack_close(&r->pack);
		r->has_image = false;
	}
	return err_set(e, ERR_PROOF, "the image is not the one of the manifest: no profile cuts it to %s", r->manifest.cid);
}

static int check_image(const struct run *r, struct err *e)
{
	const struct suit_manifest *m = &r->manifest;
	char cid[CID_TEXT_MAX];

	if (r->pack.size != m->image_size)
		return err_set(e, ERR_PROOF, "the image has %" PRIu64 " bytes, the manifest says %" PRIu64, r->pack.size,
			       m->image_size);
	if (!hash32_eq(&r->pack.sha256, &m->image_sha256))
		return err_set(e, ERR_PROOF, "the image has another SHA-256 than the manifest says");
	if (strcmp(cid_text(&r->pack.root, cid), m->cid) != 0)
		return err_set(e, ERR_PROOF, "the image's CID is %s, the manifest says %s", cid, m->cid);
	return ERR_OK;
}

/* --- manifest --- */

int release_make_envelope(const struct suit_manifest *m, const struct sig_secret *keys, size_t n, struct buf *out,
			  struct err *e)
{
	AUTO(buf_free) struct buf now = BUF_INIT(MANIFEST_MAX), next = BUF_INIT(MANIFEST_MAX);
	int rc = suit_build(m, &now, e);

	for (size_t i = 0; !rc && i < n; i++) {
		struct buf swap = now;

		buf_reset(&next);
		rc = suit_sign(buf_span(&now), &keys[i], &next, e);
		now = next;
		next = swap;
	}
	if (rc)
		return rc;
	buf_add(out, buf_span(&now));
	return buf_ok(out, e);
}

static void describe(const struct run *r, uint64_t sequence, struct suit_manifest *out)
{
	struct suit_manifest m = r->job->about;
	const char *slash = strchr(r->job->product, '/');

	snprintf(m.vendor, sizeof m.vendor, "%.*s", (int)(slash - r->job->product), r->job->product);
	snprintf(m.model, sizeof m.model, "%s", slash + 1);
	m.sequence = sequence;
	m.image_sha256 = r->pack.sha256;
	m.image_size = r->pack.size;
	cid_text(&r->pack.root, m.cid);
	*out = m;
}

static int make_manifest(struct run *r, struct err *e)
{
	struct suit_manifest m;

	describe(r, r->product.words.sequence + 1, &m);
	return release_make_envelope(&m, r->job->keys, r->job->keys_n, &r->envelope, e);
}

static int check_product(const struct run *r, struct err *e)
{
	char name[PRODUCT_NAME_MAX + 1];

	snprintf(name, sizeof name, "%s/%s", r->manifest.vendor, r->manifest.model);
	if (strcmp(name, r->job->product) != 0)
		return err_set(e, ERR_RULE, "manifest: it is for %s, not for %s", name, r->job->product);
	return ERR_OK;
}

/* By the very rules of a gateway, with the signers that the registry has now. */
static int check_manifest(struct run *r, struct err *e)
{
	const struct suit_manifest *m = &r->manifest;
	uint64_t next = r->product.words.sequence + 1;
	int rc = suit_read(buf_span(&r->envelope), &r->signers, NULL, &r->manifest, NULL, e);

	if (rc)
		return err_wrap(e, "manifest");
	rc = check_product(r, e);
	if (!rc && m->sequence != next)
		rc = err_set(e, ERR_RULE, "manifest: its sequence is %" PRIu64 ", the next one of %s is %" PRIu64, m->sequence,
			     r->job->product, next);
	return rc;
}

/* --- published already? --- */

/* Signatures differ from run to run, what is signed does not. A newest release that was revoked, or that gateways reject (too
 * few signers, another product's or number's manifest), is no reason not to publish. */
static bool is_newest(struct run *r, struct span made)
{
	struct span there = buf_span(&r->newest.manifest);
	struct suit_envelope own, newest;

	return !r->newest.is_revoked && suit_open_unsigned(made, &own, NULL) == ERR_OK &&
	       suit_read(there, &r->signers, &newest, &r->manifest, NULL, NULL) == ERR_OK &&
	       hash32_eq(&own.sha256, &newest.sha256) && check_product(r, NULL) == ERR_OK &&
	       r->manifest.sequence == r->newest.sequence;
}

/* What this command says, under the newest release's number. */
static int say_again(const struct run *r, struct buf *out, struct err *e)
{
	struct suit_manifest m;

	if (r->job->envelope.n) {
		buf_add(out, r->job->envelope);
	} else {
		describe(r, r->newest.sequence, &m);
		err_drop(suit_build(&m, out, NULL));	/* it may not fit that number; then it is another release */
	}
	return buf_ok(out, e);
}

/* The newest release may be this one: then what is left to do are its copies. */
static int look_for_it(struct run *r, struct err *e)
{
	AUTO(buf_free) struct buf said = BUF_INIT(MANIFEST_MAX);
	char text[HEX32_MAX];
	int rc;

	if (r->product.words.sequence == 0)
		return ERR_OK;
	rc = registry_newest_release(r->job->registry, &r->product, &r->newest, e);
	if (!rc)
		rc = say_again(r, &said, e);
	if (rc || !is_newest(r, buf_span(&said)))
		return rc;
	r->is_published = true;
	buf_reset(&r->envelope);
	buf_add(&r->envelope, buf_span(&r->newest.manifest));
	step(r, RELEASE_PUBLISHED, hex_0x(SPAN_OF(r->newest.tx), text));
	return buf_ok(&r->envelope, e);
}

/* --- one or the other --- */

static int take_envelope(struct run *r, struct err *e)
{
	int rc;

	buf_add(&r->envelope, r->job->envelope);
	rc = buf_ok(&r->envelope, e);
	if (!rc)
		rc = look_for_it(r, e);
	if (!rc && !r->is_published)
		rc = check_manifest(r, e);
	if (rc || !r->job->image)
		return rc;
	step(r, RELEASE_MEASURE, r->job->image);
	rc = r->job->profile ? measure_with(r, r->job->profile, e) : measure_for(r, e);
	return rc ? rc : check_image(r, e);
}

static int make_envelope(struct run *r, struct err *e)
{
	int rc;

	step(r, RELEASE_MEASURE, r->job->image);
	rc = measure_with(r, r->job->profile ? r->job->profile : dag_profile_default(), e);
	if (!rc)
		rc = look_for_it(r, e);
	if (rc || r->is_published)
		return rc;
	step(r, RELEASE_SIGN, NULL);
	rc = make_manifest(r, e);
	return rc ? rc : check_manifest(r, e);
}

/* --- upload --- */

static int upload(struct run *r, struct release_done *done, struct err *e)
{
	const struct release_job *j = r->job;
	struct upload_job u = j->upload;

	if (!u.n)
		return ERR_OK;
	if (!r->has_image)
		return err_set(e, ERR_USAGE, "there is no image to upload: --image");
	u.web = j->registry->node->web;
	u.pack = &r->pack;
	u.product = j->product;
	u.version = r->manifest.version;
	u.watch = watch(r);
	upload_all(&u, done->results);
	done->results_n = u.n;
	if (!upload_judge(&u, done->results, j->need, e))
		return ERR_OK;
	return err_wrap(e, r->is_published ? "the release is published, but not everywhere" : "nothing was published");
}

/* --- transact --- */

static void on_transact(void *arg, enum transact_step at, const struct hash32 *tx)
{
	static const enum release_step steps[] = {
		[TRANSACT_ESTIMATE] = RELEASE_ESTIMATE, [TRANSACT_SEND] = RELEASE_SEND, [TRANSACT_WAIT] = RELEASE_WAIT,
	};
	char text[HEX32_MAX];

	step(arg, steps[at], tx ? hex_0x(SPAN_OF(*tx), text) : NULL);
}

static void report_newest(const struct run *r, struct release_done *done)
{
	done->is_sent = true;
	done->tx = r->newest.tx;
	done->block = r->newest.block;
}

static int send(struct run *r, struct release_done *done, struct err *e)
{
	AUTO(buf_free) struct buf data = BUF_INIT(CALL_MAX);
	const struct abi_arg args[] = {
		ABI_WORD(&r->product.id), ABI_UINT(r->manifest.sequence), ABI_BYTES(buf_span(&r->envelope)),
	};
	struct transact t = {
		.node = r->job->registry->node, .wallet = r->job->wallet, .to = &r->job->registry->address,
		.on_step = on_transact, .arg = r,
	};
	struct receipt receipt;
	int rc;

	abi_call(&data, "publish(bytes32,uint64,bytes)", args, 3);
	rc = buf_ok(&data, e);
	t.data = buf_span(&data);
	if (rc)
		return rc;
	if (r->job->dry_run)
		return transact_estimate(&t, &done->gas, e);
	rc = transact(&t, &receipt, e);
	if (rc)
		return rc;
	done->is_sent = true;
	done->tx = receipt.tx;
	done->block = receipt.block;
	done->gas = receipt.gas;
	receipt_free(&receipt);
	return ERR_OK;
}

/* --- entries --- */

static int add_line(void *arg, const json_t *log, struct err *e)
{
	struct buf *lines = arg;
	autofree char *line = json_dumps(log, JSON_COMPACT | JSON_SORT_KEYS);

	if (!line)
		return err_set(e, ERR_MEMORY, "out of memory");
	buf_str(lines, line);
	buf_byte(lines, '\n');
	return buf_ok(lines, e);
}

static int export_history(struct run *r, struct err *e)
{
	AUTO(buf_free) struct buf lines = BUF_INIT(ENTRIES_MAX);
	const struct release_job *j = r->job;
	struct registry_product now;
	int rc = ERR_OK;

	for (size_t i = 0; !rc && i < j->upload.n; i++) {
		if (j->upload.targets[i].kind != TARGET_DIR)
			continue;
		if (!lines.n)
			rc = registry_product(j->registry, &j->registrant, span_str(j->product), &now, e);
		if (!rc && !lines.n)
			rc = registry_history(j->registry, &now, add_line, &lines, e);
		if (!rc)
			rc = export_entries(j->upload.targets[i].where, j->product, buf_span(&lines), e);
	}
	return rc ? err_wrap(e, "the release is published, but its entries were not exported") : ERR_OK;
}

/* --- all of it --- */

static void report(const struct run *r, struct release_done *out)
{
	const struct suit_manifest *m = &r->manifest;

	out->sequence = m->sequence;
	out->size = m->image_size;
	out->sha256 = m->image_sha256;
	out->manifest_bytes = r->envelope.n;
	memcpy(out->version, m->version, sizeof out->version);
	memcpy(out->cid, m->cid, sizeof out->cid);
}

static void on_settle(void *arg)
{
	step(arg, RELEASE_SETTLE, NULL);
}

static int do_all(struct run *r, struct release_done *done, struct err *e)
{
	const struct release_job *j = r->job;
	int rc = ERR_OK;

	if (!j->dry_run)
		rc = transact_settle(j->registry->node, j->wallet, TRANSACT_WAIT_MS, on_settle, r, e);
	if (!rc)
		rc = look_up(r, e);
	if (!rc)
		rc = r->job->envelope.n ? take_envelope(r, e) : make_envelope(r, e);
	if (rc)
		return rc;
	report(r, done);
	if (r->is_published)
		report_newest(r, done);
	rc = r->job->dry_run ? ERR_OK : upload(r, done, e);
	if (!rc && !r->is_published)
		rc = send(r, done, e);
	return rc || r->job->dry_run ? rc : export_history(r, e);
}

int release_publish(const struct release_job *job, struct release_done *out, struct err *e)
{
	struct run r = { .job = job, .pack = { .fd = -1 }, .envelope = BUF_INIT(MANIFEST_MAX) };
	int rc;

	*out = (struct release_done){ 0 };
	rc = do_all(&r, out, e);
	pack_close(&r.pack);
	buf_free(&r.envelope);
	buf_free(&r.newest.manifest);
	return rc;
}
