/* bundle.c: `gatepost bundle export|import` and `gatepost import`: files to and from a gateway, piece by piece over the API. */
#include "base/base64.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/io.h"
#include "cli/bundle.h"
#include "cli/download.h"
#include "cli/gateway.h"
#include "cli/printable.h"
#include "cli/publisher.h"
#include "formats/sha256.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct options {
	struct gateway_options gateway;
	const char *block_hash, *out;
};

static const struct opt export_opts[] = {
	{ "out", OPT_TEXT, offsetof(struct options, out), "FILE", "where to write it; - is standard output (default: VENDOR-MODEL-SEQUENCE.car)" },
	GATEWAY_OPTS(struct options), { NULL },
};
static const struct opt import_opts[] = {
	{ "block-hash", OPT_TEXT, offsetof(struct options, block_hash), "0xHASH", "of the bundle's block, from somewhere that you trust" },
	GATEWAY_OPTS(struct options), { NULL },
};
static const struct opt image_opts[] = { GATEWAY_OPTS(struct options), { NULL } };

#define WAIT_MS 50

static void wait_a_moment(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = WAIT_MS * 1000000L }, NULL);
}

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "";
}

static uint64_t number_at(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

/* Asks, until the answer's state is another one than `state`. */
static int wait_while(const struct options *o, const char *path, const char *state, json_t **at, struct err *e)
{
	int rc = ERR_OK;

	while (!rc && !strcmp(text_at(*at, "state"), state)) {
		wait_a_moment();
		json_decref(STEAL_PTR(*at));
		rc = gateway_call(&o->gateway, LINK_GET, path, NULL, at, e);
	}
	return rc;
}

/* --- in --- */

struct upload {
	const struct cli *cli;
	const struct options *o;
	int fd;
	uint64_t size;
	char path[64];
	json_t *at;			/* what the gateway last said of it */
};

static void upload_end(struct upload *u)
{
	json_decref(u->at);
}

static int open_file(const char *path, int *fd, uint64_t *size, struct err *e)
{
	struct stat st;

	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0 || fstat(*fd, &st) < 0)
		return err_set(e, ERR_USAGE, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_USAGE, "%s: not a file", path);
	*size = (uint64_t)st.st_size;
	return ERR_OK;
}

static int send_piece(struct upload *u, uint64_t offset, struct span bytes, struct err *e)
{
	AUTO(buf_free) struct buf text = BUF_INIT(API_BODY_MAX);
	json_t *body;
	int rc;

	base64_put(&text, bytes);
	rc = buf_ok(&text, e);
	if (rc)
		return rc;
	body = json_pack("{s:I, s:s#}", "offset", (json_int_t)offset, "data", (const char *)text.p, (int)text.n);
	json_decref(STEAL_PTR(u->at));
	rc = gateway_call(&u->o->gateway, LINK_PUT, u->path, body, &u->at, e);
	json_decref(body);
	return rc;
}

static int send_all(struct upload *u, struct err *e)
{
	autofree uint8_t *piece = malloc(BUNDLE_PIECE);
	struct progress shown = { .cli = u->cli, .what = "sending" };
	int rc = piece ? ERR_OK : err_set(e, ERR_MEMORY, "out of memory");

	for (uint64_t at = 0; at < u->size && !rc;) {
		size_t n = u->size - at < BUNDLE_PIECE ? (size_t)(u->size - at) : BUNDLE_PIECE;

		rc = io_pread_exact(u->fd, piece, n, (off_t)at, e);
		if (!rc)
			rc = send_piece(u, at, SPAN(piece, n), e);
		at += n;
		if (!rc)
			on_progress(&shown, at, u->size);
	}
	return rc;
}

/* The import from its beginning to its end; body is taken. */
static int upload_take(struct upload *u, json_t *body, struct err *e)
{
	int rc = gateway_call(&u->o->gateway, LINK_POST, "/api/v1/imports", body, &u->at, e);

	json_decref(body);
	if (rc)
		return rc;
	snprintf(u->path, sizeof u->path, "/api/v1/imports/%" PRIu64, number_at(u->at, "id"));
	rc = send_all(u, e);
	if (!rc)
		rc = wait_while(u->o, u->path, "finishing", &u->at, e);
	if (!rc && strcmp(text_at(u->at, "state"), "done"))
		rc = err_set(e, ERR_RULE, "%.300s", text_at(u->at, "why"));
	if (rc)
		return rc;
	cli_print_take(u->cli, STEAL_PTR(u->at));
	return ERR_OK;
}

