/* test_ledger.c: from outputs of the follower to releases with a state, over a real store. */
#include "world.h"
#include "base/cleanup.h"
#include "store/audit.h"
#include "store/mark.h"
#include "store/walframes.h"

#include <sys/stat.h>

static struct world w;

static void setup(void)
{
	world_open(&w);
}

static void teardown(void)
{
	world_close(&w);
}

#define ck_state(product, sequence, want, rule) do {						\
	struct release_row row_ = world_row(&w, product, sequence);				\
	ck_assert_msg(!strcmp(release_state_name(row_.state), want), "%s: %s (%s)", (rule),	\
		      release_state_name(row_.state), row_.why);				\
} while (0)

/* Registered, one release, image here, final: active. */
static void one_active(size_t product, unsigned image)
{
	world_register(&w, product, 1, "A");
	world_publish(&w, product, image);
	world_final(&w, product);
	world_image(&w, image, IMAGE_IS_GOOD);
	world_settle(&w);
	ck_state(product, 1, "active", "the start of every story");
}

START_TEST(first_sync)
{
	struct hash32 sha = world_sha(0);
	struct image_row image;

	world_settle(&w);
	world_forget(&w);
	world_register(&w, 0, 1, "A");
	world_publish(&w, 0, 0);
	world_settle(&w);
	ck_state(0, 1, "seen", "seen, and its image wanted before it is final");
	ck_assert(world_wanted(&w, 0, 1));
	ck_ok(images_get(w.store, &sha, &image, &err));
	ck_assert_msg(image.state == IMAGE_IS_WANTED && image.size == 1000, "the store knows what is wanted");
	ck_assert_uint_eq(w.settled, 1);
	world_image(&w, 0, IMAGE_IS_FETCHING);
	w.fetching = world_sha(0);
	world_settle(&w);
	ck_state(0, 1, "fetching", "being fetched");
	w.fetching = (struct hash32){ { 0 } };
	world_image(&w, 0, IMAGE_IS_GOOD);
	world_settle(&w);
	ck_state(0, 1, "ready", "complete, but not final");
	world_final(&w, 0);
	world_settle(&w);
	ck_state(0, 1, "active", "final");
	ck_assert_uint_eq(floor_get(w.floors, &w.product[0].id)->active, 1);
	ck_assert_uint_eq(floor_get(w.floors, &w.product[0].id)->proven, 1);
}
END_TEST

static int written(void)
{
	int n = wal_frames(w.dir_fd, "gatepost.db-wal");

	ck_assert_int_gt(n, 0);
	return n;
}

START_TEST(settling_again_changes_nothing)
{
	int pages;
	uint64_t before, after;
	struct hash32 hash;

	one_active(0, 0);
	ck_ok(audit_newest(w.store, &before, &hash, &err));
	world_forget(&w);
	world_settle(&w);
	ck_assert_msg(w.settled == 0, "nothing was marked: nobody is told");
	ledger_mark_all(&w.ledger);
	pages = written();
	world_settle(&w);
	ck_assert_msg(written() == pages, "each start judges all products");
	ck_ok(audit_newest(w.store, &after, &hash, &err));
	ck_assert_uint_eq(before, after);
	ck_assert_uint_eq(w.changes, 0);
	ck_assert_uint_eq(w.settled, 1);
}
END_TEST

START_TEST(every_change_is_in_the_audit_log)
{
	uint64_t n;
	struct hash32 hash;

	one_active(0, 0);
	ck_ok(audit_newest(w.store, &n, &hash, &err));
	ck_assert_uint_eq(n, 1);		/* seen → active, in one settle */
	world_revoke(&w, 0, 1);
	world_final(&w, 0);
	world_settle(&w);
	ck_ok(audit_newest(w.store, &n, &hash, &err));
	ck_assert_uint_eq(n, 2);
}
END_TEST

START_TEST(a_reorg_takes_a_release_back)
{
	struct release_row row;

	one_active(0, 0);
	world_publish(&w, 0, 1);
	world_image(&w, 1, IMAGE_IS_GOOD);
	world_settle(&w);
	ck_state(0, 2, "ready", "not final yet");
	world_undo(&w, 0, 3, 1);
	world_settle(&w);
	ck_assert_int_eq(releases_get(w.store, &w.product[0].id, 2, &row, NULL), ERR_NOT_FOUND);
	ck_state(0, 1, "active", "what was final stays");
}
END_TEST

static bool is_unwanted(uint64_t sequence, unsigned image)
{
	struct hash32 sha = world_sha(image);

	for (size_t i = 0; i < w.unwanteds; i++)
		if (w.unwanted[i].sequence == sequence && hash32_eq(&w.unwanted[i].sha256, &sha))
			return true;
	return false;
}

