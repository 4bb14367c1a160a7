/* test_abi.c: the contract ABI both ways, transactions and addresses. */
#include "base/hex.h"
#include "formats/abi.h"
#include "formats/ethtx.h"
#include "formats/keccak.h"

#include <check.h>
#include <stdlib.h>

#define W0 "0000000000000000000000000000000000000000000000000000000000000000"
#define W1 "0000000000000000000000000000000000000000000000000000000000000001"
#define W2 "0000000000000000000000000000000000000000000000000000000000000002"
#define W3 "0000000000000000000000000000000000000000000000000000000000000003"
#define W20 "0000000000000000000000000000000000000000000000000000000000000020"
#define W40 "0000000000000000000000000000000000000000000000000000000000000040"
#define W60 "0000000000000000000000000000000000000000000000000000000000000060"
#define W80 "0000000000000000000000000000000000000000000000000000000000000080"
#define ABC "6162630000000000000000000000000000000000000000000000000000000000"
#define ABCX "6162630000000000000000000000000000000000000000000000000000000001"
#define BIG "0000000000000000000000000000000000000000000000010000000000000000"
#define FF "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"

static size_t unhex(const char *text, uint8_t *out)
{
	size_t n = strlen(text) / 2;

	ck_assert_int_eq(hex_read(span_str(text), out, n, NULL), ERR_OK);
	return n;
}

/* (uint64 n, string s) and (bytes[] list), and what is wrong with each. */
static const struct { const char *rule, *hex; bool is_list; } rows[] = {
	{ NULL, W1 W40 W3 ABC, false },
	{ NULL, W1 W40 W0, false },
	{ "the head must not run past the end", W1, false },
	{ "data are whole words", W1 W40 W3 ABC "00", false },
	{ "a number must fit its type", BIG W40 W3 ABC, false },
	{ "tails stand in order", W1 W60 W0 W3 ABC, false },
	{ "tails stand in order", W1 W20 W3 ABC, false },
	{ "a word must not run past the end", W1 W40, false },
	{ "bytes must not run past the end", W1 W40 W3, false },
	{ "padding is zero", W1 W40 W3 ABCX, false },
	{ "nothing may follow the last value", W1 W40 W3 ABC W0, false },
	{ "a length is over its limit", W1 W40 W20 ABC, false },
	{ "a number must fit its type", W1 W40 FF ABC, false },
	{ NULL, W20 W2 W40 W80 W3 ABC W0, true },
	{ NULL, W20 W0, true },
	{ "tails stand in order", W20 W2 W40 W40 W3 ABC, true },
	{ "a length is over its limit", W20 W3 W60 W60 W60 W0, true },
	{ "a word must not run past the end", W20 W2 W40, true },
};

START_TEST(reads)
{
	uint8_t raw[512], *exact;	/* memory of that length, so that the sanitizer sees a read past its end */
	size_t n = unhex(rows[_i].hex, raw);
	struct span data = { exact = malloc(n), n }, list[3] = { [2] = SPAN_LIT("untouched") };
	struct err e = { 0 };
	struct abi_reader r;

	memcpy(exact, raw, n);
	r = abi_read(data, rows[_i].is_list ? 1 : 2);

	if (rows[_i].is_list) {
		abi_list(&r, list, 2, 8);
	} else {
		abi_uint(&r, 64);
		abi_bytes(&r, 8);
	}

	int rc = abi_end(&r, &e);

	ck_assert_int_eq(rc, rows[_i].rule ? ERR_FORMAT : ERR_OK);
	if (rows[_i].rule)
		ck_assert_msg(strstr(e.msg, rows[_i].rule) != NULL, "%s, not: %s", rows[_i].rule, e.msg);
	ck_assert(span_is(list[2], "untouched"));	/* only two were asked for */
	free(exact);
}
END_TEST

START_TEST(reads_values)
{
	uint8_t raw[512];
	struct span data = { raw, unhex(W1 W0 FF W80 W3 ABC, raw) };
	struct abi_reader r = abi_read(data, 4);

	ck_assert(abi_bool(&r));
	ck_assert_uint_eq(abi_addr(&r).b[19], 0);
	ck_assert_uint_eq(abi_word(&r).b[0], 0xff);
	ck_assert(span_is(abi_bytes(&r, 3), "abc"));
	ck_assert_int_eq(abi_end(&r, NULL), ERR_OK);
	r = abi_read(data, 4);
	abi_word(&r);
	ck_assert_int_eq(abi_end(&r, NULL), ERR_FORMAT);	/* head words left */
	data = SPAN(raw, unhex(W2, raw));
	r = abi_read(data, 1);
	abi_bool(&r);
	ck_assert_int_eq(abi_end(&r, NULL), ERR_FORMAT);	/* a bool is 0 or 1 */
	data = SPAN(raw, unhex(FF, raw));
	r = abi_read(data, 1);
	abi_addr(&r);
	ck_assert_int_eq(abi_end(&r, NULL), ERR_FORMAT);	/* an address has 20 bytes */
	r = abi_read(data, 0);
	ck_assert_uint_eq(abi_word(&r).b[0], 0);
	ck_assert_int_eq(abi_end(&r, NULL), ERR_FORMAT);	/* no more head words */
}
END_TEST

