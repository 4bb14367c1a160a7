/* test_catalogs_copy.c: the catalog's copy on the disk and what a start makes of it; what a send that fails leaves behind. */
#include "handed.h"
#include "base/cleanup.h"
#include "support/no_bytes.h"

static void publish(void)
{
	world_settle(&rig.w);
	ck_ok(catalogs_publish(&rig.k, &err));
	receive();
}

static void one_active(void)
{
	world_register(&rig.w, 0, 1, "A");
	release(0, 0);
	publish();
}

static const struct catalog_product *product(size_t which)
{
	return catalog_find_product(got, span_str(world_name[which]));
}

static bool has_copy(void)
{
	return faccessat(rig.k.state_dir, "catalog", F_OK, 0) == 0;
}

/* --- what is told --- */

START_TEST(an_image_that_leaves_is_not_told)
{
	struct hash32 sha = world_sha(0);

	one_active();
	release(0, 1);
	publish();
	ck_ok(images_set_state(rig.w.store, &sha, IMAGE_IS_EVICTING, 0, &err));
	ck_ok(catalogs_publish(&rig.k, &err));	/* before its release is judged again */
	receive();
	ck_assert_uint_eq(product(0)->releases.n, 1);
}
END_TEST

/* That there is nothing is proven as well, and told at once. */
START_TEST(a_first_proof_is_told)
{
	publish();
	ck_assert_uint_eq(product(1)->proof.number, 0);
	world_final(&rig.w, 1);
	publish();
	ck_assert_uint_gt(product(1)->proof.number, 0);
}
END_TEST

/* --- what fails --- */

START_TEST(a_copy_that_cannot_be_written_goes)
{
	struct err e = { 0 };
	int rc;

	one_active();
	release(0, 1);
	world_settle(&rig.w);
	ck_assert(has_copy());
	refuse_bytes(true);
	rc = catalogs_publish(&rig.k, &e);
	refuse_bytes(false);
	ck_assert_msg(!has_copy(), "what is older than what devices were told must not be told");
	ck_assert_msg(rc && e.code == (enum err_code)rc && strstr(e.msg, "too large"), "and the keeper hears why: %s", e.msg);
}
END_TEST

/* --- the last run's --- */

/* A new keeper over the same disk, whose database is lost. */
static int start_anew(void)
{
	world_reopen(&rig.w, false);
	for (size_t i = 0; i < WORLD_PRODUCTS; i++)
		rig.w.product[i] = (struct world_product){ .id = rig.w.product[i].id };
	rig.k.store = rig.k.chain.store = rig.k.entryfiles.store = rig.k.devices.store = rig.w.store;
	rig.k.floors = rig.w.floors;
	rig.k.ledger = rig.w.ledger;
	rig.k.catalogs = (struct catalogs){ .generation = 0 };
	handed = 0;
	return catalogs_load(&rig.k, &err);
}

static void load(void)
{
	ck_ok(start_anew());
	receive();
}

START_TEST(generations_go_on)
{
	uint64_t before;

	one_active();
	before = rig.k.catalogs.generation;
	load();
	ck_assert_uint_eq(rig.k.catalogs.generation, before);
}
END_TEST

START_TEST(what_is_held_is_sent_once)
{
	one_active();
	load();
	publish();
	ck_assert_uint_eq(handed, 1);
	rig.w.mono_ms += CATALOG_PROOF_MS;
	ck_ok(catalogs_refresh(&rig.k, &err));
	receive();
	ck_assert_msg(handed == 1, "nor do its proofs get younger");
}
END_TEST

START_TEST(another_chains_is_not_ours)
{
	one_active();
	if (_i == 0)
		rig.k.conf->chain.chain_id++;
	else
		rig.k.conf->chain.registry.b[0]++;
	ck_refused(start_anew(), ERR_RULE, "of another chain or registry");
	receive();
	ck_assert_uint_eq(handed, 0);
}
END_TEST

/* Configured anew: the same registrant's other product, or another registrant's of that name. */
static void unfollow(size_t which, int how)
{
	struct ledger_follow *f = &rig.w.follow[which];

	if (how == 0)
		f->name = "acme/kettle";
	else
		f->registrant.b[1]++;
}