static const struct { const char *what; bool is_there; unsigned image; bool is_unwanted; } after_reorg[] = {
	{ "gone", false, 0, true }, { "as it was", true, 2, false }, { "with another image", true, 1, true },
};

START_TEST(what_a_reorg_takes_back_wants_no_image)
{
	const struct ledger_product *undone;

	one_active(0, 0);
	world_publish(&w, 0, 2);
	world_settle(&w);
	undone = ledger_find(&w.ledger, &w.product[0].id);
	ck_assert(world_wanted(&w, 0, 2));
	world_forget(&w);
	world_undo(&w, 0, 3, 1);
	ck_assert_msg(undone->undone && !undone->undone->next, "it alone was taken back");
	if (after_reorg[_i].is_there)
		world_publish(&w, 0, after_reorg[_i].image);
	world_settle(&w);
	ck_assert_msg(is_unwanted(2, 2) == after_reorg[_i].is_unwanted, "%s", after_reorg[_i].what);
	ck_assert_msg(world_wanted(&w, 0, 2) == after_reorg[_i].is_there, "%s", after_reorg[_i].what);
	world_forget(&w);
	ledger_mark_all(&w.ledger);
	world_settle(&w);
	ck_assert_msg(!is_unwanted(2, 2), "once");
}
END_TEST

START_TEST(a_reorg_takes_a_registration_back)
{
	static const struct addr20 nobody;
	struct product_row row;

	world_register(&w, 0, 1, "A");
	world_settle(&w);
	ck_ok(products_get(w.store, &w.product[0].id, &row, &err));
	ck_assert_msg(row.signers.n == 1 && row.signers.threshold == 1, "the set of the registration");
	world_undo(&w, 0, 0, 0);
	world_settle(&w);
	ck_ok(products_get(w.store, &w.product[0].id, &row, &err));
	ck_assert_msg(row.signers.n == 0 && row.signers.threshold == 0, "nobody signs for what is not registered");
	ck_assert_msg(addr20_eq(&row.owner, &nobody), "nobody owns it");
	ck_assert_uint_eq(row.entries, 0);
}
END_TEST

START_TEST(a_revocation_acts_before_finality_and_is_undone)
{
	one_active(0, 0);
	world_publish(&w, 0, 1);
	world_final(&w, 0);
	world_image(&w, 1, IMAGE_IS_GOOD);
	world_settle(&w);
	ck_state(0, 2, "active", "the newer");
	ck_state(0, 1, "superseded", "the older");
	world_revoke(&w, 0, 2);
	world_settle(&w);
	ck_state(0, 2, "held", "proven, not final");
	ck_state(0, 1, "active", "the older one takes its place");
	ck_assert(!floor_is_revoked(w.floors, &w.product[0].id, 2));
	world_undo(&w, 0, 4, 2);
	world_settle(&w);
	ck_state(0, 2, "active", "the reorg undid it");
	world_revoke(&w, 0, 2);
	world_final(&w, 0);
	world_settle(&w);
	ck_state(0, 2, "revoked", "final");
	ck_assert(floor_is_revoked(w.floors, &w.product[0].id, 2));
	ck_assert_ptr_nonnull(strstr(world_row(&w, 0, 2).why, "bad radio"));
}
END_TEST

static enum image_state image_state(unsigned n)
{
	struct hash32 sha = world_sha(n);
	struct image_row i;

	ck_ok(images_get(w.store, &sha, &i, &err));
	return i.state;
}

START_TEST(a_revoked_image_is_gone_when_nobody_else_names_it)
{
	one_active(0, 0);
	one_active(1, 0);
	world_revoke(&w, 0, 1);
	world_final(&w, 0);
	world_settle(&w);
	ck_assert_msg(image_state(0) == IMAGE_IS_GOOD, "another product's release names it");
	world_revoke(&w, 1, 1);
	world_final(&w, 1);
	world_settle(&w);
	ck_assert_int_eq(image_state(0), IMAGE_IS_REVOKED);
	world_publish(&w, 1, 0);
	world_final(&w, 1);
	world_settle(&w);
	ck_assert_msg(image_state(0) == IMAGE_IS_GOOD, "published again");
}
END_TEST

START_TEST(a_floor_revokes_what_is_below)
{
	one_active(0, 0);
	world_publish(&w, 0, 1);
	world_image(&w, 1, IMAGE_IS_GOOD);
	world_floor(&w, 0, 2);
	world_settle(&w);
	ck_state(0, 1, "held", "the floor is proven, not final");
	world_final(&w, 0);
	world_settle(&w);
	ck_state(0, 1, "revoked", "below the floor");
	ck_state(0, 2, "active", "at the floor");
	ck_assert_uint_eq(floor_get(w.floors, &w.product[0].id)->floor, 2);
}
END_TEST

