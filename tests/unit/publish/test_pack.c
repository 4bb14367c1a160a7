/* test_pack.c: an image as blocks and as a CAR: what the verifier of ipfs/ makes of it; revert data; upload targets. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "formats/abi.h"
#include "formats/car.h"
#include "formats/sha256.h"
#include "ipfs/intake.h"
#include "publish/export.h"
#include "publish/pack.h"
#include "publish/revert.h"
#include "publish/target.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/gatepost-pack-XXXXXX";
static char path[sizeof dir + 16];

static void make_dir(void)
{
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/image", dir);
}

static void remove_dir(void)
{
	char command[sizeof dir + 16];

	snprintf(command, sizeof command, "rm -rf %s", dir);
	ck_assert_int_eq(system(command), 0);
	strcpy(dir + sizeof dir - 7, "XXXXXX");
}

/* Bytes that differ from chunk to chunk; with `padding` the second half is all 0xff, as of flash images. */
static void put_image(size_t size, bool padding)
{
	FILE *f = fopen(path, "w");
	uint32_t x = 1;

	ck_assert_ptr_nonnull(f);
	for (size_t i = 0; i < size; i++) {
		x = x * 1664525 + 1013904223;
		putc(padding && i >= size / 2 ? 0xff : (int)(x >> 24), f);
	}
	ck_assert_int_eq(fclose(f), 0);
}

/* A plan that keeps what it is given in memory. */
struct sink {
	uint8_t *bytes;
	struct buf kept;
};

static int sink_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	struct sink *s = arg;

	(void)e;
	if (bytes.n)
		memcpy(s->bytes + offset, bytes.p, bytes.n);
	return ERR_OK;
}

static int sink_keep(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	(void)arg, (void)what, (void)cid, (void)block, (void)e;
	return ERR_OK;
}

static int sink_load(void *arg, const struct cid *cid, struct buf *out, struct err *e)
{
	(void)arg, (void)cid, (void)out;
	return err_set(e, ERR_NOT_FOUND, "not kept");
}

static int sink_read(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	const struct sink *s = arg;

	(void)e;
	memcpy(out, s->bytes + offset, n);
	return ERR_OK;
}

/* Streams the archive into a verifier in pieces of `step`; the archive's length. */
static uint64_t stream(const struct pack *p, size_t step, uint8_t *file, enum plan_order order)
{
	struct sink sink = { .bytes = file };
	const struct plan_io io = { sink_write, sink_keep, sink_load, sink_read, &sink };
	enum intake_result result = INTAKE_MORE;
	struct err e = { 0 };
	struct pack_car car;
	struct intake in;
	struct plan *plan;
	uint8_t *chunk = malloc(step);
	size_t n = step;

	ck_assert_msg(plan_new(&p->root, p->size, &io, &plan, &e) == ERR_OK, "%s", e.msg);
	intake_open(&in, plan, SOURCE_ASK_CAR, order, &p->root);
	pack_car_init(&car, p, false);
	while (n == step) {
		ck_assert_msg(pack_car_read(&car, chunk, step, &n, &e) == ERR_OK, "%s", e.msg);
		if (result == INTAKE_MORE)
			result = intake_feed(&in, SPAN(chunk, n), &e);
		ck_assert_msg(result == INTAKE_MORE || result == INTAKE_DONE, "%s", e.msg);
	}
	ck_assert_msg(result == INTAKE_DONE && plan_is_done(plan), "the archive holds the whole file");
	uint64_t sent = car.sent;
	pack_car_fini(&car);
	intake_close(&in);
	plan_free(plan);
	free(chunk);
	return sent;
}

static const struct { const char *what; size_t size; bool padding; const char *profile; size_t inner; } shapes[] = {
	{ "one byte", 1, false, "unixfs-v1-2025", 0 },
	{ "one chunk exactly", 1048576, false, "unixfs-v1-2025", 0 },
	{ "a byte more", 1048577, false, "unixfs-v1-2025", 1 },
	{ "padding at the end", 4 * 1048576, true, "unixfs-v1-2025", 1 },
	{ "one wrapped leaf", 1000, false, "unixfs-v0-2015", 0 },
	{ "a few wrapped leaves", 600000, false, "unixfs-v0-2015", 1 },
	{ "two levels, with repeated nodes", 175 * 262144 + 5, true, "unixfs-v0-2015", 3 },
};

