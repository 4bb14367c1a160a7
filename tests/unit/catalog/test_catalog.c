/* test_catalog.c: what a builder wrote, a reader finds; and nothing opens that breaks a rule. */
#include "catalog/builder.h"
#include "catalog/freshness.h"
#include "catalog/layout.h"

#include "base/cleanup.h"
#include "base/io.h"
#include "sample.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

static struct buf bytes;
static struct catalog *cat;

static void setup(void)
{
	struct builder *b = sample_builder(5);
	struct err e = { 0 };

	bytes = BUF_INIT(CATALOG_MAX);
	sample_build(b);
	ck_assert_msg(builder_finish(b, &bytes, &e) == 0, "%s", e.msg);
	builder_free(b);
	ck_assert_msg(catalog_of(buf_span(&bytes), &cat, &e) == 0, "%s", e.msg);
}

static void teardown(void)
{
	catalog_put(cat);
	buf_free(&bytes);
}

START_TEST(what_was_built_is_found)
{
	struct catalog_facts facts = catalog_facts(cat);
	const struct catalog_product *p = catalog_find_product(cat, SPAN_LIT("acme/lamp"));
	const struct catalog_release *r;
	uint32_t row = 99;
	size_t n;

	ck_assert(facts.generation == 5 && facts.chain_id == 31337 && span_is(facts.gateway, "porch"));
	ck_assert(catalog_products(cat, &n) && n == 2);
	ck_assert(span_is(catalog_bytes(cat, catalog_product(cat, 0)->name), "acme/clock"));
	ck_assert_ptr_nonnull(p);
	ck_assert(p->trust == TRUST_QUORUM && p->proof.number == 77 && p->releases.n == 5 && p->channels.n == 3);
	ck_assert(p->entries_bytes == strlen(SAMPLE_ENTRIES) && !hash32_is_zero(&p->entries_sha256));
	for (uint32_t i = 0; i < 5; i++) {
		r = catalog_release(cat, p->releases.first + i);
		ck_assert_uint_eq(r->sequence, i + 1);
		ck_assert(catalog_product(cat, r->product) == p);
	}
	ck_assert(span_is(catalog_bytes(cat, r->manifest), "manifest of release 5"));
	ck_assert(span_is(catalog_bytes(cat, r->version), "1.5"));
	ck_assert_uint_eq(r->from_sequence, 4);
	ck_assert_ptr_eq(catalog_find_channel(cat, p, SPAN(NULL, 0), &row), catalog_channel(cat, p->channels.first));
	ck_assert_uint_eq(row, p->channels.first);
	ck_assert(catalog_find_channel(cat, p, SPAN_LIT("beta"), NULL)->is_pending);
	ck_assert_ptr_null(catalog_find_channel(cat, p, SPAN_LIT("alpha"), NULL));
	ck_assert_ptr_null(catalog_find_product(cat, SPAN_LIT("acme/lam")));
	ck_assert_ptr_null(catalog_find_product(cat, SPAN_LIT("acme/lamps")));
}
END_TEST

START_TEST(images_are_found_by_digest_and_by_cid)
{
	struct hash32 sha256 = sha256_of(SPAN_LIT(SAMPLE_NEW)), other = { { 1 } };
	struct cid raw = cid_of_digest(1, CID_RAW, &sha256), node = cid_of_digest(0, CID_DAG_PB, &sha256);
	const struct catalog_image *m = catalog_find_image(cat, &sha256);

	ck_assert_ptr_nonnull(m);
	ck_assert_uint_eq(m->size, strlen(SAMPLE_NEW));
	ck_assert_ptr_eq(catalog_find_cid(cat, &raw), m);
	ck_assert_msg(!catalog_find_cid(cat, &node), "the codec is part of the name");
	ck_assert_ptr_null(catalog_find_image(cat, &other));
}
END_TEST

START_TEST(a_v0_cid_and_its_v1_text_are_one_name)
{
	struct builder *b = sample_builder(1);
	struct hash32 sha256, root = sha256_of(SPAN_LIT("root node"));
	struct cid v0 = cid_of_digest(0, CID_DAG_PB, &root), v1 = cid_of_digest(1, CID_DAG_PB, &root);
	AUTO(buf_free) struct buf out = BUF_INIT(CATALOG_MAX);
	AUTO(catalog_put_auto) struct catalog *c = NULL;

	sha256 = sample_image(b, SAMPLE_NEW, CATALOG_GOOD);
	builder_cid(b, &v0, &sha256);
	builder_cid(b, &v1, &sha256);
	ck_assert(builder_finish(b, &out, NULL) == 0);
	builder_free(b);
	ck_assert(catalog_of(buf_span(&out), &c, NULL) == 0);
	ck_assert_ptr_nonnull(catalog_find_cid(c, &v0));
	ck_assert_ptr_eq(catalog_find_cid(c, &v0), catalog_find_cid(c, &v1));
}
END_TEST

