/* test_savefile.c: a backup's head and its digest: what we write is read again, and whatever else there is has a rule that it breaks. */
#include "base/cleanup.h"
#include "base/io.h"
#include "formats/cbor.h"
#include "formats/sha256.h"
#include "store/savefile.h"
#include "tempdir.h"

#define FRONT 12	/* the magic and the head's length */

/* --- the head --- */

struct strange {
	const char *rule, *words;
	int code;
	const char *magic, *version, *name;	/* NULL: as they should be */
	uint64_t format, items, registry, size[SAVE_PARTS];	/* 0: the same */
	size_t more, cut, longer;		/* bytes after the items, missing, and that only the file has */
};

static void add_head(struct buf *b, const struct strange *o)
{
	static const uint8_t registry[21] = { 1, 2, 3 };

	cbor_put_array(b, o->items ? o->items : 9);
	cbor_put_uint(b, o->format ? o->format : 1);
	cbor_put_text(b, span_str(o->version ? o->version : "1.2.3"));
	cbor_put_text(b, span_str(o->name ? o->name : "cellar"));
	cbor_put_uint(b, 5);
	cbor_put_uint(b, 1);
	cbor_put_bytes(b, SPAN(registry, o->registry ? o->registry : 20));
	for (size_t i = 0; i < SAVE_PARTS; i++)
		cbor_put_uint(b, o->size[i] ? o->size[i] : 10 + i);
	for (size_t i = 0; i < o->more; i++)
		cbor_put_uint(b, 1);
}

static int read_strange(const struct strange *o, struct savefile *out)
{
	AUTO(buf_free) struct buf head = BUF_INIT(4096), b = BUF_INIT(4096);
	uint64_t parts = 0;

	add_head(&head, o);
	for (size_t i = 0; i < SAVE_PARTS; i++)
		parts += o->size[i] ? o->size[i] : 10 + i;
	buf_str(&b, o->magic ? o->magic : "GPBACKUP");
	buf_be(&b, head.n, 4);
	buf_add(&b, buf_span(&head));
	return savefile_read(SPAN(b.p, b.n - o->cut), b.n + parts + SAVEFILE_SUM + o->longer, out, &err);
}

#define X16 "xxxxxxxxxxxxxxxx"
#define X64 X16 X16 X16 X16

static const struct strange strange[] = {
	{ "a file begins with our name", "not a backup", ERR_FORMAT, .magic = "GPBACKUQ" },
	{ "a head ends within the file", "cut short", ERR_FORMAT, .cut = 1 },
	{ "a head is no longer than any of ours", "cut short", ERR_FORMAT, .more = SAVE_FRONT_MAX },
	{ "a newer format is told from damage", "format 2, this gatepost knows 1", ERR_RULE, .format = 2 },
	{ "no item is missing", "does not have 9 items", ERR_FORMAT, .items = 8 },
	{ "no item is more", "does not have 9 items", ERR_FORMAT, .items = 10, .more = 1 },
	{ "nothing follows the items", "left over", ERR_FORMAT, .more = 1 },
	{ "a version is no longer than ours", "version is longer", ERR_LIMIT, .version = X16 X16 },
	{ "a name is no longer than a gateway's", "name is longer", ERR_LIMIT, .name = X64 "x" },
	{ "a terminal gets no control characters", "name has characters", ERR_FORMAT, .name = "a\x1b[2J" },
	{ "a terminal gets nothing but ASCII", "version has characters", ERR_FORMAT, .version = "1\xc2\x9b" },
	{ "a terminal gets no DEL", "name has characters", ERR_FORMAT, .name = "a\x7f" },
	{ "a registry is no shorter than an address", "not an address", ERR_FORMAT, .registry = 19 },
	{ "a registry is no longer than an address", "not an address", ERR_FORMAT, .registry = 21 },
	{ "a database has its limit", "longer than any of ours", ERR_LIMIT, .size = { SAVE_DATABASE_MAX + 1 } },
	{ "floors have theirs", "longer than any of ours", ERR_LIMIT, .size = { 0, FLOOR_FILE_MAX + 1 } },
	{ "tokens have theirs", "longer than any of ours", ERR_LIMIT, .size = { 0, 0, SAVE_TOKENS_MAX + 1 } },
	{ "a file is as long as it says", "bytes, and says", ERR_FORMAT, .longer = 1 },
	{ "a file is as long as it says", "bytes, and says", ERR_FORMAT, .longer = (size_t)-1 },
};

START_TEST(strange_heads_are_refused)
{
	struct savefile s = { .made_ms = 77 };

	ck_says(read_strange(&strange[_i], &s), strange[_i].code, strange[_i].words, strange[_i].rule);
	ck_assert_msg(s.made_ms == 77 && s.total == 0, "%s: outputs are untouched", strange[_i].rule);
}
END_TEST

/* What a limit lets through. */
static const struct strange largest[] = {
	{ "nothing is strange", .magic = NULL },
	{ "the longest texts", .version = X16 "xxxxxxxxxxxxxxx", .name = X64 },
	{ "every character between the first and the last", .name = " ~" },
	{ "the longest parts", .size = { SAVE_DATABASE_MAX, FLOOR_FILE_MAX, SAVE_TOKENS_MAX } },
};

START_TEST(what_is_within_the_limits_is_read)
{
	const struct strange *o = &largest[_i];
	struct savefile s;

	ck_ok(read_strange(o, &s));
	ck_assert_str_eq(s.version, o->version ? o->version : "1.2.3");
	ck_assert_str_eq(s.name, o->name ? o->name : "cellar");
	ck_assert_msg(s.made_ms == 5 && s.chain_id == 1 && s.registry.b[2] == 3, "%s", o->rule);
	ck_assert_uint_eq(s.at[SAVE_FLOORS], s.at[SAVE_DATABASE] + s.size[SAVE_DATABASE]);
	ck_assert_uint_eq(s.total, s.at[SAVE_TOKENS] + s.size[SAVE_TOKENS] + SAVEFILE_SUM);
}
END_TEST

