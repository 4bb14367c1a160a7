/* test_tokens.c: who may speak, and that a lost or damaged file lets nobody in. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "formats/sha256.h"
#include "store/durable.h"
#include "store/tokens.h"
#include "../support/unreadable.h"
#include "faulty.h"
#include "tempdir.h"

#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* How many bytes the kernel gives of those asked for; -1: an error. */
static ssize_t random_given;

ssize_t getrandom(void *out, size_t n, unsigned flags)
{
	if (random_given < 0)
		errno = ENOSYS;
	return random_given < (ssize_t)n ? random_given : syscall(SYS_getrandom, out, n, flags);
}

static void setup(void)
{
	tempdir_make();
	memset(&faulty, 0, sizeof faulty);
	random_given = 1000;
	unreadable_none();
}

static struct tokens *load(const struct sysio *sys)
{
	struct tokens *t;

	ck_ok(tokens_load(tempdir_fd, sys, &t, &err));
	return t;
}

START_TEST(tokens_open_doors)
{
	struct tokens *t = load(NULL);
	char one[TOKEN_TEXT_MAX], two[TOKEN_TEXT_MAX];
	const struct token *who;
	struct stat st;

	ck_assert_ptr_null(tokens_check(t, SPAN_LIT("")));
	ck_ok(tokens_new(t, SPAN_LIT("maria"), TOKEN_OPERATE, 5, one, &err));
	ck_ok(tokens_new(t, SPAN_LIT("monitor"), TOKEN_READ, 6, two, &err));
	ck_assert_uint_eq(strlen(one), 64);
	ck_assert_str_ne(one, two);
	tokens_free(t);
	ck_assert_int_eq(stat(tempdir_path("tokens"), &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	t = load(NULL);
	who = tokens_check(t, span_str(two));
	ck_assert_ptr_nonnull(who);
	ck_assert_str_eq(who->name, "monitor");
	ck_assert(who->scope == TOKEN_READ && who->made_ms == 6);
	ck_assert_str_eq(tokens_check(t, span_str(one))->name, "maria");
	one[63] ^= 1;
	ck_assert_msg(!tokens_check(t, span_str(one)), "one digit off is nobody's");
	ck_assert_msg(!tokens_check(t, SPAN(two, 63)), "a shorter one is nobody's");
	ck_ok(tokens_revoke(t, SPAN_LIT("monitor"), &err));
	ck_assert_ptr_null(tokens_check(t, span_str(two)));
	ck_refused(tokens_revoke(t, SPAN_LIT("monitor"), &err), ERR_NOT_FOUND, "an unknown token");
	tokens_free(t);
	t = load(NULL);
	ck_assert_ptr_null(tokens_check(t, span_str(two)));
	ck_assert_str_eq(tokens_at(t, 0)->name, "maria");
	ck_assert_ptr_null(tokens_at(t, 1));
	tokens_free(t);
}
END_TEST

START_TEST(names_and_limits)
{
	static const struct { const char *name; int want; const char *rule; } rows[] = {
		{ "", ERR_FORMAT, "an empty name" },
		{ "a b", ERR_FORMAT, "a space in a name" },
		{ "a\nb", ERR_FORMAT, "a newline in a name" },
		{ "0123456789012345678901234567890123456789012345678901234567890123", ERR_FORMAT, "a name of 64 bytes" },
		{ "site.nagios-2_x", ERR_OK, "a good name" },
		{ "site.nagios-2_x", ERR_EXISTS, "a name twice" },
	};
	struct tokens *t = load(NULL);
	char text[TOKEN_TEXT_MAX], name[16];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ck_refused(tokens_new(t, span_str(rows[i].name), TOKEN_READ, 1, text, &err), rows[i].want, rows[i].rule);
	for (int i = 1; i < TOKENS_MAX; i++) {
		snprintf(name, sizeof name, "t%d", i);
		ck_ok(tokens_new(t, span_str(name), TOKEN_ADMIN, INT64_MAX, text, &err));
	}
	ck_refused(tokens_new(t, SPAN_LIT("more"), TOKEN_READ, 1, text, &err), ERR_LIMIT, "tokens are bounded");
	tokens_free(t);
	t = load(NULL);
	ck_assert_str_eq(tokens_check(t, span_str(text))->name, name);
	tokens_free(t);
}
END_TEST

/* A new token is on the disk, and believed. */
static void check_new_one_take(struct tokens *t)
{
	char text[TOKEN_TEXT_MAX];

	ck_ok(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err));
	tokens_free(t);
	t = load(NULL);
	ck_assert_ptr_nonnull(tokens_check(t, span_str(text)));
	tokens_free(t);
}

START_TEST(a_damaged_file_lets_nobody_in)
{
	struct tokens *t = load(NULL);
	char text[TOKEN_TEXT_MAX];
	off_t size;

	ck_ok(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err));
	tokens_free(t);
	size = tempdir_size("tokens");
	for (off_t at = 0; at < size; at++) {
		tempdir_flip("tokens", at);
		ck_refused(tokens_load(tempdir_fd, NULL, &t, &err), ERR_CORRUPT, "a flipped bit");
		tempdir_flip("tokens", at);
	}
	ck_assert_int_eq(truncate(tempdir_path("tokens"), size - 1), 0);
	ck_refused(tokens_load(tempdir_fd, NULL, &t, &err), ERR_CORRUPT, "a cut file");
	ck_assert_int_eq(truncate(tempdir_path("tokens"), 0), 0);
	ck_refused(tokens_load(tempdir_fd, NULL, &t, &err), ERR_CORRUPT, "an emptied file");
	ck_ok(tokens_anew(tempdir_fd, NULL, &t, &err));
	ck_assert(tempdir_has("tokens.damaged") && !tempdir_has("tokens"));
	ck_assert_ptr_null(tokens_check(t, span_str(text)));
	check_new_one_take(t);
}
END_TEST

