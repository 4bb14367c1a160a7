/* test_base.c: the rules of src/base, a table each. */
#include "base/aside.h"
#include "base/base64.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/cursor.h"
#include "base/hex.h"
#include "base/io.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/sm.h"
#include "base/table.h"
#include "base/utf8.h"
#include "../support/unread.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct { const char *rule; const char *bytes; size_t n; bool valid, printable; } texts[] = {
	{ "plain text", "abc", 3, true, true },
	{ "two bytes", "\xc3\xa9", 2, true, true },
	{ "four bytes", "\xf0\x9f\x9a\x80", 4, true, true },
	{ "a control character is valid, not printable", "a\nb", 3, true, false },
	{ "C1 is not printable", "\xc2\x80", 2, true, false },
	{ "NUL is not printable", "\0", 1, true, false },
	{ "an overlong form is refused", "\xc0\x80", 2, false, false },
	{ "an overlong three-byte form is refused", "\xe0\x80\x80", 3, false, false },
	{ "a surrogate is refused", "\xed\xa0\x80", 3, false, false },
	{ "above U+10FFFF is refused", "\xf4\x90\x80\x80", 4, false, false },
	{ "a cut character is refused", "\xe2\x82", 2, false, false },
	{ "a lone tail is refused", "\x80", 1, false, false },
};

START_TEST(utf8_rules)
{
	struct span s = SPAN(texts[_i].bytes, texts[_i].n);

	ck_assert_msg(utf8_is_valid(s) == texts[_i].valid, "%s", texts[_i].rule);
	ck_assert_msg(utf8_is_printable(s) == texts[_i].printable, "%s", texts[_i].rule);
}
END_TEST

