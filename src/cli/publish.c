/* publish.c: `gatepost publish`: options in, a release out (publish/release.h). */
#include "cli/publisher.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "publish/release.h"

#include <stdio.h>
#include <string.h>

/* What the job borrows. */
struct inputs {
	struct signing_keys keys;
	struct buf envelope;
	struct target target[RELEASE_TARGETS_MAX];
	struct progress shown;
	struct connection connection;
};

static void inputs_fini(struct inputs *in)
{
	signing_keys_wipe(&in->keys);
	buf_free(&in->envelope);
	connection_close(&in->connection);
}

/* --- options --- */

static int read_targets(const struct words *uploads, struct inputs *in, struct release_job *job, struct err *e)
{
	if (uploads->n > RELEASE_TARGETS_MAX)
		return err_set(e, ERR_USAGE, "--upload: at most %d targets", RELEASE_TARGETS_MAX);
	for (size_t i = 0; i < uploads->n; i++)
		if (target_read(uploads->v[i], &in->target[i], e))
			return err_wrap(e, "--upload");
	job->targets = in->target;
	job->targets_n = uploads->n;
	return ERR_OK;
}

/* Whatever the manifest says was said when it was made. */
static int read_made_elsewhere(const struct publisher_options *o, struct inputs *in, struct release_job *job,
			       struct err *e)
{
	int rc;

	if (o->version || o->channel || o->description || o->from_sequence || o->hardware.n || o->urgent || o->keys.n)
		return err_set(e, ERR_USAGE, "--manifest says all about the release; only --image and --upload go with it");
	rc = read_named_file(o->manifest, "manifest", &in->envelope, e);
	job->envelope = buf_span(&in->envelope);
	return rc;
}

static int read_made_here(const struct publisher_options *o, struct inputs *in, struct release_job *job, struct err *e)
{
	int rc = need_option(o->image, "image", e);

	if (!rc)
		rc = read_about(o, &job->about, e);
	if (!rc && o->keys.n == 0)
		rc = err_set(e, ERR_USAGE, "--signing-key is needed, or a --manifest that was signed elsewhere");
	if (!rc)
		rc = read_signing_keys(&o->keys, &in->keys, e);
	job->keys = in->keys.key;
	job->keys_n = in->keys.n;
	return rc;
}

static int read_job(struct cli *cli, const struct publisher_options *o, struct inputs *in, struct release_job *job,
		    struct err *e)
{
	int rc = take_product(cli, o, &job->product, e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (!rc && o->profile)
		rc = read_profile(o->profile, &job->profile, e);
	if (!rc)
		rc = o->manifest ? read_made_elsewhere(o, in, job, e) : read_made_here(o, in, job, e);
	job->image = o->image;
	job->dry_run = o->dry_run;
	return rc ? rc : read_targets(&o->uploads, in, job, e);
}

/* --- what people see --- */

static void on_step(void *arg, enum release_step at, const char *detail)
{
	static const char *const what[] = {
		[RELEASE_MEASURE] = "reading the image", [RELEASE_SIGN] = "signing", [RELEASE_UPLOAD] = "uploading",
		[RELEASE_READ_BACK] = "reading back",
		[RELEASE_ESTIMATE] = "asking the registry", [RELEASE_SEND] = "sending the transaction",
		[RELEASE_WAIT] = "waiting for a block",
	};
	struct inputs *in = arg;

	in->shown.what = what[at];
	if (!in->shown.cli->json)
		cli_note("%s%s%s", what[at], detail ? ": " : "", detail ? detail : "");
}

static void on_bytes(void *arg, uint64_t done, uint64_t total)
{
	struct inputs *in = arg;

	on_progress(&in->shown, done, total);
}

static json_t *hash_or_null(bool is_there, const struct hash32 *h)
{
	char text[HEX32_MAX];

	return is_there ? json_string(hex_0x(SPAN_OF(h->b), text)) : json_null();
}

static void print_done(const struct cli *cli, const char *product, const struct release_done *d)
{
	char sha256[HEX32_MAX];

	cli_print_take(cli, json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:I}",
		"product", product,
		"sequence", (json_int_t)d->sequence,
		"version", d->version,
		"cid", d->cid,
		"sha256", hex_str(SPAN_OF(d->sha256), sha256),
		"size", (json_int_t)d->size,
		"manifest_bytes", (json_int_t)d->manifest_bytes,
		"tx", hash_or_null(d->is_sent, &d->tx),
		"block", d->is_sent ? json_integer((json_int_t)d->block) : json_null(),
		"gas", (json_int_t)d->gas));
}

int run_publish(struct cli *cli, const void *options, struct err *e)
{
	const struct publisher_options *o = options;
	AUTO(inputs_fini) struct inputs in = { .envelope = BUF_INIT(MANIFEST_MAX), .shown.cli = cli };
	struct release_job job = { .on_step = on_step, .watch = { on_bytes, &in }, .arg = &in };
	struct release_done done = { 0 };
	int rc = read_job(cli, o, &in, &job, e);

	if (!rc)
		rc = connection_open(o, true, &in.connection, e);
	if (rc)
		return rc;
	job.registry = &in.connection.registry;
	job.wallet = &in.connection.wallet;
	job.registrant = in.connection.registrant;
	rc = release_publish(&job, &done, e);
	if (!rc || done.is_sent)
		print_done(cli, job.product, &done);
	return rc;
}
