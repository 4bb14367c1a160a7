/* test_suit_build.c: what the publisher's tools make is what the readers take. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "envelope.h"
#include "formats/suit.h"
#include "hexes.h"

#define ROWS(table) (int)(sizeof table / sizeof *table)

static struct suit_manifest plain(void)
{
	struct suit_manifest m = { .sequence = 7, .vendor = "acme", .model = "thermostat", .version = "1.4.2",
				   .channel = "stable", .image_size = 3,
				   .cid = "bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu" };

	memcpy(m.image_sha256.b, hexes("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad").p, 32);
	return m;
}

static void all_texts(struct suit_manifest *m)
{
	strcpy(m->channel, "beta");
	m->from_sequence = 5;
	m->urgent = true;
	m->hardware_n = 2;
	strcpy(m->hardware[0], "rev-a");
	strcpy(m->hardware[1], "rev.b_2");
	m->description = SPAN_LIT("Fixes.");
}

static struct span build(const struct suit_manifest *m, struct buf *b)
{
	struct err e = { 0 };

	*b = BUF_INIT(MANIFEST_MAX);
	ck_assert_msg(suit_build(m, b, &e) == ERR_OK, "%s", e.msg);
	return buf_span(b);
}

static struct span sign(struct span env, const char *key, struct buf *b)
{
	struct err e = { 0 };

	*b = BUF_INIT(MANIFEST_MAX);
	ck_assert_msg(suit_sign(env, envelope_key(key, 2), b, &e) == ERR_OK, "%s", e.msg);
	return buf_span(b);
}

/* The template of envelope.c is written by hand; the builder comes to the same manifest. */
START_TEST(builds_the_known_bytes)
{
	struct part replaced[PARTS_MAX] = { { "info", _i == 0 ? "a1 06 `1.4.2`" :
		"a6 05 `Fixes.` 06 `1.4.2` 38ff `beta` 390100 05 390101 82 `rev-a` `rev.b_2` 390102 f5" } };
	struct suit_manifest m = plain();
	AUTO(buf_free) struct buf built;
	struct suit_envelope ours, theirs;

	if (_i == 1)
		all_texts(&m);
	ck_assert_int_eq(suit_open_unsigned(build(&m, &built), &ours, NULL), ERR_OK);
	ck_assert_int_eq(suit_open_unsigned(envelope_of(replaced), &theirs, NULL), ERR_OK);
	ck_assert(span_eq(ours.manifest, theirs.manifest));
	ck_assert(span_eq(ours.digest, theirs.digest));
	ck_assert_uint_eq(ours.signatures, 0);
}
END_TEST

START_TEST(reads_back_the_same)
{
	struct suit_manifest m = plain(), back;
	struct suit_envelope env;
	AUTO(buf_free) struct buf built;

	all_texts(&m);
	ck_assert_int_eq(suit_open_unsigned(build(&m, &built), &env, NULL), ERR_OK);
	ck_assert_int_eq(suit_manifest(&env, &back, NULL), ERR_OK);
	ck_assert(span_eq(back.description, m.description));
	back.description = m.description;
	ck_assert_mem_eq(&back, &m, sizeof m);
}
END_TEST

static void no_version(struct suit_manifest *m) { m->version[0] = '\0'; }
static void bad_version(struct suit_manifest *m) { strcpy(m->version, "1\n2"); }
static void bad_vendor(struct suit_manifest *m) { strcpy(m->vendor, "Acme"); }
static void no_model(struct suit_manifest *m) { m->model[0] = '\0'; }
static void bad_channel(struct suit_manifest *m) { strcpy(m->channel, "Beta"); }
static void bad_cid(struct suit_manifest *m) { strcpy(m->cid, "firmware"); }
static void no_image(struct suit_manifest *m) { m->image_size = 0; }
static void huge_image(struct suit_manifest *m) { m->image_size = IMAGE_MAX + 1; }
static void late_from(struct suit_manifest *m) { m->from_sequence = m->sequence; }
static void bad_hardware(struct suit_manifest *m) { m->hardware_n = 1; strcpy(m->hardware[0], "A"); }
static void bad_description(struct suit_manifest *m) { m->description = SPAN_LIT("\x1b"); }
static void long_description(struct suit_manifest *m)
{
	static const char text[MANIFEST_MAX] = { [0 ... MANIFEST_MAX - 1] = 'x' };

	m->description = SPAN(text, sizeof text);
}

static const struct { void (*spoil)(struct suit_manifest *m); int code; const char *says; } spoilt[] = {
	{ no_version, ERR_RULE, "version" }, { bad_version, ERR_RULE, "version has a control" },
	{ bad_vendor, ERR_RULE, "vendor" }, { no_model, ERR_RULE, "model" }, { bad_channel, ERR_RULE, "channel" },
	{ bad_cid, ERR_RULE, "ipfs://CID" }, { no_image, ERR_RULE, "image size" },
	{ huge_image, ERR_RULE, "image size" }, { late_from, ERR_RULE, "from-sequence" },
	{ bad_hardware, ERR_RULE, "hardware" }, { bad_description, ERR_RULE, "description" },
	{ long_description, ERR_LIMIT, "4096" },
};

START_TEST(builds_nothing_that_is_refused)
{
	AUTO(buf_free) struct buf b = BUF_INIT(2 * MANIFEST_MAX);
	struct suit_manifest m = plain();
	struct err e = { 0 };

	spoilt[_i].spoil(&m);
	ck_assert_msg(suit_build(&m, &b, &e) == spoilt[_i].code, "%s: %s", spoilt[_i].says, e.msg);
	ck_assert_msg(strstr(e.msg, spoilt[_i].says), "%s: %s", spoilt[_i].says, e.msg);
	ck_assert_uint_eq(b.n, 0);
}
END_TEST

