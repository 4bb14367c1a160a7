/* test_device.c: what a device takes, what it refuses, and what a power cut leaves it with. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "formats/cbor.h"
#include "hexes.h"
#include "world.h"

#include <stdio.h>

#define ROWS(table) (int)(sizeof table / sizeof *table)
#define IMAGE_LEN 1000

static uint8_t image[IMAGE_LEN];
static char digest_part[128], size_part[32];

/* The parts that make an envelope name `image`; up to two more places are the caller's. */
static struct part *naming_image(struct part parts[PARTS_MAX])
{
	struct hash32 h;
	char hex[HEX32_MAX];

	for (size_t i = 0; i < sizeof image; i++)
		image[i] = (uint8_t)(i * 7 + i / 256);
	h = sha256_of(SPAN_OF(image));
	snprintf(digest_part, sizeof digest_part, "82 2f 5820 %s", hex_str(SPAN_OF(h), hex));
	snprintf(size_part, sizeof size_part, "19%04x", (unsigned)sizeof image);
	parts[0] = (struct part){ "image-digest", digest_part };
	parts[1] = (struct part){ "size", size_part };
	return parts + 2;
}

/* A world whose gateway offers release 7 with `image`. The plain envelope is made once: the loops below ask for it
 * thousands of times, and signing takes longer than all that they do. */
static void offer(struct world *w, const struct part *more)
{
	struct part parts[PARTS_MAX] = { 0 }, *free_part = naming_image(parts);
	static uint8_t plain[GPD_MANIFEST_LEN];
	static size_t plain_n;

	w->image = SPAN_OF(image);
	if (!more && plain_n == 0) {
		struct span s = envelope_of(parts);

		memcpy(plain, s.p, s.n);
		plain_n = s.n;
	}
	w->manifest = SPAN(plain, plain_n);
	for (int i = 0; more && i < 2 && more[i].name; i++)
		free_part[i] = more[i];
	if (more)
		w->manifest = envelope_of(parts);
}

static void assert_runs_image(const struct world *w, uint64_t sequence)
{
	ck_assert_uint_eq(w->running, sequence);
	ck_assert_uint_eq(w->running_size, sizeof image);
	ck_assert_mem_eq(w->running_image, image, sizeof image);
}

START_TEST(updates)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.config.hardware = "rev-a";
	w.config.device = "porch-1";
	w.config.channel = "stable";
	ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
	assert_runs_image(&w, 7);
	ck_assert_str_eq(w.last_path, "/ipfs/bafkreif2pall7dybz7vecqka3zo24irdwabwdi4wc55jznaq75q7eaavvu");
	ck_assert_uint_eq(w.told[GPD_DOING_DOWNLOADED], 1);
	ck_assert_uint_eq(w.told[GPD_DOING_INSTALLED], 1);
	ck_assert_uint_eq(w.told[GPD_DOING_FAILED], 0);
	ck_assert_uint_eq(w.told_percent, 100);

	ck_assert_int_eq(world_round(&w), GPD_UP_TO_DATE);
	ck_assert_str_eq(w.last_path, "/fw/acme/thermostat?from=7&hw=rev-a&channel=stable&device=porch-1");
	ck_assert_uint_eq(w.installs, 1);
}
END_TEST