static void decide(uint64_t sequence, enum release_decision d)
{
	ck_ok(releases_decide(w.store, &w.product[0].id, sequence, d, w.wall_ms, &err));
	ledger_mark_all(&w.ledger);
	world_settle(&w);
}

START_TEST(decisions_survive)
{
	w.follow[0].needs_approval = true;
	world_register(&w, 0, 1, "A");
	world_publish(&w, 0, 0);
	world_image(&w, 0, IMAGE_IS_GOOD);
	world_settle(&w);
	ck_state(0, 1, "held", "policy approve");
	decide(1, RELEASE_APPROVED);
	ck_state(0, 1, "ready", "approved, not final");
	world_undo(&w, 0, 2, 0);
	world_settle(&w);
	world_final(&w, 0);
	world_publish(&w, 0, 0);
	world_final(&w, 0);
	world_settle(&w);
	ck_state(0, 1, "held", "another manifest (ECDSA signs anew) was not approved");
	decide(1, RELEASE_APPROVED);
	world_reopen(&w, true);
	world_settle(&w);
	ck_state(0, 1, "active", "a restart");
	decide(1, RELEASE_HELD_BY_OPERATOR);
	ck_state(0, 1, "held", "held by the operator");
	world_reopen(&w, true);
	world_settle(&w);
	ck_state(0, 1, "held", "after a restart too");
}
END_TEST

START_TEST(new_signers_need_the_old_ones_or_the_operator)
{
	struct suit_manifest m;
	struct hash32 set;

	one_active(0, 0);
	world_signers(&w, 0, 1, "B");
	m = world_manifest(&w, 0);
	m.image_sha256 = world_sha(1);
	world_publish_as(&w, 0, &m, "B");
	world_final(&w, 0);
	world_image(&w, 1, IMAGE_IS_GOOD);
	world_settle(&w);
	ck_state(0, 2, "held", "a set that nobody vouches for");
	ck_assert(!world_wanted(&w, 0, 2));
	ck_state(0, 1, "active", "what was active stays");
	ck_ok(ledger_current_set(&w.ledger, ledger_find(&w.ledger, &w.product[0].id), &set, &err));
	ck_ok(products_accept_set(w.store, &w.product[0].id, &set, w.wall_ms, &err));
	world_reopen(&w, true);
	world_settle(&w);
	ck_state(0, 2, "active", "accepted, also after a restart");
}
END_TEST

START_TEST(an_evicted_image_stays_away_until_it_is_needed)
{
	one_active(0, 0);
	world_publish(&w, 0, 1);
	world_final(&w, 0);
	world_image(&w, 1, IMAGE_IS_GOOD);
	world_settle(&w);
	world_forget(&w);
	world_image(&w, 0, IMAGE_IS_EVICTING);
	world_settle(&w);
	ck_state(0, 1, "evicted", "on its way out");
	ck_assert_msg(!world_wanted(&w, 0, 1), "what leaves for space must not come back for being within `keep`");
	world_revoke(&w, 0, 2);
	world_final(&w, 0);
	world_settle(&w);
	ck_state(0, 1, "active", "needed after all, and still on disk");
	ck_assert_int_eq(image_state(0), IMAGE_IS_GOOD);
}
END_TEST

START_TEST(an_evicted_image_comes_back_when_it_must_be_active)
{
	struct hash32 sha = world_sha(0);

	one_active(0, 0);
	world_publish(&w, 0, 1);
	world_final(&w, 0);
	world_image(&w, 1, IMAGE_IS_GOOD);
	world_settle(&w);
	ck_ok(images_delete(w.store, &sha, &err));
	ledger_mark_all(&w.ledger);
	world_forget(&w);
	world_settle(&w);
	ck_state(0, 1, "evicted", "off the disk");
	ck_assert(!world_wanted(&w, 0, 1));
	world_revoke(&w, 0, 2);
	world_final(&w, 0);
	world_settle(&w);
	ck_assert(world_wanted(&w, 0, 1));
}
END_TEST

START_TEST(a_damaged_image_stays_active_and_is_asked_for)
{
	one_active(0, 0);
	world_forget(&w);
	world_image(&w, 0, IMAGE_IS_DAMAGED);
	world_settle(&w);
	ck_state(0, 1, "active", "its good chunks are served on");
	ck_assert(world_wanted(&w, 0, 1));
}
END_TEST

