/* test_cid.c: varints, multibase and CIDs: the projects' vectors, and what must be refused. */
#include "formats/cid.h"
#include "formats/multibase.h"
#include "formats/varint.h"
#include "hexes.h"
#include "vectors.h"

/* --- varint --- */

static const struct { const char *rule, *hex; bool ok, ok_pb; uint64_t value; } varints[] = {
	{ "one byte", "7f", true, true, 127 },
	{ "two bytes", "ac02", true, true, 300 },
	{ "zero is one byte", "00", true, true, 0 },
	{ "63 bits", "ffffffffffffffff7f", true, true, INT64_MAX },
	{ "64 bits are protobuf's", "ffffffffffffffffff01", false, true, UINT64_MAX },
	{ "65 bits are too many", "ffffffffffffffffff02", false, false, 0 },
	{ "overlong: a last byte of zero", "8000", false, false, 0 },
	{ "overlong: longer still", "ff8000", false, false, 0 },
	{ "cut", "80", false, false, 0 },
	{ "nothing at all", "", false, false, 0 },
	{ "never ends", "ffffffffffffffffffffffff01", false, false, 0 },
};

START_TEST(varint_rules)
{
	uint8_t again[VARINT_MAX];
	struct span in = hexes(varints[_i].hex);
	struct cursor c = cur_of(in), pb = cur_of(in);
	uint64_t v = 7;

	ck_assert_msg((varint_next(&c, &v, NULL) == ERR_OK) == varints[_i].ok, "%s", varints[_i].rule);
	ck_assert_msg(cur_ok(&c) == varints[_i].ok, "%s", varints[_i].rule);
	ck_assert_msg((varint_next_pb(&pb, &v, NULL) == ERR_OK) == varints[_i].ok_pb, "%s", varints[_i].rule);
	if (!varints[_i].ok_pb)
		return;
	ck_assert_uint_eq(v, varints[_i].value);
	ck_assert_uint_eq(varint_length(v), in.n);
	ck_assert(span_eq(in, SPAN(again, varint_write(v, again))));
}
END_TEST

/* --- multibase --- */

static const struct { const char *name; enum multibase base; } bases[] = {
	{ "base32", MULTIBASE_32 }, { "base36", MULTIBASE_36 }, { "base58btc", MULTIBASE_58 }, { "base64url", MULTIBASE_64URL },
};

/* The file's rows for our bases: `name, "text"`. Calls check on each; returns how many. */
static size_t each_row(const char *file, void (*check)(enum multibase base, struct span text))
{
	struct buf b = vector_file(file);
	size_t found = 0;

	buf_byte(&b, '\0');
	for (char *line = strtok((char *)b.p, "\n"); line; line = strtok(NULL, "\n")) {
		char name[32], text[256];

		if (sscanf(line, "%31[^,], \"%255[^\"]\"", name, text) != 2)
			continue;
		for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
			if (strcmp(name, bases[i].name))
				continue;
			check(bases[i].base, span_str(text));
			found++;
		}
	}
	buf_free(&b);
	return found;
}

static struct span expected;

static void both_ways(enum multibase base, struct span text)
{
	AUTO(buf_free) struct buf b = BUF_INIT(256);
	uint8_t out[64];
	size_t n;

	multibase_encode(base, expected, &b);
	ck_assert(span_eq(buf_span(&b), text));
	ck_assert_int_eq(multibase_decode(text, out, sizeof out, &n, NULL), ERR_OK);
	ck_assert(span_eq(SPAN(out, n), expected));
	/* one byte less of room */
	ck_assert_int_eq(multibase_decode(text, out, expected.n - 1, &n, NULL), ERR_LIMIT);
}

static void refused(enum multibase base, struct span text)
{
	uint8_t out[64];
	size_t n;

	(void)base;
	ck_assert_int_eq(multibase_decode(text, out, sizeof out, &n, NULL), ERR_FORMAT);
}