/* What a device refuses, before it has asked for a byte of the image. */
static const struct {
	const char *rule, *keys;
	unsigned threshold;
	struct part parts[2];
	enum gpd_result result;
} refused[] = {
	{ "one signature of two", "p1 p2", 2, { { 0 } }, GPD_UNSIGNED },
	{ "a stranger's", "p2", 1, { { 0 } }, GPD_UNSIGNED },
	{ "one key twice", "p1 p2", 2, { { "wrapper", "83 <digest> <sig.p1> <sig.p1>" } }, GPD_UNSIGNED },
	{ "one key pinned twice", "p1 p1", 2, { { "wrapper", "83 <digest> <sig.p1> <sig.p1>" } }, GPD_UNSIGNED },
	{ "no signature", "p1", 1, { { "wrapper", "81 <digest>" } }, GPD_MALFORMED },
	{ "nine", "p1", 1, { { "wrapper", "8a <digest> <sig.p1> <sig.p1> <sig.p1> <sig.p1> <sig.p1> <sig.p1> <sig.p1> <sig.p1> <sig.p1>" } }, GPD_MALFORMED },
	{ "a threshold of 0", "p2", 0, { { 0 } }, GPD_UNSIGNED },
	{ "another algorithm's number", "p1 e1", 1, { { "prot.p", "a1 01 27" } }, GPD_UNSIGNED },
	{ "an unknown algorithm", "p1", 1, { { "prot.p", "a1 01 3822" } }, GPD_UNSIGNED },
	{ "a huge algorithm", "p1", 1, { { "prot.p", "a1 01 3bffffffffffffffff" } }, GPD_UNSIGNED },
	{ "alg unprotected", "p1", 1, { { "sig.p1", "d2 84 40 a1 01 26 f6 5840 %p1:prot.p" } }, GPD_UNSIGNED },
	{ "alg in both headers", "p1", 1, { { "sig.p1", "d2 84 <prot.p> a1 01 26 f6 5840 %p1:prot.p" } }, GPD_UNSIGNED },
	{ "crit", "p1", 1, { { "prot.p", "a2 01 26 02 81 01" } }, GPD_UNSIGNED },
	{ "a kid of 7", "p1", 1, { { "sig.p1", "d2 84 <prot.p> a1 04 47 00000000000000 f6 5840 %p1:prot.p" } }, GPD_UNSIGNED },
	{ "a signature of 63", "p1", 1, { { "sig.p1", "d2 84 <prot.p> a0 f6 4100" } }, GPD_UNSIGNED },
	{ "high s", "k1", 1, { { "sig.p1", "d2 84 <prot.k> a0 f6 5840 %~k1:prot.k" } }, GPD_UNSIGNED },
	{ "tag 98", "p1", 1, { { "sig.p1", "d862 84 <prot.p> a0 f6 5840 %p1:prot.p" } }, GPD_MALFORMED },
	{ "an attached payload", "p1", 1, { { "sig.p1", "d2 84 <prot.p> a0 <digest> 5840 %p1:prot.p" } }, GPD_MALFORMED },
	{ "headers that are no map", "p1", 1, { { "sig.p1", "d2 84 <prot.p> 80 f6 5840 %p1:prot.p" } }, GPD_MALFORMED },
	{ "another manifest's digest", "p1", 1, { { "digest", "82 2f 5820 #common" } }, GPD_MALFORMED },
	{ "a digest by another algorithm", "p1", 1, { { "digest", "82 30 5820 #manifest" } }, GPD_MALFORMED },
	{ "no tag", "p1", 1, { { "envelope", "a2 02 <wrapper> 03 <manifest>" } }, GPD_MALFORMED },
	{ "a severed member", "p1", 1, { { "envelope", "d86b a3 02 <wrapper> 03 <manifest> 14 <install>" } }, GPD_MALFORMED },
	{ "bytes after the envelope", "p1", 1, { { "envelope", "d86b a2 02 <wrapper> 03 <manifest> 00" } }, GPD_MALFORMED },
	{ "an indefinite envelope", "p1", 1, { { "envelope", "d86b bf 02 <wrapper> 03 <manifest> ff" } }, GPD_MALFORMED },
	{ "a long head", "p1", 1, { { "sequence", "1807" } }, GPD_MALFORMED },
	{ "older than what runs", "p1", 1, { { "sequence", "05" } }, GPD_ROLLBACK },
	{ "what runs", "p1", 1, { { "sequence", "06" } }, GPD_UP_TO_DATE },
	{ "another vendor", "p1", 1, { { "component", "82 44 'acmf' 4a 'thermostat'" } }, GPD_OTHER_PRODUCT },
	{ "another model", "p1", 1, { { "component", "82 44 'acme' 4a 'thermostax'" } }, GPD_OTHER_PRODUCT },
	{ "a model that goes on", "p1", 1, { { "component", "82 44 'acme' 4b 'thermostat2'" } }, GPD_OTHER_PRODUCT },
	{ "another vendor's UUID", "p1", 1, { { "vendor-id", "00000000000000000000000000000000" } }, GPD_OTHER_PRODUCT },
	{ "another class's UUID", "p1", 1, { { "class-id", "00000000000000000000000000000000" } }, GPD_OTHER_PRODUCT },
	{ "two components", "p1", 1, { { "components", "82 @component @component" } }, GPD_MALFORMED },
	{ "a text about another model", "p1", 1, { { "en", "a1 82 44 'acme' 4a 'thermostax' @info" } }, GPD_OTHER_PRODUCT },
	{ "another channel", "p1", 1, { { "info", "a2 06 `1` 38ff `beta`" } }, GPD_OTHER_CHANNEL },
	{ "other hardware", "p1", 1, { { "info", "a2 06 `1` 390101 82 `rev-a` `rev-c`" } }, GPD_OTHER_HARDWARE },
	{ "a stepping stone ahead", "p1", 1, { { "sequence", "09" }, { "info", "a2 06 `1` 390100 07" } }, GPD_STEPPING_STONE },
	{ "an image over the slot", "p1", 1, { { "size", "191001" } }, GPD_TOO_LARGE },
	{ "an image of nothing", "p1", 1, { { "size", "00" } }, GPD_MALFORMED },
	{ "an image of 2^32 + 1", "p1", 1, { { "size", "1b0000000100000001" } }, GPD_TOO_LARGE },
	{ "another URI", "p1", 1, { { "source", "a1 15 `http://x`" } }, GPD_MALFORMED },
	{ "a path behind the CID", "p1", 1, { { "source", "a1 15 `ipfs://bafk/../../x`" } }, GPD_TOO_LONG },
	{ "another command", "p1", 1, { { "install", "86 14 @source 12 02 03 0f" } }, GPD_MALFORMED },
	{ "a policy of 16", "p1", 1, { { "validate", "82 03 10" } }, GPD_MALFORMED },
	{ "bytes after validate", "p1", 1, { { "validate", "82 03 0f 00" } }, GPD_MALFORMED },
	{ "bytes after the shared sequence", "p1", 1, { { "shared", "86 14 @parameters 01 0f 02 0f 00" } }, GPD_MALFORMED },
	{ "bytes after common", "p1", 1, { { "common", "a2 02 @components 04 <shared> 00" } }, GPD_MALFORMED },
	{ "bytes after install", "p1", 1, { { "install", "86 14 @source 15 02 03 0f 00" } }, GPD_MALFORMED },
	{ "bytes after text", "p1", 1, { { "text", "a1 `en` @en 00" } }, GPD_MALFORMED },
	{ "bytes after the manifest", "p1", 1, { { "manifest", "a6 01 01 02 @sequence 03 <common> 07 <validate> 14 <install> 17 <text> 00" } }, GPD_MALFORMED },
	{ "bytes after the wrapper", "p1", 1, { { "wrapper", "82 <digest> <sig.p1> 00" } }, GPD_MALFORMED },
	{ "bytes after a signature", "p1", 1, { { "sig.p1", "d2 84 <prot.p> a0 f6 5840 %p1:prot.p 00" } }, GPD_MALFORMED },
	{ "bytes after a protected header", "p1", 1, { { "prot.p", "a1 01 26 00" } }, GPD_UNSIGNED },
	{ "bytes after an image digest", "p1", 1, { { "image-digest", "82 2f 5820 #text 00" } }, GPD_MALFORMED },
	{ "another image digest", "p1", 1, { { "image-digest", "82 30 5820 #text" } }, GPD_MALFORMED },
	{ "a text that nobody knows", "p1", 1, { { "info", "a2 06 `1` 390103 01" } }, GPD_MALFORMED },
	{ "no version", "p1", 1, { { "info", "a1 05 `x`" } }, GPD_MALFORMED },
	{ "no English", "p1", 1, { { "text", "a1 `de` @en" } }, GPD_MALFORMED },
	{ "an array without end in another language", "p1", 1, { { "text", "a2 `de` 9b ffffffffffffffff `en` @en" } }, GPD_MALFORMED },
};

