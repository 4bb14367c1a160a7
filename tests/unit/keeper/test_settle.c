/* test_settle.c: what of a product is looked at when it is judged: rows that no longer say what the entry says, images here, gone, damaged or
 * claimed wrongly; and what is written only when it has changed. */
#include "world.h"
#include "base/cleanup.h"
#include "store/store_own.h"

static struct world w;

static void setup(void)
{
	world_open(&w);
}

static void teardown(void)
{
	world_close(&w);
}

static void settle(void)
{
	ledger_mark_all(&w.ledger);
	world_forget(&w);
	world_settle(&w);
}

#define ck_state(product, sequence, want) ck_assert_str_eq(world_state(&w, product, sequence), want)

static struct image_row image(unsigned n)
{
	struct hash32 sha = world_sha(n);
	struct image_row i;

	ck_ok(images_get(w.store, &sha, &i, &err));
	return i;
}

static void release(size_t product, unsigned n)
{
	world_publish(&w, product, n);
	world_final(&w, product);
	world_image(&w, n, IMAGE_IS_GOOD);
}

static void one_active(void)
{
	world_register(&w, 0, 1, "A");
	release(0, 0);
	settle();
	ck_state(0, 1, "active");
}

/* --- what a release's row says --- */

enum { BLOCK, TX, ORDER, FACTS, LENGTH, BYTES, FIELDS };

static void alter(struct release_row *r, int field)
{
	r->block += field == BLOCK;
	r->tx.b[0] ^= field == TX;
	r->entry_order += field == ORDER;
	r->has_facts &= field != FACTS;
	r->manifest_len = (uint16_t)(r->manifest_len + (field == LENGTH));
	r->manifest[9] ^= field == BYTES;
}

START_TEST(a_row_becomes_what_its_entry_says)
{
	struct release_row right, r;

	one_active();
	right = r = world_row(&w, 0, 1);
	alter(&r, _i);
	ck_ok(releases_put(w.store, &r, w.wall_ms, &err));
	settle();
	r = world_row(&w, 0, 1);
	ck_assert(r.block == right.block && hash32_eq(&r.tx, &right.tx) && r.entry_order == right.entry_order && r.has_facts);
	ck_assert(r.manifest_len == right.manifest_len && memcmp(r.manifest, right.manifest, r.manifest_len) == 0);
}
END_TEST

START_TEST(facts_are_the_manifests)
{
	struct suit_manifest m = world_manifest(&w, 0);
	struct release_row r;

	m.description = SPAN_LIT("mends the radio");
	world_register(&w, 0, 1, "AB");
	world_publish_as(&w, 0, &m, "B");
	settle();
	r = world_row(&w, 0, 1);
	ck_assert(r.facts.description_len == 15 && memcmp(r.facts.description, "mends the radio", 15) == 0);
	ck_assert_uint_eq(r.facts.signers, 1);
	ck_assert(!hash32_is_zero(&r.facts.signer[0]));
}
END_TEST

START_TEST(what_was_taken_back_is_not_remembered)
{
	struct product_row p;

	one_active();
	world_floor(&w, 0, 1);
	settle();
	ck_ok(products_get(w.store, &w.product[0].id, &p, &err));
	ck_assert(p.sequence == 1 && p.floor == 1 && p.last_block > 0);
	ck_ok(db_exec(w.store->db, "DELETE FROM entry", &err));
	settle();
	ck_ok(products_get(w.store, &w.product[0].id, &p, &err));
	ck_assert(p.sequence == 0 && p.floor == 0 && p.last_block == 0);
}
END_TEST

START_TEST(an_entry_that_is_none_is_refused)
{
	one_active();
	ck_ok(db_exec(w.store->db, "UPDATE entry SET data = x'00'", &err));
	ledger_mark_all(&w.ledger);
	ck_assert_int_ne(ledger_settle(&w.ledger, &err), ERR_OK);
	ck_assert_msg(strstr(err.msg, "entry 0 of acme/thermostat"), "%s", err.msg);
}
END_TEST