START_TEST(what_is_not_followed_any_more_is_not_told)
{
	one_active();
	unfollow(0, _i);
	load();
	ck_assert_ptr_null(product(0));
}
END_TEST

START_TEST(what_is_not_followed_any_more_holds_nobody)
{
	one_active();
	world_register(&rig.w, 1, 1, "A");
	release(1, 1);
	publish();
	unfollow(1, _i);
	load();
	rig.k.is_recovered = true;
	world_register(&rig.w, 0, 1, "A");
	release(0, 0);
	publish();
	ck_assert_ptr_null(rig.k.catalogs.last);
}
END_TEST

/* It has no release that a floor would know of. */
START_TEST(what_is_not_proven_again_is_held_for)
{
	world_register(&rig.w, 0, 1, "A");
	world_final(&rig.w, 0);
	publish();
	ck_assert_uint_gt(product(0)->proof.number, 0);
	load();
	rig.k.is_recovered = true;
	world_register(&rig.w, 0, 1, "A");
	publish();
	ck_assert(rig.k.catalogs.last && handed == 1);
	world_final(&rig.w, 0);
	publish();
	ck_assert_ptr_null(rig.k.catalogs.last);
}
END_TEST

START_TEST(objects_that_are_being_hashed_hold_it)
{
	one_active();
	load();
	rig.k.is_recovered = true;
	rig.k.adoptions = 1;
	world_register(&rig.w, 0, 1, "A");
	release(0, 0);
	publish();
	ck_assert_ptr_nonnull(rig.k.catalogs.last);
	rig.k.adoptions = 0;
	publish();
	ck_assert_ptr_null(rig.k.catalogs.last);
}
END_TEST

/* Then nobody can look for objects: what is known is told. */
START_TEST(at_rest_nothing_is_held_for_recovery)
{
	struct err e = { .code = ERR_IO, .msg = "failed" };

	one_active();
	load();
	rig.k.is_recovered = false;
	world_register(&rig.w, 0, 1, "A");
	release(0, 0);
	publish();
	ck_assert_ptr_nonnull(rig.k.catalogs.last);
	keeper_trouble(&rig.k, &e);
	publish();
	ck_assert_ptr_null(rig.k.catalogs.last);
}
END_TEST

/* What is known is less than what was told: an image that nobody could adopt yet. */
START_TEST(at_rest_it_is_held_for_an_image_without_a_row)
{
	struct err e = { .code = ERR_NO_SPACE, .msg = "full" };
	struct hash32 sha = world_sha(0);

	one_active();
	load();
	rig.k.is_recovered = false;
	world_register(&rig.w, 0, 1, "A");
	release(0, 0);
	ck_ok(images_delete(rig.w.store, &sha, &err));
	keeper_trouble(&rig.k, &e);
	publish();
	ck_assert_ptr_nonnull(rig.k.catalogs.last);
	rig.k.is_recovered = true;
	publish();
	ck_assert_ptr_null(rig.k.catalogs.last);
}
END_TEST

START_TEST(each_image_has_its_own_cid)
{
	struct hash32 sha[2] = { world_sha(0), world_sha(1) };
	char cid[CID_TEXT_MAX];

	one_active();
	release(0, 1);
	for (size_t i = 0; i < 2; i++)
		ck_ok(images_set_cid(rig.w.store, &sha[i], world_cid[i], &err));
	publish();
	load();
	for (size_t i = 0; i < 2; i++) {
		ck_assert(catalogs_last_cid(&rig.k, &sha[i], cid));
		ck_assert_str_eq(cid, world_cid[i]);
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		an_image_that_leaves_is_not_told, a_first_proof_is_told, a_copy_that_cannot_be_written_goes, generations_go_on,
		what_is_held_is_sent_once, what_is_not_proven_again_is_held_for, objects_that_are_being_hashed_hold_it,
		at_rest_nothing_is_held_for_recovery, at_rest_it_is_held_for_an_image_without_a_row, each_image_has_its_own_cid,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("catalogs_copy");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, another_chains_is_not_ours, 0, 2);
	tcase_add_loop_test(tc, what_is_not_followed_any_more_is_not_told, 0, 2);
	tcase_add_loop_test(tc, what_is_not_followed_any_more_holds_nobody, 0, 2);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