START_TEST(refuses)
{
	struct world w;
	struct part parts[PARTS_MAX] = { refused[_i].parts[0], refused[_i].parts[1] };

	world_init(&w, refused[_i].keys, refused[_i].threshold);
	w.config.hardware = "rev-b";
	w.config.channel = "stable";
	w.manifest = envelope_of(parts);
	w.image = SPAN_LIT("abc");
	ck_assert_msg(world_round(&w) == refused[_i].result, "%s: %s", refused[_i].rule, gpd_result_text(w.d.result));
	ck_assert_uint_eq(w.images_asked, 0);
	ck_assert_uint_eq(w.installs, 0);
	if (refused[_i].result > GPD_SHORT)
		ck_assert(w.told[GPD_DOING_FAILED] == 1 && w.told_why == refused[_i].result);
}
END_TEST

static const struct { const char *rule, *keys; unsigned threshold; struct part parts[2]; } taken[] = {
	{ "each type of key", "p1 e1 k1", 3, { { "wrapper", "84 <digest> <sig.k1> <sig.e1> <sig.p1>" } } },
	{ "two of three", "p1 p2 p3", 2, { { "wrapper", "83 <digest> <sig.p3> <sig.p1>" } } },
	{ "other people's beside enough", "p1", 1, { { "wrapper", "83 <digest> <odd> <sig.p1>" }, { "odd", "d2 84 43 a10101 a1 `x` 83 c1 00 f93c00 a1 00 40 f6 43 000000" } } },
	{ "its new numbers", "p1", 1, { { "prot.p", "a1 01 28" } } },
	{ "a kid", "p1", 1, { { "sig.p1", "d2 84 <prot.p> a1 04 48 ^p1 f6 5840 %p1:prot.p" } } },
	{ "hardware that fits", "p1", 1, { { "info", "a2 06 `1` 390101 82 `rev-a` `rev-b`" } } },
	{ "a stepping stone that is there", "p1", 1, { { "info", "a2 06 `1` 390100 06" } } },
	{ "all the texts", "p1", 1, { { "info", "a5 05 `x` 06 `1` 38ff `stable` 390100 05 390102 f5" } } },
	{ "other languages", "p1", 1, { { "text", "a3 `de` a1 00 82 80 a0 `en` @en 67 'zh-Hant' 80" } } },
	{ "other policies", "p1", 1, { { "validate", "82 03 00" }, { "install", "86 14 @source 15 0f 03 05" } } },
};

