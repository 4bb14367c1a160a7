/* test_ethereum.c: keccak, RLP, tries and headers against other people's vectors, and our own tables of what must be refused. */
#include "base/hex.h"
#include "base/limits.h"
#include "formats/header.h"
#include "formats/keccak.h"
#include "formats/rlp.h"
#include "formats/trie.h"
#include "support/trie_build.h"

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/* Digits, with or without 0x, to bytes. Returns how many. */
static size_t unhex(const char *text, uint8_t *out, size_t cap)
{
	struct err e = { 0 };
	size_t n;

	if (text[0] == '0' && text[1] == 'x')
		text += 2;
	n = strlen(text) / 2;
	ck_assert_uint_le(n, cap);
	ck_assert_msg(hex_read(span_str(text), out, n, &e) == ERR_OK, "%s", e.msg);
	return n;
}

static json_t *load(const char *name)
{
	const char *dir = getenv("VECTORS");
	char path[512];
	json_error_t why;

	snprintf(path, sizeof path, "%s/ethereum/%s", dir ? dir : VECTORS_DIR, name);

	json_t *j = json_load_file(path, JSON_ALLOW_NUL, &why);

	ck_assert_msg(j != NULL, "%s: %s", path, why.text);
	return j;
}

/* --- keccak --- */

static const struct { const char *what; size_t n; uint8_t fill; const char *hash; } keccaks[] = {
	{ "nothing", 0, 0, "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470" },
	{ "one below the rate", 135, 'a', "34367dc248bbd832f4e3e69dfaac2f92638bd0bbd18f2912ba4ef454919cf446" },
	{ "the rate", 136, 'a', "a6c4d403279fe3e0af03729caada8374b5ca54d8065329a3ebcaeb4b60aa386e" },
	{ "one above the rate", 137, 'a', "d869f639c7046b4929fc92a4d988a8b22c55fbadb802c0c66ebcd484f1915f39" },
};

START_TEST(keccak_known)
{
	uint8_t in[300], want[32];
	struct hash32 got;

	memset(in, keccaks[_i].fill, sizeof in);
	unhex(keccaks[_i].hash, want, sizeof want);
	got = keccak256(SPAN(in, keccaks[_i].n));
	ck_assert_msg(memcmp(got.b, want, 32) == 0, "%s", keccaks[_i].what);
}
END_TEST

START_TEST(keccak_streams)
{
	uint8_t in[500];

	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * 7);
	for (size_t cut = 0; cut <= sizeof in; cut += 13) {
		struct hash32 whole = keccak256(SPAN(in, sizeof in)), parts;
		struct keccak k;

		keccak_init(&k);
		keccak_add(&k, SPAN(in, cut));
		keccak_add(&k, SPAN(in + cut, sizeof in - cut));
		keccak_end(&k, &parts);
		ck_assert(hash32_eq(&whole, &parts));
	}
}
END_TEST

/* --- RLP --- */

static void put_big(struct buf *b, const char *decimal)
{
	uint8_t be[40] = { 0 };

	for (; *decimal; decimal++) {
		unsigned carry = (unsigned)(*decimal - '0');

		for (size_t i = sizeof be; i-- > 0; carry >>= 8) {
			carry += be[i] * 10u;
			be[i] = (uint8_t)carry;
		}
	}
	rlp_put_uint(b, SPAN(be, sizeof be));
}

static void put_json(struct buf *b, const json_t *j)
{
	const char *s = json_string_value(j);

	if (json_is_integer(j)) {
		rlp_put_u64(b, (uint64_t)json_integer_value(j));
	} else if (s && s[0] == '#') {
		put_big(b, s + 1);
	} else if (s) {
		rlp_put_bytes(b, SPAN(s, json_string_length(j)));
	} else {
		struct buf items = BUF_INIT(1 << 20);
		size_t i;
		json_t *v;

		json_array_foreach(j, i, v)
			put_json(&items, v);
		rlp_put_list(b, buf_span(&items));
		buf_free(&items);
	}
}

START_TEST(rlp_vectors)
{
	json_t *all = load("rlp/rlptest.json"), *row;
	const char *name;
	unsigned n = 0;

	json_object_foreach(all, name, row) {
		struct buf b = BUF_INIT(1 << 20);
		uint8_t want[8192];
		size_t len = unhex(json_string_value(json_object_get(row, "out")), want, sizeof want);
		struct rlp_item item;

		put_json(&b, json_object_get(row, "in"));
		ck_assert_msg(span_eq(buf_span(&b), SPAN(want, len)), "%s", name);
		ck_assert_msg(rlp_only(SPAN(want, len), &item, NULL) == ERR_OK, "%s", name);
		ck_assert_msg(rlp_check(SPAN(want, len), 8, NULL) == ERR_OK, "%s", name);
		buf_free(&b);
		n++;
	}
	ck_assert_uint_ge(n, 28);
	json_decref(all);
}
END_TEST

START_TEST(rlp_invalid_vectors)
{
	json_t *all = load("rlp/invalidRLPTest.json"), *row;
	const char *name;
	unsigned n = 0;

	json_object_foreach(all, name, row) {
		uint8_t raw[8192];
		size_t len = unhex(json_string_value(json_object_get(row, "out")), raw, sizeof raw);
		struct rlp_item item;
		bool is_good = rlp_only(SPAN(raw, len), &item, NULL) == ERR_OK && rlp_check(SPAN(raw, len), 8, NULL) == ERR_OK;

		ck_assert_msg(!is_good, "%s", name);
		n++;
	}
	ck_assert_uint_ge(n, 26);
	json_decref(all);
}
END_TEST