/* Nobody is believed because of it, and it is not in the way of new ones; nor is what lies where they are made. */
START_TEST(what_is_no_file_lets_nobody_in)
{
	struct tokens *t;

	tempdir_put_odd("tokens", (enum tempdir_odd)_i);
	tempdir_put_odd("tokens.new", (enum tempdir_odd)_i);
	ck_refused(tokens_load(tempdir_fd, NULL, &t, &err), ERR_CORRUPT, tempdir_odd_names[_i]);
	ck_ok(tokens_anew(tempdir_fd, NULL, &t, &err));
	tempdir_put_odd("tokens", (enum tempdir_odd)_i);	/* it could not be moved */
	check_new_one_take(t);
}
END_TEST

/* On a disk that takes no writes it stays. */
START_TEST(a_damaged_file_that_cannot_be_moved_lets_nobody_in)
{
	struct tokens *t;

	tempdir_poke("tokens", 0, "x", 1);
	faulty.at = 1;
	faulty.sys = EROFS;
	ck_ok(tokens_anew(tempdir_fd, &sysio_faulty, &t, &err));
	ck_assert_ptr_null(tokens_at(t, 0));
	ck_assert(tempdir_has("tokens"));
	tokens_free(t);
}
END_TEST

/* It may be good: nothing happens to it before somebody writes another. */
START_TEST(a_file_that_cannot_be_read_lets_nobody_in_and_stays)
{
	struct tokens *t = load(NULL);
	char text[TOKEN_TEXT_MAX];

	ck_ok(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err));
	tokens_free(t);
	unreadable_add(tempdir_path("tokens"));
	unreadable_fail(1, EIO);
	t = load(NULL);
	ck_assert_msg(tokens_check(t, span_str(text)) != NULL, "a read that fails once");
	tokens_free(t);
	unreadable_fail(UINT_MAX, EIO);
	ck_refused(tokens_load(tempdir_fd, NULL, &t, &err), ERR_IO, "bad sectors");
	ck_ok(tokens_unread(tempdir_fd, NULL, &t, &err));
	ck_assert(tokens_check(t, span_str(text)) == NULL && tempdir_has("tokens") && !tempdir_has("tokens.damaged"));
	check_new_one_take(t);
	ck_assert(tempdir_has("tokens.damaged"));
}
END_TEST