START_TEST(hardware_names_are_matched_whole)
{
	const struct catalog_product *p = catalog_find_product(cat, SPAN_LIT("acme/lamp"));
	const struct catalog_release *any = catalog_release(cat, p->releases.first);
	const struct catalog_release *some = catalog_release(cat, p->releases.first + 3);

	ck_assert(catalog_fits_hardware(cat, any, SPAN(NULL, 0)));
	ck_assert(catalog_fits_hardware(cat, any, SPAN_LIT("board-x")));
	ck_assert(catalog_fits_hardware(cat, some, SPAN_LIT("board-b")));
	ck_assert(!catalog_fits_hardware(cat, some, SPAN_LIT("board")));
	ck_assert_msg(!catalog_fits_hardware(cat, some, SPAN(NULL, 0)), "a device that names no board gets none of these");
}
END_TEST

/* --- the builder's own refusals --- */

static void twice_a_product(struct builder *b)
{
	builder_product(b, &(struct builder_product){ .name = SPAN_LIT("acme/lamp") });
	builder_channel(b, SPAN_LIT("stable"), false, 0);
}

static void twice_an_image(struct builder *b)
{
	sample_image(b, SAMPLE_NEW, CATALOG_GOOD);
}

static void no_image(struct builder *b)
{
	sample_release(b, 9, 0, "stable", CATALOG_ACTIVE, "never added", NULL);
}

static void no_channel(struct builder *b)
{
	sample_release(b, 9, 0, "beta", CATALOG_ACTIVE, SAMPLE_NEW, NULL);
}

static void long_channel(struct builder *b)
{
	sample_release(b, 9, 0, "a-channel-of-17-b", CATALOG_ACTIVE, SAMPLE_NEW, NULL);
}

static void twice_a_sequence(struct builder *b)
{
	sample_release(b, 9, 0, "stable", CATALOG_ACTIVE, SAMPLE_NEW, NULL);
	sample_release(b, 9, 0, "stable", CATALOG_ACTIVE, SAMPLE_OLD, NULL);
}

static void cid_of_two(struct builder *b)
{
	struct hash32 a = sha256_of(SPAN_LIT(SAMPLE_NEW)), o = sha256_of(SPAN_LIT(SAMPLE_OLD));
	struct cid cid = cid_of_digest(1, CID_RAW, &a);

	builder_cid(b, &cid, &o);
}

static void control_in_version(struct builder *b)
{
	struct hash32 a = sha256_of(SPAN_LIT(SAMPLE_NEW));

	builder_release(b, &(struct builder_release){ .sequence = 9, .state = CATALOG_ACTIVE, .channel = SPAN_LIT("stable"),
		.manifest = SPAN_LIT("m"), .version = SPAN_LIT("1\r\nX: y"), .cid = SPAN_LIT("b"), .image = a });
}

static const struct {
	const char *rule;
	void (*add)(struct builder *b);
	enum err_code code;
} unbuilt[] = {
	{ "two products of one name", twice_a_product, ERR_RULE },
	{ "is in it twice", twice_an_image, ERR_RULE },
	{ "is named, but not in the catalog", no_image, ERR_RULE },
	{ "channel that its product does not have", no_channel, ERR_RULE },
	{ "a channel name over", long_channel, ERR_RULE },
	{ "the sequence does not rise", twice_a_sequence, ERR_CORRUPT },
	{ "one CID names two images", cid_of_two, ERR_RULE },
	{ "the version is no text", control_in_version, ERR_CORRUPT },
};

START_TEST(the_builder_refuses)
{
	struct builder *b = sample_builder(1);
	AUTO(buf_free) struct buf out = BUF_INIT(CATALOG_MAX);
	struct err e = { 0 };

	sample_build(b);	/* ends with acme/clock */
	unbuilt[_i].add(b);
	ck_assert_int_eq(builder_finish(b, &out, &e), unbuilt[_i].code);
	ck_assert_msg(strstr(e.msg, unbuilt[_i].rule), "%s: %s", unbuilt[_i].rule, e.msg);
	builder_free(b);
}
END_TEST

START_TEST(equal_calls_give_equal_bytes)
{
	struct builder *b = sample_builder(5);
	AUTO(buf_free) struct buf out = BUF_INIT(CATALOG_MAX);

	sample_build(b);
	ck_assert(builder_finish(b, &out, NULL) == 0);
	builder_free(b);
	ck_assert(span_eq(buf_span(&out), buf_span(&bytes)));
}
END_TEST

/* --- what a reader refuses: one field changed, the digest made to fit again --- */

static struct catalog_head *head(void)
{
	return (void *)bytes.p;
}

static void *at(enum catalog_table t, uint32_t row)
{
	return bytes.p + head()->table[t].at + row * catalog_row_size[t];
}

#define PRODUCT(i) ((struct catalog_product *)at(TABLE_PRODUCTS, i))
#define CHANNEL(i) ((struct catalog_channel *)at(TABLE_CHANNELS, i))
#define RELEASE(i) ((struct catalog_release *)at(TABLE_RELEASES, i))
#define IMAGE(i) ((struct catalog_image *)at(TABLE_IMAGES, i))
#define CID(i) ((struct catalog_cid *)at(TABLE_CIDS, i))
#define WORD(i) ((struct catalog_ref *)at(TABLE_WORDS, i))
#define CHANGE(name, ...) static void name(void) { __VA_ARGS__; }