static const struct { const char *rule, *hex; } bad_rlp[] = {
	{ "an item is missing", "" },
	{ "an item must not run past the end", "83aabb" },
	{ "an item must not run past the end", "c3aabb" },
	{ "an item must not run past the end", "b838aa" },
	{ "an item must not run past the end", "bfffffffffffffffff" },
	{ "one byte below 0x80 stands for itself", "8105" },
	{ "a length has no leading zero", "b9003800" },
	{ "a length must not run past the end", "b901" },
	{ "a length up to 55 has the short form", "b801ff" },
	{ "a length up to 55 has the short form", "f80180" },
	{ "nothing may follow the item", "8000" },
};

START_TEST(rlp_refuses)
{
	uint8_t raw[64];
	struct span in = { raw, unhex(bad_rlp[_i].hex, raw, sizeof raw) };
	struct rlp_item item = { .kind = RLP_LIST }, before = item;
	struct err e = { 0 };

	ck_assert_int_eq(rlp_only(in, &item, &e), ERR_FORMAT);
	ck_assert_msg(strstr(e.msg, bad_rlp[_i].rule) != NULL, "%s, not: %s", bad_rlp[_i].rule, e.msg);
	ck_assert_mem_eq(&item, &before, sizeof item);
}
END_TEST

/* The edges of long forms: 55 bytes are short, and the last byte of 56 has to be there. */
START_TEST(rlp_long_forms)
{
	uint8_t raw[2 + 56] = { 0xb8, 55 };
	struct rlp_item item;
	struct err e = { 0 };

	for (unsigned kind = 0; kind < 2; kind++) {
		raw[0] = kind ? 0xf8 : 0xb8;
		raw[1] = 55;
		ck_assert_int_eq(rlp_only(SPAN(raw, 2 + 55), &item, &e), ERR_FORMAT);
		ck_assert_str_eq(e.msg, "RLP: a length up to 55 has the short form");
		raw[1] = 56;
		ck_assert_int_eq(rlp_only(SPAN(raw, 2 + 56), &item, NULL), ERR_OK);
		ck_assert_uint_eq(item.body.n, 56);
		for (size_t less = 1; less < 3; less++) {
			ck_assert_int_eq(rlp_only(SPAN(raw, 2 + 56 - less), &item, &e), ERR_FORMAT);
			ck_assert_str_eq(e.msg, "RLP: an item must not run past the end");
		}
	}
}
END_TEST

START_TEST(rlp_numbers)
{
	static const struct { const char *hex; int rc; uint64_t v; } rows[] = {
		{ "80", ERR_OK, 0 }, { "01", ERR_OK, 1 }, { "820400", ERR_OK, 1024 },
		{ "88ffffffffffffffff", ERR_OK, UINT64_MAX }, { "00", ERR_FORMAT, 7 }, { "820001", ERR_FORMAT, 7 },
		{ "89010000000000000000", ERR_FORMAT, 7 }, { "c0", ERR_FORMAT, 7 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t raw[16];
		struct rlp_item item;
		uint64_t v = 7;
		size_t n = unhex(rows[i].hex, raw, sizeof raw);

		ck_assert_int_eq(rlp_only(SPAN(raw, n), &item, NULL), ERR_OK);
		ck_assert_int_eq(rlp_u64(&item, &v, NULL), rows[i].rc);
		ck_assert_uint_eq(v, rows[i].v);
	}
}
END_TEST

START_TEST(rlp_depth_and_count)
{
	uint8_t deep[] = { 0xc3, 0xc2, 0xc1, 0xc0 }, three[] = { 1, 2, 3 };
	struct rlp_item items[3];

	ck_assert_int_eq(rlp_check(SPAN_OF(deep), 4, NULL), ERR_OK);
	ck_assert_int_eq(rlp_check(SPAN_OF(deep), 3, NULL), ERR_LIMIT);
	ck_assert_int_eq(rlp_items(SPAN_OF(three), items, 3, NULL), ERR_OK);
	ck_assert_int_eq(rlp_items(SPAN_OF(three), items, 2, NULL), ERR_FORMAT);
}
END_TEST

/* --- tries --- */

#define ITEMS 512

struct table {
	struct trie_build_item items[ITEMS];
	size_t n;
	bool is_hashed;
};

/* A vector's text as bytes: hex when it begins with 0x. */
static struct span bytes_of(const char *text)
{
	size_t n = strlen(text);
	uint8_t *p = malloc(n + 1);

	if (n > 2 && text[0] == '0' && text[1] == 'x')
		n = unhex(text, p, n);
	else
		memcpy(p, text, n);
	return SPAN(p, n);
}

static void set(struct table *t, const char *key_text, const json_t *value)
{
	struct span key = bytes_of(key_text);

	if (t->is_hashed) {
		struct hash32 h = keccak256(key);

		free((void *)key.p);
		key = SPAN(memcpy(malloc(32), h.b, 32), 32);
	}
	for (size_t i = 0; i < t->n; i++)
		if (span_eq(t->items[i].key, key)) {
			free((void *)t->items[i].key.p);
			free((void *)t->items[i].value.p);
			t->items[i] = t->items[--t->n];
		}
	if (json_is_string(value))
		t->items[t->n++] = (struct trie_build_item){ key, bytes_of(json_string_value(value)) };
	else
		free((void *)key.p);
}

static void fill(struct table *t, const json_t *in)
{
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_object(in))
		json_object_foreach((json_t *)in, key, value)
			set(t, key, value);
	else
		json_array_foreach(in, i, value)
			set(t, json_string_value(json_array_get(value, 0)), json_array_get(value, 1));
}