START_TEST(takes)
{
	struct world w;

	world_init(&w, taken[_i].keys, taken[_i].threshold);
	w.config.hardware = "rev-b";
	w.config.channel = "stable";
	offer(&w, taken[_i].parts);
	ck_assert_msg(world_round(&w) == GPD_INSTALLED, "%s: %s", taken[_i].rule, gpd_result_text(w.d.result));
	assert_runs_image(&w, 7);
}
END_TEST

START_TEST(refuses_every_cut_and_flip_of_a_manifest)
{
	struct world w;
	uint8_t copy[GPD_MANIFEST_LEN];
	struct span whole;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	whole = w.manifest;
	for (size_t n = 0; n < whole.n; n++) {
		w.manifest = SPAN(whole.p, n);
		ck_assert_int_ne(world_round(&w), GPD_INSTALLED);
		memcpy(copy, whole.p, whole.n);
		copy[n] ^= 1;
		w.manifest = SPAN(copy, whole.n);
		ck_assert_int_ne(world_round(&w), GPD_INSTALLED);
	}
	ck_assert_uint_eq(w.installs, 0);
}
END_TEST

/* --- images that are not what was signed --- */

START_TEST(refuses_another_image)
{
	struct world w;
	uint8_t wrong[IMAGE_LEN];

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	memcpy(wrong, image, sizeof wrong);
	wrong[_i == 0 ? 0 : _i == 1 ? 500 : IMAGE_LEN - 1] ^= 0x80;
	w.image = SPAN_OF(wrong);
	ck_assert_int_eq(world_round(&w), GPD_WRONG_IMAGE);
	ck_assert_uint_eq(w.installs, 0);
	ck_assert_int_eq(w.told_why, GPD_WRONG_IMAGE);

	/* Nothing of it is kept: the right one comes from its first byte on. */
	w.image = SPAN_OF(image);
	w.lowest_asked = UINT32_MAX;
	ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
	ck_assert_uint_eq(w.lowest_asked, 0);
	assert_runs_image(&w, 7);
}
END_TEST

START_TEST(refuses_a_longer_image)
{
	struct world w;
	uint8_t longer[IMAGE_LEN + 1];

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	memcpy(longer, image, sizeof image);
	longer[IMAGE_LEN] = 0;
	w.image = SPAN_OF(longer);
	w.piece = _i == 0 ? 100 : sizeof longer;
	ck_assert_int_eq(world_round(&w), GPD_WRONG_IMAGE);
	ck_assert_uint_eq(w.installs, 0);
}
END_TEST

START_TEST(waits_for_the_rest_of_a_shorter_image)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.image = SPAN(image, IMAGE_LEN - 1);
	ck_assert_int_eq(world_round(&w), GPD_SHORT);
	ck_assert_uint_eq(w.installs, 0);
}
END_TEST

START_TEST(notices_a_flash_that_does_not_keep)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.flips_written = true;
	ck_assert_int_eq(world_round(&w), GPD_FLASH);
	ck_assert_uint_eq(w.installs, 0);
}
END_TEST

/* --- going on --- */

