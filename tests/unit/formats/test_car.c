/* test_car.c: the CARv1 reader on other people's archives, on every way to cut a stream into chunks, and on what it must refuse. */
#include "base/cleanup.h"
#include "base/limits.h"
#include "formats/car.h"
#include "hexes.h"
#include "vectors.h"


#define HEADER "11 a2 65726f6f7473 80 67 76657273696f6e 01"
#define D "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"
#define CID_HELLO "01551220" D
#define HELLO "68656c6c6f20776f726c64"
#define SECTION "2f" CID_HELLO HELLO

struct tally {
	unsigned cids, blocks, proven;
	uint64_t bytes;
};

/* Reads all of car in chunks of this size; what came of it. */
static int read_all(struct span car, size_t chunk_size, bool skip, struct tally *t, struct err *e)
{
	AUTO(car_close) struct car_reader r;
	int rc = ERR_OK;

	*t = (struct tally){ 0 };
	car_open(&r);
	for (size_t at = 0; at < car.n && !rc; at += chunk_size) {
		struct span chunk = span_cut(car, at, chunk_size);
		struct car_item item = { .kind = CAR_BLOCK };

		while (!(rc = car_next(&r, &chunk, &item, e)) && item.kind != CAR_MORE) {
			t->cids += item.kind == CAR_CID;
			if (item.kind == CAR_CID && skip)
				car_skip(&r);
			if (item.kind != CAR_BLOCK)
				continue;
			ck_assert(!skip);
			ck_assert_uint_eq(item.block.n, item.length);
			t->blocks++;
			t->bytes += item.length;
			t->proven += cid_check(&item.cid, item.block, NULL) == ERR_OK;
		}
		ck_assert(rc || chunk.n == 0);
	}
	ck_assert(rc || r.consumed == car.n);
	return rc ? rc : car_end(&r, e);
}

static const struct { const char *file; int code; const char *says; } archives[] = {
	{ "simple-unixfs.car", ERR_OK, "" },
	{ "simple-unixfs-missing-blocks.car", ERR_OK, "" },
	{ "file-3k-and-3-blocks-missing-block.car", ERR_OK, "" },
	{ "dir-with-files.car", ERR_OK, "" },
	{ "dir-with-duplicate-files.car", ERR_OK, "" },
	{ "gateway-raw-block.car", ERR_OK, "" },
	{ "subdir-with-two-single-block-files.car", ERR_OK, "" },
	{ "symlink.car", ERR_OK, "" },
	{ "badheaderlength.car", ERR_LIMIT, "a header of 216830324832 bytes" },
	{ "badsectionlength.car", ERR_LIMIT, "a section of 216830324832 bytes" },
	{ "carv1-basic.car", ERR_RULE, "codec 0x71" },
	{ "carv2-basic.car", ERR_RULE, "version 2" },
	{ "sample-corrupt-pragma.car", ERR_FORMAT, "ends inside the header" },
	{ "sample-rootless-v42.car", ERR_RULE, "version 42" },
	{ "sample-rw-bs-v2.car", ERR_RULE, "version 2" },
	{ "sample-unixfs-v2.car", ERR_RULE, "version 2" },
	{ "sample-v1-with-zero-len-section2.car", ERR_RULE, "hash function" },
};

START_TEST(archives_of_others)
{
	static const size_t sizes[] = { 1, 2, 7, 64, 1000, 1 << 20 };
	struct tally first = { 0 };
	char name[128];
	struct buf b;

	snprintf(name, sizeof name, "ipfs/car/%s", archives[_i].file);
	b = vector_file(name);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct err e = { 0 };
		struct tally t;

		ck_assert_msg(read_all(buf_span(&b), sizes[i], false, &t, &e) == archives[_i].code, "%s: %s", name, e.msg);
		ck_assert_msg(strstr(e.msg, archives[_i].says) != NULL, "%s: %s", name, e.msg);
		ck_assert_msg(t.proven == t.blocks, "%s: %u of %u blocks", name, t.proven, t.blocks);
		if (i == 0)
			first = t;
		ck_assert_msg(memcmp(&t, &first, sizeof t) == 0, "%s: chunks of %zu", name, sizes[i]);
		if (archives[_i].code == ERR_OK)
			ck_assert_uint_gt(t.blocks, 0);
	}
	buf_free(&b);
}
END_TEST