START_TEST(only_the_first_save_sets_a_file_aside)
{
	struct tokens *t;
	char text[TOKEN_TEXT_MAX];

	tempdir_poke("tokens", 0, "x", 1);
	ck_ok(tokens_unread(tempdir_fd, NULL, &t, &err));
	ck_ok(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err));
	ck_ok(tokens_new(t, SPAN_LIT("otto"), TOKEN_READ, 5, text, &err));
	ck_assert_int_eq(tempdir_size("tokens.damaged"), 1);
	tokens_free(t);
}
END_TEST

START_TEST(a_failed_save_leaves_it_where_it_was)
{
	struct tokens *t;
	char text[TOKEN_TEXT_MAX];

	tempdir_poke("tokens", 0, "x", 1);
	ck_ok(tokens_unread(tempdir_fd, &sysio_faulty, &t, &err));
	faulty.only = "pwrite";
	for (unsigned i = 0; i < 2; i++) {
		faulty.calls = 0;
		faulty.at = 1;
		faulty.sys = ENOSPC;
		ck_refused(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err), ERR_NO_SPACE, "a full disk");
		ck_assert(tempdir_size("tokens") == 1 && !tempdir_has("tokens.damaged"));
	}
	faulty.at = 0;
	ck_ok(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err));
	ck_assert_int_eq(tempdir_size("tokens.damaged"), 1);
	tokens_free(t);
}
END_TEST

/* Without each of these, and in this order, a power cut could leave an empty file. */
START_TEST(a_save_is_durable)
{
	struct tokens *t = load(&sysio_faulty);
	char text[TOKEN_TEXT_MAX];

	ck_ok(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err));
	ck_assert_str_eq(faulty.trace, "pwrite fdatasync rename_over fsync ");
	tokens_free(t);
}
END_TEST

/* A new token is kept whole or not at all, wherever the power goes. */
START_TEST(a_cut_save_keeps_the_old_file)
{
	char text[TOKEN_TEXT_MAX];
	struct tokens *t = load(NULL);
	unsigned steps = 5;	/* open, write, sync, rename, sync of the directory */

	ck_ok(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err));
	tokens_free(t);
	for (unsigned at = 1; at <= steps; at++) {
		int status;
		pid_t child = fork();

		if (child == 0) {
			t = load(&sysio_faulty);
			faulty.calls = 0;
			faulty.at = at;
			_exit(tokens_new(t, SPAN_LIT("second"), TOKEN_READ, 5, text, &err) ? 1 : 0);
		}
		ck_assert_int_eq(waitpid(child, &status, 0), child);
		ck_assert_int_eq(WEXITSTATUS(status), FAULTY_EXIT);
		t = load(NULL);
		ck_assert_ptr_nonnull(tokens_check(t, span_str(text)));
		ck_assert_int_eq(tokens_at(t, 1) != NULL, at == steps);
		tokens_free(t);
		unlinkat(tempdir_fd, "tokens.new", 0);	/* else there is a step more */
	}
}
END_TEST

START_TEST(a_failed_save_changes_nothing)
{
	char text[TOKEN_TEXT_MAX], other[TOKEN_TEXT_MAX] = "";
	struct tokens *t = load(&sysio_faulty);

	ck_ok(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err));
	faulty.sys = ENOSPC;
	for (unsigned at = 1; at <= 4; at++) {
		faulty.calls = 0;
		faulty.at = at;
		ck_refused(tokens_new(t, SPAN_LIT("second"), TOKEN_READ, 5, other, &err), ERR_NO_SPACE, "a full disk");
		faulty.calls = 0;
		ck_refused(tokens_revoke(t, SPAN_LIT("maria"), &err), ERR_NO_SPACE, "a full disk");
		ck_assert_ptr_nonnull(tokens_check(t, span_str(text)));
		ck_assert_ptr_null(tokens_at(t, 1));
		ck_assert_msg(!tempdir_has("tokens.new"), "nothing is left behind");
	}
	ck_assert_str_eq(other, "");
	tokens_free(t);
}
END_TEST