/* RFC 4648, section 10, and the whole alphabet. */
static const struct { const char *bytes, *text; } base64s[] = {
	{ "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" }, { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	{ "\xfb\xff\xbf\x3e", "+/+/Pg==" },
};

START_TEST(base64_both_ways)
{
	struct buf text = BUF_INIT(64), bytes = BUF_INIT(64);

	base64_put(&text, span_str(base64s[_i].bytes));
	ck_assert(span_is(buf_span(&text), base64s[_i].text));
	ck_assert_int_eq(base64_read(span_str(base64s[_i].text), &bytes, NULL), ERR_OK);
	ck_assert(span_is(buf_span(&bytes), base64s[_i].bytes));
	buf_free(&text);
	buf_free(&bytes);
}
END_TEST

static const struct { const char *rule, *text; } bad_base64s[] = {
	{ "padding is there", "Zg" }, { "all of it", "Zg=" }, { "and no more", "Z===" }, { "nothing but padding", "====" }, { "only at the end", "Zg==Zg==" },
	{ "no bits are left over", "Zh==" }, { "in two bytes neither", "Zm9=" }, { "not the alphabet for URLs", "-_-_" }, { "no line breaks", "Zm\n9" },
	{ "no text behind", "Zm9v\n" },
};

START_TEST(base64_has_one_form)
{
	struct buf bytes = BUF_INIT(64);

	ck_assert_msg(base64_read(span_str(bad_base64s[_i].text), &bytes, NULL) == ERR_FORMAT, "%s", bad_base64s[_i].rule);
	buf_free(&bytes);
}
END_TEST

START_TEST(json_escapes)
{
	struct buf b = BUF_INIT(256);
	struct err e = { 0 };

	buf_json(&b, SPAN("a\"\\\n\xff\xc3\xa9", 7));
	ck_assert_int_eq(buf_ok(&b, &e), ERR_OK);
	ck_assert(span_is(buf_span(&b), "a\\\"\\\\\\u000a\xef\xbf\xbd\xc3\xa9"));
	buf_free(&b);
}
END_TEST

START_TEST(buf_is_sticky)
{
	struct buf b = BUF_INIT(8);
	struct err e = { 0 };

	buf_str(&b, "12345");
	buf_str(&b, "6789");
	buf_str(&b, "x");
	ck_assert_int_eq(buf_ok(&b, &e), ERR_LIMIT);
	ck_assert(span_is(buf_span(&b), "12345"));
	buf_reset(&b);
	buf_fmt(&b, "%s", "1234567");
	ck_assert_int_eq(buf_ok(&b, &e), ERR_OK);
	buf_free(&b);
}
END_TEST

START_TEST(buf_numbers)
{
	struct buf b = BUF_INIT(64);

	buf_be(&b, 0x0102, 2);
	buf_be(&b, 1, 10);
	buf_hex(&b, SPAN("\xab", 1));
	ck_assert_uint_eq(b.n, 14);
	ck_assert_mem_eq(b.p, "\1\2\0\0\0\0\0\0\0\0\0\1" "ab", 14);
	buf_free(&b);
}
END_TEST

static const struct { const char *rule, *text; size_t n; int code; } hexes[] = {
	{ "both cases", "aBfF", 2, ERR_OK },
	{ "too short", "ab", 2, ERR_FORMAT },
	{ "too long", "ababab", 2, ERR_FORMAT },
	{ "odd", "aba", 2, ERR_FORMAT },
	{ "not a digit", "abxx", 2, ERR_FORMAT },
};

START_TEST(hex_rules)
{
	uint8_t out[2] = { 7, 7 };
	struct err e = { 0 };

	ck_assert_msg(hex_read(span_str(hexes[_i].text), out, hexes[_i].n, &e) == hexes[_i].code, "%s", hexes[_i].rule);
	if (hexes[_i].code)
		ck_assert_msg(out[0] == 7 && out[1] == 7, "a failed read writes nothing");
	else
		ck_assert_mem_eq(out, "\xab\xff", 2);
}
END_TEST

START_TEST(hex_needs_its_prefix)
{
	uint8_t out[1];

	ck_assert_int_eq(hex_read_0x(span_str("0x7f"), out, 1, NULL), ERR_OK);
	ck_assert_int_eq(out[0], 0x7f);
	ck_assert_int_eq(hex_read_0x(span_str("7f"), out, 1, NULL), ERR_FORMAT);
}
END_TEST

START_TEST(cursor_is_sticky)
{
	struct cursor c = cur_of(SPAN("\1\2\3", 3));

	ck_assert_uint_eq(cur_be(&c, 2), 0x0102);
	ck_assert_uint_eq(cur_be(&c, 2), 0);
	ck_assert(!cur_ok(&c));
	ck_assert_uint_eq(cur_u8(&c), 0);
	ck_assert(!cur_at_end(&c));
	c = cur_of(SPAN("\1\2", 2));
	ck_assert_uint_eq(cur_le(&c, 2), 0x0201);
	ck_assert(cur_at_end(&c));
}
END_TEST

START_TEST(errors_keep_their_context)
{
	struct err e = { 0 }, told = { 0 };

	errno = ENOSPC;
	ck_assert_int_eq(err_errno(&e, "write %s", "x.part"), ERR_NO_SPACE);
	ck_assert_int_eq(err_wrap(&e, "store"), ERR_NO_SPACE);
	ck_assert_str_eq(e.msg, "store: write x.part: No space left on device");
	ck_assert_int_eq(err_tell(&told, &e), ERR_NO_SPACE);
	ck_assert_str_eq(told.msg, e.msg);
	ck_assert_msg(told.sys == ENOSPC, "what was behind it is told, too");
	ck_assert_int_eq(err_tell(NULL, &e), ERR_NO_SPACE);
	errno = EROFS;
	ck_assert_int_eq(err_errno(NULL, "x"), ERR_READ_ONLY);
	for (int code = ERR_OK; code <= ERR_INTERNAL; code++)
		ck_assert_ptr_nonnull(err_name((enum err_code)code));
}
END_TEST

static const struct { int sys; bool is_of_one, is_shortage; } file_failures[] = {
	{ EIO, true, false }, { EPERM, true, false }, { EACCES, true, false }, { EBUSY, true, false }, { ENOTEMPTY, true, false },
	{ EROFS, false, false }, { ENOSPC, false, false }, { EDQUOT, false, false }, { ENOENT, false, false },
	{ ENOMEM, false, true }, { EMFILE, false, true }, { ENFILE, false, true },
};

START_TEST(one_file_tells_nothing_of_the_next)
{
	struct err e = { 0 };

	errno = file_failures[_i].sys;
	ck_assert_int_ne(err_errno(&e, "x"), ERR_OK);
	ck_assert_msg(err_is_of_one_file(&e) == file_failures[_i].is_of_one, "%s", e.msg);
	ck_assert_msg(err_is_shortage(&e) == file_failures[_i].is_shortage, "%s", e.msg);
}
END_TEST

START_TEST(log_text_is_harmless)
{
	ck_assert_str_eq(LOG_STR(SPAN("a\nb\"\xff\xc3\xa9", 7)), "\"a\\x0ab\\x22\\xff\xc3\xa9\"");
}
END_TEST

START_TEST(log_text_is_capped)
{
	char many[LOG_STR_MAX + 40];

	memset(many, '\n', sizeof many);
	ck_assert_uint_eq(strlen(LOG_STR(SPAN(many, sizeof many))), LOG_STR_MAX * 4 + 3);
}
END_TEST

static const struct sm_state lamp[] = { { "off", SM_TO(1) }, { "on", SM_TO(0) }, { "broken", 0 } };

START_TEST(machine_moves_by_its_table)
{
	struct sm m;

	sm_init(&m, "lamp", lamp, 0);
	sm_move(&m, 1);
	ck_assert_str_eq(sm_name(&m), "on");
	ck_assert(!sm_may(&m, 2));
}
END_TEST

START_TEST(an_illegal_move_aborts)
{
	struct sm m;

	sm_init(&m, "lamp", lamp, 0);
	sm_move(&m, 2);
}
END_TEST

START_TEST(times_are_rfc3339)
{
	char text[CLOCK_TEXT_MAX];

	ck_assert_str_eq(clock_rfc3339(INT64_C(951782400123), text), "2000-02-29T00:00:00Z");
	ck_assert_int_gt(clock_wall_ms(clock_system()), INT64_C(1767225600000));
}
END_TEST

START_TEST(descriptors_travel)
{
	int pair[2], fds[IO_FDS_MAX], memfd = -1;
	uint8_t got[16];
	size_t n;
	struct err e = { 0 };

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair), 0);
	ck_assert_int_eq(io_recv_fds(pair[1], got, sizeof got, &n, fds, &e), ERR_BUSY);
	ck_assert_int_eq(io_sealed_memfd("t", SPAN_LIT("hello"), &memfd, &e), ERR_OK);
	ck_assert_int_lt(write(memfd, "x", 1), 0);
	ck_assert_int_eq(io_send_fds(pair[0], SPAN_LIT("msg"), &memfd, 1, &e), ERR_OK);
	ck_assert_int_eq(io_recv_fds(pair[1], got, sizeof got, &n, fds, &e), ERR_OK);
	ck_assert_uint_eq(n, 3);
	ck_assert_int_ge(fds[0], 0);
	ck_assert_int_eq(fds[1], -1);
	ck_assert_int_eq(io_pread_exact(fds[0], got, 5, 0, &e), ERR_OK);
	ck_assert_mem_eq(got, "hello", 5);
	ck_assert_int_eq(io_pread_exact(fds[0], got, 6, 0, &e), ERR_CORRUPT);
	close(fds[0]);
	close(memfd);
	ck_assert_int_eq(io_send_fds(pair[0], SPAN_LIT("a message that is too long"), NULL, 0, &e), ERR_OK);
	ck_assert_int_eq(io_recv_fds(pair[1], got, sizeof got, &n, fds, &e), ERR_LIMIT);
	close(pair[0]);
	ck_assert_int_eq(io_recv_fds(pair[1], got, sizeof got, &n, fds, &e), ERR_NET);
	close(pair[1]);
}
END_TEST

