/* publish.c: `gatepost publish`: options in, a release out (publish/release.h). */
#include "cli/uploads.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "publish/release.h"

#include <stdio.h>
#include <string.h>

/* What the job borrows. */
struct inputs {
	struct signing_keys keys;
	struct buf envelope;
	struct uploads uploads;
	struct connection connection;
};

static void inputs_fini(struct inputs *in)
{
	signing_keys_wipe(&in->keys);
	buf_free(&in->envelope);
	connection_close(&in->connection);
}

/* --- options --- */

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
	if (!rc)
		rc = uploads_read(o, cli, &in->uploads, &job->upload, e);
	job->need = in->uploads.need;
	job->watch = in->uploads.watch;
	return rc;
}

/* --- what people see --- */

static void on_step(void *arg, enum release_step at, const char *detail)
{
	static const char *const what[] = {
		[RELEASE_SETTLE] = "an earlier transaction of this wallet waits for a block; waiting for it",
		[RELEASE_PUBLISHED] = "published already, by transaction",
		[RELEASE_MEASURE] = "reading the image", [RELEASE_SIGN] = "signing",
		[RELEASE_ESTIMATE] = "asking the registry", [RELEASE_SEND] = "sending the transaction",
		[RELEASE_WAIT] = "waiting for a block",
	};
	struct inputs *in = arg;

	uploads_say(&in->uploads, what[at], detail);
}

static json_t *hash_or_null(bool is_there, const struct hash32 *h)
{
	char text[HEX32_MAX];

	return is_there ? json_string(hex_0x(SPAN_OF(h->b), text)) : json_null();
}

static void print_done(const struct cli *cli, const struct release_job *job, const struct release_done *d)
{
	char sha256[HEX32_MAX];

	cli_print_take(cli, json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:o}",
		"product", job->product,
		"sequence", (json_int_t)d->sequence,
		"version", d->version,
		"cid", d->cid,
		"sha256", hex_str(SPAN_OF(d->sha256), sha256),
		"size", (json_int_t)d->size,
		"manifest_bytes", (json_int_t)d->manifest_bytes,
		"tx", hash_or_null(d->is_sent, &d->tx),
		"block", d->is_sent ? json_integer((json_int_t)d->block) : json_null(),
		"gas", d->gas ? json_integer((json_int_t)d->gas) : json_null(),
		"targets", uploads_json(cli, &job->upload, d->results, d->results_n)));
}

static int publish(struct cli *cli, const struct publisher_options *o, struct err *e)
{
	AUTO(inputs_fini) struct inputs in = { .envelope = BUF_INIT(MANIFEST_MAX) };
	struct release_job job = { .on_step = on_step, .arg = &in };
	struct release_done done;
	int rc = read_job(cli, o, &in, &job, e);

	if (!rc)
		rc = connection_open(o, true, &in.connection, e);
	if (rc)
		return rc;
	job.registry = &in.connection.registry;
	job.wallet = &in.connection.wallet;
	job.registrant = in.connection.registrant;
	rc = release_publish(&job, &done, e);
	/* Programs learn from the JSON which targets failed; people have read it already. */
	if (!rc || done.is_sent || (cli->json && done.results_n))
		print_done(cli, &job, &done);
	return rc;
}

int run_publish(struct cli *cli, const void *options, struct err *e)
{
	const struct publisher_options *o = options;

	if (o->only_car && o->only_upload)
		return err_set(e, ERR_USAGE, "--only-car and --only-upload: one of them");
	if (o->only_car)
		return publish_only_car(cli, o, e);
	if (o->only_upload)
		return publish_only_upload(cli, o, e);
	if (o->out)
		return err_set(e, ERR_USAGE, "--out goes with --only-car");
	return publish(cli, o, e);
}