CHANGE(other_magic, head()->magic++)
CHANGE(other_version, head()->version++)
CHANGE(other_length, head()->length++)
CHANGE(table_moved, head()->table[TABLE_RELEASES].at += 8)
CHANGE(table_too_long, head()->table[TABLE_POOL].n++)
CHANGE(table_too_short, head()->table[TABLE_POOL].n--)
CHANGE(table_wraps, head()->table[TABLE_RELEASES].n = UINT32_MAX)
CHANGE(gateway_outside, head()->gateway.at = UINT32_MAX)
CHANGE(gateway_control, bytes.p[head()->table[TABLE_POOL].at] = '\n')
CHANGE(name_outside, PRODUCT(0)->name.at = head()->table[TABLE_POOL].n)
CHANGE(name_wraps, PRODUCT(0)->name.at = UINT32_MAX - 1)
CHANGE(name_too_long, PRODUCT(0)->name.n = PRODUCT_NAME_MAX + 1)
CHANGE(name_control, bytes.p[head()->table[TABLE_POOL].at + PRODUCT(0)->name.at] = 1)
CHANGE(products_swapped, struct catalog_ref r = PRODUCT(0)->name; PRODUCT(0)->name = PRODUCT(1)->name; PRODUCT(1)->name = r)
CHANGE(products_equal, PRODUCT(1)->name = PRODUCT(0)->name)
CHANGE(trust_unknown, PRODUCT(0)->trust = TRUST_KINDS)
CHANGE(entries_over, PRODUCT(1)->entries_bytes = ENTRIES_FILE_MAX + UINT64_C(1))
CHANGE(entries_without_digest, PRODUCT(1)->entries_sha256 = (struct hash32){ { 0 } })
CHANGE(entries_without_length, PRODUCT(1)->entries_bytes = 0)
CHANGE(no_channels, PRODUCT(0)->channels.n = 0)
CHANGE(channels_shared, PRODUCT(1)->channels.first--)
CHANGE(channels_past_end, PRODUCT(1)->channels.n++)
CHANGE(channels_left_over, PRODUCT(1)->channels.n--)
CHANGE(releases_past_end, PRODUCT(1)->releases.n++)
CHANGE(releases_left_over, PRODUCT(1)->releases.n--)
CHANGE(channel_empty, CHANNEL(0)->name.n = 0)
CHANGE(channel_pending_2, CHANNEL(0)->is_pending = 2)
CHANGE(channel_of_other, CHANNEL(0)->product = 1)
CHANGE(release_of_other, RELEASE(0)->product = 0)
CHANGE(release_channel_of_other, RELEASE(0)->channel = 0)
CHANGE(release_channel_outside, RELEASE(0)->channel = UINT32_MAX)
CHANGE(sequence_zero, RELEASE(0)->sequence = 0)
CHANGE(sequence_falls, RELEASE(1)->sequence = RELEASE(0)->sequence)
CHANGE(from_itself, RELEASE(4)->from_sequence = 5)
CHANGE(manifest_empty, RELEASE(0)->manifest.n = 0)
CHANGE(manifest_outside, RELEASE(0)->manifest.at = UINT32_MAX)
CHANGE(manifest_runs_out, RELEASE(0)->manifest.n = MANIFEST_MAX)
CHANGE(manifest_too_long, RELEASE(0)->manifest.at = 0; RELEASE(0)->manifest.n = MANIFEST_MAX + 1)
CHANGE(version_empty, RELEASE(0)->version.n = 0)
CHANGE(description_outside, RELEASE(0)->description.n = MANIFEST_MAX)
CHANGE(release_cid_empty, RELEASE(0)->cid.n = 0)
CHANGE(release_image_outside, RELEASE(0)->image = head()->table[TABLE_IMAGES].n)
CHANGE(release_state_unknown, RELEASE(0)->state = 3)
CHANGE(urgent_2, RELEASE(0)->is_urgent = 2)
CHANGE(words_past_end, RELEASE(3)->hardware.n = 2)
CHANGE(words_left_over, RELEASE(3)->hardware.n = 0; RELEASE(4)->hardware.first = 0)
CHANGE(size_zero, IMAGE(0)->size = 0)
CHANGE(size_over, IMAGE(0)->size = UINT64_C(1) << 32)
CHANGE(images_swapped, struct hash32 h = IMAGE(0)->sha256; IMAGE(0)->sha256 = IMAGE(1)->sha256; IMAGE(1)->sha256 = h)
CHANGE(image_state_unknown, IMAGE(0)->state = 0)
CHANGE(image_digests_unknown, IMAGE(0)->digests = 4)
CHANGE(image_reserved, IMAGE(0)->reserved = 1)
CHANGE(format_outside, IMAGE(0)->format.at = UINT32_MAX)
CHANGE(cid_empty, CID(0)->cid.n = 0)
CHANGE(cids_equal, CID(1)->cid = CID(0)->cid)
CHANGE(cid_image_outside, CID(0)->image = UINT32_MAX)
CHANGE(word_empty, WORD(0)->n = 0)