START_TEST(resumes_at_a_checkpoint)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.starts_at_zero = _i == 1;
	w.stops_at = 700;
	ck_assert_int_eq(world_round(&w), GPD_UNREACHABLE);
	w.stops_at = 0;
	w.lowest_asked = UINT32_MAX;
	ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
	ck_assert_uint_eq(w.lowest_asked, 512);
	assert_runs_image(&w, 7);
}
END_TEST

START_TEST(resumes_without_a_reboot)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.stops_at = 700;
	ck_assert_int_eq(world_round(&w), GPD_UNREACHABLE);
	w.stops_at = 0;
	w.lowest_asked = UINT32_MAX;
	ck_assert_int_eq(gpd_update(&w.d), GPD_INSTALLED);
	ck_assert_uint_eq(w.lowest_asked, 512);
	assert_runs_image(&w, 7);
}
END_TEST

START_TEST(starts_over_with_a_newer_release)
{
	struct world w;
	struct part newer[2] = { { "sequence", "08" } };

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.stops_at = 700;
	ck_assert_int_eq(world_round(&w), GPD_UNREACHABLE);
	w.stops_at = 0;
	w.lowest_asked = UINT32_MAX;
	offer(&w, newer);
	ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
	ck_assert_uint_eq(w.lowest_asked, 0);
	assert_runs_image(&w, 8);
}
END_TEST

/* Someone wrote to the slot while the device was off. */
START_TEST(resumes_on_changed_flash_and_notices)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.stops_at = 700;
	ck_assert_int_eq(world_round(&w), GPD_UNREACHABLE);
	w.flash[10] ^= 1;
	w.stops_at = 0;
	ck_assert_int_eq(world_round(&w), GPD_WRONG_IMAGE);
	ck_assert_uint_eq(w.installs, 0);
	ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
	assert_runs_image(&w, 7);
}
END_TEST

START_TEST(takes_no_gap)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	ck_assert_int_eq(world_boot(&w), GPD_UP_TO_DATE);
	ck_assert(gpd_begin(&w.d));
	ck_assert(!gpd_take(&w.d, 1, w.manifest.p + 1, 10));
	ck_assert(!gpd_done(&w.d, false));
	ck_assert_int_eq(w.d.result, GPD_UNREACHABLE);
	ck_assert(!gpd_take(&w.d, 0, w.manifest.p, 10));	/* nothing is being fetched */
}
END_TEST

START_TEST(takes_no_manifest_over_its_buffer)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.config.manifest_size = w.manifest.n - 1;
	ck_assert_int_eq(world_round(&w), GPD_TOO_LONG);
	w.config.manifest_size = w.manifest.n;
	ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
}
END_TEST

START_TEST(says_when_nobody_answers)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.is_dead = true;
	ck_assert_int_eq(world_round(&w), GPD_UNREACHABLE);
	ck_assert_uint_eq(w.told[GPD_DOING_FAILED], 0);
}
END_TEST

/* --- the device's own failures --- */

START_TEST(says_when_it_fails_itself)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.write_fails = true;
	ck_assert_int_eq(world_round(&w), GPD_FLASH);
	w.write_fails = false;
	w.save_fails = true;
	ck_assert_int_eq(world_round(&w), GPD_STATE);
	w.save_fails = false;
	w.load_fails = true;
	ck_assert_int_eq(world_round(&w), GPD_STATE);
	w.load_fails = false;
	w.read_fails = true;
	ck_assert_int_eq(world_round(&w), GPD_FLASH);
	w.read_fails = false;
	ck_assert_uint_eq(w.installs, 0);
	w.install_says = -1;
	ck_assert_int_eq(world_round(&w), GPD_INSTALL);
	ck_assert_int_eq(w.told_why, GPD_INSTALL);

	/* The image is still there: no byte of it is fetched a second time. */
	w.install_says = 0;
	w.images_asked = 0;
	ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
	ck_assert_uint_eq(w.images_asked, 0);
	assert_runs_image(&w, 7);
}
END_TEST

START_TEST(does_nothing_with_a_broken_state)
{
	struct world w;

	for (size_t i = 0; i < GPD_STATE_LEN; i++) {
		world_init(&w, "p1", 1);
		offer(&w, NULL);
		ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
		w.state[i] ^= 1;
		ck_assert_int_eq(world_round(&w), GPD_STATE);
		ck_assert(!gpd_begin(&w.d));
		ck_assert_int_eq(gpd_confirm(&w.d, true), GPD_STATE);
		ck_assert_uint_eq(w.installs, 1);
	}
}
END_TEST

/* --- trials --- */

