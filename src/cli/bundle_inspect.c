/* bundle_inspect.c: `gatepost bundle inspect`: reads a bundle as a gateway would, and says what of it proves what.
 *
 * Everything but trust is checked here: whether the block is in the chain, and whether these keys are the publisher's, a
 * file cannot say. The image goes through the same plan as on a gateway, into a file without a name. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "chain/evidence.h"
#include "cli/bundle.h"
#include "cli/describe.h"
#include "cli/publisher.h"
#include "formats/sha256.h"
#include "ipfs/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE (256 * KIB)

struct inspection {
	struct bundle_reader reader;
	struct evidence evidence;
	struct records records;
	struct suit_envelope envelope;
	struct suit_manifest manifest;
	struct suit_signers signers;	/* in force when the release was published */
	uint32_t who;			/* of them, who signed it */
	bool is_signed;
	char why_not[320];
	const char *revoked;		/* how; NULL: it is not */
	struct plan *plan;
	int part;			/* the image's bytes */
	uint64_t bytes;			/* of the file */
};

static void inspection_end(struct inspection *in)
{
	bundle_close(&in->reader);
	plan_free(in->plan);
	records_free(&in->records);
	cleanup_close(&in->part);
}

/* --- the image --- */

static int io_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	const struct inspection *in = arg;

	return io_pwrite_all(in->part, bytes, (off_t)offset, e);
}

static int io_read(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	const struct inspection *in = arg;

	return io_pread_exact(in->part, out, n, (off_t)offset, e);
}

static int open_part(struct inspection *in, struct err *e)
{
	const char *dir = getenv("TMPDIR");

	in->part = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return in->part < 0 ? err_errno(e, "a file for the image (TMPDIR)") : ERR_OK;
}

static int begin_image(struct inspection *in, struct err *e)
{
	const struct plan_io io = { io_write, plan_keep_none, plan_load_none, io_read, in };
	struct cid cid;
	int rc = cid_read_text(span_str(in->manifest.cid), &cid, e);

	if (!rc && !cid_eq(&cid, &in->reader.part[BUNDLE_IMAGE]))
		rc = err_set(e, ERR_PROOF, "image.bin is not the image that the manifest names, %s", in->manifest.cid);
	if (!rc)
		rc = open_part(in, e);
	if (!rc)
		rc = plan_new(&cid, in->manifest.image_size, &io, &in->plan, e);
	if (!rc)
		bundle_take_image(&in->reader, in->plan);
	return rc;
}

static int settle(const struct inspection *in, struct err *e)
{
	enum plan_verdict v = PLAN_TAKEN;
	bool more = !plan_is_done(in->plan);

	while (more && v == PLAN_TAKEN)
		v = plan_settle(in->plan, BLOCK_MAX, &more, e);
	return v < PLAN_LIE ? ERR_OK : (int)e->code;
}

static int check_image(const struct inspection *in, struct err *e)
{
	autofree uint8_t *piece = malloc(PIECE);
	struct hash32 digest;
	struct sha256 sum;
	ssize_t n;
	int rc = piece ? settle(in, e) : err_set(e, ERR_MEMORY, "out of memory");

	sha256_init(&sum);
	for (off_t at = 0; !rc && (n = pread(in->part, piece, PIECE, at)) != 0; at += n) {
		if (n < 0)
			return err_errno(e, "the image");
		sha256_add(&sum, SPAN(piece, (size_t)n));
	}
	if (rc)
		return rc;
	digest = sha256_end(&sum);
	return hash32_eq(&digest, &in->manifest.image_sha256) ? ERR_OK : err_set(e, ERR_PROOF, "image.bin has another SHA-256 than the manifest says");
}

/* --- the history --- */

static int note_signers(struct inspection *in, const struct entry *entry, struct err *e)
{
	int rc = ERR_OK;

	in->signers = (struct suit_signers){ .threshold = entry->signers.threshold };
	for (size_t i = 0; i < entry->signers.n && !rc; i++)
		rc = suit_signers_add(&in->signers, entry->signers.keys[i], e);
	return rc;
}

static void note_release(struct inspection *in)
{
	struct err why = { 0 };

	in->is_signed = suit_verify(&in->envelope, &in->signers, &in->who, &why) == ERR_OK;
	snprintf(in->why_not, sizeof in->why_not, "%s", why.msg);
}

static int walk(struct inspection *in, struct err *e)
{
	uint64_t sequence = in->evidence.sequence;
	bool is_published = false;
	int rc = ERR_OK;

	for (size_t i = 0; i < in->records.n && !rc; i++) {
		struct entry entry;

		rc = entry_decode(&in->records.v[i], &entry, e);
		if (!rc && entry.kind == ENTRY_SIGNERS && !is_published)
			rc = note_signers(in, &entry, e);
		if (!rc && entry.kind == ENTRY_RELEASE && entry.release.sequence == sequence) {
			is_published = true;
			note_release(in);
		}
		if (!rc && entry.kind == ENTRY_REVOKED && entry.revoked.sequence == sequence)
			in->revoked = "revoked by the publisher";
		if (!rc && entry.kind == ENTRY_FLOOR && entry.floor.floor > sequence)
			in->revoked = "below the floor that the publisher raised";
	}
	return rc;
}