START_TEST(one_section)
{
	struct tally t;

	for (size_t chunk = 1; chunk < 70; chunk++) {
		ck_assert_int_eq(read_all(hexes(HEADER SECTION SECTION), chunk, false, &t, NULL), ERR_OK);
		ck_assert_uint_eq(t.blocks, 2);
		ck_assert_uint_eq(t.proven, 2);
		ck_assert_int_eq(read_all(hexes(HEADER SECTION SECTION), chunk, true, &t, NULL), ERR_OK);
		ck_assert_uint_eq(t.cids, 2);
		ck_assert_uint_eq(t.blocks, 0);
	}
}
END_TEST

static const struct { const char *what, *hex; unsigned blocks; } good[] = {
	{ "no sections", HEADER, 0 },
	{ "roots that were never filled", "11 a2 65726f6f7473 f6 67 76657273696f6e 01", 0 },
	{ "a root of a kind that we refuse, which is nobody's business",
	  "1a a2 65726f6f7473 81 d82a 46 0001711104ff 67 76657273696f6e 01" SECTION, 1 },
	{ "a version 0 CID", HEADER "2d 1220" D HELLO, 1 },
	{ "identity blocks are passed over in silence", HEADER "08 01550002 6869 6869" "06 01550002 6869" SECTION, 1 },
	{ "an empty block", HEADER "24 01551220 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", 1 },
};

START_TEST(accepts)
{
	struct tally t;
	struct err e = { 0 };

	for (size_t chunk = 1; chunk < 8; chunk++) {
		ck_assert_msg(read_all(hexes(good[_i].hex), chunk, false, &t, &e) == ERR_OK, "%s: %s", good[_i].what, e.msg);
		ck_assert_msg(t.blocks == good[_i].blocks, "%s: %u blocks", good[_i].what, t.blocks);
	}
}
END_TEST

/* Archives that an honest source never sends. Each names the rule it breaks. */
static const struct { const char *rule, *hex, *says; int code; } bad[] = {
	{ "nothing at all", "", "ends inside the header's length", ERR_FORMAT },
	{ "a header of no bytes", "00", "header is empty", ERR_FORMAT },
	{ "an overlong header length", "9100 a2", "overlong", ERR_FORMAT },
	{ "a header of more than 4 KiB", "8120", "a header of 4097 bytes", ERR_LIMIT },
	{ "a header of 2^62 bytes", "808080808080808040", "a header of", ERR_LIMIT },
	{ "a cut header", "11 a2 65726f", "ends inside the header", ERR_FORMAT },
	{ "a header without roots", "0a a1 67 76657273696f6e 01", "no roots", ERR_FORMAT },
	{ "version 3", "11 a2 65726f6f7473 80 67 76657273696f6e 03", "version 3", ERR_RULE },
	{ "a version that is not minimal", "12 a2 65726f6f7473 80 67 76657273696f6e 1801", "left over", ERR_FORMAT },
	{ "members in the other order", "11 a2 67 76657273696f6e 01 65726f6f7473 80", "begin with roots", ERR_FORMAT },
	{ "another member", "14 a3 65726f6f7473 80 67 76657273696f6e 01 616100", "not { roots, version }", ERR_FORMAT },
	{ "bytes after the header's map", "12 a2 65726f6f7473 80 67 76657273696f6e 01 00", "left over", ERR_FORMAT },
	{ "an indefinite list of roots", "12 a2 65726f6f7473 9fff 67 76657273696f6e 01", "list of links", ERR_FORMAT },
	{ "roots that are numbers", "12 a2 65726f6f7473 8101 67 76657273696f6e 01", "list of links", ERR_FORMAT },
	{ "a list of 65535 roots that are not there", "13 a2 65726f6f7473 99ffff 67 76657273696f6e 01", "list of links",
	  ERR_FORMAT },
	{ "a link without its zero", "17 a2 65726f6f7473 81 d82a 43 010203 67 76657273696f6e 01", "list of links", ERR_FORMAT },
	{ "a section of no bytes", HEADER "00", "no bytes", ERR_FORMAT },
	{ "an overlong section length", HEADER "af00" CID_HELLO HELLO, "overlong", ERR_FORMAT },
	{ "a section of a CID and 2 MiB and one byte", HEADER "86818001" CID_HELLO, "a section of", ERR_LIMIT },
	{ "a block of 3 MiB", HEADER "a4808001" CID_HELLO, "", ERR_FORMAT },
	{ "a block of 2 MiB and one byte", HEADER "a5808001" CID_HELLO, "a block of 2097153 bytes", ERR_LIMIT },
	{ "a section of 1 TiB", HEADER "808080808020" CID_HELLO, "a section of", ERR_LIMIT },
	{ "a CID past its section", HEADER "1e" CID_HELLO HELLO, "past the end of its section", ERR_FORMAT },
	{ "a section of one byte", HEADER "01 01", "past the end of its section", ERR_FORMAT },
	{ "a section cut in its length", HEADER "af", "ends inside a section's length", ERR_FORMAT },
	{ "a section cut in its CID", HEADER "2f 01551220 b94d", "ends inside a CID", ERR_FORMAT },
	{ "a section cut in its block", HEADER "2f" CID_HELLO "6865", "ends inside a block", ERR_FORMAT },
	{ "a section without its block", HEADER "2f" CID_HELLO, "ends inside a block", ERR_FORMAT },
	{ "trailing bytes", HEADER SECTION "2f", "ends inside a CID", ERR_FORMAT },
	{ "an overlong varint in a CID", HEADER "30 8100551220" D HELLO, "overlong", ERR_FORMAT },
	{ "an unknown codec", HEADER "2f 01711220" D HELLO, "codec 0x71", ERR_RULE },
	{ "an unknown hash", HEADER "31 0155a0e40220" D HELLO, "hash function 0xb220", ERR_RULE },
	{ "a truncated digest", HEADER "0f 0155120a b94d27b9934d3e08a52e 68", "must have 32 bytes", ERR_RULE },
	{ "an identity digest of 129 bytes", HEADER "8b01 0155008101" D D D D "ff 00 00 00 00 00 00", "at most 128", ERR_RULE },
};