START_TEST(archives_verify)
{
	struct err e = { 0 };
	struct pack p;
	uint8_t *file = malloc(shapes[_i].size);

	put_image(shapes[_i].size, shapes[_i].padding);
	ck_assert_msg(pack_open(path, dag_profile_find(span_str(shapes[_i].profile)), NULL, &p, &e) == ERR_OK, "%s", e.msg);
	ck_assert_uint_eq(p.size, shapes[_i].size);
	ck_assert_uint_eq(p.inner_n, shapes[_i].inner);
	/* Depth first is what a reader asks for, and any order is what a static file has. */
	ck_assert_uint_eq(stream(&p, 65536, file, PLAN_DFS), p.car_size);
	ck_assert_uint_eq(stream(&p, 1000003, file, PLAN_ANY), p.car_size);
	ck_assert(hash32_eq(&p.sha256, &(struct hash32[]){ sha256_of(SPAN(file, p.size)) }[0]));
	pack_close(&p);
	free(file);
}
END_TEST

START_TEST(a_changed_image_is_noticed)
{
	uint8_t chunk[65536];
	struct pack_car car;
	struct err e = { 0 };
	struct pack p;
	size_t n = sizeof chunk;
	int rc = ERR_OK, fd;

	put_image(3 * 1048576, false);
	ck_assert_int_eq(pack_open(path, dag_profile_default(), NULL, &p, &e), ERR_OK);
	fd = open(path, O_WRONLY);
	if (_i == 0)
		ck_assert_int_eq(pwrite(fd, "not what it was", 15, 2 * 1048576 + 7), 15);
	else
		ck_assert_int_eq(ftruncate(fd, 2 * 1048576), 0);
	close(fd);
	pack_car_init(&car, &p, false);
	while (rc == ERR_OK && n == sizeof chunk)
		rc = pack_car_read(&car, chunk, sizeof chunk, &n, &e);
	ck_assert_int_eq(rc, ERR_PROOF);
	ck_assert_ptr_nonnull(strstr(e.msg, "has changed"));
	pack_car_fini(&car);
	pack_close(&p);
}
END_TEST

START_TEST(what_is_no_image)
{
	struct err e = { 0 };
	struct pack p;

	ck_assert_int_eq(pack_open(path, dag_profile_default(), NULL, &p, &e), ERR_USAGE);
	ck_assert_int_eq(pack_open(dir, dag_profile_default(), NULL, &p, &e), ERR_USAGE);
	put_image(0, false);
	ck_assert_int_eq(pack_open(path, dag_profile_default(), NULL, &p, &e), ERR_RULE);
	ck_assert_ptr_nonnull(strstr(e.msg, "at least 1 byte"));
}
END_TEST

/* --- dir: --- */

static struct buf read_exported(const char *name)
{
	char file[512];
	struct buf b = BUF_INIT(8 * MIB);
	struct err e = { 0 };

	snprintf(file, sizeof file, "%s/out/%s", dir, name);
	ck_assert_msg(io_read_file(AT_FDCWD, file, &b, &e) == ERR_OK, "%s: %s", file, e.msg);
	return b;
}

