/* test_backup.c: the head of a backup: what is written reads back, and every way to bend it is refused by its rule. */
#include "formats/backup.h"
#include "formats/sha256.h"

#include <check.h>
#include <stdlib.h>

static struct backup_head sample(void)
{
	struct backup_head h = { .made_ms = 1700000000000, .chain_id = 31337, .gateway = "porch" };

	for (size_t i = 0; i < BACKUP_PARTS; i++) {
		h.part[i].size = 100 + i;
		h.part[i].sha256.b[i] = (uint8_t)(i + 1);
	}
	h.registry.b[19] = 7;
	return h;
}

static size_t written(const struct backup_head *h, uint8_t out[BACKUP_HEAD_MAX])
{
	struct buf b = BUF_INIT(BACKUP_HEAD_MAX);
	size_t n;

	backup_head_write(&b, h);
	ck_assert_int_eq(buf_ok(&b, NULL), ERR_OK);
	memcpy(out, b.p, b.n);
	n = b.n;
	buf_free(&b);
	return n;
}

START_TEST(reads_back)
{
	uint8_t bytes[BACKUP_HEAD_MAX] = { 0 };
	struct backup_head h = sample(), got;
	size_t n = written(&h, bytes), used;

	ck_assert_int_eq(backup_head_read(SPAN(bytes, sizeof bytes), &got, &used, NULL), ERR_OK);
	ck_assert_uint_eq(used, n);
	ck_assert_int_eq(memcmp(&h, &got, sizeof h), 0);
	ck_assert_uint_eq(backup_part_at(&h, n, BACKUP_FLOOR), n);
	ck_assert_uint_eq(backup_part_at(&h, n, BACKUP_DATABASE), n + 100 + 101 + 102);
	ck_assert_uint_eq(backup_part_at(&h, n, BACKUP_PARTS), n + 100 + 101 + 102 + 103);
	memset(h.gateway, 'x', GATEWAY_NAME_MAX);
	ck_assert_uint_eq(written(&h, bytes), BACKUP_HEAD_MAX);
	ck_assert_int_eq(backup_head_read(SPAN(bytes, BACKUP_HEAD_MAX), &got, &used, NULL), ERR_OK);
}
END_TEST

/* Outputs are untouched by every failure. */
static int refused(const uint8_t *bytes, size_t n, struct err *e)
{
	struct backup_head got = { .made_ms = 5 };
	size_t used = 77;
	int rc = backup_head_read(SPAN(bytes, n), &got, &used, e);

	ck_assert_msg(rc == ERR_OK || (got.made_ms == 5 && used == 77), "a failed read moves nothing");
	return rc;
}

START_TEST(every_cut_and_every_flip_is_refused)
{
	uint8_t bytes[BACKUP_HEAD_MAX];
	struct backup_head h = sample();
	size_t n = written(&h, bytes);
	struct err e;

	for (size_t i = 0; i < n; i++)
		ck_assert_int_eq(refused(bytes, i, &e), ERR_FORMAT);
	for (size_t i = 0; i < n * 8; i++) {
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
		ck_assert_int_ne(refused(bytes, n, &e), ERR_OK);
		bytes[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	ck_assert_int_eq(refused(bytes, n, &e), ERR_OK);
}
END_TEST

static void fit(uint8_t *bytes, size_t n)
{
	struct hash32 sum = sha256_of(SPAN(bytes, n - 32));

	memcpy(bytes + n - 32, &sum, sizeof sum);
}

#define PARTS_AT (8 + 4 + 8 + 8 + 20 + 1 + 5)

/* With a digest that fits. */
static const struct { const char *rule; size_t at; uint8_t byte; int want; } bent[] = {
	{ "another magic is another file", 0, 'X', ERR_FORMAT },
	{ "a newer version is a newer gatepost's", 11, 2, ERR_RULE },
	{ "there is no version 0", 11, 0, ERR_FORMAT },
	{ "a name has no control characters", 50, 27, ERR_FORMAT },
	{ "a name has no DEL", 50, 127, ERR_FORMAT },
	{ "a floor has a floor file's size", PARTS_AT + 4, 1, ERR_LIMIT },
	{ "tokens have theirs", PARTS_AT + 40 + 5, 1, ERR_LIMIT },
	{ "a catalog has its size", PARTS_AT + 80 + 4, 4, ERR_LIMIT },
	{ "a database has its size", PARTS_AT + 120, 0xff, ERR_LIMIT },
};

START_TEST(bent_heads_are_refused_by_their_rule)
{
	uint8_t bytes[BACKUP_HEAD_MAX];
	struct backup_head h = sample();
	size_t n = written(&h, bytes);
	struct err e;

	bytes[bent[_i].at] = bent[_i].byte;
	fit(bytes, n);
	ck_assert_msg(refused(bytes, n, &e) == bent[_i].want, "%s: %s", bent[_i].rule, e.msg);
}
END_TEST

START_TEST(a_name_longer_than_ours_is_refused)
{
	uint8_t bytes[400] = { 0 };
	struct backup_head h = sample();
	struct err e;

	written(&h, bytes);
	bytes[48] = GATEWAY_NAME_MAX + 1;
	memset(bytes + 49, 'x', GATEWAY_NAME_MAX + 1 + BACKUP_PARTS * 40);
	memset(bytes + 49 + GATEWAY_NAME_MAX + 1, 0, BACKUP_PARTS * 40);
	fit(bytes, 49 + GATEWAY_NAME_MAX + 1 + BACKUP_PARTS * 40 + 32);
	ck_assert_int_eq(refused(bytes, sizeof bytes, &e), ERR_FORMAT);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("backup");
	Suite *s = suite_create("backup");

	tcase_add_test(t, reads_back);
	tcase_add_test(t, every_cut_and_every_flip_is_refused);
	tcase_add_loop_test(t, bent_heads_are_refused_by_their_rule, 0, (int)(sizeof bent / sizeof *bent));
	tcase_add_test(t, a_name_longer_than_ours_is_refused);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