START_TEST(without_enough_randomness_there_is_no_token)
{
	struct tokens *t = load(NULL);
	char text[TOKEN_TEXT_MAX] = "";

	for (random_given = -1; random_given < 32; random_given += 3)
		ck_refused(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err), ERR_IO, "a token that could be guessed");
	ck_assert(text[0] == 0 && !tokens_at(t, 0) && !tempdir_has("tokens"));
	random_given = 32;
	ck_ok(tokens_new(t, SPAN_LIT("maria"), TOKEN_READ, 5, text, &err));
	tokens_free(t);
}
END_TEST

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define NAME_64 "0123456789012345678901234567890123456789012345678901234567890123"

static const struct { const char *rule, *line; int want; } lines[] = {
	{ "a good one", "maria read 5 " DIGEST "\n", ERR_OK },
	{ "no name", " read 5 " DIGEST "\n", ERR_CORRUPT },
	{ "a name of 64 bytes", NAME_64 " read 5 " DIGEST "\n", ERR_CORRUPT },
	{ "a name of another kind", "ma/ria read 5 " DIGEST "\n", ERR_CORRUPT },
	{ "an unknown scope", "maria root 5 " DIGEST "\n", ERR_CORRUPT },
	{ "no time", "maria read  " DIGEST "\n", ERR_CORRUPT },
	{ "a time that is no number", "maria read 5x " DIGEST "\n", ERR_CORRUPT },
	{ "a time of 24 digits", "maria read 012345678901234567890123 " DIGEST "\n", ERR_CORRUPT },
	{ "no digest", "maria read 5 \n", ERR_CORRUPT },
	{ "a short digest", "maria read 5 0123\n", ERR_CORRUPT },
	{ "one field", "maria\n", ERR_CORRUPT },
	{ "an empty line", "\n", ERR_CORRUPT },
};

/* With their digest at the end: somebody's edit, not a damaged disk. */
static void write_tokens(const char *body, size_t times)
{
	AUTO(buf_free) struct buf b = BUF_INIT(MIB);
	struct hash32 sum;

	for (size_t i = 0; i < times; i++)
		buf_str(&b, body);
	sum = sha256_of(buf_span(&b));
	buf_str(&b, "= ");
	buf_hex(&b, SPAN_OF(sum));
	buf_byte(&b, '\n');
	tempdir_poke("tokens", 0, b.p, b.n);
}

START_TEST(a_line_that_is_no_token_lets_nobody_in)
{
	struct tokens *t = NULL;
	int rc;

	write_tokens(lines[_i].line, 1);
	rc = tokens_load(tempdir_fd, NULL, &t, &err);
	ck_refused(rc, lines[_i].want, lines[_i].rule);
	tokens_free(t);
}
END_TEST

/* Every byte of a digest counts. */
START_TEST(a_digest_that_differs_anywhere_is_nobodys)
{
	struct hash32 digest = sha256_of(SPAN_LIT("word"));
	struct tokens *t;
	char hex[65], line[200];

	for (unsigned i = 0; i <= sizeof digest; i++) {
		struct hash32 other = digest;

		if (i < sizeof digest)
			other.b[i] ^= 1;
		snprintf(line, sizeof line, "maria read 5 %s\n", hex_str(SPAN_OF(other), hex));
		write_tokens(line, 1);
		t = load(NULL);
		ck_assert_msg((tokens_check(t, SPAN_LIT("word")) != NULL) == (i == sizeof digest), "byte %u", i);
		tokens_free(t);
	}
}
END_TEST