START_TEST(an_export_has_every_form)
{
	char cid[CID_TEXT_MAX], hex[HEX32_MAX], name[256], out[sizeof dir + 8];
	struct err e = { 0 };
	uint64_t written;
	struct pack p;

	put_image(3 * 1048576 + 1, false);
	ck_assert_int_eq(pack_open(path, dag_profile_default(), NULL, &p, &e), ERR_OK);
	snprintf(out, sizeof out, "%s/out", dir);
	for (int again = 0; again < 2; again++) {
		ck_assert_msg(export_image(out, &p, NULL, &written, &e) == ERR_OK, "%s", e.msg);
		ck_assert_msg((written == 0) == (again == 1), "what is there is not written again");
		ck_assert_msg(export_read_back(out, &p, NULL, &e) == ERR_OK, "%s", e.msg);
	}

	snprintf(name, sizeof name, "image/%s", hex_str(SPAN_OF(p.sha256), hex));
	AUTO(buf_free) struct buf image = read_exported(name);
	ck_assert(hash32_eq(&p.sha256, &(struct hash32[]){ sha256_of(buf_span(&image)) }[0]));

	snprintf(name, sizeof name, "car/%s.car", cid_text(&p.root, cid));
	AUTO(buf_free) struct buf car = read_exported(name);
	ck_assert_uint_eq(car.n, p.car_size);

	snprintf(name, sizeof name, "inner/%s.car", cid);
	AUTO(buf_free) struct buf inner = read_exported(name);
	ck_assert_uint_eq(inner.n, p.inner_car_size);

	struct pack_walk walk;
	struct span block;
	struct cid at;
	size_t blocks = 0;
	pack_walk_init(&walk, &p, false);
	while (pack_walk_next(&walk, &at, &block, &e) == ERR_OK && block.p) {
		snprintf(name, sizeof name, "blocks/%s", cid_text(&at, cid));
		AUTO(buf_free) struct buf stored = read_exported(name);
		ck_assert(span_eq(buf_span(&stored), block));
		ck_assert_int_eq(cid_check(&at, buf_span(&stored), &e), ERR_OK);
		blocks++;
	}
	pack_walk_fini(&walk);
	ck_assert_uint_eq(blocks, 5);

	ck_assert_int_eq(export_entries(out, "acme/thermostat", SPAN_LIT("{}\n"), &e), ERR_OK);
	ck_assert_int_eq(export_entries(out, "acme/thermostat", SPAN_LIT("{}\n{}\n"), &e), ERR_OK);
	AUTO(buf_free) struct buf lines = read_exported("entries/acme/thermostat");
	ck_assert(span_is(buf_span(&lines), "{}\n{}\n"));
	pack_close(&p);
}
END_TEST

/* One byte of each kind of file: it is seen, and that file alone is written again. */
START_TEST(a_damaged_export_is_repaired)
{
	char cid[CID_TEXT_MAX], hex[HEX32_MAX], name[512], out[sizeof dir + 8];
	static const char *const folders[] = { "car", "inner", "blocks", "image" };
	uint64_t written, sizes[4];
	struct err e = { 0 };
	struct pack p;
	FILE *f;
	int last;

	put_image(3 * 1048576 + 1, false);
	ck_assert_int_eq(pack_open(path, dag_profile_default(), NULL, &p, &e), ERR_OK);
	memcpy(sizes, (uint64_t[]){ p.car_size, p.inner_car_size, p.inner[0].block.n, p.size }, sizeof sizes);
	cid_text(&p.root, cid);
	hex_str(SPAN_OF(p.sha256), hex);
	snprintf(out, sizeof out, "%s/out", dir);
	ck_assert_int_eq(export_image(out, &p, NULL, &written, &e), ERR_OK);
	snprintf(name, sizeof name, "%s/%s/%s%s", out, folders[_i], _i == 3 ? hex : cid, _i < 2 ? ".car" : "");
	f = fopen(name, "r+");
	ck_assert_ptr_nonnull(f);
	fseek(f, -1, SEEK_END);
	last = getc(f);
	fseek(f, -1, SEEK_END);
	putc(last ^ 1, f);
	ck_assert_int_eq(fclose(f), 0);
	if (_i == 0 || _i == 3)
		ck_assert_int_eq(export_read_back(out, &p, NULL, &e), ERR_PROOF);
	ck_assert_int_eq(export_image(out, &p, NULL, &written, &e), ERR_OK);
	ck_assert_uint_eq(written, sizes[_i]);
	ck_assert_int_eq(export_read_back(out, &p, NULL, &e), ERR_OK);
	if (_i == 0) {	/* between two blocks: all that is there is right */
		ck_assert_int_eq(truncate(name, (off_t)(p.car_size - car_section_length(&p.root, 1))), 0);
		ck_assert_int_eq(export_read_back(out, &p, NULL, &e), ERR_PROOF);
		ck_assert_ptr_nonnull(strstr(e.msg, "blocks are missing"));
	}
	ck_assert_int_eq(truncate(name, 10), 0);
	ck_assert_int_eq(export_image(out, &p, NULL, &written, &e), ERR_OK);
	ck_assert_uint_eq(written, sizes[_i]);
	pack_close(&p);
}
END_TEST

START_TEST(an_export_needs_a_directory)
{
	struct err e = { 0 };
	uint64_t written;
	struct pack p;

	put_image(10, false);
	ck_assert_int_eq(pack_open(path, dag_profile_default(), NULL, &p, &e), ERR_OK);
	ck_assert_int_eq(export_image("/nonexistent/below", &p, NULL, &written, &e), ERR_USAGE);
	ck_assert_int_eq(export_image(path, &p, NULL, &written, &e), ERR_USAGE);	/* a file */
	pack_close(&p);
}
END_TEST

