/* inspect.c: `gatepost inspect`: says what a thing is, by looking at it: a CID, or a file that is a manifest, an
 * archive, a key or, failing all that, an image. */
#include "cli/publisher.h"
#include "cli/describe.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "formats/car.h"
#include "formats/cose.h"
#include "formats/secret.h"
#include "formats/sniff.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define CHUNK (64 * KIB)

/* --- a CID --- */

static json_t *describe_cid(const struct cid *c)
{
	char text[CID_TEXT_MAX], v1[CID_TEXT_MAX], digest[2 * CID_IDENTITY_MAX + 1];
	struct cid other = *c;

	other.version = 1;
	return json_pack("{s:s, s:s, s:i, s:s, s:s, s:s, s:s}", "kind", "cid", "cid", cid_text(c, text),
			 "version", (int)c->version, "codec", c->codec == CID_RAW ? "raw" : "dag-pb",
			 "hash", c->hash == CID_SHA256 ? "sha2-256" : "identity",
			 "digest", hex_str(cid_digest(c), digest), "v1", cid_text(&other, v1));
}

/* --- a file --- */

static bool is_manifest(struct span head)
{
	return head.n > 2 && head.p[0] == 0xd8 && head.p[1] == 107;	/* tag 107 */
}

static int inspect_manifest(struct cli *cli, int fd, struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(MANIFEST_MAX);
	static const struct suit_signers nobody;
	struct suit_envelope env;
	struct suit_manifest m;
	int rc = io_read_all(fd, &bytes, e);

	if (!rc)
		rc = suit_open_unsigned(buf_span(&bytes), &env, e);
	if (!rc)
		rc = suit_manifest(&env, &m, e);
	if (!rc)
		cli_print_take(cli, describe_manifest(&env, &m, &nobody, 0));
	return rc;
}

static bool is_key(struct span head)
{
	return span_eq(span_cut(head, 0, 11), SPAN_LIT("-----BEGIN "));
}

static int inspect_key(struct cli *cli, int fd, struct err *e)
{
	AUTO(buf_free) struct buf pem = BUF_INIT(SIG_PEM_MAX), cose = BUF_INIT(COSE_KEY_MAX);
	char hex[2 * COSE_KEY_MAX + 1], thumbprint[HEX32_MAX];
	struct sig_secret key;
	struct hash32 thumb;
	int rc = io_read_all(fd, &pem, e);

	if (!rc)
		rc = sig_secret_read_pem(buf_span(&pem), &key, e);
	if (pem.p)
		secret_wipe(pem.p, pem.n);
	if (rc)
		return rc;
	cose_key_put(&cose, &key.pub);
	thumb = cose_key_thumbprint(&key.pub);
	cli_print_take(cli, json_pack("{s:s, s:s, s:s, s:s}", "kind", "signing key", "type", sig_curve_name(key.pub.curve),
				      "cose_key", hex_str(buf_span(&cose), hex),
				      "thumbprint", hex_str(SPAN_OF(thumb), thumbprint)));
	sig_secret_wipe(&key);
	return ERR_OK;
}

struct archive {
	struct car_reader reader;
	uint64_t blocks, bytes, damaged;
	struct cid first;
};

static int feed_archive(struct archive *a, struct span chunk, struct err *e)
{
	struct car_item item;

	for (;;) {
		int rc = car_next(&a->reader, &chunk, &item, e);

		if (rc || item.kind == CAR_MORE)
			return rc;
		if (item.kind != CAR_BLOCK)
			continue;
		if (a->blocks++ == 0)
			a->first = item.cid;
		a->bytes += item.length;
		a->damaged += cid_check(&item.cid, item.block, NULL) != ERR_OK;
	}
}

static int read_archive(struct archive *a, int fd, struct err *e)
{
	autofree uint8_t *chunk = malloc(CHUNK);
	ssize_t n;
	int rc = chunk ? ERR_OK : err_set(e, ERR_MEMORY, "out of memory");

	while (!rc && (n = read(fd, chunk, CHUNK)) != 0)
		rc = n < 0 ? err_errno(e, "read") : feed_archive(a, SPAN(chunk, (size_t)n), e);
	return rc ? rc : car_end(&a->reader, e);
}