static const struct {
	const char *rule;
	void (*change)(void);
	enum err_code code;
} bad[] = {
	{ "not a catalog of this machine", other_magic, ERR_CORRUPT },
	{ "this program reads", other_version, ERR_RULE },
	{ "bytes long, says", other_length, ERR_CORRUPT },
	{ "is not where the one before it ends", table_moved, ERR_CORRUPT },
	{ "runs past the end", table_too_long, ERR_CORRUPT },
	{ "bytes after the last table", table_too_short, ERR_CORRUPT },
	{ "runs past the end", table_wraps, ERR_CORRUPT },
	{ "the gateway's name", gateway_outside, ERR_CORRUPT },
	{ "the gateway's name", gateway_control, ERR_CORRUPT },
	{ "product 0: the name", name_outside, ERR_CORRUPT },
	{ "product 0: the name", name_wraps, ERR_CORRUPT },
	{ "product 0: the name", name_too_long, ERR_CORRUPT },
	{ "product 0: the name", name_control, ERR_CORRUPT },
	{ "product 1: not after the one before it", products_swapped, ERR_CORRUPT },
	{ "product 1: not after the one before it", products_equal, ERR_CORRUPT },
	{ "product 0: unknown trust", trust_unknown, ERR_CORRUPT },
	{ "product 1: more entries than are served", entries_over, ERR_CORRUPT },
	{ "product 1: entries without a digest", entries_without_digest, ERR_CORRUPT },
	{ "product 1: entries without a digest", entries_without_length, ERR_CORRUPT },
	{ "product 0: no channel", no_channels, ERR_CORRUPT },
	{ "product 1: its channels do not follow", channels_shared, ERR_CORRUPT },
	{ "product 1: its channels do not follow", channels_past_end, ERR_CORRUPT },
	{ "channel 3: of no product", channels_left_over, ERR_CORRUPT },
	{ "product 1: its releases do not follow", releases_past_end, ERR_CORRUPT },
	{ "release 4: of no product", releases_left_over, ERR_CORRUPT },
	{ "channel 0: the name", channel_empty, ERR_CORRUPT },
	{ "channel 0: pending", channel_pending_2, ERR_CORRUPT },
	{ "channel 0: belongs to another product", channel_of_other, ERR_CORRUPT },
	{ "release 0: belongs to another product", release_of_other, ERR_CORRUPT },
	{ "release 0: a channel of another product", release_channel_of_other, ERR_CORRUPT },
	{ "release 0: a channel of another product", release_channel_outside, ERR_CORRUPT },
	{ "release 0: the sequence is 0", sequence_zero, ERR_CORRUPT },
	{ "release 1: the sequence does not rise", sequence_falls, ERR_CORRUPT },
	{ "release 4: the sequence is 0, or not above", from_itself, ERR_CORRUPT },
	{ "release 0: the manifest", manifest_empty, ERR_CORRUPT },
	{ "release 0: the manifest", manifest_outside, ERR_CORRUPT },
	{ "release 0: the manifest", manifest_runs_out, ERR_CORRUPT },
	{ "release 0: the manifest", manifest_too_long, ERR_CORRUPT },
	{ "release 0: the version", version_empty, ERR_CORRUPT },
	{ "release 0: the description", description_outside, ERR_CORRUPT },
	{ "release 0: the CID", release_cid_empty, ERR_CORRUPT },
	{ "release 0: no such image", release_image_outside, ERR_CORRUPT },
	{ "release 0: unknown state", release_state_unknown, ERR_CORRUPT },
	{ "release 0: urgent", urgent_2, ERR_CORRUPT },
	{ "release 3: its hardware names", words_past_end, ERR_CORRUPT },
	{ "word 0: of no release", words_left_over, ERR_CORRUPT },
	{ "image 0: the size", size_zero, ERR_CORRUPT },
	{ "image 0: the size", size_over, ERR_CORRUPT },
	{ "image 1: not after the one before it", images_swapped, ERR_CORRUPT },
	{ "image 0: unknown state", image_state_unknown, ERR_CORRUPT },
	{ "image 0: unknown digests", image_digests_unknown, ERR_CORRUPT },
	{ "image 0: unknown digests", image_reserved, ERR_CORRUPT },
	{ "image 0: the format", format_outside, ERR_CORRUPT },
	{ "CID 0: the CID", cid_empty, ERR_CORRUPT },
	{ "CID 1: not after the one before it", cids_equal, ERR_CORRUPT },
	{ "CID 0: no such image", cid_image_outside, ERR_CORRUPT },
	{ "word 0: no text", word_empty, ERR_CORRUPT },
};

START_TEST(a_reader_refuses)
{
	struct catalog *c = NULL;
	struct err e = { 0 };

	bad[_i].change();
	head()->sha256 = catalog_digest(buf_span(&bytes));
	ck_assert_int_eq(catalog_of(buf_span(&bytes), &c, &e), bad[_i].code);
	ck_assert_msg(strstr(e.msg, bad[_i].rule), "%s: %s", bad[_i].rule, e.msg);
	ck_assert_ptr_null(c);
}
END_TEST