START_TEST(a_failed_fetch_says_why)
{
	world_register(&w, 0, 1, "A");
	world_publish(&w, 0, 0);
	world_settle(&w);
	ck_ok(releases_set_fetch(w.store, &w.product[0].id, 1, false, "own: no route", 3, w.wall_ms + 1000, &err));
	ledger_mark_all(&w.ledger);
	world_settle(&w);
	ck_state(0, 1, "failed", "no source");
	ck_assert_ptr_nonnull(strstr(world_row(&w, 0, 1).why, "own: no route"));
	ck_assert(world_wanted(&w, 0, 1));
	ck_ok(releases_set_fetch(w.store, &w.product[0].id, 1, true, "it has another SHA-256", 0, 0, &err));
	ledger_mark_all(&w.ledger);
	world_forget(&w);
	world_settle(&w);
	ck_state(0, 1, "rejected", "the content is wrong");
	ck_assert(!world_wanted(&w, 0, 1));
}
END_TEST

/* fridge claims the thermostat's digest with a size of its own. */
static void claim_other_size(void)
{
	struct suit_manifest m = world_manifest(&w, 1);

	m.image_size = 77;
	world_register(&w, 1, 1, "A");
	world_publish_as(&w, 1, &m, "A");
	world_final(&w, 1);
}

START_TEST(a_claim_of_another_size_harms_only_itself)
{
	struct hash32 sha = world_sha(0);

	claim_other_size();
	world_settle(&w);
	ck_ok(images_want(w.store, &sha, 77, world_cid[0], 1, &err));	/* the liar was first */
	world_register(&w, 0, 1, "A");
	world_publish(&w, 0, 0);
	world_final(&w, 0);
	world_settle(&w);
	ck_state(0, 1, "seen", "nothing is known of the bytes yet");
	ck_assert(world_wanted(&w, 0, 1));
	world_image(&w, 0, IMAGE_IS_GOOD);
	world_settle(&w);
	ck_state(0, 1, "active", "it told the truth");
	ck_state(1, 1, "rejected", "it did not");
}
END_TEST

/* The second release was active, and the database is gone. */
static void lose_the_database_after_two(void)
{
	one_active(0, 0);
	world_publish(&w, 0, 1);
	world_final(&w, 0);
	world_image(&w, 1, IMAGE_IS_GOOD);
	world_settle(&w);
	world_reopen(&w, false);
	w.product[0] = (struct world_product){ .id = w.product[0].id };
	world_register(&w, 0, 1, "A");
}

START_TEST(behind_the_floor_nothing_becomes_active)
{
	lose_the_database_after_two();
	world_publish(&w, 0, 0);
	world_final(&w, 0);
	world_image(&w, 0, IMAGE_IS_GOOD);
	world_settle(&w);
	ck_state(0, 1, "ready", "the database was lost, and the chain is not where it was: old must not pass for new");
	world_publish(&w, 0, 1);
	world_final(&w, 0);
	world_image(&w, 1, IMAGE_IS_GOOD);
	world_settle(&w);
	ck_state(0, 2, "active", "all there again");
}
END_TEST

/* With the database the image of the newest was lost, or cannot be read: the floor files know what was active. */
START_TEST(what_is_older_does_not_take_the_place_of_what_was_active)
{
	lose_the_database_after_two();
	world_publish(&w, 0, 0);
	world_publish(&w, 0, 1);
	world_final(&w, 0);
	world_image(&w, 0, IMAGE_IS_GOOD);
	world_settle(&w);
	ck_state(0, 1, "ready", "a newer one was active");
	world_image(&w, 1, IMAGE_IS_GOOD);
	ledger_mark_all(&w.ledger);
	world_settle(&w);
	ck_state(0, 1, "superseded", "it is back");
	ck_state(0, 2, "active", "it is back");
}
END_TEST

/* The images of a lost database come back one by one: none is active before all were looked at. */
START_TEST(while_the_disk_is_looked_at_nothing_becomes_active)
{
	one_active(0, 0);
	world_publish(&w, 0, 1);
	world_publish(&w, 0, 2);
	world_final(&w, 0);
	world_image(&w, 1, IMAGE_IS_GOOD);
	w.is_recovering = true;
	world_settle(&w);
	ck_state(0, 1, "active", "it was");
	ck_state(0, 2, "ready", "it was not");
	world_image(&w, 2, IMAGE_IS_GOOD);
	w.is_recovering = false;
	ledger_mark_all(&w.ledger);
	world_settle(&w);
	ck_state(0, 2, "superseded", "a newer one was there as well");
	ck_state(0, 3, "active", "all was looked at");
}
END_TEST