/* --- reverts --- */

#define W(last) "00000000000000000000000000000000000000000000000000000000000000" last
#define ID "1111111111111111111111111111111111111111111111111111111111111111"

static const struct { const char *signature, *values, *says; } reverts[] = {
	{ "WrongSequence(bytes32,uint64,uint64)", ID W("05") W("03"),
	  "WrongSequence (product 0x" ID ", given 5, expected 3)" },
	{ "NotOwner(bytes32,address)", ID "000000000000000000000000f39fd6e51aad88f6f4ce6ab8827279cfffb92266",
	  "NotOwner (product 0x" ID ", sender 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266)" },
	{ "PublisherUnchanged(bytes32,address,bool)", ID "000000000000000000000000f39fd6e51aad88f6f4ce6ab8827279cfffb92266" W("01"),
	  "PublisherUnchanged (product 0x" ID ", publisher 0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266, allowed true)" },
	{ "BadName(string)", W("20") W("03") "410a620000000000000000000000000000000000000000000000000000000000",
	  "BadName (name \"A\\u000ab\")" },
	{ "BadName(string)", W("40") W("03"), "BadName (name ?)" },
	{ "UnknownFunction(bytes4)", "deadbeef00000000000000000000000000000000000000000000000000000000",
	  "UnknownFunction (selector 0xdeadbeef)" },
	{ "NoSuchIndex(uint256,uint256)", "ff00000000000000000000000000000000000000000000000000000000000000" W("01"),
	  "NoSuchIndex (index 0xff00000000000000000000000000000000000000000000000000000000000000, count 1)" },
	{ "WrongSequence(bytes32,uint64,uint64)", ID, "WrongSequence (product 0x" ID ", given ?, expected ?)" },
	{ "Error(string)", W("20") W("02") "6e6f000000000000000000000000000000000000000000000000000000000000", "\"no\"" },
	{ "Panic(uint256)", W("11"), "Panic 17" },
	{ "SomethingElse()", "", "0x" },
};

START_TEST(reverts_in_words)
{
	struct hash32 selector = abi_signature(reverts[_i].signature);
	uint8_t data[260];
	size_t n = strlen(reverts[_i].values) / 2;
	AUTO(buf_free) struct buf text = BUF_INIT(1024);
	struct err e = { 0 };

	memcpy(data, selector.b, 4);
	ck_assert_int_eq(hex_read(span_str(reverts[_i].values), data + 4, n, &e), ERR_OK);
	revert_describe(SPAN(data, 4 + n), &text);
	buf_byte(&text, '\0');
	ck_assert_ptr_nonnull(strstr((char *)text.p, reverts[_i].says));
	ck_assert_int_eq(revert_refuse(SPAN(data, 4 + n), &e), ERR_RULE);
	ck_assert_ptr_nonnull(strstr(e.msg, "the registry refuses"));
}
END_TEST

START_TEST(a_bare_revert_has_no_reason)
{
	struct err e = { 0 };

	ck_assert_int_eq(revert_refuse(SPAN(NULL, 0), &e), ERR_RULE);
	ck_assert_ptr_nonnull(strstr(e.msg, "no reason given"));
	ck_assert_ptr_null(revert_name(SPAN_LIT("abc")));
}
END_TEST

/* --- targets --- */

static const struct { const char *text; enum err_code code; const char *where; } targets[] = {
	{ "kubo:http://127.0.0.1:5001", ERR_OK, "http://127.0.0.1:5001" },
	{ "kubo:https://rpc.example/v0/", ERR_OK, "https://rpc.example/v0" },
	{ "dir:/srv/www", ERR_OK, "/srv/www" },
	{ "dir:relative", ERR_OK, "relative" },
	{ "dir:", ERR_USAGE, NULL },
	{ "kubo:", ERR_USAGE, NULL },
	{ "kubo:ftp://host", ERR_USAGE, NULL },
	{ "kubo:http://user:pass@host", ERR_USAGE, NULL },
	{ "kubo:http://host?key=1", ERR_USAGE, NULL },
	{ "kubo:http://host#/nonexistent/token", ERR_USAGE, NULL },
	{ "pinning:https://pins.example/psa/", ERR_OK, "https://pins.example/psa" },
	{ "pinning:", ERR_USAGE, NULL },
	{ "pinning:http://host?token=1", ERR_USAGE, NULL },
	{ "http://127.0.0.1:5001", ERR_USAGE, NULL },
	{ "s3:bucket", ERR_USAGE, NULL },
	{ "", ERR_USAGE, NULL },
};