START_TEST(files_are_read_up_to_a_limit)
{
	struct buf b = BUF_INIT(4);
	struct err e = { 0 };

	ck_assert_int_eq(io_read_file(AT_FDCWD, "/proc/self/status", &b, &e), ERR_LIMIT);
	ck_assert_int_eq(io_read_file(AT_FDCWD, "/nonexistent/x", &b, &e), ERR_NOT_FOUND);
	buf_free(&b);
}
END_TEST

/* Names but "." and "..", and how the reading ended. */
static unsigned count_names(const char *path, int *rc, struct err *e)
{
	DIR *d = opendir(path);
	const char *name = "";
	unsigned n = 0;

	ck_assert_ptr_nonnull(d);
	errno = EIO;	/* of somebody before */
	while ((*rc = io_next_name(d, "it", &name, e)) == ERR_OK && name) {
		ck_assert_str_eq(name, "x");
		n++;
		errno = EIO;
	}
	closedir(d);
	return n;
}

START_TEST(what_cannot_be_read_of_a_directory_is_not_its_end)
{
	char path[] = "/tmp/gatepost-base-XXXXXX", inner[64];
	struct err e = { 0 };
	int rc = ERR_OK;

	ck_assert_ptr_nonnull(mkdtemp(path));
	snprintf(inner, sizeof inner, "%s/x", path);
	ck_assert_int_eq(mkdir(inner, 0700), 0);
	ck_assert(count_names(path, &rc, &e) == 1 && rc == ERR_OK);
	for (unsigned after = 0; after < 4; after++) {
		unread_from(path, after);
		ck_assert(count_names(path, &rc, &e) <= 1 && rc == ERR_IO);
		ck_assert_str_eq(e.msg, "it: read the directory: Input/output error");
	}
	unread_from(NULL, 0);
	ck_assert(rmdir(inner) == 0 && rmdir(path) == 0);
}
END_TEST