START_TEST(keeps_what_came_up)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.install_says = 1;
	ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
	ck_assert_uint_eq(w.told[GPD_DOING_REBOOTING], 1);
	ck_assert_uint_eq(w.d.installed, 6);
	ck_assert_int_eq(world_boot(&w), GPD_TRIAL);
	ck_assert_int_eq(gpd_update(&w.d), GPD_TRIAL);	/* not before it is confirmed */
	ck_assert_int_eq(gpd_confirm(&w.d, true), GPD_INSTALLED);
	ck_assert_uint_eq(w.told[GPD_DOING_RUNNING], 1);
	ck_assert_int_eq(world_round(&w), GPD_UP_TO_DATE);
	ck_assert_uint_eq(w.d.installed, 7);
}
END_TEST

START_TEST(does_not_try_twice_what_did_not_come_up)
{
	struct world w;
	struct part newer[2] = { { "sequence", "08" } };

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.install_says = 1;
	ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
	w.running = 6;	/* the boot loader went back */
	ck_assert_int_eq(world_boot(&w), GPD_TRIAL);
	ck_assert_int_eq(gpd_confirm(&w.d, false), GPD_UP_TO_DATE);
	ck_assert_int_eq(w.told_why, GPD_INSTALL);
	ck_assert_int_eq(world_round(&w), GPD_FAILED_BEFORE);
	ck_assert_uint_eq(w.installs, 1);
	offer(&w, newer);
	w.install_says = 0;
	ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
	assert_runs_image(&w, 8);
}
END_TEST

START_TEST(has_nothing_to_confirm)
{
	struct world w;

	world_init(&w, "p1", 1);
	ck_assert_int_eq(world_boot(&w), GPD_UP_TO_DATE);
	ck_assert_int_eq(gpd_confirm(&w.d, true), GPD_UP_TO_DATE);
	ck_assert_uint_eq(w.d.installed, 6);
}
END_TEST

/* --- power cuts: at every callback, before it or after its work; then once more, at every one of the next round --- */

/* A round cut at call n (in its beginning, or at its end). False when the round has fewer calls. */
static bool cut_round(struct world *w, unsigned n, bool at_end)
{
	enum gpd_result r;
	bool survived;

	w->cut_at = at_end ? 0 : n;
	w->cut_after = at_end ? n : 0;
	survived = world_survives_round(w, &r);
	w->cut_at = w->cut_after = 0;
	return !survived;
}

/* Whatever happened: what runs is the old release or all of the new one, and rounds that are left alone end well. */
static void assert_recovers(struct world *w)
{
	enum gpd_result r;

	ck_assert(w->running == 6 || w->running == 7);
	if (w->running == 7)
		assert_runs_image(w, 7);
	for (int i = 0; i < 3; i++)
		ck_assert(world_survives_round(w, &r));
	ck_assert_int_eq(r, GPD_UP_TO_DATE);
	assert_runs_image(w, 7);
}

static unsigned calls_of_a_round(void)
{
	struct world w;
	enum gpd_result r;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	ck_assert(world_survives_round(&w, &r));
	return w.calls;
}

START_TEST(survives_a_cut_anywhere)
{
	unsigned calls = calls_of_a_round();

	ck_assert_uint_gt(calls, 30);
	for (unsigned n = 1; n <= calls; n++) {
		struct world w;

		world_init(&w, "p1", 1);
		offer(&w, NULL);
		if (!cut_round(&w, n, _i == 1))
			ck_assert(_i == 1);	/* not every call has an end of its own */
		assert_recovers(&w);
	}
}
END_TEST

START_TEST(survives_two_cuts_anywhere)
{
	unsigned calls = calls_of_a_round();

	for (unsigned n = 1; n <= calls; n++) {
		for (unsigned k = 1; k <= calls; k++) {
			struct world w;

			world_init(&w, "p1", 1);
			offer(&w, NULL);
			cut_round(&w, n, _i == 1);
			cut_round(&w, k, _i == 1);
			assert_recovers(&w);
		}
	}
}
END_TEST

/* A cut while the gateway lies: what it left is never installed. */
START_TEST(survives_a_cut_with_a_wrong_image)
{
	unsigned calls = calls_of_a_round();
	uint8_t wrong[IMAGE_LEN];

	for (unsigned n = 1; n <= calls; n++) {
		struct world w;

		world_init(&w, "p1", 1);
		offer(&w, NULL);
		memcpy(wrong, image, sizeof wrong);
		wrong[3] ^= 1;
		w.image = SPAN_OF(wrong);
		cut_round(&w, n, _i == 1);
		ck_assert_uint_eq(w.installs, 0);
		w.image = SPAN_OF(image);
		(void)world_round(&w);	/* may have to find out first that the beginning was wrong */
		assert_recovers(&w);
	}
}
END_TEST