/* Proves the key, then shows that each way of spoiling the proof is refused. */
static void prove(struct table *t, struct span key, struct span want, const char *what)
{
	struct trie_build_proof p;
	struct hash32 root = trie_build(t->items, t->n, key, &p);
	struct span got = SPAN("?", 1), extra[TRIE_BUILD_NODES + 1];
	struct err e = { 0 };

	ck_assert_msg(trie_get(&root, key, p.node, p.n, &got, &e) == ERR_OK, "%s: %s", what, e.msg);
	ck_assert_msg(span_eq(got, want), "%s: value", what);
	if (p.n) {
		ck_assert_int_eq(trie_get(&root, key, p.node, p.n - 1, &got, &e), ERR_PROOF);
		memcpy(extra, p.node, p.n * sizeof extra[0]);
		extra[p.n] = p.node[0];
		ck_assert_int_eq(trie_get(&root, key, extra, p.n + 1, &got, &e), ERR_PROOF);
		ck_assert_str_eq(e.msg, "proof: there are nodes that prove nothing");
		for (size_t i = 0; i < p.n; i++) {
			p.buf[i].p[p.buf[i].n - 1] ^= 1;
			ck_assert_int_ne(trie_get(&root, key, p.node, p.n, &got, NULL), ERR_OK);
			p.buf[i].p[p.buf[i].n - 1] ^= 1;
		}
	}
	trie_build_free(&p);
}

static void check_table(struct table *t, const char *root_text, const char *what)
{
	uint8_t want[32];
	struct hash32 root = trie_build(t->items, t->n, SPAN(NULL, 0), NULL);

	unhex(root_text, want, sizeof want);
	ck_assert_msg(memcmp(root.b, want, 32) == 0, "%s: root", what);
	for (size_t i = 0; i < t->n; i++) {
		struct span key = SPAN(memcpy(malloc(t->items[i].key.n + 1), t->items[i].key.p, t->items[i].key.n),
				       t->items[i].key.n), value = t->items[i].value;

		prove(t, key, value, what);
		if (t->is_hashed) {			/* a neighbour that is not there, at every nibble */
			for (size_t b = 0; b < key.n; b++) {
				((uint8_t *)key.p)[b] ^= 0x11;
				prove(t, key, SPAN(NULL, 0), what);
				((uint8_t *)key.p)[b] ^= 0x11;
			}
		}
		free((void *)key.p);
	}
}

static const struct { const char *file; bool is_hashed; unsigned least; } tries[] = {
	{ "trie/trietest.json", false, 4 },
	{ "trie/trieanyorder.json", false, 7 },
	{ "trie/trietest_secureTrie.json", true, 3 },
	{ "trie/trieanyorder_secureTrie.json", true, 7 },
	{ "trie/hex_encoded_securetrie_test.json", true, 3 },
};

START_TEST(trie_vectors)
{
	json_t *all = load(tries[_i].file), *row;
	const char *name;
	unsigned n = 0;

	json_object_foreach(all, name, row) {
		struct table t = { .is_hashed = tries[_i].is_hashed };

		fill(&t, json_object_get(row, "in"));
		check_table(&t, json_string_value(json_object_get(row, "root")), name);
		for (size_t i = 0; i < t.n; i++) {
			free((void *)t.items[i].key.p);
			free((void *)t.items[i].value.p);
		}
		n++;
	}
	ck_assert_uint_ge(n, tries[_i].least);
	json_decref(all);
}
END_TEST

/* The keys on either side of a missing one are in the trie, the missing one is proven absent. */
START_TEST(trie_next_prev)
{
	json_t *all = load("trie/trietestnextprev.json"), *row = json_object_get(all, "basic"), *in, *v;
	struct table t = { .n = 0 };
	size_t i;

	in = json_object_get(row, "in");
	json_array_foreach(in, i, v)
		set(&t, json_string_value(v), v);
	json_array_foreach(json_object_get(row, "tests"), i, v) {
		const char *key = json_string_value(json_array_get(v, 0));
		bool is_there = false;

		for (size_t k = 0; k < json_array_size(in); k++)
			is_there |= strcmp(key, json_string_value(json_array_get(in, k))) == 0;
		prove(&t, span_str(key), is_there ? span_str(key) : SPAN(NULL, 0), key);
	}
	for (i = 0; i < t.n; i++) {
		free((void *)t.items[i].key.p);
		free((void *)t.items[i].value.p);
	}
	json_decref(all);
}
END_TEST