START_TEST(what_fails_keeps_nobody_else_waiting)
{
	size_t bad = hash32_cmp(&w.product[0].id, &w.product[1].id) < 0 ? 0 : 1, other = !bad;	/* the first one to be judged */

	one_active(0, 0);
	one_active(1, 1);
	world_publish(&w, other, 2);
	world_final(&w, other);
	world_image(&w, 2, IMAGE_IS_GOOD);
	/* A history that the contract cannot produce: sequence 5 is revoked, and was never published. */
	world_revoke(&w, bad, 5);
	world_forget(&w);
	ck_assert_int_ne(ledger_settle(&w.ledger, &err), ERR_OK);
	ck_assert_ptr_nonnull(strstr(err.msg, world_name[bad]));
	ck_state(other, 2, "active", "the other product was judged");
	ck_assert_uint_eq(w.settled, 1);
	ck_assert_msg(ledger_find(&w.ledger, &w.product[bad].id)->is_marked, "and this one will be tried again");
}
END_TEST

START_TEST(a_proof_counts_once_it_is_judged)
{
	struct ledger_product *p;
	struct proof_mark m = { .number = 999, .time = 1790009999 };

	one_active(0, 0);
	p = ledger_find(&w.ledger, &w.product[0].id);
	ck_assert_uint_eq(p->judged.number, p->proven.number);
	ledger_refresh(p, &(struct proof_mark){ .number = 998, .time = 1790009998 });
	ck_assert_msg(p->judged.number == 998, "nothing waits to be judged");
	ledger_mark(&w.ledger, p);
	ledger_refresh(p, &m);
	ck_assert_uint_ne(p->judged.number, 999);
	world_settle(&w);
	ck_assert_uint_eq(p->judged.number, 999);
	ck_ok(ledger_forget_unstored(&w.ledger, &err));
	ck_assert_msg(p->proven.number != 999, "it was never stored");
}
END_TEST

static uint64_t stored_proof(size_t product)
{
	struct product_row row;

	ck_ok(products_get(w.store, &w.product[product].id, &row, &err));
	return row.has_proven ? row.proven.number : 0;
}

START_TEST(proof_times_are_stored_when_they_are_new)
{
	struct proof_mark m = { .number = 999, .time = 1790009999 }, other = { .number = 7, .time = 1 };

	one_active(0, 0);
	one_active(1, 1);
	ledger_refresh(ledger_find(&w.ledger, &w.product[0].id), &m);
	ck_ok(products_set_proven(w.store, &w.product[1].id, &other, &err));
	ck_ok(ledger_save_proofs(&w.ledger, NULL, &err));
	ck_assert_uint_eq(stored_proof(0), 999);
	ck_assert_msg(stored_proof(1) == 7, "with thousands of products each answer would write them all");
	ck_ok(products_set_proven(w.store, &w.product[0].id, &other, &err));
	ck_ok(ledger_save_proofs(&w.ledger, NULL, &err));
	ck_assert_msg(stored_proof(0) == 7, "stored once");
}
END_TEST

START_TEST(a_proof_of_all_products_spares_the_single_ones)
{
	struct mark mark = { .has_proven = true, .trust = "single", .proven = { .number = 999, .time = 1790009999 } };
	struct proof_mark later = { .number = 1000, .time = 1790010000 };

	one_active(0, 0);
	one_active(1, 1);
	ledger_refresh(ledger_find(&w.ledger, &w.product[0].id), &mark.proven);
	ledger_refresh(ledger_find(&w.ledger, &w.product[1].id), &later);
	ck_ok(ledger_save_proofs(&w.ledger, &mark.proven, &err));
	ck_assert_msg(stored_proof(0) != 999, "the mark has it");
	ck_assert_uint_eq(stored_proof(1), 1000);
	ck_ok(mark_save(w.store, &mark, &err));
	world_reopen(&w, true);
	ck_assert_msg(ledger_find(&w.ledger, &w.product[0].id)->proven.number == 999, "as good as its own");
	ck_assert_msg(ledger_find(&w.ledger, &w.product[1].id)->proven.number == 1000, "its own is newer");
	ck_ok(ledger_forget_unstored(&w.ledger, &err));
	ck_assert_uint_eq(ledger_find(&w.ledger, &w.product[0].id)->proven.number, 999);
}
END_TEST

static void reopen_with(const struct ledger_follow *f, size_t n)
{
	memcpy(w.follow, f, n * sizeof *f);
	w.follow_n = n;
	world_reopen(&w, true);
}

static const struct addr20 stranger = { { 0xbb, 2 } };

static void found(const struct addr20 *registrant, const char *name)
{
	struct follower_output o = { .kind = FOLLOWER_PRODUCT, .product = product_id(registrant, span_str(name)),
		.registrant = *registrant, .name = name };

	ck_ok(ledger_take(&w.ledger, &o, &err));
}