/* With trials, a cut right after install() leaves the boot loader knowing more than the state. */
START_TEST(survives_a_cut_around_a_trial)
{
	unsigned calls = calls_of_a_round();

	for (unsigned n = 1; n <= calls; n++) {
		struct world w;

		world_init(&w, "p1", 1);
		offer(&w, NULL);
		w.install_says = 1;
		cut_round(&w, n, _i == 1);
		(void)world_boot(&w);
		if (w.running == 7) {	/* the boot loader says: on trial */
			ck_assert_int_eq(gpd_confirm(&w.d, true), GPD_INSTALLED);
			ck_assert_uint_eq(w.d.installed, 7);
		} else {
			ck_assert_uint_eq(w.d.installed, 6);
		}
	}
}
END_TEST

/* Verified before the cut: installed after it, without a byte from anybody. */
START_TEST(installs_after_a_cut_without_a_gateway)
{
	unsigned calls = calls_of_a_round(), verified = 0;
	enum gpd_result r;

	for (unsigned n = 1; n <= calls; n++) {
		struct world w;

		world_init(&w, "p1", 1);
		offer(&w, NULL);
		cut_round(&w, n, false);
		if (!w.has_state || w.state[4] != 2 || w.running == 7)
			continue;
		verified++;
		w.is_dead = true;
		ck_assert(world_survives_round(&w, &r));
		ck_assert_int_eq(r, GPD_INSTALLED);
		assert_runs_image(&w, 7);
	}
	ck_assert_uint_gt(verified, 5);
}
END_TEST

START_TEST(needs_nobody_to_tell_and_no_byte_too_many)
{
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	w.port.tell = NULL;
	w.config.slot_size = IMAGE_LEN - 1;
	ck_assert_int_eq(world_round(&w), GPD_TOO_LARGE);
	w.config.slot_size = IMAGE_LEN;
	ck_assert_int_eq(world_round(&w), GPD_INSTALLED);
}
END_TEST

START_TEST(asks_no_path_that_does_not_fit)
{
	static char device[300];
	char path[GPD_PATH_MAX];
	struct world w;

	world_init(&w, "p1", 1);
	offer(&w, NULL);
	memset(device, 'x', sizeof device - 1);
	w.config.device = device;
	ck_assert_int_eq(world_round(&w), GPD_TOO_LONG);
	ck_assert_str_eq(w.last_path, "");
	for (size_t n = sizeof device - 1; !gpd_manifest_path(&w.d, path); n--)
		device[n] = '\0';
	ck_assert_uint_eq(strlen(path), GPD_PATH_MAX - 1);
}
END_TEST

/* --- words --- */

START_TEST(reports)
{
	struct world w;
	uint8_t out[GPD_REPORT_MAX];
	size_t n;

	world_init(&w, "p1", 1);
	w.config.device = "porch-1";
	world_boot(&w);
	n = gpd_report(&w.d, GPD_DOING_DOWNLOADING, 7, 40, GPD_INSTALLED, out, sizeof out);
	ck_assert(span_eq(SPAN(out, n), hexes("a4 65 7374617465 6b 646f776e6c6f6164696e67 66 646576696365 67 706f7263682d31"
					      "68 70726f6772657373 1828 68 73657175656e6365 07")));
	n = gpd_report(&w.d, GPD_DOING_FAILED, 300, 0, GPD_ROLLBACK, out, sizeof out);
	struct cbor c = cbor_of(SPAN(out, n));
	struct cbor_map m = cbor_map(&c);
	struct span key;
	while (cbor_map_text(&c, &m, &key)) {	/* deterministic, and all there */
		if (span_is(key, "sequence"))
			ck_assert_uint_eq(cbor_uint(&c), 300);
		else if (span_is(key, "reason"))
			ck_assert(span_is(cbor_text(&c), "older than what is installed"));
		else if (span_is(key, "state"))
			ck_assert(span_is(cbor_text(&c), "failed"));
		else
			ck_assert(span_is(key, "device") && span_is(cbor_text(&c), "porch-1"));
	}
	ck_assert_int_eq(cbor_done(&c, NULL), ERR_OK);
	for (size_t cap = 0; cap < n; cap++)
		ck_assert_uint_eq(gpd_report(&w.d, GPD_DOING_FAILED, 300, 0, GPD_ROLLBACK, out, cap), 0);
}
END_TEST

