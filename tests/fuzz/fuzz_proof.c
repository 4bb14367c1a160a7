/* fuzz_proof.c: answers of eth_getProof. What is believed is true, however the answer was bent; and an answer that nobody bent is believed.
 *
 * The input's first part makes a storage trie and a state trie around it, the rest bends the answer that an honest node would
 * give. Hashes are real, so the fuzzer cannot make a node of its own that fits; it can only put true things into wrong places, and leave
 * some out. (Nodes that fit and are odd are fuzz_trie's.)
 *
 * Input: number of words; for each its slot and value (a byte each, the value's width in the slot's upper bits); number of keys, the
 * keys; then bends, three bytes each. */
#include "base/hex.h"
#include "base/limits.h"
#include "chain/read.h"
#include "formats/keccak.h"
#include "formats/rlp.h"
#include "support/trie_build.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { WORDS = 64, KEYS = 4, BENDS = 8 };

static const struct addr20 registry = { { 7, 7, 7 } }, neighbour = { { 8 } };

static void check(bool holds)
{
	if (!holds)
		abort();
}

struct input {
	const uint8_t *p;
	size_t n;
};

static uint8_t byte_of(struct input *in)
{
	if (in->n == 0)
		return 0;
	in->n--;
	return *in->p++;
}

/* --- the truth --- */

struct world {
	struct hash32 slot[WORDS], value[WORDS];
	size_t n;
	struct hash32 storage_root, state_root;
	struct hash32 key[KEYS];
	size_t keys;
	bool has_account;
};

static struct hash32 slot_of(uint8_t b)
{
	return (struct hash32){ { [31] = b } };
}

static void set_word(struct world *w, uint8_t slot, uint8_t value)
{
	struct hash32 s = slot_of(slot & 0x3f), v = { { 0 } };
	size_t width = slot >> 6, i = 0;

	memset(v.b + 32 - (width == 3 ? 32 : width * 4 + 1), value, width == 3 ? 32 : width * 4 + 1);
	while (i < w->n && !hash32_eq(&w->slot[i], &s))
		i++;
	if (hash32_is_zero(&v) || i == WORDS)
		return;
	w->slot[i] = s;
	w->value[i] = v;
	w->n += i == w->n;
}

static struct hash32 true_word(const struct world *w, const struct hash32 *slot)
{
	for (size_t i = 0; i < w->n; i++)
		if (hash32_eq(&w->slot[i], slot))
			return w->value[i];
	return (struct hash32){ { 0 } };
}

static struct hash32 storage_proof(const struct world *w, const struct hash32 *slot, struct trie_build_proof *proof)
{
	struct trie_build_item items[WORDS];
	struct hash32 hashed[WORDS], key = keccak256(SPAN_OF(*slot)), root;
	struct buf rlp[WORDS];

	for (size_t i = 0; i < w->n; i++) {
		rlp[i] = BUF_INIT(64);
		hashed[i] = keccak256(SPAN_OF(w->slot[i]));
		rlp_put_uint(&rlp[i], SPAN_OF(w->value[i]));
		items[i] = (struct trie_build_item){ SPAN_OF(hashed[i]), buf_span(&rlp[i]) };
	}
	root = trie_build(items, w->n, SPAN_OF(key), proof);
	for (size_t i = 0; i < w->n; i++)
		buf_free(&rlp[i]);
	return root;
}

static struct hash32 account_proof(const struct world *w, const struct addr20 *who, struct trie_build_proof *proof)
{
	const struct addr20 *all[2] = { &neighbour, &registry };
	struct trie_build_item items[2];
	struct hash32 hashed[2], key = keccak256(SPAN_OF(*who)), root;
	struct buf rlp[2];
	size_t n = w->has_account ? 2 : 1;

	for (size_t i = 0; i < n; i++) {
		struct buf fields = BUF_INIT(128);

		rlp[i] = BUF_INIT(128);
		hashed[i] = keccak256(SPAN_OF(*all[i]));
		rlp_put_u64(&fields, i);
		rlp_put_u64(&fields, 0);
		rlp_put_bytes(&fields, i ? SPAN_OF(w->storage_root) : SPAN_OF(trie_empty_root));
		rlp_put_bytes(&fields, SPAN_OF(hashed[0]));
		rlp_put_list(&rlp[i], buf_span(&fields));
		buf_free(&fields);
		items[i] = (struct trie_build_item){ SPAN_OF(hashed[i]), buf_span(&rlp[i]) };
	}
	root = trie_build(items, n, SPAN_OF(key), proof);
	for (size_t i = 0; i < n; i++)
		buf_free(&rlp[i]);
	return root;
}

static void make(struct world *w, struct input *in)
{
	struct hash32 none = { { 0 } };
	uint8_t words = byte_of(in);

	*w = (struct world){ .has_account = !(words & 0x80) };
	for (words &= 0x3f; words && in->n; words--) {
		uint8_t slot = byte_of(in);

		set_word(w, slot, byte_of(in));
	}
	for (w->keys = byte_of(in) % (KEYS + 1); w->keys && in->n < w->keys; w->keys--)
		;
	for (size_t i = 0; i < w->keys; i++)
		w->key[i] = slot_of(byte_of(in) & 0x3f);
	w->storage_root = storage_proof(w, &none, NULL);
	w->state_root = account_proof(w, &registry, NULL);
}