START_TEST(refuses)
{
	struct tally t;

	for (size_t chunk = 1; chunk < 200; chunk = chunk * 3 + 1) {
		struct err e = { 0 };
		int rc = read_all(hexes(bad[_i].hex), chunk, false, &t, &e);

		ck_assert_msg(rc == bad[_i].code, "%s: %d %s", bad[_i].rule, rc, e.msg);
		ck_assert_msg(strstr(e.msg, bad[_i].says) && !strncmp(e.msg, "car: ", 5), "%s: %s", bad[_i].rule, e.msg);
	}
}
END_TEST

/* A claimed length costs nothing: memory follows the bytes that came. */
START_TEST(claims_cost_nothing)
{
	AUTO(car_close) struct car_reader r;
	struct span chunk = hexes(HEADER "a4808001" CID_HELLO "00");
	struct car_item item;

	car_open(&r);
	ck_assert_int_eq(car_next(&r, &chunk, &item, NULL), ERR_OK);
	ck_assert_int_eq(item.kind, CAR_CID);
	ck_assert_uint_eq(item.length, BLOCK_MAX);
	ck_assert_int_eq(car_next(&r, &chunk, &item, NULL), ERR_OK);
	ck_assert_int_eq(item.kind, CAR_MORE);
	ck_assert_uint_lt(r.held.cap, 4096);
}
END_TEST

START_TEST(writes_what_it_reads)
{
	AUTO(buf_free) struct buf b = BUF_INIT(1024);
	struct span hello = SPAN_LIT("hello world");
	struct cid cid = cid_of(1, CID_RAW, hello), v0 = cid_of(0, CID_DAG_PB, hello), id;
	struct tally t;

	ck_assert_int_eq(cid_read_text(span_str("bafkqaaa"), &id, NULL), ERR_OK);
	car_put_header(&b, _i == 0 ? &cid : _i == 1 ? &v0 : &id);
	car_put_section_head(&b, &cid, hello.n);
	buf_add(&b, hello);
	ck_assert_uint_eq(car_section_length(&cid, hello.n), 48);
	ck_assert_int_eq(read_all(buf_span(&b), 3, false, &t, NULL), ERR_OK);
	ck_assert_uint_eq(t.proven, 1);
	if (_i == 0)	/* as js-car writes it */
		ck_assert(span_eq(span_cut(buf_span(&b), 0, 59), hexes(
			"3a a2 65726f6f7473 81 d82a 58 25 00" CID_HELLO "67 76657273696f6e 01")));
}
END_TEST

#define LOOP(tcase, test, rows) tcase_add_loop_test(tcase, test, 0, (int)(sizeof rows / sizeof *rows))

int main(void)
{
	Suite *s = suite_create("car");
	TCase *t = tcase_create("car");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	LOOP(t, archives_of_others, archives);
	tcase_add_test(t, one_section);
	LOOP(t, accepts, good);
	LOOP(t, refuses, bad);
	tcase_add_test(t, claims_cost_nothing);
	tcase_add_loop_test(t, writes_what_it_reads, 0, 3);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