START_TEST(every_report_fits)
{
	struct world w;
	uint8_t out[GPD_REPORT_MAX];

	world_init(&w, "p1", 1);
	w.config.device = "0123456789012345678901234567890123456789012345678901234567890123";
	world_boot(&w);
	for (int r = GPD_INSTALLED; r <= GPD_INSTALL; r++) {
		ck_assert_str_ne(gpd_result_text((enum gpd_result)r), "?");
		ck_assert_uint_ne(gpd_report(&w.d, GPD_DOING_FAILED, UINT64_MAX, 0, (enum gpd_result)r, out, sizeof out), 0);
	}
	for (int doing = 0; doing <= GPD_DOING_FAILED; doing++)
		ck_assert_str_ne(gpd_doing_text((enum gpd_doing)doing), "?");
	ck_assert_str_eq(gpd_result_text((enum gpd_result)99), "?");
	ck_assert_str_eq(gpd_doing_text((enum gpd_doing)99), "?");
}
END_TEST

static const char *const no_keys[] = {
	"", "80", "a0", "a3 01 01 20 06 21 41 00",
	"a3 01 02 20 06 21 5820 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
	"a3 01 01 20 01 21 5820 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
	"a3 01 01 20 06 21 5820 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c 00",
	"a4 01 02 20 02 21 5820 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
	" 22 5820 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
	"a4 01 02 20 01 21 5820 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c 22 f5",
};

START_TEST(reads_no_other_keys)
{
	struct gpd_key key;
	struct span s = hexes(no_keys[_i]);

	ck_assert(!gpd_key_read(&key, s.p, s.n));
}
END_TEST

static void add_refusals(TCase *t)
{
	tcase_add_loop_test(t, refuses, 0, ROWS(refused));
	tcase_add_loop_test(t, takes, 0, ROWS(taken));
	tcase_add_test(t, refuses_every_cut_and_flip_of_a_manifest);
	tcase_add_loop_test(t, refuses_another_image, 0, 3);
	tcase_add_loop_test(t, refuses_a_longer_image, 0, 2);
	tcase_add_test(t, waits_for_the_rest_of_a_shorter_image);
	tcase_add_test(t, notices_a_flash_that_does_not_keep);
	tcase_add_test(t, takes_no_gap);
	tcase_add_test(t, takes_no_manifest_over_its_buffer);
	tcase_add_test(t, says_when_nobody_answers);
	tcase_add_test(t, says_when_it_fails_itself);
	tcase_add_test(t, does_nothing_with_a_broken_state);
	tcase_add_loop_test(t, reads_no_other_keys, 0, ROWS(no_keys));
}

static void add_going_on(TCase *t)
{
	tcase_add_test(t, updates);
	tcase_add_loop_test(t, resumes_at_a_checkpoint, 0, 2);
	tcase_add_test(t, resumes_without_a_reboot);
	tcase_add_test(t, starts_over_with_a_newer_release);
	tcase_add_test(t, resumes_on_changed_flash_and_notices);
	tcase_add_test(t, keeps_what_came_up);
	tcase_add_test(t, does_not_try_twice_what_did_not_come_up);
	tcase_add_test(t, has_nothing_to_confirm);
	tcase_add_test(t, needs_nobody_to_tell_and_no_byte_too_many);
	tcase_add_test(t, asks_no_path_that_does_not_fit);
	tcase_add_test(t, reports);
	tcase_add_test(t, every_report_fits);
}

static void add_cuts(TCase *t)
{
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, survives_a_cut_anywhere, 0, 2);
	tcase_add_loop_test(t, survives_two_cuts_anywhere, 0, 2);
	tcase_add_test(t, installs_after_a_cut_without_a_gateway);
	tcase_add_loop_test(t, survives_a_cut_with_a_wrong_image, 0, 2);
	tcase_add_loop_test(t, survives_a_cut_around_a_trial, 0, 2);
}

int main(void)
{
	TCase *refusals = tcase_create("refusals"), *going_on = tcase_create("going on"), *cuts = tcase_create("cuts");
	Suite *s = suite_create("device");

	add_refusals(refusals);
	add_going_on(going_on);
	add_cuts(cuts);
	suite_add_tcase(s, refusals);
	suite_add_tcase(s, going_on);
	suite_add_tcase(s, cuts);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