static void with_hardware(struct builder *b, uint64_t sequence, size_t n)
{
	struct span names[HARDWARE_MAX];

	for (size_t i = 0; i < n; i++)
		names[i] = SPAN_LIT("board");
	builder_release(b, &(struct builder_release){ .sequence = sequence, .state = CATALOG_ACTIVE, .channel = SPAN_LIT("stable"),
		.manifest = SPAN_LIT("m"), .version = SPAN_LIT("1"), .cid = SPAN_LIT("b"), .image = sha256_of(SPAN_LIT(SAMPLE_NEW)),
		.hardware = names, .hardware_n = n });
}

static struct catalog_ref *channel_name(void)
{
	return &CHANNEL(0)->name;
}

static struct catalog_ref *version(void)
{
	return &RELEASE(0)->version;
}

static struct catalog_ref *cid_text_ref(void)
{
	return &RELEASE(0)->cid;
}

static struct catalog_ref *format(void)
{
	return &IMAGE(0)->format;
}

static struct catalog_ref *word(void)
{
	return WORD(0);
}

static struct catalog_ref *gateway(void)
{
	return &head()->gateway;
}

static struct catalog_ref *product_name(void)
{
	return &PRODUCT(1)->name;
}

static const struct {
	const char *rule;
	struct catalog_ref *(*ref)(void);
	uint32_t max;
} texts[] = {
	{ "the gateway's name", gateway, GATEWAY_NAME_MAX }, { "product 1: the name", product_name, PRODUCT_NAME_MAX },
	{ "channel 0: the name", channel_name, CHANNEL_MAX }, { "release 0: the version", version, VERSION_MAX },
	{ "release 0: the CID", cid_text_ref, CID_TEXT_MAX - 1 }, { "image 0: the format", format, FORMAT_NAME_MAX },
	{ "word 0: no text", word, HARDWARE_NAME_MAX },
};

/* The text is good, but for its length: who copies it has room for no more. */
START_TEST(a_reader_refuses_texts_over_their_limit)
{
	static uint8_t run[300];
	struct builder *b = sample_builder(6);

	sample_build(b);
	memset(run, 'x', sizeof run);
	builder_release(b, &(struct builder_release){ .sequence = 1, .state = CATALOG_ACTIVE, .channel = SPAN_LIT("stable"),
		.manifest = SPAN_LIT("m"), .version = SPAN_LIT("1"), .description = SPAN_OF(run), .cid = SPAN_LIT("b"),
		.image = sha256_of(SPAN_LIT(SAMPLE_NEW)) });
	buf_reset(&bytes);
	ck_assert(builder_finish(b, &bytes, NULL) == 0);
	builder_free(b);
	for (uint32_t over = 0; over < 2; over++) {
		struct catalog *c = NULL;
		struct err e = { 0 };

		*texts[_i].ref() = (struct catalog_ref){ RELEASE(0)->description.at, texts[_i].max + over };
		head()->sha256 = catalog_digest(buf_span(&bytes));
		ck_assert_msg(catalog_of(buf_span(&bytes), &c, &e) == (over ? ERR_CORRUPT : ERR_OK), "%s: %s", texts[_i].rule, e.msg);
		ck_assert_msg(!over || strstr(e.msg, texts[_i].rule), "%s: %s", texts[_i].rule, e.msg);
		catalog_put(c);
	}
}
END_TEST

/* Who copies a release has room for so many. */
START_TEST(a_reader_refuses_too_many_hardware_names)
{
	struct builder *b = sample_builder(6);
	struct catalog *c = NULL;
	struct err e = { 0 };

	sample_build(b);	/* ends with acme/clock, which comes first */
	with_hardware(b, 1, HARDWARE_MAX);
	with_hardware(b, 2, 1);
	buf_reset(&bytes);
	ck_assert_msg(builder_finish(b, &bytes, &e) == 0, "%s", e.msg);
	builder_free(b);
	ck_assert_uint_eq(RELEASE(0)->hardware.n, HARDWARE_MAX);
	RELEASE(0)->hardware.n++;
	RELEASE(1)->hardware = (struct catalog_rows){ HARDWARE_MAX + 1, 0 };
	head()->sha256 = catalog_digest(buf_span(&bytes));
	ck_assert_int_eq(catalog_of(buf_span(&bytes), &c, &e), ERR_CORRUPT);
	ck_assert_msg(strstr(e.msg, "release 0: too many hardware names"), "%s", e.msg);
}
END_TEST

START_TEST(no_flipped_bit_goes_unseen)
{
	struct catalog *c = NULL;

	for (size_t i = 0; i < bytes.n; i++) {
		bytes.p[i] ^= 0x10;
		ck_assert_msg(catalog_of(buf_span(&bytes), &c, NULL) != 0, "byte %zu", i);
		bytes.p[i] ^= 0x10;
	}
}
END_TEST