static int run_bundle_import(struct cli *cli, const void *options, struct err *e)
{
	const struct options *o = options;
	AUTO(upload_end) struct upload u = { .cli = cli, .o = o };
	autoclose int fd = -1;
	const char *path;
	int rc = take_word(cli, "a bundle", &path, e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (!rc)
		rc = open_file(path, &fd, &u.size, e);
	u.fd = fd;
	return rc ? rc : upload_take(&u, json_pack("{s:s, s:I, s:s?}", "kind", "bundle", "size", (json_int_t)u.size, "block_hash", o->block_hash), e);
}

static int hash_file(int fd, uint64_t size, struct hash32 *out, struct err *e)
{
	autofree uint8_t *piece = malloc(CHUNK_SIZE);
	struct sha256 sum;
	int rc = piece ? ERR_OK : err_set(e, ERR_MEMORY, "out of memory");

	sha256_init(&sum);
	for (uint64_t at = 0; at < size && !rc; at += CHUNK_SIZE) {
		size_t n = size - at < CHUNK_SIZE ? (size_t)(size - at) : CHUNK_SIZE;

		rc = io_pread_exact(fd, piece, n, (off_t)at, e);
		if (!rc)
			sha256_add(&sum, SPAN(piece, n));
	}
	if (!rc)
		*out = sha256_end(&sum);
	return rc;
}

static int run_import(struct cli *cli, const void *options, struct err *e)
{
	const struct options *o = options;
	AUTO(upload_end) struct upload u = { .cli = cli, .o = o };
	autoclose int fd = -1;
	struct hash32 sha256;
	char hex[65];
	const char *path;
	int rc = take_word(cli, "an image", &path, e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (!rc)
		rc = open_file(path, &fd, &u.size, e);
	if (!rc)
		rc = hash_file(fd, u.size, &sha256, e);
	if (rc)
		return rc;
	u.fd = fd;
	return upload_take(&u, json_pack("{s:s, s:I, s:s}", "kind", "image", "size", (json_int_t)u.size, "sha256", hex_str(SPAN_OF(sha256), hex)), e);
}

/* --- out --- */

static bool is_number(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) <= 18;
}

/* Digits are a sequence; anything else is the newest release of that version. */
static int find_sequence(const struct options *o, const char *product, const char *wanted, uint64_t *out, struct err *e)
{
	json_t *answer = NULL, *release;
	char path[256];
	size_t i;
	int rc;

	*out = is_number(wanted) ? strtoull(wanted, NULL, 10) : 0;
	if (*out)
		return ERR_OK;
	snprintf(path, sizeof path, "/api/v1/releases?limit=1000&product=%s", product);
	rc = gateway_call(&o->gateway, LINK_GET, path, NULL, &answer, e);
	json_array_foreach(json_object_get(answer, "items"), i, release)
		if (!strcmp(text_at(release, "version"), wanted) && number_at(release, "sequence") > *out)
			*out = number_at(release, "sequence");
	json_decref(answer);
	return rc || *out ? rc : err_set(e, ERR_NOT_FOUND, "%s has no release of version \"%.40s\"", product, wanted);
}

static int begin_export(struct download *d, const struct options *o, const char *product, uint64_t sequence, json_t **at, struct err *e)
{
	json_t *body = json_pack("{s:s, s:I}", "product", product, "sequence", (json_int_t)sequence);
	int rc = gateway_call(d->o, LINK_POST, "/api/v1/exports", body, at, e);

	json_decref(body);
	if (rc)
		return rc;
	snprintf(d->path, sizeof d->path, "/api/v1/exports/%" PRIu64, number_at(*at, "id"));
	rc = wait_while(o, d->path, "asking", at, e);
	if (!rc && !strcmp(text_at(*at, "state"), "failed"))
		rc = err_set(e, ERR_RULE, "%.300s", text_at(*at, "why"));
	d->size = number_at(*at, "image_size");
	return rc;
}

static int export(struct cli *cli, const struct options *o, const char *product, const char *wanted, struct err *e)
{
	AUTO(download_end) struct download d = { .cli = cli, .o = &o->gateway, .mode = 0644, .fd = -1 };
	char name[PRODUCT_NAME_MAX + 32];
	const char *path = o->out ? o->out : name;
	json_t *at = NULL;
	uint64_t sequence;
	int rc = find_sequence(o, product, wanted, &sequence, e);

	if (!rc) {
		snprintf(name, sizeof name, "%s-%" PRIu64 ".car", product, sequence);
		*strchr(name, '/') = '-';
		rc = download_open(&d, path, e);
	}
	if (!rc)
		rc = begin_export(&d, o, product, sequence, &at, e);
	if (!rc)
		rc = download_run(&d, e);
	if (!rc && strcmp(path, "-"))
		cli_print_take(cli, json_pack("{s:s, s:I, s:s, s:I, s:O}", "product", product, "sequence", (json_int_t)sequence, "file", path,
					      "bytes", (json_int_t)d.at, "block", json_object_get(at, "block")));
	json_decref(at);
	return rc;
}

static int run_bundle_export(struct cli *cli, const void *options, struct err *e)
{
	const char *product, *wanted;
	int rc = take_word(cli, "PRODUCT", &product, e);

	if (!rc)
		rc = take_word(cli, "a version or sequence", &wanted, e);
	if (!rc)
		rc = no_more_words(cli, e);
	if (!rc && !product_name_is_valid(span_str(product)))
		rc = err_set(e, ERR_USAGE, "\"%.80s\" is not a product: vendor/model", product);
	return rc ? rc : export(cli, options, product, wanted, e);
}

const struct command bundle_commands[] = {
	{ "bundle export", "PRODUCT VERSION-OR-SEQUENCE", "a release with all that proves it as one file", export_opts, sizeof(struct options), run_bundle_export },
	{ "bundle inspect", "FILE", "what a bundle holds and what each part proves; asks no gateway", NULL, 0, run_bundle_inspect },
	{ "bundle import", "FILE", "bring a bundle into a gateway", import_opts, sizeof(struct options), run_bundle_import },
	{ "import", "FILE", "bring in an image that a known manifest names", image_opts, sizeof(struct options), run_import },
	{ NULL },
};
