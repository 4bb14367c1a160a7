/* test_judge.c: the state of each release, as a table of situations. */
#include "keeper/judge.h"

#include <check.h>
#include <stdio.h>

/* One release of a situation; sequence is its place. Defaults: good, final, stable, image here. */
struct given {
	enum history_verdict verdict;
	bool not_final, revoked, revoked_soon, unfollowed, held, approved, was_active;
	const char *channel;
	enum image_at image;	/* IMAGE_NONE is written as IMAGE_NONE */
	enum release_state want;
	bool wanted;
	const char *why;	/* part of the sentence; NULL: any */
};

#define HERE .image = IMAGE_GOOD
#define MAX 4

static const struct {
	const char *rule;
	struct judge_product product;
	struct given r[MAX];
	size_t n;
} situations[] = {
	{ "final, allowed, image here: active", { .keep = 2 }, { { HERE, .want = RELEASE_ACTIVE, .wanted = true } }, 1 },
	{ "not final: ready", { .keep = 2 }, { { HERE, .not_final = true, .want = RELEASE_READY, .wanted = true } }, 1 },
	{ "a rejected manifest is never fetched", { .keep = 2 },
	  { { .verdict = HISTORY_REJECTED, .want = RELEASE_REJECTED } }, 1 },
	{ "rejected stays rejected when it is revoked as well", { .keep = 2 },
	  { { .verdict = HISTORY_REJECTED, .revoked = true, .want = RELEASE_REJECTED } }, 1 },
	{ "an image that is not the manifest's rejects the release", { .keep = 2 },
	  { { .image = IMAGE_WRONG, .want = RELEASE_REJECTED } }, 1 },
	{ "a wrong image does not hide a revocation", { .keep = 2 },
	  { { .image = IMAGE_WRONG, .revoked = true, .want = RELEASE_REVOKED } }, 1 },
	{ "nor one that is not final", { .keep = 2 },
	  { { .image = IMAGE_WRONG, .revoked_soon = true, .want = RELEASE_HELD } }, 1 },
	{ "nor signers that nobody vouches for", { .keep = 2 },
	  { { .image = IMAGE_WRONG, .verdict = HISTORY_HELD, .want = RELEASE_HELD } }, 1 },
	{ "revoked and final", { .keep = 2 }, { { HERE, .revoked = true, .want = RELEASE_REVOKED } }, 1 },
	{ "revoked, not final: held", { .keep = 2 }, { { HERE, .revoked_soon = true, .want = RELEASE_HELD } }, 1 },
	{ "a channel that is not followed is only seen", { .keep = 2 }, { { .unfollowed = true, .want = RELEASE_SEEN } }, 1 },
	{ "new signers without the old ones: held, not fetched", { .keep = 2 },
	  { { .verdict = HISTORY_HELD, .want = RELEASE_HELD } }, 1 },
	{ "held by the operator, but fetched", { .keep = 2 }, { { .held = true, .want = RELEASE_HELD, .wanted = true } }, 1 },
	{ "fetching", { .keep = 2 }, { { .image = IMAGE_FETCHING, .want = RELEASE_FETCHING, .wanted = true } }, 1 },
	{ "failed", { .keep = 2 }, { { .image = IMAGE_FAILED, .want = RELEASE_FAILED, .wanted = true } }, 1 },
	{ "nothing here yet: queued", { .keep = 2 }, { { .want = RELEASE_SEEN, .wanted = true } }, 1 },
	{ "evicted and wanted again", { .keep = 2 }, { { .image = IMAGE_EVICTED, .want = RELEASE_EVICTED, .wanted = true } }, 1 },
	{ "policy approve holds", { .keep = 2, .needs_approval = true },
	  { { HERE, .want = RELEASE_HELD, .wanted = true } }, 1 },
	{ "approved goes out", { .keep = 2, .needs_approval = true },
	  { { HERE, .approved = true, .want = RELEASE_ACTIVE, .wanted = true } }, 1 },
	{ "approved but not final waits", { .keep = 2, .needs_approval = true },
	  { { HERE, .approved = true, .not_final = true, .want = RELEASE_READY, .wanted = true } }, 1 },
	{ "the newest is active, the older superseded, the oldest not kept", { .keep = 2 },
	  { { .want = RELEASE_SUPERSEDED }, { HERE, .want = RELEASE_SUPERSEDED, .wanted = true },
	    { HERE, .want = RELEASE_ACTIVE, .wanted = true } }, 3 },
	{ "however many are kept, one is active", { .keep = 3 },
	  { { HERE, .want = RELEASE_SUPERSEDED, .wanted = true }, { HERE, .want = RELEASE_SUPERSEDED, .wanted = true },
	    { HERE, .want = RELEASE_ACTIVE, .wanted = true } }, 3 },
	{ "channels do not supersede each other", { .keep = 1 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { HERE, .channel = "beta", .want = RELEASE_ACTIVE, .wanted = true } }, 2 },
	{ "the newest revoked: the older is active again", { .keep = 2 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { HERE, .revoked = true, .want = RELEASE_REVOKED } }, 2 },
	{ "a revocation that is not final already takes the release away", { .keep = 2 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { HERE, .revoked_soon = true, .want = RELEASE_HELD } }, 2 },
	{ "while the newest is fetched the older stays active", { .keep = 1 },
	  { { HERE, .want = RELEASE_ACTIVE }, { .image = IMAGE_FETCHING, .want = RELEASE_FETCHING, .wanted = true } }, 2 },
	{ "while the newest is held the one that may be active stays wanted, also with keep = 1", { .keep = 1 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { HERE, .held = true, .want = RELEASE_HELD, .wanted = true } }, 2 },
	{ "a frozen gateway activates nothing new", { .keep = 2, .is_frozen = true },
	  { { HERE, .was_active = true, .want = RELEASE_ACTIVE, .wanted = true }, { HERE, .want = RELEASE_READY, .wanted = true } }, 2 },
	{ "what was active before a lost database is waited for", { .keep = 2, .active = 2 },
	  { { HERE, .want = RELEASE_READY, .wanted = true, .why = "not back yet" }, { .image = IMAGE_FETCHING, .want = RELEASE_FETCHING, .wanted = true } }, 2 },
	{ "also while no source has it", { .keep = 2, .active = 2 },
	  { { HERE, .want = RELEASE_READY, .wanted = true }, { .image = IMAGE_FAILED, .want = RELEASE_FAILED, .wanted = true } }, 2 },
	{ "not by what was active by this database too", { .keep = 2, .active = 3 },
	  { { HERE, .want = RELEASE_SUPERSEDED }, { HERE, .was_active = true, .want = RELEASE_ACTIVE, .wanted = true },
	    { .want = RELEASE_SEEN, .wanted = true } }, 3 },
	{ "and all that is older", { .keep = 3, .active = 3 },
	  { { HERE, .want = RELEASE_READY, .wanted = true }, { HERE, .want = RELEASE_READY, .wanted = true, .why = "not back yet" },
	    { .want = RELEASE_SEEN, .wanted = true } }, 3 },
	{ "but by nothing newer", { .keep = 3, .active = 2 },
	  { { HERE, .want = RELEASE_SUPERSEDED, .wanted = true }, { .want = RELEASE_SEEN, .wanted = true },
	    { HERE, .want = RELEASE_ACTIVE, .wanted = true } }, 3 },
	{ "nor on another channel", { .keep = 2, .active = 2 },
	  { { HERE, .channel = "beta", .want = RELEASE_ACTIVE, .wanted = true }, { .want = RELEASE_SEEN, .wanted = true } }, 2 },
	{ "until it is here", { .keep = 2, .active = 2 },
	  { { HERE, .want = RELEASE_SUPERSEDED, .wanted = true }, { HERE, .want = RELEASE_ACTIVE, .wanted = true } }, 2 },
	{ "this database knows that it was, and its image has left", { .keep = 1, .active = 2 },
	  { { HERE, .want = RELEASE_ACTIVE }, { .image = IMAGE_EVICTED, .was_active = true, .want = RELEASE_EVICTED, .wanted = true } }, 2 },
	{ "it was revoked", { .keep = 2, .active = 2 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { .revoked = true, .want = RELEASE_REVOKED } }, 2 },
	{ "or is held", { .keep = 2, .active = 2 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { .held = true, .want = RELEASE_HELD, .wanted = true } }, 2 },
	{ "or is not in the history any more", { .keep = 2, .active = 3 },
	  { { HERE, .want = RELEASE_SUPERSEDED, .wanted = true }, { HERE, .want = RELEASE_ACTIVE, .wanted = true } }, 2 },
	{ "who waits for all that was known says that first", { .keep = 2, .active = 2, .is_frozen = true },
	  { { HERE, .want = RELEASE_READY, .wanted = true, .why = "known again" }, { .want = RELEASE_SEEN, .wanted = true } }, 2 },
	{ "without its image it waits for that", { .keep = 2, .active = 2 },
	  { { .want = RELEASE_SEEN, .wanted = true, .why = "queued" }, { .want = RELEASE_SEEN, .wanted = true } }, 2 },
	{ "a newer one that waits for finality supersedes nothing", { .keep = 1 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { HERE, .not_final = true, .want = RELEASE_READY, .wanted = true } }, 2 },
	{ "each channel keeps its own newest, however they alternate", { .keep = 1 },
	  { { HERE, .want = RELEASE_SUPERSEDED }, { HERE, .channel = "beta", .want = RELEASE_SUPERSEDED },
	    { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { HERE, .channel = "beta", .want = RELEASE_ACTIVE, .wanted = true } }, 4 },
	{ "channels that nobody follows leave the others alone", { .keep = 1 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { HERE, .unfollowed = true, .want = RELEASE_SEEN } }, 2 },
	{ "a rejected release does not count as a newer one", { .keep = 1 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { .verdict = HISTORY_REJECTED, .want = RELEASE_REJECTED } }, 2 },
	{ "nor does one whose image is wrong", { .keep = 1 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { .image = IMAGE_WRONG, .want = RELEASE_REJECTED } }, 2 },
	{ "nor one that is held for its signers, approved or not", { .keep = 1 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { HERE, .verdict = HISTORY_HELD, .approved = true, .want = RELEASE_HELD } }, 2 },
	{ "what is revoked says so on a channel that is not followed as well", { .keep = 2 },
	  { { .unfollowed = true, .revoked = true, .want = RELEASE_REVOKED } }, 1 },
	{ "what will be revoked there is only seen: it is offered to nobody", { .keep = 2 },
	  { { .unfollowed = true, .revoked_soon = true, .want = RELEASE_SEEN } }, 1 },
	{ "a revocation to come is told before doubts about the signers", { .keep = 2 },
	  { { .revoked_soon = true, .verdict = HISTORY_HELD, .want = RELEASE_HELD, .why = "a revocation is proven" } }, 1 },
	{ "a wrong image is told before the operator's word", { .keep = 2 },
	  { { .image = IMAGE_WRONG, .held = true, .want = RELEASE_REJECTED, .why = "the source's words" } }, 1 },
	{ "the operator's word is told while the image is fetched", { .keep = 2 },
	  { { .image = IMAGE_FETCHING, .held = true, .want = RELEASE_HELD, .wanted = true } }, 1 },
	{ "what waits for approval and finality says what only the operator can do", { .keep = 2, .needs_approval = true },
	  { { HERE, .not_final = true, .want = RELEASE_HELD, .wanted = true, .why = "policy" } }, 1 },
	{ "what waits for finality says so while the gateway is frozen", { .keep = 2, .is_frozen = true },
	  { { HERE, .not_final = true, .want = RELEASE_READY, .wanted = true, .why = "proven and final" } }, 1 },
	{ "what was active and is not final any more waits, frozen or not", { .keep = 2, .is_frozen = true },
	  { { HERE, .not_final = true, .was_active = true, .want = RELEASE_READY, .wanted = true } }, 1 },
	{ "without its image there is nothing to approve yet", { .keep = 2, .needs_approval = true },
	  { { .want = RELEASE_SEEN, .wanted = true, .why = "queued" } }, 1 },
	{ "nor to wait for finality with", { .keep = 2 },
	  { { .not_final = true, .want = RELEASE_SEEN, .wanted = true, .why = "queued" } }, 1 },
	{ "nor to freeze", { .keep = 2, .is_frozen = true }, { { .want = RELEASE_SEEN, .wanted = true, .why = "queued" } }, 1 },
	{ "while the newest has no image the older stays active", { .keep = 2 },
	  { { HERE, .want = RELEASE_ACTIVE, .wanted = true }, { .want = RELEASE_SEEN, .wanted = true } }, 2 },
	{ "while the newest is not approved the one that was stays wanted", { .keep = 1, .needs_approval = true },
	  { { HERE, .approved = true, .want = RELEASE_ACTIVE, .wanted = true }, { HERE, .want = RELEASE_HELD, .wanted = true } }, 2 },
	{ "an approved one makes the older unwanted", { .keep = 1, .needs_approval = true },
	  { { HERE, .approved = true, .want = RELEASE_SUPERSEDED }, { HERE, .approved = true, .want = RELEASE_ACTIVE, .wanted = true } }, 2 },
	{ "the newest is wanted before it is final, also with keep = 0", { .keep = 0 },
	  { { .not_final = true, .want = RELEASE_SEEN, .wanted = true } }, 1 },
	{ "what is neither final nor among the newest is seen, and not fetched", { .keep = 1 },
	  { { .not_final = true, .want = RELEASE_SEEN, .why = "newer releases" },
	    { HERE, .not_final = true, .want = RELEASE_READY, .wanted = true } }, 2 },
	{ "what left for space stays away while a newer one may be active", { .keep = 2 },
	  { { .image = IMAGE_EVICTED, .want = RELEASE_EVICTED, .why = "is not kept" }, { HERE, .want = RELEASE_ACTIVE, .wanted = true } }, 2 },
	{ "it is fetched again where it has to be active", { .keep = 2 },
	  { { .image = IMAGE_EVICTED, .want = RELEASE_EVICTED, .wanted = true, .why = "fetched again" } }, 1 },
};
#define SITUATIONS ((int)(sizeof situations / sizeof *situations))

static struct history_release history[MAX];
static struct judge_release judged[MAX];

static void fill(const struct given *g, size_t i)
{
	struct history_release *h = &history[i];

	*h = (struct history_release){ .sequence = i + 1, .verdict = g->verdict, .is_final = !g->not_final,
		.is_revoked = g->revoked, .is_revoked_soon = g->revoked_soon, .has_manifest = true };
	snprintf(h->manifest.channel, sizeof h->manifest.channel, "%s", g->channel ? g->channel : "stable");
	snprintf(h->why, sizeof h->why, "the history's reason");
	judged[i] = (struct judge_release){ .h = h, .image = g->image, .image_detail = "the source's words",
		.is_channel_followed = !g->unfollowed, .is_approved = g->approved, .is_held = g->held, .was_active = g->was_active };
}

START_TEST(states)
{
	size_t n = situations[_i].n;

	for (size_t i = 0; i < n; i++)
		fill(&situations[_i].r[i], i);
	judge_releases(&situations[_i].product, judged, n);
	for (size_t i = 0; i < n; i++) {
		ck_assert_msg(judged[i].state == situations[_i].r[i].want, "%s: release %zu is %s (%s)", situations[_i].rule, i + 1,
			      release_state_name(judged[i].state), judged[i].why);
		ck_assert_msg(judged[i].is_wanted == situations[_i].r[i].wanted, "%s: release %zu wanted", situations[_i].rule, i + 1);
		ck_assert_msg(strlen(judged[i].why) > 10, "%s: every state has its sentence", situations[_i].rule);
		if (situations[_i].r[i].why)
			ck_assert_msg(strstr(judged[i].why, situations[_i].r[i].why), "%s: %s", situations[_i].rule, judged[i].why);
	}
}
END_TEST

START_TEST(a_failure_without_words_has_a_sentence)
{
	static const struct given failed = { .image = IMAGE_FAILED };

	fill(&failed, 0);
	judged[0].image_detail = NULL;
	judge_releases(&(struct judge_product){ .keep = 1 }, judged, 1);
	ck_assert_str_eq(judged[0].why, "no source has its image now: ");
}
END_TEST

START_TEST(as_many_channels_as_can_be_followed_have_an_active_release_each)
{
	static struct history_release h[CONF_WORDS_MAX];
	static struct judge_release r[CONF_WORDS_MAX];

	for (size_t i = 0; i < CONF_WORDS_MAX; i++) {
		h[i] = (struct history_release){ .sequence = i + 1, .is_final = true };
		snprintf(h[i].manifest.channel, sizeof h[i].manifest.channel, "channel-%zu", i);
		r[i] = (struct judge_release){ .h = &h[i], .image = IMAGE_GOOD, .is_channel_followed = true };
	}
	judge_releases(&(struct judge_product){ .keep = 1 }, r, CONF_WORDS_MAX);
	for (size_t i = 0; i < CONF_WORDS_MAX; i++)
		ck_assert_int_eq(r[i].state, RELEASE_ACTIVE);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("judge");
	TCase *t = tcase_create("judge");
	SRunner *r;
	int failed;

	tcase_add_loop_test(t, states, 0, SITUATIONS);
	tcase_add_test(t, a_failure_without_words_has_a_sentence);
	tcase_add_test(t, as_many_channels_as_can_be_followed_have_an_active_release_each);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