START_TEST(multibase_vectors)
{
	expected = SPAN_LIT("yes mani !");
	ck_assert_uint_eq(each_row("ipfs/multi/basic.csv", both_ways), 4);
	expected = SPAN("\0yes mani !", 11);
	ck_assert_uint_eq(each_row("ipfs/multi/leading_zero.csv", both_ways), 4);
	expected = SPAN("\0\0yes mani !", 12);
	ck_assert_uint_eq(each_row("ipfs/multi/two_leading_zeros.csv", both_ways), 4);
	/* Two spellings of one name would be two names: mixed case is refused, which multibase leaves open. */
	ck_assert_uint_eq(each_row("ipfs/multi/case_insensitivity.csv", refused), 2);
}
END_TEST

static const struct { const char *rule, *text; } bad_bases[] = {
	{ "no prefix", "" },
	{ "a base that no CID uses", "f796573" },
	{ "upper-case base32", "BPFSXGIDNMFXGSIBB" },
	{ "padding", "cpfsxgidnmfxgsibb" },
	{ "a character outside the base", "bpfsxgidnmfxgs1bb" },
	{ "a zero is no base58 digit", "z7paNL09xttacUY" },
	{ "one base32 digit is no byte", "ba" },
	{ "three base32 digits are one byte and a digit too many", "baaa" },
	{ "unused bits are zero", "bab" },
	{ "unused bits of base64url are zero", "uAB" },
	{ "one base64 digit is no byte", "uA" },
	{ "a blank", "b aa" },
};

START_TEST(multibase_refusals)
{
	uint8_t out[64] = { 7 };
	size_t n = 99;

	ck_assert_msg(multibase_decode(span_str(bad_bases[_i].text), out, sizeof out, &n, NULL) == ERR_FORMAT, "%s",
		      bad_bases[_i].rule);
	ck_assert_msg(n == 99, "%s", bad_bases[_i].rule);
}
END_TEST

START_TEST(multibase_bounds_its_work)
{
	static char text[100000];
	uint8_t out[MULTIBASE_BYTES_MAX];
	size_t n;

	memset(text, 'z', sizeof text);
	ck_assert_int_eq(multibase_decode(SPAN(text, sizeof text), out, sizeof out, &n, NULL), ERR_LIMIT);
	memset(text + 1, '1', sizeof text - 1);
	ck_assert_int_eq(multibase_decode(SPAN(text, sizeof text), out, sizeof out, &n, NULL), ERR_LIMIT);
}
END_TEST

START_TEST(multibase_round_trips_every_length)
{
	uint8_t in[MULTIBASE_BYTES_MAX], out[MULTIBASE_BYTES_MAX];

	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i < 3 ? 0 : 255 - i * 7);
	for (size_t n = 0; n <= sizeof in; n++) {
		AUTO(buf_free) struct buf b = BUF_INIT(1024);
		size_t got;

		multibase_encode(bases[_i].base, SPAN(in, n), &b);
		ck_assert_int_eq(multibase_decode(buf_span(&b), out, sizeof out, &got, NULL), ERR_OK);
		ck_assert(span_eq(SPAN(in, n), SPAN(out, got)));
	}
}
END_TEST

/* --- CIDs --- */

#define D "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9"

static const struct { const char *text, *hex; uint8_t version, codec, hash; } cids[] = {
	{ "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e", "01551220" D, 1, CID_RAW, CID_SHA256 },
	{ "bafybeifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e", "01701220" D, 1, CID_DAG_PB, CID_SHA256 },
	{ "QmaozNR7DZHQK1ZcU9p7QdrshMvXqWK6gpu5rmrkPdT3L4", "1220" D, 0, CID_DAG_PB, CID_SHA256 },
	{ "bafkqaaa", "01550000", 1, CID_RAW, CID_IDENTITY },
	{ "bafkqac3imvwgy3zao5xxe3de", "0155000b68656c6c6f20776f726c64", 1, CID_RAW, CID_IDENTITY },
};