/* After a failure every getter gives zeros, and the first rule that was broken is the one that is named. */
START_TEST(reads_nothing_after_a_failure)
{
	uint8_t raw[512];
	struct span data = { raw, unhex(W2 FF W60 W3 ABC, raw) }, list[2] = { SPAN_LIT("x") };
	struct abi_reader r = abi_read(data, 3);
	struct err e = { 0 };
	struct addr20 a, none = { { 0 } };

	ck_assert(!abi_bool(&r));
	a = abi_addr(&r);
	ck_assert(addr20_eq(&a, &none));
	ck_assert_uint_eq(abi_bytes(&r, 8).n, 0);
	ck_assert_uint_eq(abi_list(&r, list, 2, 8), 0);
	ck_assert_int_eq(abi_end(&r, &e), ERR_FORMAT);
	ck_assert_str_eq(e.msg, "ABI: a bool is 0 or 1");
	r = abi_read(SPAN(raw + 32, 32), 1);
	a = abi_addr(&r);
	ck_assert(addr20_eq(&a, &none));
	r = abi_read(SPAN(raw + 32, 32), 1);
	ck_assert_uint_eq(abi_uint(&r, 64), 0);
}
END_TEST

/* Each type up to its last bit, and one more. */
START_TEST(reads_within_types)
{
	uint8_t raw[32] = { 0 };
	struct abi_reader r;

	for (unsigned bits = 8; bits <= 64; bits += 8) {
		memset(raw, 0, sizeof raw);
		memset(raw + 32 - bits / 8, 0xff, bits / 8);
		r = abi_read(SPAN_OF(raw), 1);
		ck_assert_uint_eq(abi_uint(&r, bits), UINT64_MAX >> (64 - bits));
		ck_assert_int_eq(abi_end(&r, NULL), ERR_OK);
		raw[31 - bits / 8] = 1;
		r = abi_read(SPAN_OF(raw), 1);
		ck_assert_uint_eq(abi_uint(&r, bits), 0);
		ck_assert_int_eq(abi_end(&r, NULL), ERR_FORMAT);
	}
	memset(raw, 0, sizeof raw);
	raw[12] = 0xab;
	raw[31] = 0xcd;
	r = abi_read(SPAN_OF(raw), 1);
	ck_assert(abi_addr(&r).b[0] == 0xab);
	r = abi_read(SPAN_OF(raw), 1);
	ck_assert(abi_addr(&r).b[19] == 0xcd);
	ck_assert_int_eq(abi_end(&r, NULL), ERR_OK);
	raw[11] = 1;
	r = abi_read(SPAN_OF(raw), 1);
	ck_assert(abi_addr(&r).b[19] == 0);
	ck_assert_int_eq(abi_end(&r, NULL), ERR_FORMAT);
}
END_TEST

/* Each head word has to be read, also when there is nothing behind them. */
START_TEST(reads_the_whole_head)
{
	uint8_t raw[64];
	struct abi_reader r = abi_read(SPAN(raw, unhex(W1 W2, raw)), 2);
	struct err e = { 0 };

	ck_assert_uint_eq(abi_uint(&r, 64), 1);
	ck_assert_int_eq(abi_end(&r, &e), ERR_FORMAT);
	ck_assert_str_eq(e.msg, "ABI: there are head words left");
	ck_assert_uint_eq(abi_uint(&r, 8), 2);
	ck_assert_int_eq(abi_end(&r, NULL), ERR_OK);
}
END_TEST

/* Known selectors, made by other tools: transfer, and the example of the ABI specification. */
START_TEST(writes)
{
	uint8_t want[512];
	struct addr20 to = { { 0 } };
	struct buf b = BUF_INIT(1024);
	struct span parts[2] = { SPAN_LIT("abc"), SPAN(NULL, 0) };

	to.b[19] = 1;
	abi_call(&b, "transfer(address,uint256)", (struct abi_arg[]){ ABI_ADDR(&to), ABI_UINT(2) }, 2);
	ck_assert(span_eq(buf_span(&b), SPAN(want, unhex("a9059cbb" W1 W2, want))));
	buf_reset(&b);
	abi_encode(&b, (struct abi_arg[]){ ABI_BYTES(SPAN_LIT("abc")), ABI_BOOL(true), ABI_LIST(parts, 2) }, 3);
	ck_assert(span_eq(buf_span(&b), SPAN(want, unhex(W60 W1
		"00000000000000000000000000000000000000000000000000000000000000a0" W3 ABC W2 W40 W80 W3 ABC W0, want))));
	ck_assert_int_eq(buf_ok(&b, NULL), ERR_OK);
	buf_free(&b);
}
END_TEST

START_TEST(topics)
{
	struct hash32 t = { { 0 } };
	struct addr20 a;
	uint64_t v;

	t.b[31] = 9;
	ck_assert_int_eq(abi_topic_u64(&t, &v, NULL), ERR_OK);
	ck_assert_uint_eq(v, 9);
	ck_assert_int_eq(abi_topic_addr(&t, &a, NULL), ERR_OK);
	t.b[23] = 1;
	ck_assert_int_eq(abi_topic_u64(&t, &v, NULL), ERR_FORMAT);
	t.b[11] = 1;
	ck_assert_int_eq(abi_topic_addr(&t, &a, NULL), ERR_FORMAT);
}
END_TEST