static struct suit_signers set_of_two(void)
{
	struct suit_signers set = { .threshold = 2 };
	const char *keys[] = { "!p1", "!k1" };

	for (int i = 0; i < 2; i++) {
		AUTO(buf_free) struct buf key = BUF_INIT(COSE_KEY_MAX);

		envelope_expand(NULL, keys[i], &key);
		ck_assert_int_eq(suit_signers_add(&set, buf_span(&key), NULL), ERR_OK);
	}
	return set;
}

START_TEST(signs_and_merges)
{
	AUTO(buf_free) struct buf built, by_p1, by_k1, both, merged = BUF_INIT(MANIFEST_MAX);
	struct suit_manifest m = plain();
	struct suit_signers set = set_of_two();
	struct suit_envelope one, two;
	struct span env = build(&m, &built);

	sign(env, "p1", &by_p1);
	sign(env, "k1", &by_k1);
	sign(buf_span(&by_p1), "k1", &both);
	ck_assert_int_eq(suit_read(buf_span(&by_p1), &set, NULL, &m, NULL, NULL), ERR_PROOF);
	ck_assert_int_eq(suit_read(buf_span(&both), &set, NULL, &m, NULL, NULL), ERR_OK);

	/* k1's signatures are deterministic: merging comes to the same bytes as signing in turn. */
	ck_assert_int_eq(suit_merge(buf_span(&by_p1), buf_span(&by_k1), &merged, NULL), ERR_OK);
	ck_assert(span_eq(buf_span(&merged), buf_span(&both)));

	/* Nothing but the wrapper changed. */
	ck_assert_int_eq(suit_open(buf_span(&by_p1), &one, NULL), ERR_OK);
	ck_assert_int_eq(suit_open(buf_span(&both), &two, NULL), ERR_OK);
	ck_assert(span_eq(one.manifest, two.manifest) && span_eq(one.digest, two.digest));
	ck_assert(span_eq(one.signature[0].bytes, two.signature[0].bytes));
	ck_assert(two.signature[1].kid.n == 8 && two.signatures == 2);
}
END_TEST

START_TEST(merging_the_same_changes_nothing)
{
	AUTO(buf_free) struct buf built, by_p1, merged = BUF_INIT(MANIFEST_MAX);
	struct suit_manifest m = plain();

	sign(build(&m, &built), "p1", &by_p1);
	ck_assert_int_eq(suit_merge(buf_span(&by_p1), buf_span(&by_p1), &merged, NULL), ERR_OK);
	ck_assert(span_eq(buf_span(&merged), buf_span(&by_p1)));
}
END_TEST

START_TEST(keeps_others_bytes)	/* a policy and a language of someone else's tool */
{
	struct part replaced[PARTS_MAX] = { { "validate", "82 03 05" }, { "text", "a2 `de` a0 `en` @en" } };
	AUTO(buf_free) struct buf both;
	struct suit_envelope one, two;
	struct span theirs = envelope_of(replaced);

	sign(theirs, "k1", &both);
	ck_assert_int_eq(suit_open(theirs, &one, NULL), ERR_OK);
	ck_assert_int_eq(suit_open(buf_span(&both), &two, NULL), ERR_OK);
	ck_assert(span_eq(one.manifest, two.manifest) && span_eq(one.signature[0].bytes, two.signature[0].bytes));
}
END_TEST

START_TEST(refuses_to_sign)
{
	AUTO(buf_free) struct buf built, other, by_p1, out = BUF_INIT(MANIFEST_MAX);
	struct suit_manifest m = plain();
	struct part eight[PARTS_MAX] = { { "wrapper",
		"89 <digest> <sig.p2> <sig.p2> <sig.p2> <sig.p2> <sig.p2> <sig.p2> <sig.p2> <sig.p2>" } };

	sign(build(&m, &built), "p1", &by_p1);
	ck_assert_int_eq(suit_sign(buf_span(&by_p1), envelope_key("p1", 2), &out, NULL), ERR_EXISTS);
	ck_assert_int_eq(suit_sign(envelope_of(eight), envelope_key("p1", 2), &out, NULL), ERR_LIMIT);
	ck_assert_int_eq(suit_sign(SPAN_LIT("x"), envelope_key("p1", 2), &out, NULL), ERR_FORMAT);
	m.sequence++;
	ck_assert_int_eq(suit_merge(buf_span(&by_p1), build(&m, &other), &out, NULL), ERR_RULE);
	ck_assert_uint_eq(out.n, 0);
}
END_TEST

/* A full manifest with three signatures fits the device profile. */
START_TEST(fits_a_device)
{
	AUTO(buf_free) struct buf built, a, b, c;
	struct suit_manifest m = plain();

	all_texts(&m);
	sign(sign(sign(build(&m, &built), "p1", &a), "p2", &b), "p3", &c);
	ck_assert_uint_le(c.n, MANIFEST_DEVICE_MAX);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("suit_build");
	Suite *s = suite_create("suit_build");

	tcase_add_loop_test(t, builds_the_known_bytes, 0, 2);
	tcase_add_test(t, reads_back_the_same);
	tcase_add_loop_test(t, builds_nothing_that_is_refused, 0, ROWS(spoilt));
	tcase_add_test(t, signs_and_merges);
	tcase_add_test(t, merging_the_same_changes_nothing);
	tcase_add_test(t, keeps_others_bytes);
	tcase_add_test(t, refuses_to_sign);
	tcase_add_test(t, fits_a_device);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