START_TEST(a_file_longer_than_ours_lets_nobody_in)
{
	struct tokens *t;

	write_tokens(lines[0].line, TOKENS_MAX + 1);
	ck_refused(tokens_load(tempdir_fd, NULL, &t, &err), ERR_CORRUPT, "more tokens than are kept");
	write_tokens(lines[0].line, 5 * TOKENS_MAX);
	ck_refused(tokens_load(tempdir_fd, NULL, &t, &err), ERR_CORRUPT, "longer than any file of ours");
}
END_TEST

START_TEST(a_name_without_room_for_its_forerunner)
{
	char name[NAME_MAX + 1];

	memset(name, 'n', sizeof name);
	name[NAME_MAX] = 0;
	ck_refused(durable_replace(tempdir_fd, name, SPAN_LIT("x"), 0600, NULL, &err), ERR_LIMIT, "NAME.new is too long a name");
	ck_assert(!tempdir_has(name));
	name[NAME_MAX - 4] = 0;
	ck_ok(durable_replace(tempdir_fd, name, SPAN_LIT("x"), 0600, NULL, &err));
	ck_assert_int_eq(tempdir_size(name), 1);
}
END_TEST

START_TEST(scopes)
{
	enum token_scope got;

	for (unsigned i = 0; i < TOKEN_SCOPES; i++) {
		ck_ok(token_scope_read(span_str(token_scope_name((enum token_scope)i)), &got, &err));
		ck_assert_uint_eq(got, i);
	}
	ck_refused(token_scope_read(SPAN_LIT("root"), &got, &err), ERR_FORMAT, "an unknown scope");
}
END_TEST

/* --- in place, where there is no room for a second file --- */

static int overwrite(const char *text, const struct sysio *sys)
{
	return durable_overwrite(tempdir_fd, "file", span_str(text), sys, &err);
}

START_TEST(an_overwritten_file_has_just_what_it_was_given)
{
	char got[16] = "";

	ck_refused(overwrite("new", NULL), ERR_NOT_FOUND, "nothing to write over");
	tempdir_poke("file", 0, "older, longer", 13);
	ck_ok(overwrite("new", &sysio_faulty));
	ck_assert_str_eq(faulty.trace, "pwrite ftruncate fdatasync ");
	ck_assert_int_eq(tempdir_peek("file", 0, got, sizeof got), 3);
	ck_assert_str_eq(got, "new");
	for (unsigned at = 1; at <= 4; at++) {
		faulty.calls = 0;
		faulty.at = at;
		faulty.sys = ENOSPC;
		ck_refused(overwrite("next", &sysio_faulty), ERR_NO_SPACE, "a step of it");
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("tokens");
	Suite *s = suite_create("tokens");

	tcase_add_checked_fixture(t, setup, tempdir_remove);
	tcase_add_test(t, tokens_open_doors);
	tcase_add_test(t, names_and_limits);
	tcase_add_test(t, a_damaged_file_lets_nobody_in);
	tcase_add_loop_test(t, what_is_no_file_lets_nobody_in, 0, ODDS);
	tcase_add_test(t, a_damaged_file_that_cannot_be_moved_lets_nobody_in);
	tcase_add_test(t, a_file_that_cannot_be_read_lets_nobody_in_and_stays);
	tcase_add_test(t, only_the_first_save_sets_a_file_aside);
	tcase_add_test(t, a_failed_save_leaves_it_where_it_was);
	tcase_add_test(t, a_save_is_durable);
	tcase_add_test(t, a_cut_save_keeps_the_old_file);
	tcase_add_test(t, a_failed_save_changes_nothing);
	tcase_add_test(t, scopes);
	tcase_add_test(t, without_enough_randomness_there_is_no_token);
	tcase_add_loop_test(t, a_line_that_is_no_token_lets_nobody_in, 0, sizeof lines / sizeof *lines);
	tcase_add_test(t, a_digest_that_differs_anywhere_is_nobodys);
	tcase_add_test(t, a_file_longer_than_ours_lets_nobody_in);
	tcase_add_test(t, a_name_without_room_for_its_forerunner);
	tcase_add_test(t, an_overwritten_file_has_just_what_it_was_given);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