START_TEST(one_name_is_one_product)
{
	struct ledger_follow all = w.follow[0], both[2] = { w.follow[0], w.follow[0] };
	struct hash32 id;
	size_t before;

	all.name = NULL;
	all.registrant = stranger;
	both[1] = all;
	reopen_with(both, 2);
	before = w.ledger.products;
	found(&stranger, world_name[0]);
	ck_assert_msg(w.ledger.products == before, "the section of that name is about another registrant");
	found(&stranger, "acme/oven");
	ck_assert_uint_eq(w.ledger.products, before + 1);
	all.registrant = world_registrant;
	both[0] = all;
	reopen_with(both, 2);
	before = w.ledger.products;
	found(&world_registrant, "acme/oven");
	ck_assert_uint_eq(w.ledger.products, before);
	id = product_id(&stranger, span_str("acme/oven"));
	ck_assert_msg(hash32_eq(&ledger_find_name(&w.ledger, span_str("acme/oven"))->id, &id), "who was first stays");
	both[0].name = "acme/oven";
	reopen_with(both, 2);
	id = product_id(&world_registrant, span_str("acme/oven"));
	ck_assert_msg(hash32_eq(&ledger_find_name(&w.ledger, span_str("acme/oven"))->id, &id), "but a section comes first");
}
END_TEST

START_TEST(what_is_not_followed_any_more_is_forgotten)
{
	struct ledger_follow only = w.follow[1];
	struct product_row row;

	one_active(0, 0);
	reopen_with(&only, 1);
	ck_assert_int_eq(products_get(w.store, &w.product[0].id, &row, NULL), ERR_NOT_FOUND);
	ck_assert_uint_eq(w.ledger.products, 1);
}
END_TEST

/* --- what memory has of a product --- */

static struct ledger_product *product(size_t n)
{
	return ledger_find(&w.ledger, &w.product[n].id);
}

START_TEST(until_it_is_judged_a_product_may_have_releases)
{
	world_settle(&w);
	ck_assert(!product(0)->has_releases);
	ledger_mark(&w.ledger, product(0));
	ck_assert(product(0)->has_releases);
	world_settle(&w);
	world_reopen(&w, true);
	ck_assert(product(0)->has_releases);
}
END_TEST

START_TEST(a_restart_knows_what_was_final)
{
	struct proof_mark other = { .number = 7, .time = 1 };
	uint64_t proven;

	one_active(0, 0);
	proven = product(0)->proven.number;
	world_reopen(&w, true);
	ck_assert_uint_eq(product(0)->final_entries, 3);
	ck_assert_uint_eq(product(0)->proven.number, proven);
	ck_ok(products_set_proven(w.store, &w.product[0].id, &other, &err));
	ck_ok(ledger_save_proofs(&w.ledger, NULL, &err));
	ck_assert_msg(stored_proof(0) == 7, "nor is what the store had written again");
}
END_TEST

START_TEST(a_proof_of_all_products_is_not_of_one_that_had_none)
{
	struct mark mark = { .has_proven = true, .trust = "single", .proven = { .number = 999, .time = 1790009999 } };

	one_active(0, 0);
	ck_ok(mark_save(w.store, &mark, &err));
	world_reopen(&w, true);
	ck_assert_uint_eq(product(0)->proven.number, 999);
	ck_assert_uint_eq(product(1)->proven.number, 0);
}
END_TEST

START_TEST(what_is_proven_and_not_final_yet_waits)
{
	struct follower_output o = { .kind = FOLLOWER_PROVEN, .product = w.product[0].id, .position = 3,
		.block = { 900, hash_of(900), 1790010800 } };

	world_register(&w, 0, 1, "A");
	world_publish(&w, 0, 0);
	world_image(&w, 0, IMAGE_IS_GOOD);
	ck_ok(ledger_take(&w.ledger, &o, &err));
	world_settle(&w);
	ck_state(0, 1, "ready", "its entry may still be taken back");
	ck_assert(product(0)->final_entries == 0 && product(0)->proven.number == 0);
}
END_TEST

static struct product_row stored(size_t n)
{
	struct product_row row;

	ck_ok(products_get(w.store, &w.product[n].id, &row, &err));
	return row;
}

START_TEST(how_many_images_are_kept_is_as_configured)
{
	w.follow[0].keep = 0;
	world_reopen(&w, false);
	ck_assert_uint_eq(stored(0).keep, 0);
	ck_assert_uint_eq(stored(1).keep, 2);
	w.follow[0].keep = 5;
	world_reopen(&w, true);
	ck_assert_uint_eq(stored(0).keep, 5);
	ck_ok(products_set_keep(w.store, &w.product[0].id, 5, true, &err));
	world_reopen(&w, true);
	ck_assert(stored(0).keep == 5 && !stored(0).in_rollout);
}
END_TEST