/* One-node tries whose hash is right and whose node is not a node: RLP by hand, key 0x12. */
static const struct { const char *rule, *node; } bad_nodes[] = {
	{ "a node is a list", "83aabbcc" },
	{ "a path has the hex-prefix form", "c28005" },
	{ "a path has the hex-prefix form", "c24005" },
	{ "a path's padding is zero", "c482211205" },
	{ "a leaf's value is a string that is not empty", "c482201280" },
	{ "a leaf's value is a string that is not empty", "c4822012c0" },
	{ "an extension's path is not empty", "e200a0aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	{ "an extension leads to a node", "c31181aa" },
	{ "the list has more than 17 items", "d28080808080808080808080808080808080" "80" },
	{ "an item is missing", "c3808080" },
	{ "a reference is a hash or a node", "d280" "81aa" "808080808080808080808080808080" },
	{ "a node of 32 bytes or more is named by its hash",
	  "e2" "11" "e0" "32" "9e" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	{ "a node of 32 bytes or more is named by its hash",
	  "e1" "11" "df" "32" "9d" "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	{ "a branch's value is a string", "d1" "80808080808080808080808080808080" "c0" },
	{ "a path has the hex-prefix form", "c2c005" },
	{ "an extension leads to a node", "c21180" },
	{ "an item is missing", "c0" },
	{ "a path has the hex-prefix form", "c4" "c22012" "05" },
	{ "a leaf's value is a string that is not empty", "c5822012c105" },
	{ "an item is missing", "d1" "80c0" "808080808080808080808080808080" },
};

START_TEST(trie_refuses_nodes)
{
	uint8_t raw[64], key = 0x12;
	struct span node = { raw, unhex(bad_nodes[_i].node, raw, sizeof raw) }, value;
	struct hash32 root = keccak256(node);
	struct err e = { 0 };

	ck_assert_int_ne(trie_get(&root, SPAN(&key, 1), &node, 1, &value, &e), ERR_OK);
	ck_assert_msg(strstr(e.msg, bad_nodes[_i].rule) != NULL, "%s, not: %s", bad_nodes[_i].rule, e.msg);
}
END_TEST

START_TEST(trie_limits)
{
	static uint8_t big[PROOF_NODE_MAX + 1];
	struct span nodes[PROOF_NODES_MAX + 1] = { SPAN(big, sizeof big) }, value;
	struct hash32 root = keccak256(nodes[0]);
	struct err e = { 0 };
	uint8_t key[33] = { 0 };

	ck_assert_int_eq(trie_get(&root, SPAN(key, 32), nodes, 1, &value, &e), ERR_LIMIT);
	nodes[0].n = PROOF_NODE_MAX;
	root = keccak256(nodes[0]);
	ck_assert_int_eq(trie_get(&root, SPAN(key, 32), nodes, 1, &value, &e), ERR_FORMAT);	/* zeros are no node */
	for (size_t i = 0; i <= PROOF_NODES_MAX; i++)
		nodes[i] = SPAN_LIT("\x80");
	root = trie_empty_root;
	ck_assert_int_eq(trie_get(&root, SPAN(key, 32), nodes, PROOF_NODES_MAX, &value, &e), ERR_PROOF);
	ck_assert_int_eq(trie_get(&root, SPAN(key, 32), nodes, PROOF_NODES_MAX + 1, &value, &e), ERR_LIMIT);
	ck_assert_int_eq(trie_get(&root, SPAN(key, 33), nodes, 1, &value, &e), ERR_LIMIT);
}
END_TEST

START_TEST(trie_empty)
{
	struct hash32 empty = keccak256(SPAN("\x80", 1)), out = { { 1 } }, slot = { { 0 } };
	struct span node = SPAN("\x80", 1);
	struct trie_account a = { .exists = true };
	struct addr20 who = { { 1 } };

	ck_assert(hash32_eq(&empty, &trie_empty_root));
	ck_assert_int_eq(trie_word(&empty, &slot, NULL, 0, &out, NULL), ERR_OK);
	ck_assert(hash32_is_zero(&out));
	ck_assert_int_eq(trie_word(&empty, &slot, &node, 1, &out, NULL), ERR_OK);
	ck_assert_int_eq(trie_account(&empty, &who, NULL, 0, &a, NULL), ERR_OK);
	ck_assert(!a.exists);
	empty.b[0] ^= 1;
	ck_assert_int_eq(trie_word(&empty, &slot, NULL, 0, &out, NULL), ERR_PROOF);
}
END_TEST

/* A key that leaves an extension's path on the way is absent, wherever it leaves it. */
START_TEST(trie_extension)
{
	struct table t = { .n = 0 };
	uint8_t a[] = { 0x12, 0x34, 0x50 }, b[] = { 0x12, 0x34, 0x60 };

	t.items[t.n++] = (struct trie_build_item){ SPAN_OF(a), SPAN_LIT("a value that is long enough for a hash") };
	t.items[t.n++] = (struct trie_build_item){ SPAN_OF(b), SPAN_LIT("and another one of about that length") };
	prove(&t, SPAN("\x12\x34\x50", 3), SPAN_LIT("a value that is long enough for a hash"), "in it");
	prove(&t, SPAN("\x22\x34\x50", 3), SPAN(NULL, 0), "first nibble");
	prove(&t, SPAN("\x12\x44\x50", 3), SPAN(NULL, 0), "third nibble");
	prove(&t, SPAN("\x12\x35\x50", 3), SPAN(NULL, 0), "last nibble");
	prove(&t, SPAN("\x12\x34\x70", 3), SPAN(NULL, 0), "behind it");
	prove(&t, SPAN("\x12", 1), SPAN(NULL, 0), "ends in it");
	prove(&t, SPAN(a, 1), SPAN(NULL, 0), "what stands behind the key in memory is no part of it");
}
END_TEST

/* Only a whole trie can be empty: a branch that leads to an empty one is no branch. */
START_TEST(trie_empty_child)
{
	uint8_t branch[1 + 1 + 33 + 15] = { 0xf1, 0x80, 0xa0 }, key = 0x12;
	struct span nodes[2] = { SPAN_OF(branch), SPAN_LIT("\x80") }, value;
	struct hash32 root;
	struct err e = { 0 };

	memcpy(branch + 3, trie_empty_root.b, 32);
	memset(branch + 35, 0x80, 15);
	root = keccak256(nodes[0]);
	ck_assert_int_eq(trie_get(&root, SPAN(&key, 1), nodes, 2, &value, &e), ERR_PROOF);
	ck_assert_str_eq(e.msg, "proof: a node is a list");
}
END_TEST

/* Accounts by hand: [nonce, balance, storage root, code hash]. */
#define ROOT32 "a0" "1111111111111111111111111111111111111111111111111111111111111111"
static const struct { const char *rule, *value; } bad_accounts[] = {
	{ NULL, "f844" "01" "80" ROOT32 ROOT32 },
	{ "roots and hashes have 32 bytes", "f843" "01" "80" "9f" "11111111111111111111111111111111111111111111111111111111111111" ROOT32 },
	{ "roots and hashes have 32 bytes", "e4" "01" "80" ROOT32 "80" },
	{ "roots and hashes have 32 bytes", "f844" "01" "80" ROOT32 "e0" "1111111111111111111111111111111111111111111111111111111111111111" },
	{ "an item is missing", "e3" "01" "80" ROOT32 },
	{ "more than 4 items", "f845" "01" "80" ROOT32 ROOT32 "80" },
	{ "it is a list of four", "820101" },
	{ "a number has no leading zero", "f844" "00" "80" ROOT32 ROOT32 },
};

START_TEST(account_refuses)
{
	uint8_t raw[128];
	struct addr20 who = { { 7 } };
	struct hash32 key = keccak256(SPAN_OF(who)), root;
	struct trie_build_item item = { SPAN_OF(key), { raw, unhex(bad_accounts[_i].value, raw, sizeof raw) } };
	struct trie_account a;
	struct trie_build_proof p;
	struct err e = { 0 };

	root = trie_build(&item, 1, SPAN_OF(key), &p);
	ck_assert_int_eq(trie_account(&root, &who, p.node, p.n, &a, &e) == ERR_OK, bad_accounts[_i].rule == NULL);
	if (bad_accounts[_i].rule)
		ck_assert_msg(strstr(e.msg, bad_accounts[_i].rule) != NULL, "%s, not: %s", bad_accounts[_i].rule, e.msg);
	else
		ck_assert(a.exists && a.nonce == 1 && a.code_hash.b[31] == 0x11);
	trie_build_free(&p);
}
END_TEST

/* Storage words: what may stand in a leaf. */
static const struct { const char *rule, *value; } bad_words[] = {
	{ "without leading zeros", "820011" },
	{ "at most 32 bytes", "a1" "0101010101010101010101010101010101010101010101010101010101010101" "01" },
	{ "a word is a number", "c0" },
	{ "nothing may follow", "0101" },
};

START_TEST(word_refuses)
{
	uint8_t raw[64];
	struct hash32 slot = { { 5 } }, key = keccak256(SPAN_OF(slot)), out, root;
	struct trie_build_item item = { SPAN_OF(key), { raw, unhex(bad_words[_i].value, raw, sizeof raw) } };
	struct trie_build_proof p;
	struct err e = { 0 };

	root = trie_build(&item, 1, SPAN_OF(key), &p);
	ck_assert_int_ne(trie_word(&root, &slot, p.node, p.n, &out, &e), ERR_OK);
	ck_assert_msg(strstr(e.msg, bad_words[_i].rule) != NULL, "%s, not: %s", bad_words[_i].rule, e.msg);
	trie_build_free(&p);
}
END_TEST

/* --- headers --- */

static const char *const header_files[] = {
	"Frontier", "Homestead", "DAO", "TangerineWhistle", "Byzantium", "Istanbul", "London", "Paris", "Shanghai", "Cancun", "Prague",
	"Osaka", "OptimismBedrock", "BaseHolocene", "OptimismJovian",
};

#define FIELDS_MAX 40

static size_t fields_of(json_t *j, struct header_field *out)
{
	const char *name;
	json_t *v;
	size_t n = 0;

	json_object_foreach(j, name, v) {
		const char *s = json_string_value(v);

		out[n++] = (struct header_field){ span_str(name), s ? span_str(s) : SPAN(NULL, 0) };
	}
	return n;
}

static json_t *load_header(const char *fork)
{
	char name[64];

	snprintf(name, sizeof name, "headers/%s.json", fork);
	return load(name);
}

START_TEST(header_vectors)
{
	json_t *j = load_header(header_files[_i]);
	struct header_field f[FIELDS_MAX];
	size_t n = fields_of(j, f);
	struct header h, again;
	struct err e = { 0 };
	struct buf rlp = BUF_INIT(4096);
	uint8_t want[32];

	unhex(json_string_value(json_object_get(j, "stateRoot")), want, 32);
	ck_assert_msg(header_read(f, n, &h, &e) == ERR_OK, "%s: %s", header_files[_i], e.msg);
	ck_assert_mem_eq(h.state_root.b, want, 32);
	unhex(json_string_value(json_object_get(j, "parentHash")), want, 32);
	ck_assert_mem_eq(h.parent.b, want, 32);
	unhex(json_string_value(json_object_get(j, "receiptsRoot")), want, 32);
	ck_assert_mem_eq(h.receipts_root.b, want, 32);
	ck_assert_uint_eq(h.number, strtoull(json_string_value(json_object_get(j, "number")), NULL, 16));
	ck_assert_uint_eq(h.time, strtoull(json_string_value(json_object_get(j, "timestamp")), NULL, 16));
	ck_assert_int_eq(header_encode(f, n, &rlp, &e), ERR_OK);
	ck_assert_int_eq(header_decode(buf_span(&rlp), &again, &e), ERR_OK);
	ck_assert_mem_eq(&h, &again, sizeof h);
	buf_free(&rlp);
	json_decref(j);
}
END_TEST

/* Every covered field of every vector: change it and the hash does not fit. */
START_TEST(header_covers_each_field)
{
	json_t *j = load_header(header_files[_i]);
	struct header_field f[FIELDS_MAX];
	size_t n = fields_of(j, f);

	for (size_t i = 0; i < n; i++) {
		char text[1024];
		struct header h;
		struct span was = f[i].value;

		if (was.n < 3 || span_is(f[i].name, "size") || span_is(f[i].name, "totalDifficulty"))
			continue;
		memcpy(text, was.p, was.n);
		text[was.n - 1] = (char)(text[was.n - 1] == '0' ? '1' : '0');
		if (was.n == 3 && text[2] == '0')
			text[2] = '2';
		f[i].value = SPAN(text, was.n);
		ck_assert_int_eq(header_read(f, n, &h, NULL), ERR_PROOF);
		f[i].value = was;
	}
	json_decref(j);
}
END_TEST

/* Edits of the Shanghai header, and the answer to each. NULL takes the field away. */
static const struct { const char *rule, *field, *value; int rc; } edits[] = {
	{ "stateRoot is missing", "stateRoot", NULL, ERR_FORMAT },
	{ "hash has 32 bytes", "hash", NULL, ERR_FORMAT },
	{ "baseFeePerGas is missing", "baseFeePerGas", NULL, ERR_FORMAT },
	{ "excessBlobGas is missing, a field of Cancun", "blobGasUsed", "0x0", ERR_FORMAT },
	{ "blobGasUsed is missing", "requestsHash", "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347", ERR_FORMAT },
	{ "number has no leading zero", "number", "0x01", ERR_FORMAT },
	{ "number has no leading zero", "number", "0x", ERR_FORMAT },
	{ "number begins with 0x", "number", "17034870", ERR_FORMAT },
	{ "number begins with 0x", "number", "0X1", ERR_FORMAT },
	{ "number begins with 0x", "number", "1x1", ERR_FORMAT },
	{ "number begins with 0x", "number", "0", ERR_FORMAT },
	{ "number begins with 0x", "number", "", ERR_FORMAT },
	{ "number has at most 8 bytes", "number", "0x10000000000000000", ERR_FORMAT },
	{ "gasUsed", "gasUsed", "0x1g", ERR_FORMAT },
	{ "miner has 20 bytes", "miner", "0x388c818ca8b9251b393131c08a736a67ccb192", ERR_FORMAT },
	{ "extraData has whole bytes", "extraData", "0xabc", ERR_FORMAT },
	{ "a new fork?", "epochRoot", "0x01", ERR_RULE },
};

START_TEST(header_refuses)
{
	json_t *j = load_header("Shanghai");
	struct header_field f[FIELDS_MAX];
	struct header h;
	struct err e = { 0 };

	if (edits[_i].value)
		json_object_set_new(j, edits[_i].field, json_string(edits[_i].value));
	else
		json_object_del(j, edits[_i].field);
	if (edits[_i].rc == ERR_RULE)
		json_object_set_new(j, "gasUsed", json_string("0x1"));
	ck_assert_int_eq(header_read(f, fields_of(j, f), &h, &e), edits[_i].rc);
	ck_assert_msg(strstr(e.msg, edits[_i].rule) != NULL, "%s, not: %s", edits[_i].rule, e.msg);
	json_decref(j);
}
END_TEST

START_TEST(header_twice_and_beside)
{
	json_t *j = load_header("Shanghai");
	struct header_field f[FIELDS_MAX + 3];
	size_t n = fields_of(j, f);
	struct header h;
	struct err e = { 0 };

	f[n] = (struct header_field){ SPAN_LIT("transactions"), SPAN(NULL, 0) };
	f[n + 1] = (struct header_field){ SPAN_LIT("requestsHash"), SPAN(NULL, 0) };
	f[n + 2] = (struct header_field){ SPAN_LIT("futureField"), SPAN_LIT("0x01") };
	ck_assert_msg(header_read(f, n + 3, &h, &e) == ERR_OK, "nulls, and names that the hash does not cover: %s", e.msg);
	f[n] = f[0];
	ck_assert_int_eq(header_read(f, n + 1, &h, &e), ERR_FORMAT);
	ck_assert(strstr(e.msg, "is there twice"));
	json_decref(j);
}
END_TEST

/* RLP with all 23 fields: Amsterdam's two come last, in this order. */
START_TEST(header_later_forks)
{
	static const char *const order[] = { "blobGasUsed", "excessBlobGas", "parentBeaconBlockRoot", "requestsHash",
		"blockAccessListHash", "slotNumber" };
	static const struct { size_t fields; int rc; } forks[] = {
		{ 0, ERR_OK }, { 1, ERR_FORMAT }, { 2, ERR_FORMAT }, { 3, ERR_OK }, { 4, ERR_OK }, { 5, ERR_FORMAT }, { 6, ERR_OK },
	};
	json_t *j = load_header("Shanghai");
	struct header_field f[FIELDS_MAX];

	for (size_t k = 0; k < sizeof forks / sizeof forks[0]; k++) {
		struct buf rlp = BUF_INIT(4096);
		struct header h;

		for (size_t i = 0; i < forks[k].fields; i++)
			json_object_set_new(j, order[i], i < 2 || i == 5 ? json_string("0x7f") :
				json_string("0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347"));
		ck_assert_int_eq(header_encode(f, fields_of(j, f), &rlp, NULL), forks[k].rc);
		if (forks[k].rc == ERR_OK)
			ck_assert_int_eq(header_decode(buf_span(&rlp), &h, NULL), ERR_OK);
		if (forks[k].fields == 6) {
			ck_assert_msg(rlp.p[rlp.n - 1] == 0x7f, "slotNumber is the last field");
			ck_assert_int_eq(rlp.p[rlp.n - 34], 0xa0);
		}
		buf_free(&rlp);
	}
	json_decref(j);
}
END_TEST

/* Each field that may be shorter: as long as it can be, and one byte more. */
static const struct { const char *name; size_t width; } widths[] = {
	{ "difficulty", 32 }, { "number", 8 }, { "gasLimit", 8 }, { "gasUsed", 8 }, { "timestamp", 8 }, { "extraData", 1024 },
	{ "baseFeePerGas", 32 },
};

START_TEST(header_widths)
{
	json_t *j = load_header("Shanghai");
	struct header_field f[FIELDS_MAX];
	char text[2 * 1025 + 3] = "0x";

	memset(text + 2, '7', sizeof text - 3);
	for (size_t more = 0; more < 2; more++) {
		struct buf rlp = BUF_INIT(4096);
		struct err e = { 0 };

		json_object_set_new(j, widths[_i].name, json_stringn(text, 2 + 2 * (widths[_i].width + more)));
		ck_assert_int_eq(header_encode(f, fields_of(j, f), &rlp, &e), more ? ERR_FORMAT : ERR_OK);
		ck_assert_msg(!more || (strstr(e.msg, widths[_i].name) && strstr(e.msg, " has at most ")), "%s", e.msg);
		buf_free(&rlp);
	}
	json_decref(j);
}
END_TEST

/* A value ends where its span ends, whatever stands behind it. */
START_TEST(header_value_ends)
{
	json_t *j = load_header("Shanghai");
	struct header_field f[FIELDS_MAX];
	struct buf rlp = BUF_INIT(4096);
	struct err e = { 0 };
	size_t n = fields_of(j, f), i = 0;

	while (!span_is(f[i].name, "gasUsed"))
		i++;
	f[i].value = SPAN("0x5", 1);
	ck_assert_int_eq(header_encode(f, n, &rlp, &e), ERR_FORMAT);
	ck_assert_str_eq(e.msg, "header: gasUsed begins with 0x");
	buf_free(&rlp);
	json_decref(j);
}
END_TEST

/* RLP of the Shanghai header with some bytes in place of others, its length put right, and what decoding it says. */
static const struct { const char *rule; unsigned field; const char *hex; int rc; } bad_headers[] = {
	{ "parentHash has 32 bytes", 0, "9f11111111111111111111111111111111111111111111111111111111111111", ERR_FORMAT },
	{ "parentHash has 32 bytes", 0, "a1111111111111111111111111111111111111111111111111111111111111111111", ERR_FORMAT },
	{ "miner is not a list", 2, "d4" "1111111111111111111111111111111111111111", ERR_FORMAT },
	{ "number has no leading zero", 8, "820011", ERR_FORMAT },
	{ "number has at most 8 bytes", 8, "89111111111111111111", ERR_FORMAT },
	{ "an item must not run past the end", 16, "a1", ERR_FORMAT },
	{ "withdrawalsRoot is not a list", 16, "c0", ERR_FORMAT },
	{ "a number is there that is long, but not too long", 8, "881111111111111111", ERR_OK },
	{ "a number may be zero", 9, "80", ERR_OK },
};

/* The header's fields as items of a list. */
static size_t items_of(struct span rlp, struct rlp_item *out, size_t max)
{
	struct rlp_item whole;
	struct span rest;
	size_t n = 0;

	ck_assert_int_eq(rlp_only(rlp, &whole, NULL), ERR_OK);
	for (rest = whole.body; rest.n && n < max; n++)
		ck_assert_int_eq(rlp_next(&rest, &out[n], NULL), ERR_OK);
	return n;
}

static struct buf shanghai(void)
{
	json_t *j = load_header("Shanghai");
	struct header_field f[FIELDS_MAX];
	struct buf rlp = BUF_INIT(4096);

	ck_assert_int_eq(header_encode(f, fields_of(j, f), &rlp, NULL), ERR_OK);
	json_decref(j);
	return rlp;
}

START_TEST(header_decode_refuses)
{
	struct buf rlp = shanghai(), items = BUF_INIT(4096), list = BUF_INIT(4096);
	struct rlp_item item[FIELDS_MAX];
	size_t n = items_of(buf_span(&rlp), item, FIELDS_MAX);
	struct header h = { .number = 7 };
	struct err e = { 0 };
	uint8_t raw[64];

	for (size_t i = 0; i < n; i++)
		buf_add(&items, i == bad_headers[_i].field ? SPAN(raw, unhex(bad_headers[_i].hex, raw, sizeof raw)) : item[i].whole);
	rlp_put_list(&list, buf_span(&items));
	ck_assert_int_eq(header_decode(buf_span(&list), &h, &e), bad_headers[_i].rc);
	if (bad_headers[_i].rc) {
		ck_assert_msg(strstr(e.msg, bad_headers[_i].rule) != NULL, "%s, not: %s", bad_headers[_i].rule, e.msg);
		ck_assert_uint_eq(h.number, 7);
	}
	buf_free(&rlp);
	buf_free(&items);
	buf_free(&list);
}
END_TEST

/* As a whole: a list, of as many fields as a fork has, and of no more bytes than a header can have. */
START_TEST(header_decode_refuses_wholes)
{
	struct buf rlp = shanghai(), items = BUF_INIT(8192), list = BUF_INIT(8192);
	struct rlp_item item[FIELDS_MAX];
	size_t n = items_of(buf_span(&rlp), item, FIELDS_MAX);
	struct header h;
	struct err e = { 0 };

	ck_assert_int_eq(header_decode(SPAN_LIT("\x80"), &h, &e), ERR_FORMAT);
	ck_assert_str_eq(e.msg, "header: it is a list");
	ck_assert_int_eq(header_decode(SPAN_LIT("\xc0"), &h, &e), ERR_FORMAT);
	ck_assert_ptr_nonnull(strstr(e.msg, "parentHash is missing"));
	ck_assert_int_eq(header_decode(SPAN(rlp.p, rlp.n - 1), &h, &e), ERR_FORMAT);
	for (size_t i = 0; i < n; i++)
		buf_add(&items, item[i].whole);
	for (size_t i = 0; i < 7; i++)		/* Amsterdam's, and one more */
		rlp_put_bytes(&items, i >= 2 && i <= 4 ? item[0].body : SPAN_LIT("\1"));
	rlp_put_list(&list, SPAN(items.p, items.n - 1));
	ck_assert_msg(header_decode(buf_span(&list), &h, &e) == ERR_OK, "%s", e.msg);
	buf_reset(&list);
	rlp_put_list(&list, buf_span(&items));
	ck_assert_int_eq(header_decode(buf_span(&list), &h, &e), ERR_FORMAT);
	ck_assert_ptr_nonnull(strstr(e.msg, "a new fork?"));
	ck_assert_ptr_nonnull(buf_grow(&list, HEADER_MAX + 1 - list.n));
	ck_assert_int_eq(header_decode(buf_span(&list), &h, &e), ERR_LIMIT);
	buf_free(&rlp);
	buf_free(&items);
	buf_free(&list);
}
END_TEST

#define LOOP(tc, test, rows) tcase_add_loop_test(tc, test, 0, sizeof(rows) / sizeof((rows)[0]))

int main(void)
{
	Suite *s = suite_create("ethereum");
	TCase *k = tcase_create("keccak"), *r = tcase_create("rlp"), *t = tcase_create("trie"), *h = tcase_create("header");

	LOOP(k, keccak_known, keccaks);
	tcase_add_test(k, keccak_streams);
	tcase_add_test(r, rlp_vectors);
	tcase_add_test(r, rlp_invalid_vectors);
	LOOP(r, rlp_refuses, bad_rlp);
	tcase_add_test(r, rlp_long_forms);
	tcase_add_test(r, rlp_numbers);
	tcase_add_test(r, rlp_depth_and_count);
	LOOP(t, trie_vectors, tries);
	tcase_add_test(t, trie_next_prev);
	LOOP(t, trie_refuses_nodes, bad_nodes);
	tcase_add_test(t, trie_limits);
	tcase_add_test(t, trie_empty);
	tcase_add_test(t, trie_extension);
	tcase_add_test(t, trie_empty_child);
	LOOP(t, account_refuses, bad_accounts);
	LOOP(t, word_refuses, bad_words);
	LOOP(h, header_vectors, header_files);
	LOOP(h, header_covers_each_field, header_files);
	LOOP(h, header_refuses, edits);
	LOOP(h, header_widths, widths);
	tcase_add_test(h, header_value_ends);
	LOOP(h, header_decode_refuses, bad_headers);
	tcase_add_test(h, header_decode_refuses_wholes);
	tcase_add_test(h, header_twice_and_beside);
	tcase_add_test(h, header_later_forks);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, k);
	suite_add_tcase(s, r);
	suite_add_tcase(s, t);
	suite_add_tcase(s, h);

	SRunner *run = srunner_create(s);

	srunner_run_all(run, CK_NORMAL);

	int failed = srunner_ntests_failed(run);

	srunner_free(run);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