/* --- transactions and addresses --- */

/* The four addresses of EIP-55's own examples. */
static const char *const eip55[] = {
	"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
	"0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
};

START_TEST(addresses)
{
	char text[ADDR_TEXT_MAX], wrong[ADDR_TEXT_MAX];
	struct addr20 a;

	ck_assert_int_eq(addr_read(span_str(eip55[_i]), &a, NULL), ERR_OK);
	ck_assert_str_eq(addr_text(&a, text), eip55[_i]);
	strcpy(wrong, text);
	for (char *p = wrong + 2; *p; p++)
		if (*p >= 'a' && *p <= 'f') {
			*p = (char)(*p - 32);
			break;
		}
	ck_assert_int_eq(addr_read(span_str(wrong), &a, NULL), ERR_FORMAT);
	for (char *p = wrong + 2; *p; p++)
		*p = (char)(*p >= 'A' && *p <= 'F' ? *p + 32 : *p);
	ck_assert_int_eq(addr_read(span_str(wrong), &a, NULL), ERR_OK);
	ck_assert_int_eq(addr_read(SPAN(wrong, 41), &a, NULL), ERR_FORMAT);
}
END_TEST

/* Accounts of the mnemonic "test test … junk", which every Ethereum developer has seen. */
static const char *const first_account = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

START_TEST(address_of_key)
{
	uint8_t key[64];
	char text[ADDR_TEXT_MAX];
	struct addr20 a;

	unhex("8318535b54105d4a7aae60c08fc45f9687181b4fdfc625bd1a753fa7397fed75"
	      "3547f11ca8696646f2f3acb08e31016afac23e630c5d11f59f61fef57b0d2aa5", key);
	a = ethtx_address(key);
	ck_assert_str_eq(addr_text(&a, text), first_account);
	a = ethtx_created(&a, 0);
	ck_assert_str_eq(addr_text(&a, text), "0x5FbDB2315678afecb367f032d93F642f64180aa3");
	ck_assert_int_eq(addr_read(span_str(first_account), &a, NULL), ERR_OK);
	a = ethtx_created(&a, 1);
	ck_assert_str_eq(addr_text(&a, text), "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512");
}
END_TEST

/* A transaction by hand: the parts stand where EIP-1559 says, leading zeros of r are dropped, create has an empty `to`. */
START_TEST(transactions)
{
	struct addr20 to = { { 0x11, 0x22 } };
	struct ethtx t = { .chain_id = 31337, .nonce = 7, .tip = 1, .max_fee = 0x77359400, .gas = 21000, .to = &to,
			   .value = 0, .data = SPAN_LIT("\xab\xcd") };
	struct ethtx_signature sig = { .y_parity = 1, .r = { 0 }, .s = { 0 } };
	struct buf b = BUF_INIT(1024);
	uint8_t want[256];
	struct hash32 digest, again;

	memset(sig.r + 1, 0xaa, 31);
	memset(sig.s, 0x55, 32);
	ck_assert_int_eq(ethtx_raw(&t, &sig, &b, NULL), ERR_OK);
	ck_assert(span_eq(buf_span(&b), SPAN(want, unhex("02f869" "827a69" "07" "01" "8477359400" "825208"
		"941122000000000000000000000000000000000000" "80" "82abcd" "c0" "01"
		"9faaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"a05555555555555555555555555555555555555555555555555555555555555555", want))));
	ck_assert_int_eq(ethtx_digest(&t, &digest, NULL), ERR_OK);
	again = keccak256(SPAN(want, unhex("02e7" "827a69" "07" "01" "8477359400" "825208"
		"941122000000000000000000000000000000000000" "80" "82abcd" "c0", want)));
	ck_assert(hash32_eq(&digest, &again));
	buf_reset(&b);
	t.to = NULL;
	ck_assert_int_eq(ethtx_raw(&t, &sig, &b, NULL), ERR_OK);
	ck_assert_uint_eq(b.p[16], 0x80);
	buf_free(&b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("abi");
	TCase *a = tcase_create("abi"), *t = tcase_create("ethtx");

	tcase_add_loop_test(a, reads, 0, sizeof rows / sizeof rows[0]);
	tcase_add_test(a, reads_values);
	tcase_add_test(a, reads_nothing_after_a_failure);
	tcase_add_test(a, reads_the_whole_head);
	tcase_add_test(a, reads_within_types);
	tcase_add_test(a, writes);
	tcase_add_test(a, topics);
	tcase_add_loop_test(t, addresses, 0, 4);
	tcase_add_test(t, address_of_key);
	tcase_add_test(t, transactions);
	suite_add_tcase(s, a);
	suite_add_tcase(s, t);

	SRunner *run = srunner_create(s);

	srunner_run_all(run, CK_NORMAL);

	int failed = srunner_ntests_failed(run);

	srunner_free(run);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