/* A CAR's header is a CBOR map that has "roots" as its first key, after one or two bytes of length. */
static bool is_archive(struct span head)
{
	return span_eq(span_cut(head, 1, 7), SPAN_LIT("\xa2\x65roots")) || span_eq(span_cut(head, 2, 7), SPAN_LIT("\xa2\x65roots"));
}

static int inspect_archive(struct cli *cli, int fd, struct err *e)
{
	struct archive a = { 0 };
	char first[CID_TEXT_MAX] = "";
	int rc;

	car_open(&a.reader);
	rc = read_archive(&a, fd, e);
	car_close(&a.reader);
	if (rc)
		return rc;
	if (a.blocks)
		cid_text(&a.first, first);
	cli_print_take(cli, json_pack("{s:s, s:I, s:I, s:s, s:I}", "kind", "car", "blocks", (json_int_t)a.blocks, "block_bytes",
				      (json_int_t)a.bytes, "first", first, "damaged", (json_int_t)a.damaged));
	return a.damaged ? err_set(e, ERR_PROOF, "%" PRIu64 " blocks are not what their CIDs say", a.damaged) : ERR_OK;
}

static int inspect_image(struct cli *cli, const char *path, struct span head, struct err *e)
{
	static const char *const profiles[] = { "unixfs-v1-2025", "unixfs-v0-2015" };
	json_t *o = json_pack("{s:s, s:s}", "kind", "image", "format", sniff(head));

	for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++) {
		struct progress shown = { .cli = cli, .what = profiles[i] };
		const struct pack_watch watch = { on_progress, &shown };
		char text[CID_TEXT_MAX], sha256[HEX32_MAX];
		struct pack p;

		if (pack_open(path, dag_profile_find(span_str(profiles[i])), &watch, &p, e)) {
			json_decref(o);
			return (int)e->code;
		}
		json_object_set_new(o, "size", json_integer((json_int_t)p.size));
		json_object_set_new(o, "sha256", json_string(hex_str(SPAN_OF(p.sha256), sha256)));
		json_object_set_new(o, profiles[i], json_string(cid_text(&p.root, text)));
		pack_close(&p);
	}
	cli_print_take(cli, o);
	return ERR_OK;
}

static int inspect_file(struct cli *cli, const char *path, int fd, struct err *e)
{
	uint8_t head[SNIFF_BYTES];
	ssize_t n = pread(fd, head, sizeof head, 0);
	struct span seen = SPAN(head, n > 0 ? (size_t)n : 0);

	if (n < 0)
		return err_set(e, ERR_USAGE, "%s: %s", path, strerror(errno));
	if (is_manifest(seen))
		return inspect_manifest(cli, fd, e);
	if (is_key(seen))
		return inspect_key(cli, fd, e);
	if (is_archive(seen))
		return inspect_archive(cli, fd, e);
	return inspect_image(cli, path, seen, e);
}

int run_inspect(struct cli *cli, const void *options, struct err *e)
{
	autoclose int fd = -1;
	const char *what;
	struct cid cid;
	int rc = take_word(cli, "a file or a CID", &what, e);

	(void)options;
	if (!rc)
		rc = no_more_words(cli, e);
	if (rc)
		return rc;
	fd = open(what, O_RDONLY | O_CLOEXEC);
	if (fd >= 0)
		return inspect_file(cli, what, fd, e) ? err_wrap(e, "%s", what) : ERR_OK;
	if (strncmp(what, "ipfs://", 7) == 0)
		what += 7;
	rc = cid_read_text(span_str(what), &cid, e);
	if (rc == ERR_RULE)
		return err_wrap(e, "%.80s", what);
	if (rc)
		return err_set(e, ERR_USAGE, "%.200s: neither a file (%s) nor a CID", what, strerror(ENOENT));
	cli_print_take(cli, describe_cid(&cid));
	return ERR_OK;
}