START_TEST(targets_are_read)
{
	struct err e = { 0 };
	struct target t;
	int rc = target_read(targets[_i].text, &t, &e);

	ck_assert_msg(rc == (int)targets[_i].code, "%s: %d %s", targets[_i].text, rc, e.msg);
	if (rc == ERR_OK)
		ck_assert_str_eq(t.where, targets[_i].where);
}
END_TEST

static const struct { const char *content; enum err_code code; const char *token; } tokens[] = {
	{ "abc.def\n", ERR_OK, "abc.def" }, { "abc\r\n\n", ERR_OK, "abc" }, { "", ERR_USAGE, NULL }, { "two words", ERR_USAGE, NULL },
	{ "two\nlines", ERR_USAGE, NULL }, { "t\xc3\xb6ken", ERR_USAGE, NULL },
};

START_TEST(tokens_come_from_files)
{
	char text[128], shown[TARGET_TEXT_MAX];
	struct err e = { 0 };
	struct target t;
	FILE *f = fopen(path, "w");
	int rc;

	fputs(tokens[_i].content, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, 0600), 0);
	snprintf(text, sizeof text, "kubo:http://host:5001/secret-path#%s", path);
	rc = target_read(text, &t, &e);
	ck_assert_msg(rc == (int)tokens[_i].code, "%d: %s", rc, e.msg);
	if (rc != ERR_OK)
		return;
	ck_assert_str_eq(t.token, tokens[_i].token);
	target_text(&t, shown);
	ck_assert_ptr_null(strstr(shown, "secret-path"));
	ck_assert_ptr_null(strstr(shown, tokens[_i].token));
}
END_TEST

START_TEST(tokens_are_their_owners)
{
	char text[128];
	struct err e = { 0 };
	struct target t;
	FILE *f = fopen(path, "w");

	fputs("abc.def\n", f);
	fclose(f);
	ck_assert_int_eq(chmod(path, 0640), 0);
	snprintf(text, sizeof text, "pinning:http://host#%s", path);
	ck_assert_int_eq(target_read(text, &t, &e), ERR_OK);
	ck_assert_uint_eq(t.token_mode, 0640);
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_int_eq(target_read(text, &t, &e), ERR_OK);
	ck_assert_uint_eq(t.token_mode, 0);
}
END_TEST

START_TEST(words_of_a_server_are_quoted)
{
	struct target t = { .kind = TARGET_PINNING, .where = "https://host/secret-path", .token = "abc.def" };
	char out[TARGET_QUOTE_MAX];

	target_quote(&t, "no: abc.def at /secret-path\n\033[2J", out);
	ck_assert_str_eq(out, "no: *** at /***??[2J");
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof *(table)))

int main(void)
{
	TCase *image = tcase_create("image"), *text = tcase_create("text");
	Suite *s = suite_create("pack");

	tcase_set_timeout(image, 120);
	tcase_add_checked_fixture(image, make_dir, remove_dir);
	tcase_add_loop_test(image, archives_verify, 0, ROWS(shapes));
	tcase_add_loop_test(image, a_changed_image_is_noticed, 0, 2);
	tcase_add_test(image, what_is_no_image);
	tcase_add_test(image, an_export_has_every_form);
	tcase_add_loop_test(image, a_damaged_export_is_repaired, 0, 4);
	tcase_add_test(image, an_export_needs_a_directory);
	tcase_add_test(image, tokens_are_their_owners);
	tcase_add_test(text, words_of_a_server_are_quoted);
	tcase_add_loop_test(image, tokens_come_from_files, 0, ROWS(tokens));
	tcase_add_loop_test(text, reverts_in_words, 0, ROWS(reverts));
	tcase_add_test(text, a_bare_revert_has_no_reason);
	tcase_add_loop_test(text, targets_are_read, 0, ROWS(targets));
	suite_add_tcase(s, image);
	suite_add_tcase(s, text);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