START_TEST(what_signers_vouch_for_counts_as_final)
{
	one_active();
	world_publish(&w, 0, 1);
	world_image(&w, 1, IMAGE_IS_GOOD);
	settle();
	ck_state(0, 2, "ready");
	ledger_find(&w.ledger, &w.product[0].id)->bundle.entries = (uint32_t)w.product[0].entries;
	settle();
	ck_state(0, 2, "active");
}
END_TEST

START_TEST(changes_are_told)
{
	world_register(&w, 0, 1, "A");
	world_publish(&w, 0, 0);
	settle();
	ck_assert_msg(w.changes == 1, "it is there");
	settle();
	ck_assert_uint_eq(w.changes, 0);
	world_final(&w, 0);
	world_image(&w, 0, IMAGE_IS_GOOD);
	settle();
	ck_assert_msg(w.changes == 1 && w.change[0].sequence == 1, "it is active");
}
END_TEST

START_TEST(without_signers_there_is_no_set)
{
	struct hash32 set;

	ck_refused(ledger_current_set(&w.ledger, ledger_find(&w.ledger, &w.product[0].id), &set, &err), ERR_NOT_FOUND, "no entries");
	one_active();
	ck_ok(ledger_current_set(&w.ledger, ledger_find(&w.ledger, &w.product[0].id), &set, &err));
}
END_TEST

START_TEST(a_floor_names_no_revocation_below_it)
{
	const struct floor_item *f;

	one_active();
	release(0, 1);
	release(0, 2);
	world_revoke(&w, 0, 1);
	world_floor(&w, 0, 2);
	world_final(&w, 0);
	settle();
	f = floor_get(w.floors, &w.product[0].id);
	ck_assert(f->floor == 2 && f->revoked_n == 0);
	ck_assert_msg(!alarms_has(&w.alarms, SPAN_LIT("floor-full")), "and there is room");
}
END_TEST

/* --- images --- */

/* Whatever judges it again. */
START_TEST(damage_and_times_stay)
{
	struct hash32 sha = world_sha(0);
	int64_t since;

	one_active();
	since = image(0).since_ms;
	w.wall_ms += 1000;
	settle();
	ck_assert_msg(image(0).since_ms == since, "what is good was not written");
	ck_ok(images_add_damage(w.store, &sha, 0, w.wall_ms, &err));
	settle();
	ck_assert_int_eq(image(0).state, IMAGE_IS_DAMAGED);
}
END_TEST

enum { ACTIVE, SUPERSEDED, READY, HELD, KINDS };

/* Release 1 in this state, its image here. */
static void bring_to(int kind)
{
	world_register(&w, 0, 1, "A");
	world_publish(&w, 0, 0);
	world_image(&w, 0, IMAGE_IS_GOOD);
	if (kind != READY)
		world_final(&w, 0);
	if (kind == HELD)
		settle();
	if (kind == HELD)
		ck_ok(releases_decide(w.store, &w.product[0].id, 1, RELEASE_HELD_BY_OPERATOR, w.wall_ms, &err));
	for (unsigned n = 1; kind == SUPERSEDED && n < 4; n++)
		release(0, n);
	settle();
	ck_state(0, 1, ((const char *[]){ "active", "superseded", "ready", "held" })[kind]);
}

/* Also one whose image would not be fetched any more: it is here, and a device may ask for it. */
START_TEST(what_is_here_is_mended)
{
	struct hash32 sha = world_sha(0);

	bring_to(_i / 2);
	ck_assert(!world_wanted(&w, 0, 1));
	if (_i % 2)
		ck_ok(images_set_dag_lost(w.store, &sha, &err));
	else
		ck_ok(images_add_damage(w.store, &sha, 0, w.wall_ms, &err));
	settle();
	ck_assert(world_wanted(&w, 0, 1));
}
END_TEST