START_TEST(cid_forms)
{
	uint8_t again[CID_BYTES_MAX];
	struct span bytes = hexes(cids[_i].hex);
	char text[CID_TEXT_MAX];
	struct cid a, b;

	ck_assert_int_eq(cid_read_text(span_str(cids[_i].text), &a, NULL), ERR_OK);
	ck_assert_int_eq(cid_read(bytes, &b, NULL), ERR_OK);
	ck_assert(cid_eq(&a, &b));
	ck_assert_uint_eq(a.version, cids[_i].version);
	ck_assert_uint_eq(a.codec, cids[_i].codec);
	ck_assert_uint_eq(a.hash, cids[_i].hash);
	ck_assert_str_eq(cid_text(&a, text), cids[_i].text);
	ck_assert(span_eq(bytes, SPAN(again, cid_write(&a, again))));
	for (size_t n = 0; n < bytes.n; n++)
		ck_assert_uint_gt(cid_measure(SPAN(bytes.p, n)), n);
	ck_assert_uint_eq(cid_measure(bytes), bytes.n);
}
END_TEST

START_TEST(cid_in_other_bases)
{
	struct cid a, b;

	ck_assert_int_eq(cid_read_text(span_str(cids[0].text), &a, NULL), ERR_OK);
	for (size_t i = 0; i < sizeof bases / sizeof *bases; i++) {
		AUTO(buf_free) struct buf t = BUF_INIT(256);
		uint8_t raw[CID_BYTES_MAX];

		multibase_encode(bases[i].base, SPAN(raw, cid_write(&a, raw)), &t);
		ck_assert_int_eq(cid_read_text(buf_span(&t), &b, NULL), ERR_OK);
		ck_assert(cid_eq(&a, &b));
	}
}
END_TEST

static const struct { const char *rule, *hex; int code; } bad_cids[] = {
	{ "nothing", "", ERR_FORMAT },
	{ "a cut digest", "01551220b94d27", ERR_FORMAT },
	{ "bytes left over", "01551220" D "00", ERR_FORMAT },
	{ "version 0 is only sha2-256", "00551220" D, ERR_RULE },
	{ "version 2", "02551220" D, ERR_RULE },
	{ "an overlong version", "8100551220" D, ERR_FORMAT },
	{ "an overlong codec", "01d5001220" D, ERR_FORMAT },
	{ "an overlong length", "015512a000" D, ERR_FORMAT },
	{ "codec dag-cbor", "01711220" D, ERR_RULE },
	{ "codec libp2p-key", "01721220" D, ERR_RULE },
	{ "hash blake2b-256", "0155a0e40220" D, ERR_RULE },
	{ "hash sha1", "01551114" "a9993e364706816aba3e25717850c26c9cd0d89d", ERR_RULE },
	{ "hash sha2-512 cut to 32 bytes", "01551320" D, ERR_RULE },
	{ "sha2-256 cut to 20 bytes", "01551214b94d27b9934d3e08a52e52d7da7dabfac484efe3", ERR_RULE },
	{ "sha2-256 of 33 bytes", "01551221" D "00", ERR_RULE },
	{ "version 0 cut to 20 bytes", "1214b94d27b9934d3e08a52e52d7da7dabfac484efe3", ERR_RULE },
	{ "identity of 129 bytes", "0155008101", ERR_RULE },
	{ "a length of 63 bits", "015500ffffffffffffffff7f", ERR_RULE },
};

START_TEST(cid_refusals)
{
	struct cursor c = cur_of(hexes(bad_cids[_i].hex));
	struct cid out = { .n = 99 };
	struct err e = { 0 };

	if (strcmp(bad_cids[_i].rule, "bytes left over")) {
		ck_assert_int_eq(cid_next(&c, &out, NULL), bad_cids[_i].code);
		ck_assert_msg(!cur_ok(&c), "whoever reads on is told");
	}
	ck_assert_msg(cid_read(hexes(bad_cids[_i].hex), &out, &e) == bad_cids[_i].code, "%s: %s",
		      bad_cids[_i].rule, e.msg);
	ck_assert_msg(out.n == 99, "a failed read writes nothing");
	ck_assert_uint_le(cid_measure(hexes(bad_cids[_i].hex)), CID_BYTES_MAX);
	ck_assert(!strncmp(e.msg, "cid: ", 5));
}
END_TEST