/* --- an honest answer --- */

static json_t *hex_json(struct span s)
{
	char *text = malloc(2 * s.n + 3);
	json_t *j = text ? json_string(hex_0x(s, text)) : NULL;

	free(text);
	check(j != NULL);
	return j;
}

static json_t *nodes_json(struct trie_build_proof *proof)
{
	json_t *list = json_array();

	for (size_t i = 0; i < proof->n; i++)
		json_array_append_new(list, hex_json(proof->node[i]));
	trie_build_free(proof);
	return list;
}

static json_t *word_json(const struct world *w, const struct hash32 *key)
{
	struct trie_build_proof proof;
	struct hash32 value = true_word(w, key);

	storage_proof(w, key, &proof);
	return json_pack("{s:o,s:o,s:o}", "key", hex_json(SPAN_OF(*key)), "value", hex_json(SPAN_OF(value)), "proof", nodes_json(&proof));
}

static json_t *answer(const struct world *w)
{
	struct trie_build_proof proof;
	json_t *words = json_array();

	account_proof(w, &registry, &proof);
	for (size_t i = 0; i < w->keys; i++)
		json_array_append_new(words, word_json(w, &w->key[i]));
	return json_pack("{s:o,s:o,s:o,s:o}", "address", hex_json(SPAN_OF(registry)), "storageHash", hex_json(SPAN_OF(w->storage_root)),
			 "accountProof", nodes_json(&proof), "storageProof", words);
}

/* --- and how it is bent --- */

/* A list of nodes: the account's, or that of a key. */
static json_t *some_list(json_t *answer, uint8_t which)
{
	json_t *words = json_object_get(answer, "storageProof"), *word = json_array_get(words, which % (KEYS + 1));

	return word ? json_object_get(word, "proof") : json_object_get(answer, "accountProof");
}

static void flip_digit(json_t *holder, const char *name, uint8_t at)
{
	const char *was = json_string_value(json_object_get(holder, name));
	char *text = was ? strdup(was) : NULL;

	if (text && strlen(text) > 2) {
		char *digit = text + 2 + at % (strlen(text) - 2);

		*digit = *digit == '0' ? '1' : '0';
		json_object_set_new(holder, name, json_string(text));
	}
	free(text);
}

static void bend(json_t *answer, const struct world *w, struct input *in)
{
	uint8_t how = byte_of(in), which = byte_of(in), at = byte_of(in);
	json_t *list = some_list(answer, which), *words = json_object_get(answer, "storageProof");
	json_t *word = json_array_get(words, which % (KEYS + 1));
	size_t n = json_array_size(list);
	struct hash32 other = slot_of(at & 0x3f);

	switch (how % 12) {
	case 0: if (n) json_array_remove(list, at % n); return;
	case 1: if (n) json_array_append(list, json_array_get(list, at % n)); return;
	case 2: if (n) json_array_insert(list, 0, json_array_get(list, at % n)); return;
	case 3: json_array_extend(list, json_object_get(answer, "accountProof")); return;
	case 4: json_array_clear(list); return;
	case 5: if (word) flip_digit(word, "value", at); return;
	case 6: if (word) flip_digit(word, "key", at); return;
	case 7: flip_digit(answer, "address", at); return;
	case 8: flip_digit(answer, "storageHash", at); return;
	case 9: if (word) json_array_set_new(words, which % (KEYS + 1), word_json(w, &other)); return;
	case 10: if (word) json_object_set(word, "proof", some_list(answer, at)); return;
	case 11: {				/* a byte of a node */
		json_t *node = json_array_get(list, n ? at % n : 0);
		char *text = node ? strdup(json_string_value(node)) : NULL;

		if (text && strlen(text) > 2) {
			text[strlen(text) - 1 - how / 12 % (strlen(text) - 2)] ^= 1;
			json_array_set_new(list, at % n, json_string(text));
		}
		free(text);
	}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct input in = { p, n };
	struct world w;
	struct trie_account account = { .nonce = 99 };
	struct hash32 words[KEYS];
	json_t *j;
	int rc, bends = 0;

	make(&w, &in);
	j = answer(&w);
	for (; in.n && bends < BENDS; bends++)
		bend(j, &w, &in);
	rc = read_proof(j, &w.state_root, &registry, w.key, w.keys, &account, words, NULL, NULL);
	json_decref(j);
	if (rc != ERR_OK) {
		check(bends > 0 || (!w.has_account && w.keys > 0));
		check(account.nonce == 99);
		return 0;
	}
	check(account.exists == w.has_account);
	check(!account.exists || (account.nonce == 1 && hash32_eq(&account.storage_root, &w.storage_root)));
	for (size_t i = 0; i < w.keys; i++) {
		struct hash32 truth = true_word(&w, &w.key[i]);

		check(hash32_eq(&words[i], &truth));
	}
	return 0;
}