static int read_front(struct inspection *in, struct err *e)
{
	struct span envelope;
	int rc = evidence_read(buf_span(&in->reader.bytes[BUNDLE_PROOF]), &in->evidence, e);

	if (!rc)
		rc = evidence_replay(&in->evidence, buf_span(&in->reader.bytes[BUNDLE_ENTRIES]), &in->records, e);
	if (!rc)
		rc = evidence_envelope(&in->evidence, &in->records, &envelope, e);
	if (!rc && !span_eq(envelope, buf_span(&in->reader.bytes[BUNDLE_ENVELOPE])))
		rc = err_set(e, ERR_PROOF, "envelope.suit is not the manifest that the history has");
	if (!rc)
		rc = suit_open_unsigned(buf_span(&in->reader.bytes[BUNDLE_ENVELOPE]), &in->envelope, e);
	if (!rc)
		rc = suit_manifest(&in->envelope, &in->manifest, e);
	if (!rc)
		rc = walk(in, e);
	return rc ? rc : begin_image(in, e);
}

static int feed(struct inspection *in, struct span bytes, struct err *e)
{
	enum bundle_event event;
	int rc = ERR_OK;

	in->bytes += bytes.n;
	while (bytes.n > 0 && !rc) {
		rc = bundle_next(&in->reader, &bytes, &event, e);
		if (!rc && event == BUNDLE_FRONT)
			rc = read_front(in, e);
	}
	return rc;
}

static int read_bundle(struct inspection *in, int fd, struct err *e)
{
	autofree uint8_t *piece = malloc(PIECE);
	ssize_t n = 0;
	int rc = piece ? ERR_OK : err_set(e, ERR_MEMORY, "out of memory");

	while (!rc && (n = read(fd, piece, PIECE)) != 0)
		rc = n < 0 ? err_errno(e, "read") : feed(in, SPAN(piece, (size_t)n), e);
	if (!rc)
		rc = bundle_end(&in->reader, e);
	return rc ? rc : check_image(in, e);
}

/* --- what is said --- */

static json_t *signed_by(const struct inspection *in)
{
	json_t *list = json_array();
	char hex[65];

	for (size_t i = 0; i < in->signers.n; i++)
		if (in->who & UINT32_C(1) << i)
			json_array_append_new(list, json_string(hex_str(SPAN_OF(in->signers.signer[i].thumbprint), hex)));
	return list;
}

static json_t *proves(const struct inspection *in)
{
	char text[512], block[HEX32_MAX];
	json_t *list = json_array();

	snprintf(text, sizeof text, "entries.jsonl: all %" PRIu32 " entries of the product, in their order: they come out at the proven head", in->evidence.words.entries);
	json_array_append_new(list, json_string(text));
	snprintf(text, sizeof text, "envelope.suit: %s", in->is_signed ? "signed as the signers that were in force demand; whether those are the "
		 "publisher's keys, pinned `signers` decide" : in->why_not);
	json_array_append_new(list, json_string(text));
	snprintf(text, sizeof text, "eth-proof.json: that this is the product's history, if block %" PRIu64 " of the chain has the hash %s: "
		 "compare it with a source that you trust", in->evidence.header.number, hex_0x(SPAN_OF(in->evidence.header.hash), block));
	json_array_append_new(list, json_string(text));
	json_array_append_new(list, json_string("image.bin: every block hashes to its CID, and the whole to the manifest's SHA-256 and size"));
	return list;
}

static void print_all(const struct cli *cli, const struct inspection *in)
{
	const struct evidence *ev = &in->evidence;
	char root[CID_TEXT_MAX], registry[HEX32_MAX], registrant[HEX32_MAX], block[HEX32_MAX], sha256[65], code[HEX32_MAX], head[HEX32_MAX];
	json_t *o = json_pack("{s:s, s:s, s:I, s:s, s:I, s:s, s:s, s:I, s:s}", "kind", "bundle", "root", cid_text(&in->reader.root, root),
		"bytes", (json_int_t)in->bytes, "product", ev->product, "sequence", (json_int_t)ev->sequence, "version", in->manifest.version,
		"channel", in->manifest.channel, "chain_id", (json_int_t)ev->chain_id, "registry", hex_0x(SPAN_OF(ev->registry), registry));

	json_object_update_new(o, json_pack("{s:s, s:s, s:I, s:s, s:I, s:s, s:I, s:s, s:s, s:I, s:o, s:s?, s:o}",
		"registrant", hex_0x(SPAN_OF(ev->registrant), registrant), "code_hash", hex_0x(SPAN_OF(ev->code_hash), code),
		"entries", (json_int_t)ev->words.entries, "head", hex_0x(SPAN_OF(ev->words.head), head),
		"block", (json_int_t)ev->header.number, "block_hash", hex_0x(SPAN_OF(ev->header.hash), block), "block_time", (json_int_t)ev->header.time,
		"cid", in->manifest.cid, "sha256", hex_str(SPAN_OF(in->manifest.image_sha256), sha256), "size", (json_int_t)in->manifest.image_size,
		"signed_by", signed_by(in), "revoked", in->revoked, "proves", proves(in)));
	cli_print_take(cli, o);
}

int run_bundle_inspect(struct cli *cli, const void *options, struct err *e)
{
	autofree struct inspection *in = calloc(1, sizeof *in);
	autoclose int fd = -1;
	const char *path;
	int rc = in ? take_word(cli, "a bundle", &path, e) : err_set(e, ERR_MEMORY, "out of memory");

	(void)options;
	if (!rc)
		rc = no_more_words(cli, e);
	if (rc)
		return rc;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, ERR_USAGE, "%s: %s", path, strerror(errno));
	in->part = -1;
	bundle_open(&in->reader);
	rc = read_bundle(in, fd, e);
	if (rc)
		rc = err_wrap(e, "%.200s", path);
	else
		print_all(cli, in);
	inspection_end(in);
	return rc;
}