/* Held before anybody compared sizes. */
START_TEST(a_lie_about_a_size_mends_nothing)
{
	struct suit_manifest m = world_manifest(&w, 1);
	struct hash32 sha = world_sha(0);

	one_active();
	m.image_size = 77;
	world_register(&w, 1, 1, "A");
	world_publish_as(&w, 1, &m, "A");
	world_final(&w, 1);
	world_revoke(&w, 1, 1);
	ck_ok(images_add_damage(w.store, &sha, 0, w.wall_ms, &err));
	settle();
	ck_state(1, 1, "held");
	ck_assert(world_wanted(&w, 0, 1) && !world_wanted(&w, 1, 1));
}
END_TEST

START_TEST(a_wrong_claim_stays_wrong)
{
	struct hash32 sha = world_sha(0);

	one_active();
	world_register(&w, 1, 1, "A");
	world_publish(&w, 1, 0);
	world_final(&w, 1);
	settle();
	ck_ok(releases_set_fetch(w.store, &w.product[1].id, 1, true, "another image", 0, 0, &err));
	settle();
	ck_state(0, 1, "active");
	ck_state(1, 1, "rejected");
	ck_ok(images_delete(w.store, &sha, &err));
	settle();
	ck_state(1, 1, "rejected");
}
END_TEST

START_TEST(the_wrong_size_is_named)
{
	struct suit_manifest m = world_manifest(&w, 1);

	one_active();
	m.image_size = 77;
	world_register(&w, 1, 1, "A");
	world_publish_as(&w, 1, &m, "A");
	world_final(&w, 1);
	settle();
	ck_assert_msg(strstr(world_row(&w, 1, 1).why, "1000 bytes, the manifest says 77"), "%s", world_row(&w, 1, 1).why);
}
END_TEST

/* What was here once and is not any more: "fetched again when wanted", and never by itself. */
START_TEST(what_was_here_is_evicted)
{
	struct hash32 sha = world_sha(0);

	bring_to(_i);
	if (_i == READY)
		release(0, 1);
	ck_ok(images_delete(w.store, &sha, &err));
	settle();
	ck_state(0, 1, _i == HELD ? "held" : "evicted");
	ck_assert_int_eq(world_wanted(&w, 0, 1), _i == ACTIVE);
	if (_i == ACTIVE)
		return;
	settle();
	ck_assert_msg(_i == HELD || world_row(&w, 0, 1).state == RELEASE_EVICTED, "and stays so");
}
END_TEST

/* A try was begun, and broken off: that changes nothing. */
START_TEST(what_was_here_is_evicted_also_after_a_try_in_vain)
{
	static const enum image_state left[] = { IMAGE_IS_WANTED, IMAGE_IS_FETCHING };
	struct hash32 sha = world_sha(0);

	bring_to(SUPERSEDED);
	ck_ok(images_delete(w.store, &sha, &err));
	world_image(&w, 0, left[_i]);
	settle();
	ck_state(0, 1, "evicted");
	ck_assert(!world_wanted(&w, 0, 1));
}
END_TEST

/* Another product's image was on its way out when this release was first heard of. */
START_TEST(what_left_before_it_was_looked_at_is_evicted)
{
	struct hash32 sha = world_sha(0);

	one_active();
	ck_ok(images_set_state(w.store, &sha, IMAGE_IS_EVICTING, 1, &err));
	world_register(&w, 1, 1, "A");
	world_publish(&w, 1, 0);
	for (unsigned n = 1; n < 4; n++)
		release(1, n);
	world_settle(&w);
	ck_state(1, 1, "evicted");
	ck_ok(images_delete(w.store, &sha, &err));
	settle();
	ck_state(1, 1, "evicted");
}
END_TEST

/* Six releases came while the gateway was away: it fetches the newest two. */
static void come_back(void)
{
	world_register(&w, 0, 1, "A");
	for (unsigned n = 0; n < 6; n++)
		world_publish(&w, 0, n);
	world_final(&w, 0);
	settle();
	ck_assert(world_wanted(&w, 0, 5) && world_wanted(&w, 0, 6));
	world_image(&w, 4, IMAGE_IS_GOOD);
	world_image(&w, 5, IMAGE_IS_GOOD);
	settle();
	ck_state(0, 6, "active");
	ck_assert_msg(!world_row(&w, 0, 6).times_ms[RELEASE_READY], "that says it as well");
}

