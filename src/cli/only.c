/* only.c: `publish --only-upload` and `--only-car`: the image alone; no wallet, no registry, no transaction. */
#include "cli/uploads.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "publish/readback.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define COPY_BYTES (256 * KIB)

/* What both begin with. */
struct alone {
	struct uploads uploads;
	struct upload_job job;
	struct pack pack;
	struct web *web;
};

static void alone_fini(struct alone *a)
{
	pack_close(&a->pack);
	web_free(a->web);
}

static int read_product(struct cli *cli, const struct publisher_options *o, const char **out, struct err *e)
{
	int rc = o->product || cli->words.n ? take_product(cli, o, out, e) : ERR_OK;

	return rc ? rc : no_more_words(cli, e);
}

static int open_image(const struct publisher_options *o, struct alone *a, struct err *e)
{
	const struct dag_profile *profile;
	int rc = read_profile(o->profile, &profile, e);

	if (rc)
		return rc;
	uploads_say(&a->uploads, "reading the image", o->image);
	return pack_open(o->image, profile, &a->uploads.watch, &a->pack, e);
}

static int begin(struct cli *cli, const struct publisher_options *o, struct alone *a, struct err *e)
{
	int rc = need_option(o->image, "image", e);

	if (!rc && o->manifest)
		rc = err_set(e, ERR_USAGE, "--manifest says nothing to --only-upload and --only-car; --profile decides the CID");
	if (!rc)
		rc = uploads_read(o, cli, &a->uploads, &a->job, e);
	if (!rc)
		rc = read_product(cli, o, &a->job.product, e);
	a->job.version = o->version;
	return rc;
}

static json_t *facts(const struct pack *p)
{
	char cid[CID_TEXT_MAX], sha256[HEX32_MAX];

	return json_pack("{s:s, s:s, s:I}", "cid", cid_text(&p->root, cid), "sha256", hex_str(SPAN_OF(p->sha256), sha256),
			 "size", (json_int_t)p->size);
}

/* --- to the targets --- */

int publish_only_upload(struct cli *cli, const struct publisher_options *o, struct err *e)
{
	AUTO(alone_fini) struct alone a = { .pack = { .fd = -1 } };
	struct upload_result results[UPLOAD_TARGETS_MAX];
	json_t *out;
	int rc = begin(cli, o, &a, e);

	if (!rc && !a.job.n)
		rc = need_option(NULL, "upload", e);
	if (!rc)
		rc = web_new(o->ca_file, &a.web, e);
	if (!rc)
		rc = open_image(o, &a, e);
	if (rc)
		return rc;
	a.job.web = a.web;
	a.job.pack = &a.pack;
	upload_all(&a.job, results);
	out = facts(&a.pack);
	json_object_set_new(out, "targets", uploads_json(cli, &a.job, results, a.job.n));
	cli_print_take(cli, out);
	return upload_judge(&a.job, results, a.uploads.need, e);
}

/* --- to a file --- */

static int copy_archive(int fd, const struct pack *p, const struct pack_watch *watch, struct err *e)
{
	autofree uint8_t *chunk = malloc(COPY_BYTES);
	size_t n = COPY_BYTES;
	struct pack_car car;
	int rc = chunk ? ERR_OK : err_set(e, ERR_MEMORY, "out of memory");

	pack_car_init(&car, p, false);
	while (!rc && n == COPY_BYTES) {
		rc = pack_car_read(&car, chunk, COPY_BYTES, &n, e);
		if (!rc)
			rc = io_write_all(fd, SPAN(chunk, n), e);
		if (!rc)
			watch->progress(watch->arg, car.sent, p->car_size);
	}
	pack_car_fini(&car);
	return rc;
}

/* Written, then read through the verifier as a gateway would. */
static int write_archive(struct alone *a, const char *path, struct err *e)
{
	autoclose int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	int rc;

	if (fd < 0)
		return err_set(e, ERR_USAGE, "%s: %s", path, strerror(errno));
	uploads_say(&a->uploads, "writing", path);
	rc = copy_archive(fd, &a->pack, &a->uploads.watch, e);
	if (!rc && (fsync(fd) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		rc = err_errno(e, "%s", path);
	if (rc)
		return rc;
	uploads_say(&a->uploads, "reading back", path);
	return readback_archive(fd, &a->pack, &a->uploads.watch, e);
}

int publish_only_car(struct cli *cli, const struct publisher_options *o, struct err *e)
{
	AUTO(alone_fini) struct alone a = { .pack = { .fd = -1 } };
	json_t *out;
	int rc = begin(cli, o, &a, e);

	if (!rc && a.job.n)
		rc = err_set(e, ERR_USAGE, "--only-car writes to --out; --upload does not go with it");
	if (!rc)
		rc = need_option(o->out, "out", e);
	if (!rc)
		rc = open_image(o, &a, e);
	if (rc)
		return rc;
	if (strcmp(o->out, "-") == 0)
		return copy_archive(STDOUT_FILENO, &a.pack, &a.uploads.watch, e);
	rc = write_archive(&a, o->out, e);
	if (rc)
		return rc;
	out = facts(&a.pack);
	json_object_set_new(out, "file", json_string(o->out));
	json_object_set_new(out, "car_bytes", json_integer((json_int_t)a.pack.car_size));
	cli_print_take(cli, out);
	return ERR_OK;
}