START_TEST(no_cut_is_accepted)
{
	struct catalog *c = NULL;

	struct err e = { 0 };

	for (size_t n = 0; n < bytes.n; n++) {
		ck_assert_msg(catalog_of(SPAN(bytes.p, n), &c, &e) != 0, "%zu bytes", n);
		/* before anything is read of it */
		ck_assert_msg(!strstr(e.msg, "too short for a head") == (n >= sizeof(struct catalog_head)), "%zu bytes: %s", n, e.msg);
	}
}
END_TEST

/* --- descriptors --- */

START_TEST(a_memfd_must_be_sealed)
{
	autoclose int sealed = -1, open_memfd = memfd_create("open", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	AUTO(catalog_put_auto) struct catalog *c = NULL;
	struct catalog *none = NULL;
	struct err e = { 0 };

	ck_assert(io_sealed_memfd("sealed", buf_span(&bytes), &sealed, &e) == 0);
	ck_assert_msg(catalog_open(sealed, CATALOG_FROM_MEMFD, &c, &e) == 0, "%s", e.msg);
	ck_assert(span_eq(catalog_whole(c), buf_span(&bytes)));

	ck_assert(io_write_all(open_memfd, buf_span(&bytes), &e) == 0);
	ck_assert_int_eq(catalog_open(open_memfd, CATALOG_FROM_MEMFD, &none, &e), ERR_DENIED);
	ck_assert(fcntl(open_memfd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW) == 0);
	ck_assert_msg(catalog_open(open_memfd, CATALOG_FROM_MEMFD, &none, &e) == ERR_DENIED, "it can still be written to");
	ck_assert_ptr_null(none);
}
END_TEST

START_TEST(a_file_is_read_not_mapped)
{
	autoclose int fd = memfd_create("file", MFD_CLOEXEC);
	AUTO(catalog_put_auto) struct catalog *c = NULL;
	struct err e = { 0 };

	ck_assert(io_write_all(fd, buf_span(&bytes), &e) == 0);
	ck_assert_msg(catalog_open(fd, CATALOG_FROM_DISK, &c, &e) == 0, "%s", e.msg);
	ck_assert(ftruncate(fd, 0) == 0);
	ck_assert(span_eq(catalog_whole(c), buf_span(&bytes)));
}
END_TEST

START_TEST(a_file_of_another_size_is_not_even_read)
{
	static const off_t sizes[] = { 0, 10, sizeof(struct catalog_head) - 1, CATALOG_MAX + 1L, 1L << 40 };
	static const enum catalog_from from[] = { CATALOG_FROM_DISK, CATALOG_FROM_MEMFD };
	struct catalog *c = NULL;

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (int k = 0; k < 2; k++) {
			autoclose int fd = memfd_create("file", MFD_CLOEXEC | MFD_ALLOW_SEALING);
			bool is_long = sizes[i] > CATALOG_MAX;
			struct err e = { 0 };

			ck_assert_int_eq(ftruncate(fd, sizes[i]), 0);
			ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
			ck_assert_int_eq(catalog_open(fd, from[k], &c, &e), is_long ? ERR_LIMIT : ERR_CORRUPT);
			ck_assert_msg(strstr(e.msg, is_long ? "over" : "too short"), "%lld bytes: %s", (long long)sizes[i], e.msg);
		}
}
END_TEST

START_TEST(bytes_over_the_limit_are_not_copied)
{
	size_t n = CATALOG_MAX + 1UL;
	uint8_t *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct catalog *c = NULL;
	struct err e = { 0 };

	ck_assert(p != MAP_FAILED);
	ck_assert_int_eq(catalog_of(SPAN(p, n), &c, &e), ERR_LIMIT);
	munmap(p, n);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_not_judged)
{
	char path[] = "/tmp/gatepost-catalog-XXXXXX";
	autoclose int fd = mkstemp(path);
	autoclose int deaf = open(path, O_WRONLY | O_CLOEXEC);
	struct catalog *c = NULL;

	unlink(path);
	ck_assert(io_write_all(fd, buf_span(&bytes), NULL) == 0);
	ck_assert_int_eq(catalog_open(deaf, CATALOG_FROM_DISK, &c, NULL), ERR_IO);
	ck_assert_int_eq(catalog_open(-1, CATALOG_FROM_DISK, &c, NULL), ERR_IO);
}
END_TEST

START_TEST(the_slot_keeps_what_is_held)
{
	struct catalog_slot slot = CATALOG_SLOT_INIT;
	struct catalog *held;

	ck_assert_ptr_null(catalog_slot_get(&slot));
	catalog_slot_set_take(&slot, catalog_hold(cat), 0);
	held = catalog_slot_get(&slot);
	ck_assert_ptr_eq(held, cat);
	catalog_slot_set_take(&slot, NULL, 0);
	ck_assert_uint_eq(catalog_facts(held).generation, 5);
	catalog_put(held);
}
END_TEST

/* --- filter --- */

static bool any_product(void *arg, const struct catalog *c, const struct catalog_product *p)
{
	(void)c, (void)p;
	return !arg;
}

static bool above_floor(void *arg, const struct catalog *c, const struct catalog_product *p, const struct catalog_release *r)
{
	(void)arg, (void)c, (void)p;
	return r->sequence >= 2;
}

static struct catalog *filtered(void *arg)
{
	struct catalog_filter f = { any_product, above_floor, arg };
	AUTO(buf_free) struct buf out = BUF_INIT(CATALOG_MAX);
	struct catalog *c = NULL;
	struct err e = { 0 };

	ck_assert_msg(catalog_filter(cat, &f, &out, &e) == 0, "%s", e.msg);
	ck_assert_msg(catalog_of(buf_span(&out), &c, &e) == 0, "%s", e.msg);
	return c;
}

START_TEST(the_filter_drops_releases_below_the_floor)
{
	AUTO(catalog_put_auto) struct catalog *c = filtered(NULL);
	const struct catalog_product *p = catalog_find_product(c, SPAN_LIT("acme/lamp"));
	struct hash32 dropped = sha256_of(SPAN_LIT(SAMPLE_OLD)), kept = sha256_of(SPAN_LIT(SAMPLE_NEW));

	ck_assert_uint_eq(p->releases.n, 4);
	ck_assert_uint_eq(catalog_release(c, p->releases.first)->sequence, 2);
	ck_assert_uint_eq(catalog_find_image(c, &dropped)->state, CATALOG_REVOKED);
	ck_assert_uint_eq(catalog_find_image(c, &kept)->state, CATALOG_GOOD);
	ck_assert(catalog_fits_hardware(c, catalog_release(c, p->releases.first + 2), SPAN_LIT("board-b")));
	ck_assert(catalog_channel(c, p->channels.first + 1)->is_pending);
	ck_assert_msg(catalog_channel(c, p->channels.first)->withdrawn == 1, "what is dropped was told before");
	ck_assert_msg(catalog_channel(c, p->channels.first + 1)->withdrawn == 3, "what was withdrawn before stays so");
	ck_assert_uint_eq(catalog_facts(c).generation, 5);
}
END_TEST

START_TEST(the_filter_drops_products_and_keeps_their_images)
{
	AUTO(catalog_put_auto) struct catalog *c = filtered("none");
	struct hash32 sha256 = sha256_of(SPAN_LIT(SAMPLE_NEW));
	size_t n;

	catalog_products(c, &n);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(catalog_find_image(c, &sha256)->state, CATALOG_GOOD);
}
END_TEST

/* A catalog names CIDs without reading them; who copies it does. */
START_TEST(the_filter_refuses_what_is_no_cid)
{
	struct catalog_filter f = { any_product, above_floor, NULL };
	AUTO(buf_free) struct buf out = BUF_INIT(CATALOG_MAX);
	AUTO(catalog_put_auto) struct catalog *c = NULL;
	struct err e = { 0 };

	bytes.p[head()->table[TABLE_POOL].at + CID(0)->cid.at] = 0;
	head()->sha256 = catalog_digest(buf_span(&bytes));
	ck_assert_msg(catalog_of(buf_span(&bytes), &c, &e) == 0, "%s", e.msg);
	ck_assert_int_ne(catalog_filter(c, &f, &out, &e), 0);
	ck_assert_msg(strstr(e.msg, "a CID"), "%s", e.msg);
}
END_TEST

/* --- freshness --- */

static const struct {
	const char *rule;
	int64_t after_s;	/* now, after the proven block */
	bool is_trusted;
	enum freshness want;
	int64_t age_s;
	int64_t least_s;	/* after the proven block, as far as that is known; 0: nothing is */
} ages[] = {
	{ "young is fresh", 60, true, FRESHNESS_FRESH, 60 },
	{ "just under max-age is fresh", 3599, true, FRESHNESS_FRESH, 3599 },
	{ "max-age is stale", 3600, true, FRESHNESS_STALE, 3600 },
	{ "an unvouched clock knows nothing", 60, false, FRESHNESS_UNKNOWN, -1 },
	{ "an unvouched clock knows nothing of age either", 7200, false, FRESHNESS_UNKNOWN, -1 },
	{ "a block a little ahead counts as now", -60, true, FRESHNESS_FRESH, 0 },
	{ "a clock far behind the block is wrong", -3600, true, FRESHNESS_UNKNOWN, -1 },
	{ "1970 is wrong", -SAMPLE_PROOF_TIME, true, FRESHNESS_UNKNOWN, -1 },
	{ "1970 is wrong whatever else is known", -SAMPLE_PROOF_TIME, true, FRESHNESS_UNKNOWN, -1, 60 },
	{ "a clock that was put back makes nothing younger", 60, true, FRESHNESS_STALE, 7200, 7200 },
	{ "nor one that was put back behind the block", -60, true, FRESHNESS_FRESH, 3599, 3599 },
	{ "what must have passed is no more than what has", 7200, true, FRESHNESS_STALE, 7200, 60 },
};

START_TEST(freshness_is_never_guessed)
{
	const struct catalog_product *p = catalog_find_product(cat, SPAN_LIT("acme/lamp"));
	struct freshness_now now = { (SAMPLE_PROOF_TIME + ages[_i].after_s) * 1000, ages[_i].is_trusted,
				     ages[_i].least_s ? (SAMPLE_PROOF_TIME + ages[_i].least_s) * 1000 : 0 };

	ck_assert_msg(freshness_of(&p->proof, p->max_age_ms, &now) == ages[_i].want, "%s", ages[_i].rule);
	ck_assert_msg(freshness_age_s(&p->proof, p->max_age_ms, &now) == ages[_i].age_s, "%s", ages[_i].rule);
}
END_TEST

static int64_t test_mono_ms, test_wall_ms;

static int64_t test_mono(void *arg)
{
	(void)arg;
	return test_mono_ms;
}

static int64_t test_wall(void *arg)
{
	(void)arg;
	return test_wall_ms;
}

static enum clock_state test_unsynced(void *arg)
{
	(void)arg;
	return CLOCK_RESTORED;
}

/* Two hours without a proof, and the wall clock is put back by as much: by the clock that never goes back it is stale. A newer proof
 * is fresh again; an older catalog lowers nothing. */
START_TEST(a_clock_that_is_put_back)
{
	static const struct clock clock = { test_wall, test_mono, test_unsynced, NULL };
	struct catalog_slot slot = CATALOG_SLOT_INIT;
	const struct catalog_product *p = catalog_find_product(cat, SPAN_LIT("acme/lamp"));
	struct clock_bound bound;
	struct freshness_now now;

	test_mono_ms = 5000;
	test_wall_ms = (SAMPLE_PROOF_TIME + 10) * 1000LL;
	catalog_slot_set_take(&slot, catalog_hold(cat), test_mono_ms);
	test_mono_ms += 7200000;
	catalog_slot_set_take(&slot, catalog_hold(cat), test_mono_ms);
	bound = catalog_slot_bound(&slot);
	now = freshness_now(&clock, true, &bound);
	ck_assert_int_eq(freshness_age_s(&p->proof, p->max_age_ms, &now), 7200);
	ck_assert_uint_eq(freshness_of(&p->proof, p->max_age_ms, &now), FRESHNESS_STALE);
	clock_bound_raise(&bound, (SAMPLE_PROOF_TIME + 8000) * 1000LL, test_mono_ms);
	ck_assert_int_eq(clock_bound_at(&bound, test_mono_ms), (SAMPLE_PROOF_TIME + 8000) * 1000LL);
	catalog_slot_set_take(&slot, NULL, test_mono_ms);
	bound = (struct clock_bound){ 0 };
	now = freshness_now(&clock, true, &bound);
	ck_assert_int_eq(freshness_age_s(&p->proof, p->max_age_ms, &now), 10);
}
END_TEST

START_TEST(what_was_never_proven_is_stale)
{
	const struct catalog_product *p = catalog_find_product(cat, SPAN_LIT("acme/clock"));
	struct freshness_now now = { (SAMPLE_PROOF_TIME + 1) * 1000LL, true, 0 };

	ck_assert_uint_eq(freshness_of(&p->proof, p->max_age_ms, &now), FRESHNESS_STALE);
	ck_assert_uint_eq(freshness_of_all(cat, &now), FRESHNESS_STALE);
	now.is_trusted = false;
	ck_assert_uint_eq(freshness_of(&p->proof, p->max_age_ms, &now), FRESHNESS_UNKNOWN);	/* whatever else is the matter */
}
END_TEST

#define ROWS(table) (int)(sizeof(table) / sizeof *(table))

int main(void)
{
	Suite *s = suite_create("catalog");
	TCase *t = tcase_create("catalog");
	SRunner *r;
	int failed;

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_was_built_is_found);
	tcase_add_test(t, images_are_found_by_digest_and_by_cid);
	tcase_add_test(t, a_v0_cid_and_its_v1_text_are_one_name);
	tcase_add_test(t, hardware_names_are_matched_whole);
	tcase_add_loop_test(t, the_builder_refuses, 0, ROWS(unbuilt));
	tcase_add_test(t, equal_calls_give_equal_bytes);
	tcase_add_loop_test(t, a_reader_refuses, 0, ROWS(bad));
	tcase_add_loop_test(t, a_reader_refuses_texts_over_their_limit, 0, ROWS(texts));
	tcase_add_test(t, a_reader_refuses_too_many_hardware_names);
	tcase_add_test(t, no_flipped_bit_goes_unseen);
	tcase_add_test(t, no_cut_is_accepted);
	tcase_add_test(t, a_memfd_must_be_sealed);
	tcase_add_test(t, a_file_is_read_not_mapped);
	tcase_add_test(t, a_file_of_another_size_is_not_even_read);
	tcase_add_test(t, bytes_over_the_limit_are_not_copied);
	tcase_add_test(t, a_file_that_cannot_be_read_is_not_judged);
	tcase_add_test(t, the_slot_keeps_what_is_held);
	tcase_add_test(t, the_filter_refuses_what_is_no_cid);
	tcase_add_test(t, the_filter_drops_releases_below_the_floor);
	tcase_add_test(t, the_filter_drops_products_and_keeps_their_images);
	tcase_add_loop_test(t, freshness_is_never_guessed, 0, ROWS(ages));
	tcase_add_test(t, a_clock_that_is_put_back);
	tcase_add_test(t, what_was_never_proven_is_stale);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