/* A restart, with so many to keep. */
static void keep(unsigned n)
{
	w.follow[0].keep = n;
	world_reopen(&w, true);
	settle();
}

static void ck_never_here(uint64_t sequence)
{
	struct release_row r = world_row(&w, 0, sequence);

	ck_assert_str_eq(release_state_name(r.state), "superseded");
	ck_assert_msg(strstr(r.why, "its image is not kept"), "%s", r.why);
	ck_assert(!r.times_ms[RELEASE_READY] && !r.times_ms[RELEASE_EVICTED] && !world_wanted(&w, 0, sequence));
}

START_TEST(what_never_was_here_is_superseded)
{
	come_back();
	for (uint64_t sequence = 1; sequence <= 4; sequence++)
		ck_never_here(sequence);
	settle();
	keep(2);
	for (uint64_t sequence = 1; sequence <= 4; sequence++)
		ck_never_here(sequence);
	ck_ok(products_set_pinned(w.store, &w.product[0].id, true, &err));
	settle();
	ck_never_here(4);
}
END_TEST

/* A device asked for it, in vain. */
START_TEST(what_never_was_here_is_superseded_also_after_a_try_in_vain)
{
	static const enum image_state left[] = { IMAGE_IS_WANTED, IMAGE_IS_FETCHING };

	come_back();
	world_image(&w, 3, left[_i]);
	settle();
	ck_never_here(4);
}
END_TEST

START_TEST(what_comes_among_the_newest_is_fetched)
{
	come_back();
	settle();
	world_revoke(&w, 0, 6);
	world_final(&w, 0);
	settle();
	ck_state(0, 5, "active");
	ck_state(0, 4, "seen");
	ck_assert(world_wanted(&w, 0, 4));
	ck_never_here(3);
	world_image(&w, 3, IMAGE_IS_GOOD);
	settle();
	ck_state(0, 4, "superseded");
	ck_assert(!world_wanted(&w, 0, 4) && world_row(&w, 0, 4).times_ms[RELEASE_READY]);
}
END_TEST

START_TEST(a_revocation_that_a_reorg_takes_back_leaves_nothing_wanted)
{
	uint64_t before;

	come_back();
	before = w.product[0].entries;
	world_revoke(&w, 0, 6);
	settle();
	ck_state(0, 6, "held");
	ck_assert(world_wanted(&w, 0, 4));
	world_undo(&w, 0, before, 6);
	settle();
	ck_state(0, 6, "active");
	ck_never_here(4);
}
END_TEST

START_TEST(as_many_are_fetched_as_are_kept)
{
	come_back();
	keep(4);
	ck_assert(world_wanted(&w, 0, 4) && world_wanted(&w, 0, 3));
	ck_never_here(2);
	keep(3);
	ck_assert(world_wanted(&w, 0, 4));
	ck_never_here(3);
	keep(1);
	ck_never_here(4);
	ck_state(0, 5, "superseded");
}
END_TEST

/* After a lost database nobody knows what was evicted. */
START_TEST(a_rebuilt_database_fetches_what_is_kept)
{
	struct hash32 sha = world_sha(4);

	come_back();
	world_image(&w, 4, IMAGE_IS_EVICTING);
	settle();
	ck_ok(images_delete(w.store, &sha, &err));
	settle();
	ck_state(0, 5, "evicted");
	world_reopen(&w, false);
	w.product[0] = (struct world_product){ .id = w.product[0].id };
	come_back();
	ck_never_here(4);
}
END_TEST

/* Release 5, of the newest two, in this state; its image came when it was final already. */
static void come_to(int kind)
{
	come_back();
	ck_assert(kind == SUPERSEDED || kind == HELD);
	if (kind == HELD)
		ck_ok(releases_decide(w.store, &w.product[0].id, 5, RELEASE_HELD_BY_OPERATOR, w.wall_ms, &err));
	settle();
	ck_state(0, 5, kind == HELD ? "held" : "superseded");
}