START_TEST(a_registrant_may_have_many_products)
{
	struct ledger_follow all = w.follow[0];
	char name[PRODUCT_NAME_MAX];

	all.name = NULL;
	reopen_with(&all, 1);
	ck_assert_msg(w.ledger.products == WORLD_PRODUCTS, "those that the store has; the section itself names none");
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "acme/p%u", i);
		found(&world_registrant, name);
	}
	found(&stranger, "acme/other");
	ck_assert_msg(w.ledger.products == WORLD_PRODUCTS + 100, "nobody follows the stranger");
	for (unsigned i = 0; i < 100; i++) {
		struct hash32 id;

		snprintf(name, sizeof name, "acme/p%u", i);
		id = product_id(&world_registrant, span_str(name));
		ck_assert_ptr_nonnull(ledger_find(&w.ledger, &id));
		ck_assert_ptr_eq(ledger_find(&w.ledger, &id), ledger_find_name(&w.ledger, span_str(name)));
	}
}
END_TEST

/* --- bundles --- */

static void take_bundle(size_t n, uint32_t entries, bool is_pinned, const struct hash32 *hash)
{
	struct bundle_row b = { .product = w.product[n].id, .entries = entries, .is_pinned = is_pinned, .number = 500,
		.time = 1790005000, .hash = *hash, .at_ms = w.wall_ms };

	ck_ok(ledger_take_bundle(&w.ledger, product(n), &b, &err));
}

static void bring(size_t n, uint32_t entries, bool is_pinned, const struct hash32 *hash)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(w.store);

	take_bundle(n, entries, is_pinned, hash);
	ck_ok(store_commit(&tx, &err));
}

START_TEST(a_bundle_counts_until_the_chain_contradicts_it)
{
	struct hash32 hash = hash_of(500);

	one_active(0, 0);
	world_publish(&w, 0, 1);
	world_settle(&w);
	bring(0, 4, false, &hash);
	ck_assert_msg(product(0)->is_marked, "what it brought is judged");
	world_reopen(&w, true);
	ck_assert_msg(ledger_is_by_signers(product(0)), "also after a restart");
	world_undo(&w, 0, 4, 2);
	ck_assert_msg(product(0)->bundle.entries == 4, "what lies above it is none of its");
	world_undo(&w, 0, 3, 1);
	ck_assert(!ledger_is_by_signers(product(0)));
	world_reopen(&w, true);
	ck_assert_uint_eq(product(0)->bundle.entries, 0);
}
END_TEST

START_TEST(a_product_rests_on_signers_where_nothing_better_is)
{
	struct hash32 hash = hash_of(500);

	one_active(0, 0);
	bring(0, 3, false, &hash);
	ck_assert_msg(!ledger_is_by_signers(product(0)), "all of it is proven");
	world_publish(&w, 0, 1);
	bring(0, 4, true, &hash);
	ck_assert_msg(!ledger_is_by_signers(product(0)), "its block is the operator's");
	bring(0, 4, false, &hash);
	ck_assert(ledger_is_by_signers(product(0)));
}
END_TEST

START_TEST(a_product_rests_on_a_pinned_bundle_until_a_newer_proof)
{
	struct hash32 hash;

	one_active(0, 0);
	hash = product(0)->proven.hash;
	bring(0, 3, false, &hash);
	ck_assert_msg(!ledger_is_by_pinned_bundle(product(0)), "nobody gave its hash");
	world_publish(&w, 0, 1);
	bring(0, 4, true, &hash);
	ck_assert(ledger_is_by_pinned_bundle(product(0)));
	world_undo(&w, 0, 3, 1);
	ck_assert_msg(!ledger_is_by_pinned_bundle(product(0)), "the chain contradicted it");
	bring(0, 3, true, &hash);
	ck_assert(ledger_is_by_pinned_bundle(product(0)));
	world_final(&w, 0);
	ck_assert_msg(!ledger_is_by_pinned_bundle(product(0)), "proven at a newer block");
}
END_TEST