static bool is_folder(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(st.st_mode);
}

START_TEST(what_is_in_the_way_is_set_aside)
{
	char path[] = "/tmp/gatepost-base-XXXXXX";
	int dir, fd = -1;
	struct err e = { 0 };

	ck_assert_ptr_nonnull(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(aside_free(dir, "x", &e), ERR_OK);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(mkdirat(dir, "x", 0700), 0);
		ck_assert_int_eq(io_open_own(dir, "x", 0, &fd, &e), ERR_CORRUPT);
		ck_assert_int_eq(aside_free(dir, "x", &e), ERR_OK);
	}
	ck_assert(is_folder(dir, "x.odd-1") && is_folder(dir, "x.odd-2") && !is_folder(dir, "x"));
	ck_assert_int_eq(symlinkat("x.odd-1", dir, "x"), 0);
	ck_assert_int_eq(io_open_own(dir, "x", 0, &fd, &e), ERR_CORRUPT);
	ck_assert_int_eq(aside_folder(dir, "x", &e), ERR_OK);
	ck_assert_int_eq(aside_folder(dir, "x", &e), ERR_OK);
	ck_assert(is_folder(dir, "x") && !is_folder(dir, "x.odd-3"));
	ck_assert_int_eq(mkfifoat(dir, "pipe", 0600), 0);
	ck_assert_int_eq(io_open_own(dir, "pipe", 0, &fd, &e), ERR_CORRUPT);
	ck_assert_int_eq(aside_free(dir, "pipe", &e), ERR_OK);
	ck_assert_int_eq(io_open_own(dir, "pipe", 0, &fd, &e), ERR_NOT_FOUND);
	for (const char *const *gone = (const char *const[]){ "x", "x.odd-1", "x.odd-2", NULL }; *gone; gone++)
		ck_assert_int_eq(unlinkat(dir, *gone, AT_REMOVEDIR), 0);
	ck_assert_int_eq(unlinkat(dir, "x.odd-3", 0), 0);
	ck_assert_int_eq(rmdir(path), 0);
	close(dir);
}
END_TEST

static const struct { const char *what, *word, *best; } typos[] = {
	{ "a letter too many",		"registryy",	"registry" },
	{ "a letter missing",		"registr",	"registry" },
	{ "a wrong letter",		"pull",		"poll" },
	{ "the nearest wins",		"finalty",	"finality" },
	{ "two exchanged letters twice are four edits", "mxa-aeg", NULL },
	{ "three edits in seven letters are too far", "abcxors", NULL },
	{ "short words need to be close", "at",		NULL },
	{ "itself",			"poll",		"poll" },
	{ "nothing",			"",		NULL },
	{ "longer than any word",	"ppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppppp", NULL },
};

START_TEST(typos_find_their_word)
{
	static const char *const known[] = { "poll", "registry", "finality", "anchor", "max-age" };
	struct nearest near = nearest_to(span_str(typos[_i].word));

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		nearest_try(&near, known[i]);
	if (typos[_i].best)
		ck_assert_msg(near.best && strcmp(near.best, typos[_i].best) == 0, "%s", typos[_i].what);
	else
		ck_assert_msg(!near.best, "%s: %s", typos[_i].what, near.best);
}
END_TEST