START_TEST(a_few_bytes_are_no_backup)
{
	struct savefile s;

	ck_says(savefile_read(SPAN("GPBACKU", 7), 7, &s, &err), ERR_FORMAT, "not a backup", "our name is whole");
	ck_says(savefile_read(SPAN("GPBACKUP\0\0\0", 11), 11, &s, &err), ERR_FORMAT, "cut short", "the head's length is whole");
}
END_TEST

START_TEST(a_front_is_read_again)
{
	AUTO(buf_free) struct buf b = BUF_INIT(SAVE_FRONT_MAX);
	struct savefile s = { .version = "2", .name = "roof", .made_ms = UINT64_MAX, .chain_id = UINT64_MAX, .size = { 4096, 1, 0 } }, read;

	memset(&s.registry, 0xee, sizeof s.registry);
	ck_ok(savefile_front(&s, &b, &err));
	ck_assert_uint_eq(s.at[SAVE_DATABASE], b.n);
	ck_assert_uint_eq(s.total, b.n + 4097 + SAVEFILE_SUM);
	ck_ok(savefile_read(buf_span(&b), s.total, &read, &err));
	ck_assert_str_eq(read.version, "2");
	ck_assert_str_eq(read.name, "roof");
	ck_assert_msg(read.made_ms == UINT64_MAX && read.chain_id == UINT64_MAX && addr20_eq(&read.registry, &s.registry), "numbers");
	ck_assert_int_eq(memcmp(read.size, s.size, sizeof s.size), 0);
	ck_assert_int_eq(memcmp(read.at, s.at, sizeof s.at), 0);
}
END_TEST

/* --- the digest --- */

#define FILE "a.backup"
#define LONGEST (2 * CHUNK_SIZE + 5)

/* n bytes and the digest of them. */
static int make_file(size_t n)
{
	AUTO(buf_free) struct buf b = BUF_INIT(LONGEST + SAVEFILE_SUM);
	struct hash32 sum;
	int fd = openat(tempdir_fd, FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < n; i++)
		buf_byte(&b, (uint8_t)(i / 251));
	sum = sha256_of(buf_span(&b));
	buf_add(&b, SPAN_OF(sum));
	ck_ok(io_write_all(fd, buf_span(&b), &err));
	return fd;
}

static const size_t lengths[] = { FRONT, FRONT + 1, CHUNK_SIZE - 1, CHUNK_SIZE, CHUNK_SIZE + 1, LONGEST };

START_TEST(every_byte_counts)
{
	size_t n = lengths[_i], places[] = { 0, n / 2, n - 1, n, n + SAVEFILE_SUM - 1 };
	autoclose int fd = make_file(n);
	struct hash32 sum, kept = { { 7 } };
	uint8_t last[SAVEFILE_SUM];

	ck_ok(savefile_check(fd, n + SAVEFILE_SUM, &sum, &err));
	ck_assert_int_eq(pread(fd, last, sizeof last, (off_t)n), sizeof last);
	ck_assert_int_eq(memcmp(sum.b, last, sizeof last), 0);
	sum = kept;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		tempdir_flip(FILE, (off_t)places[i]);
		ck_says(savefile_check(fd, n + SAVEFILE_SUM, &sum, &err), ERR_PROOF, "digest at its end", "all bytes are the digest's");
		tempdir_flip(FILE, (off_t)places[i]);
	}
	ck_assert_msg(hash32_eq(&sum, &kept), "outputs are untouched");
}
END_TEST

START_TEST(a_file_that_ends_early_is_not_one_that_is_whole)
{
	autoclose int fd = make_file(LONGEST);
	struct hash32 sum;

	ck_says(savefile_check(fd, FRONT + SAVEFILE_SUM - 1, &sum, &err), ERR_FORMAT, "not a backup", "there is room for a head's length and a digest");
	ck_says(savefile_check(fd, 0, &sum, &err), ERR_FORMAT, "not a backup", "an empty file is none");
	ck_says(savefile_check(fd, LONGEST + SAVEFILE_SUM - 1, &sum, &err), ERR_PROOF, "digest at its end", "no byte is missing");
	ck_refused(savefile_check(fd, LONGEST + SAVEFILE_SUM + 1, &sum, &err), ERR_CORRUPT, "what is to be read is there");
	ck_refused(savefile_check(fd, LONGEST + CHUNK_SIZE, &sum, &err), ERR_CORRUPT, "what is to be read is there");
	ck_refused(savefile_check(-1, LONGEST + SAVEFILE_SUM, &sum, &err), ERR_IO, "a disk that fails is not a damaged backup");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("savefile");
	TCase *tc = tcase_create("savefile");
	SRunner *runner = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(tc, tempdir_make, tempdir_remove);
	tcase_add_loop_test(tc, strange_heads_are_refused, 0, sizeof strange / sizeof *strange);
	tcase_add_loop_test(tc, what_is_within_the_limits_is_read, 0, sizeof largest / sizeof *largest);
	tcase_add_test(tc, a_few_bytes_are_no_backup);
	tcase_add_test(tc, a_front_is_read_again);
	tcase_add_loop_test(tc, every_byte_counts, 0, sizeof lengths / sizeof *lengths);
	tcase_add_test(tc, a_file_that_ends_early_is_not_one_that_is_whole);
	suite_add_tcase(s, tc);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