START_TEST(what_cannot_be_written_is_not_remembered)
{
	struct bundle_row nothing = { .product = w.product[0].id, .at_ms = w.wall_ms };
	struct follower_output o = { .kind = FOLLOWER_UNDONE, .product = w.product[0].id, .position = 2 };
	struct hash32 hash = hash_of(500);

	one_active(0, 0);
	bring(0, 3, true, &hash);
	ck_assert_msg(ledger_take(&w.ledger, &o, &err) == ERR_RULE, "what is final is not undone");
	ck_assert_uint_eq(product(0)->bundle.entries, 3);
	ck_assert_msg(ledger_take_bundle(&w.ledger, product(0), &nothing, &err) != ERR_OK, "a bundle of no entry");
	ck_assert_uint_eq(product(0)->bundle.entries, 3);
}
END_TEST

START_TEST(what_nobody_follows_is_not_taken)
{
	static const enum follower_output_kind kinds[] = { FOLLOWER_SEEN, FOLLOWER_UNDONE, FOLLOWER_PROVEN };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		ck_ok(ledger_take(&w.ledger, &(struct follower_output){ .kind = kinds[i], .product = hash_of(77), .position = 1,
			.is_final = true }, &err));
}
END_TEST

/* Product 0 proven to its fourth entry, and a bundle for 0 and for 1; then it is all rolled back. */
static void lose_a_batch(void)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(w.store);
	struct follower_output o = { .kind = FOLLOWER_PROVEN, .product = w.product[0].id, .position = 4, .is_final = true,
		.block = { 900, hash_of(900), 1790010800 } };

	ck_ok(ledger_take(&w.ledger, &o, &err));
	take_bundle(0, 4, true, &o.block.hash);
	take_bundle(1, 2, true, &o.block.hash);
}

START_TEST(what_was_rolled_back_is_not_remembered)
{
	struct hash32 hash = hash_of(500);
	uint64_t proven;

	one_active(0, 0);
	world_publish(&w, 0, 1);
	bring(0, 3, false, &hash);
	world_settle(&w);
	proven = product(0)->proven.number;
	lose_a_batch();
	ck_ok(ledger_forget_unstored(&w.ledger, &err));
	ck_assert(product(0)->final_entries == 3 && product(0)->proven.number == proven);
	ck_assert(product(0)->bundle.entries == 3 && !product(0)->bundle.is_pinned);
	ck_assert_uint_eq(product(1)->bundle.entries, 0);
	ck_assert_msg(product(2)->is_marked, "nobody knows what else the batch touched");
}
END_TEST

START_TEST(a_full_floor_file_stops_nobody)
{
	for (unsigned i = 0; i < FLOOR_PRODUCTS_MAX; i++) {
		struct floor_item item = { .product = hash_of(i), .name = "a/b" };

		if (floor_note(w.floors, &item, NULL))
			break;
	}
	one_active(0, 0);
	ck_assert_msg(w.alarms.n >= 1 && !strcmp(w.alarms.at[0].code, "floor-full"), "and it is said");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger");
	TCase *t = tcase_create("all");
	SRunner *r;
	int failed;
	const TTest *const tests[] = { first_sync, proof_times_are_stored_when_they_are_new,
		a_proof_of_all_products_spares_the_single_ones, settling_again_changes_nothing,
		every_change_is_in_the_audit_log, a_reorg_takes_a_release_back, a_reorg_takes_a_registration_back,
		a_revocation_acts_before_finality_and_is_undone,
		a_revoked_image_is_gone_when_nobody_else_names_it, a_floor_revokes_what_is_below, decisions_survive,
		new_signers_need_the_old_ones_or_the_operator, an_evicted_image_stays_away_until_it_is_needed,
		an_evicted_image_comes_back_when_it_must_be_active, a_damaged_image_stays_active_and_is_asked_for,
		a_failed_fetch_says_why, a_claim_of_another_size_harms_only_itself, behind_the_floor_nothing_becomes_active,
		what_is_older_does_not_take_the_place_of_what_was_active, while_the_disk_is_looked_at_nothing_becomes_active,
		what_fails_keeps_nobody_else_waiting, a_proof_counts_once_it_is_judged, one_name_is_one_product,
		what_is_not_followed_any_more_is_forgotten, a_full_floor_file_stops_nobody,
		until_it_is_judged_a_product_may_have_releases, a_restart_knows_what_was_final,
		a_proof_of_all_products_is_not_of_one_that_had_none, how_many_images_are_kept_is_as_configured,
		what_is_proven_and_not_final_yet_waits,
		a_registrant_may_have_many_products, a_bundle_counts_until_the_chain_contradicts_it,
		a_product_rests_on_signers_where_nothing_better_is, a_product_rests_on_a_pinned_bundle_until_a_newer_proof,
		what_was_rolled_back_is_not_remembered, what_cannot_be_written_is_not_remembered,
		what_nobody_follows_is_not_taken };

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, what_a_reorg_takes_back_wants_no_image, 0, sizeof after_reorg / sizeof *after_reorg);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