/* --- tables --- */

static size_t table_count(const struct table *t, uint32_t hash, size_t at)
{
	struct table_cursor c;
	size_t n = 0;

	for (size_t i = table_first(t, hash, &c); i != TABLE_NONE; i = table_next(t, &c))
		n += i == at;
	return n;
}

START_TEST(tables_find_what_was_added)
{
	struct table t = { .cap = 0 };
	struct table_cursor c;

	ck_assert_uint_eq(table_first(&t, 7, &c), TABLE_NONE);
	for (uint32_t i = 0; i < 5000; i++)
		ck_assert(table_add(&t, table_hash(SPAN_OF(i)), i));
	for (uint32_t i = 0; i < 5000; i++)
		ck_assert_uint_eq(table_count(&t, table_hash(SPAN_OF(i)), i), 1);
	ck_assert_uint_le(t.n * 4, t.cap * 3);
	table_clear(&t);
	ck_assert_uint_eq(table_first(&t, table_hash(SPAN_OF(t.n)), &c), TABLE_NONE);
	table_free(&t);
}
END_TEST

/* Also across the end of the array, and however many there are. */
START_TEST(tables_tell_all_of_one_hash)
{
	static const uint32_t hashes[] = { 15, 15, 0, 15, 31, 15, 0 };
	struct table t = { .cap = 0 };

	for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
		ck_assert(table_add(&t, hashes[i], i));
	for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
		for (uint32_t h = 0; h < 40; h++)
			ck_assert_uint_eq(table_count(&t, h, i), h == hashes[i]);
	table_free(&t);
}
END_TEST

START_TEST(table_hashes_differ)
{
	static const char *const keys[] = { "", "a", "b", "aa", "acme/n1", "acme/n2", "acme/n11", "acme/n111", "12345678", "123456780" };
	uint32_t seen[10];

	for (size_t i = 0; i < 10; i++) {
		seen[i] = table_hash(span_str(keys[i]));
		ck_assert_uint_eq(seen[i], table_hash(span_str(keys[i])));
		for (size_t k = 0; k < i; k++)
			ck_assert_msg(seen[k] != seen[i], "%s and %s", keys[k], keys[i]);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("base");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, utf8_rules, 0, (int)(sizeof texts / sizeof *texts));
	tcase_add_loop_test(t, hex_rules, 0, (int)(sizeof hexes / sizeof *hexes));
	tcase_add_loop_test(t, base64_both_ways, 0, (int)(sizeof base64s / sizeof *base64s));
	tcase_add_loop_test(t, base64_has_one_form, 0, (int)(sizeof bad_base64s / sizeof *bad_base64s));
	tcase_add_test(t, json_escapes);
	tcase_add_test(t, buf_is_sticky);
	tcase_add_test(t, buf_numbers);
	tcase_add_test(t, hex_needs_its_prefix);
	tcase_add_test(t, cursor_is_sticky);
	tcase_add_test(t, errors_keep_their_context);
	tcase_add_test(t, log_text_is_harmless);
	tcase_add_test(t, log_text_is_capped);
	tcase_add_test(t, what_cannot_be_read_of_a_directory_is_not_its_end);
	tcase_add_test(t, machine_moves_by_its_table);
	tcase_add_test_raise_signal(t, an_illegal_move_aborts, 6);
	tcase_add_test(t, times_are_rfc3339);
	tcase_add_test(t, descriptors_travel);
	tcase_add_test(t, files_are_read_up_to_a_limit);
	tcase_add_test(t, what_is_in_the_way_is_set_aside);
	tcase_add_test(t, tables_find_what_was_added);
	tcase_add_test(t, tables_tell_all_of_one_hash);
	tcase_add_test(t, table_hashes_differ);
	tcase_add_loop_test(t, one_file_tells_nothing_of_the_next, 0, (int)(sizeof file_failures / sizeof *file_failures));
	tcase_add_loop_test(t, typos_find_their_word, 0, (int)(sizeof typos / sizeof *typos));
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