static const char *const bad_texts[] = {
	"",
	"Qm",
	"QmaozNR7DZHQK1ZcU9p7QdrshMvXqWK6gpu5rmrkPdT3L",	/* cut */
	"QmaozNR7DZHQK1ZcU9p7QdrshMvXqWK6gpu5rmrkPdT3L0",	/* 0 is no digit */
	"zQmaozNR7DZHQK1ZcU9p7QdrshMvXqWK6gpu5rmrkPdT3L4",	/* version 0 with a prefix */
	"bciqlstjhxgju2pqiuuxffv62pwv7vree57rxuu4a52iir55m4lx432i",	/* the same in base32 */
	"BAFKREIFZJUT3TE2NHYEKKLSS27NH3K72YSCO7Y32KOAO5EEI66WOF36N5E",
	"bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e/",
	" bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
};

START_TEST(cid_text_refusals)
{
	struct cid out;

	ck_assert_msg(cid_read_text(span_str(bad_texts[_i]), &out, NULL) != ERR_OK, "%s", bad_texts[_i]);
}
END_TEST

START_TEST(cid_of_the_longest_identity)
{
	uint8_t block[CID_IDENTITY_MAX], raw[CID_BYTES_MAX];
	struct cid c = { .version = 1, .codec = CID_RAW, .hash = CID_IDENTITY, .n = CID_IDENTITY_MAX }, again;
	char text[CID_TEXT_MAX];

	memset(block, 0xff, sizeof block);
	memcpy(c.digest, block, sizeof block);
	ck_assert_uint_eq(cid_write(&c, raw), CID_BYTES_MAX);
	ck_assert_int_eq(cid_read_text(span_str(cid_text(&c, text)), &again, NULL), ERR_OK);
	ck_assert(cid_eq(&c, &again));
	ck_assert_int_eq(cid_check(&c, SPAN(block, sizeof block), NULL), ERR_OK);
	ck_assert_int_eq(cid_check(&c, SPAN(block, sizeof block - 1), NULL), ERR_PROOF);
}
END_TEST

/* multihash's own vectors: a whole sha2-256 names its input, everything else is refused. */
START_TEST(multihash_vectors)
{
	struct buf b = vector_file("ipfs/multi/test_cases.csv");
	size_t taken = 0, rows = 0;

	buf_byte(&b, '\0');
	for (char *line = strtok((char *)b.p, "\n"); line; line = strtok(NULL, "\n")) {
		char name[32], input[512], hash[256];
		struct cid cid;
		int bits;

		if (sscanf(line, "%31[^,],%d,%511[^,],%255s", name, &bits, input, hash) != 4)
			continue;
		rows++;
		if (strcmp(name, "sha2-256") || bits != 256) {
			ck_assert_int_ne(cid_read(hexes(hash), &cid, NULL), ERR_OK);
			continue;
		}
		taken++;
		ck_assert_int_eq(cid_read(hexes(hash), &cid, NULL), ERR_OK);
		ck_assert_int_eq(cid_check(&cid, span_str(input), NULL), ERR_OK);
		input[0] ^= 1;
		ck_assert_int_eq(cid_check(&cid, span_str(input), NULL), ERR_PROOF);
	}
	ck_assert_uint_eq(taken, 20);
	ck_assert_uint_eq(rows, 260);
	buf_free(&b);
}
END_TEST

#define LOOP(tcase, test, rows) tcase_add_loop_test(tcase, test, 0, (int)(sizeof rows / sizeof *rows))

int main(void)
{
	Suite *s = suite_create("cid");
	TCase *t = tcase_create("cid");
	SRunner *r = srunner_create(s);
	int failed;

	suite_add_tcase(s, t);
	LOOP(t, varint_rules, varints);
	tcase_add_test(t, multibase_vectors);
	LOOP(t, multibase_refusals, bad_bases);
	tcase_add_test(t, multibase_bounds_its_work);
	LOOP(t, multibase_round_trips_every_length, bases);
	LOOP(t, cid_forms, cids);
	tcase_add_test(t, cid_in_other_bases);
	LOOP(t, cid_refusals, bad_cids);
	LOOP(t, cid_text_refusals, bad_texts);
	tcase_add_test(t, cid_of_the_longest_identity);
	tcase_add_test(t, multihash_vectors);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