/* Else two that are kept by their channels, and have no room beside each other, would push each other out for ever. */
START_TEST(what_was_evicted_does_not_come_back_by_itself)
{
	static const int kinds[] = { SUPERSEDED, HELD };
	struct hash32 sha = world_sha(4);

	come_to(kinds[_i]);
	world_image(&w, 4, IMAGE_IS_EVICTING);
	settle();
	ck_ok(images_delete(w.store, &sha, &err));
	keep(2);
	ck_assert(!world_wanted(&w, 0, 5));
	keep(5);
	ck_assert_msg(!world_wanted(&w, 0, 5), "nor when more are kept");
	ck_ok(releases_decide(w.store, &w.product[0].id, 5, RELEASE_UNDECIDED, w.wall_ms, &err));
	settle();
	ck_state(0, 5, "evicted");
	ck_assert(!world_wanted(&w, 0, 5));
	world_revoke(&w, 0, 6);
	world_final(&w, 0);
	settle();
	ck_assert_msg(world_wanted(&w, 0, 5), "but when it has to be active");
}
END_TEST

/* Held before it came, and never anything else. */
START_TEST(what_was_held_all_the_time_does_not_come_back_by_itself)
{
	struct hash32 sha = world_sha(0);
	int64_t held;

	world_register(&w, 0, 1, "A");
	world_publish(&w, 0, 0);
	world_final(&w, 0);
	settle();
	ck_ok(releases_decide(w.store, &w.product[0].id, 1, RELEASE_HELD_BY_OPERATOR, w.wall_ms, &err));
	settle();
	ck_state(0, 1, "held");
	ck_assert(world_wanted(&w, 0, 1));
	held = w.wall_ms;
	w.wall_ms += 1000;
	world_image(&w, 0, IMAGE_IS_GOOD);
	settle();
	ck_assert(world_row(&w, 0, 1).times_ms[RELEASE_READY] == w.wall_ms && world_row(&w, 0, 1).times_ms[RELEASE_HELD] == held);
	w.wall_ms += 1000;
	settle();
	ck_assert_msg(world_row(&w, 0, 1).times_ms[RELEASE_READY] == held + 1000, "told once");
	world_image(&w, 0, IMAGE_IS_EVICTING);
	settle();
	ck_ok(images_delete(w.store, &sha, &err));
	settle();
	ck_state(0, 1, "held");
	ck_assert(!world_wanted(&w, 0, 1));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		facts_are_the_manifests, what_was_taken_back_is_not_remembered, an_entry_that_is_none_is_refused,
		what_signers_vouch_for_counts_as_final, changes_are_told, without_signers_there_is_no_set,
		a_floor_names_no_revocation_below_it, damage_and_times_stay, a_lie_about_a_size_mends_nothing, a_wrong_claim_stays_wrong,
		the_wrong_size_is_named, what_left_before_it_was_looked_at_is_evicted, what_never_was_here_is_superseded,
		what_comes_among_the_newest_is_fetched, a_revocation_that_a_reorg_takes_back_leaves_nothing_wanted,
		as_many_are_fetched_as_are_kept, a_rebuilt_database_fetches_what_is_kept, what_was_held_all_the_time_does_not_come_back_by_itself,
	};
	TCase *tc = tcase_create("all");
	Suite *s = suite_create("settle");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(tc, tests[i]);
	tcase_add_loop_test(tc, a_row_becomes_what_its_entry_says, 0, FIELDS);
	tcase_add_loop_test(tc, what_is_here_is_mended, 0, 2 * KINDS);
	tcase_add_loop_test(tc, what_was_here_is_evicted, 0, KINDS);
	tcase_add_loop_test(tc, what_was_here_is_evicted_also_after_a_try_in_vain, 0, 2);
	tcase_add_loop_test(tc, what_never_was_here_is_superseded_also_after_a_try_in_vain, 0, 2);
	tcase_add_loop_test(tc, what_was_evicted_does_not_come_back_by_itself, 0, 2);
	suite_add_tcase(s, tc);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
