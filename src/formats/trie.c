/* trie.c: see trie.h.
 *
 * A walk holds where it is on the key's nibbles and which node comes next: a
 * 32-byte reference has to be the hash of the next listed node; a shorter one is
 * the node itself, inside its parent. */
#include "formats/trie.h"
#include "base/limits.h"
#include "formats/keccak.h"
#include "formats/rlp.h"

#include <string.h>

#define BRANCH_ITEMS 17
#define BRANCH_VALUE 16
#define REFERENCE 32		/* nodes from this size on are named by their hash */

const struct hash32 trie_empty_root = { {
	0x56, 0xe8, 0x1f, 0x17, 0x1b, 0xcc, 0x55, 0xa6, 0xff, 0x83, 0x45, 0xe6, 0x92, 0xc0, 0xf8, 0x6e,
	0x5b, 0x48, 0xe0, 0x1b, 0x99, 0x6c, 0xad, 0xc0, 0x01, 0x62, 0x2f, 0xb5, 0xe3, 0x63, 0xb4, 0x21,
} };

struct walk {
	struct span key;
	size_t depth;			/* nibbles of the key that are behind us */
	const struct span *nodes;	/* listed, or … */
	size_t n, used;
	trie_find_fn *find;		/* … found */
	void *arg;
	struct hash32 *missing;
	struct rlp_item node;		/* where we are */
	bool is_done;
	struct span value;		/* once done; empty: absent */
};

static unsigned nibble(struct span s, size_t i)
{
	return i % 2 ? s.p[i / 2] & 15 : s.p[i / 2] >> 4;
}

static size_t key_left(const struct walk *w)
{
	return 2 * w->key.n - w->depth;
}

static int end_with(struct walk *w, struct span value)
{
	w->is_done = true;
	w->value = value;
	return ERR_OK;
}

/* The next listed node has to hash to name. */
static int enter_listed(struct walk *w, struct span name, struct err *e)
{
	if (w->used == w->n)
		return err_set(e, ERR_PROOF, "proof: a node is missing");

	struct span raw = w->nodes[w->used++];

	if (raw.n > PROOF_NODE_MAX)
		return err_set(e, ERR_LIMIT, "proof: a node has more than %d bytes", PROOF_NODE_MAX);

	struct hash32 hash = keccak256(raw);

	if (!span_eq(name, SPAN_OF(hash)))
		return err_set(e, ERR_PROOF, "proof: a node is not the one that its parent names");
	return rlp_only(raw, &w->node, e);
}

static int enter_found(struct walk *w, struct span name, struct err *e)
{
	struct hash32 hash;
	struct span raw;

	memcpy(hash.b, name.p, sizeof hash.b);
	raw = w->find(w->arg, &hash);
	if (raw.n)
		return rlp_only(raw, &w->node, e);
	*w->missing = hash;
	return err_set(e, ERR_NOT_FOUND, "proof: a node is not there");
}

static int enter(struct walk *w, struct span name, struct err *e)
{
	return w->find ? enter_found(w, name, e) : enter_listed(w, name, e);
}

/* Follows a reference as it stands in a branch or an extension. */
static int follow(struct walk *w, const struct rlp_item *ref, struct err *e)
{
	if (ref->kind == RLP_STRING && ref->body.n == REFERENCE)
		return enter(w, ref->body, e);
	if (ref->kind == RLP_STRING && ref->body.n == 0)
		return end_with(w, SPAN(NULL, 0));
	if (ref->kind == RLP_STRING)
		return err_set(e, ERR_PROOF, "proof: a reference is a hash or a node");
	if (ref->whole.n >= REFERENCE)
		return err_set(e, ERR_PROOF, "proof: a node of 32 bytes or more is named by its hash");
	w->node = *ref;
	return ERR_OK;
}

static int step_branch(struct walk *w, const struct rlp_item item[BRANCH_ITEMS], struct err *e)
{
	if (item[BRANCH_VALUE].kind != RLP_STRING)
		return err_set(e, ERR_PROOF, "proof: a branch's value is a string");
	if (key_left(w) == 0)
		return end_with(w, item[BRANCH_VALUE].body);
	return follow(w, &item[nibble(w->key, w->depth++)], e);
}

/* A path in hex-prefix form (Yellow Paper, appendix C). */
struct path {
	struct span packed;
	size_t skip, n;		/* nibbles: before the path's first, and in it */
	bool is_leaf;
};

static int read_path(const struct rlp_item *item, struct path *out, struct err *e)
{
	struct span p = item->body;

	if (item->kind != RLP_STRING || p.n == 0 || p.p[0] >> 4 > 3)
		return err_set(e, ERR_PROOF, "proof: a path has the hex-prefix form");

	bool is_odd = p.p[0] & 0x10;

	if (!is_odd && (p.p[0] & 15))
		return err_set(e, ERR_PROOF, "proof: a path's padding is zero");
	out->packed = p;
	out->skip = is_odd ? 1 : 2;
	out->n = 2 * p.n - out->skip;
	out->is_leaf = p.p[0] & 0x20;
	return ERR_OK;
}

static bool path_matches(const struct walk *w, const struct path *p)
{
	if (p->n > key_left(w))
		return false;
	for (size_t i = 0; i < p->n; i++)
		if (nibble(p->packed, p->skip + i) != nibble(w->key, w->depth + i))
			return false;
	return true;
}

static int step_leaf(struct walk *w, const struct path *p, const struct rlp_item *value, struct err *e)
{
	if (value->kind != RLP_STRING || value->body.n == 0)
		return err_set(e, ERR_PROOF, "proof: a leaf's value is a string that is not empty");
	if (p->n != key_left(w) || !path_matches(w, p))
		return end_with(w, SPAN(NULL, 0));
	w->depth += p->n;
	return end_with(w, value->body);
}

static int step_short(struct walk *w, const struct rlp_item item[2], struct err *e)
{
	struct path p = { .n = 0 };
	int rc = read_path(&item[0], &p, e);

	if (rc)
		return rc;
	if (p.is_leaf)
		return step_leaf(w, &p, &item[1], e);
	if (p.n == 0)
		return err_set(e, ERR_PROOF, "proof: an extension's path is not empty");
	if (item[1].kind == RLP_STRING && item[1].body.n != REFERENCE)
		return err_set(e, ERR_PROOF, "proof: an extension leads to a node");
	if (!path_matches(w, &p))
		return end_with(w, SPAN(NULL, 0));
	w->depth += p.n;
	return follow(w, &item[1], e);
}

static size_t count_items(struct span body)
{
	struct rlp_item item;
	size_t n = 0;

	while (n <= BRANCH_ITEMS && body.n && rlp_next(&body, &item, NULL) == ERR_OK)
		n++;
	return n;
}

static int step(struct walk *w, struct err *e)
{
	struct rlp_item item[BRANCH_ITEMS];

	if (w->node.kind == RLP_STRING && w->node.body.n == 0 && w->depth == 0)
		return end_with(w, SPAN(NULL, 0));	/* the whole trie is empty */
	if (w->node.kind != RLP_LIST)
		return err_set(e, ERR_PROOF, "proof: a node is a list");

	size_t n = count_items(w->node.body) == 2 ? 2 : BRANCH_ITEMS;
	int rc = rlp_items(w->node.body, item, n, e);

	if (rc)
		return rc;
	return n == 2 ? step_short(w, item, e) : step_branch(w, item, e);
}

/* Every step either ends, uses up nibbles or a listed node, or goes into a smaller embedded one. */
static int walk(struct walk *w, const struct hash32 *root, struct err *e)
{
	int rc = enter(w, SPAN_OF(*root), e);

	while (rc == ERR_OK && !w->is_done)
		rc = step(w, e);
	return rc;
}

int trie_get(const struct hash32 *root, struct span key, const struct span *nodes, size_t n,
	     struct span *value, struct err *e)
{
	struct walk w = { .key = key, .nodes = nodes, .n = n };
	int rc = ERR_OK;

	if (key.n > TRIE_KEY_MAX || n > PROOF_NODES_MAX)
		return err_set(e, ERR_LIMIT, "proof: more than %d nodes", PROOF_NODES_MAX);
	if (n == 0 && hash32_eq(root, &trie_empty_root))
		w.is_done = true;
	else
		rc = walk(&w, root, e);
	if (rc)
		return rc;
	if (w.used != n)
		return err_set(e, ERR_PROOF, "proof: there are nodes that prove nothing");
	*value = w.value;
	return ERR_OK;
}

/* --- what Ethereum stores in its tries --- */

static int read_hash(const struct rlp_item *item, struct hash32 *out, struct err *e)
{
	if (item->kind != RLP_STRING || item->body.n != sizeof out->b)
		return err_set(e, ERR_PROOF, "account: roots and hashes have 32 bytes");
	memcpy(out->b, item->body.p, sizeof out->b);
	return ERR_OK;
}

static int read_account(struct span value, struct trie_account *out, struct err *e)
{
	struct rlp_item whole, item[4];
	struct trie_account a = { .exists = true };
	int rc = rlp_only(value, &whole, e);

	if (rc == ERR_OK && whole.kind != RLP_LIST)
		rc = err_set(e, ERR_PROOF, "account: it is a list of four");
	if (rc == ERR_OK)
		rc = rlp_items(whole.body, item, 4, e);
	if (rc == ERR_OK)
		rc = rlp_u64(&item[0], &a.nonce, e);
	if (rc == ERR_OK)
		rc = read_hash(&item[2], &a.storage_root, e);
	if (rc == ERR_OK)
		rc = read_hash(&item[3], &a.code_hash, e);
	if (rc == ERR_OK)
		*out = a;
	return rc;
}

int trie_account(const struct hash32 *state_root, const struct addr20 *address,
		 const struct span *nodes, size_t n, struct trie_account *out, struct err *e)
{
	struct hash32 key = keccak256(SPAN_OF(*address));
	struct span value;
	int rc = trie_get(state_root, SPAN_OF(key), nodes, n, &value, e);

	if (rc)
		return rc;
	if (value.n == 0) {
		*out = (struct trie_account){ .exists = false };
		return ERR_OK;
	}
	return read_account(value, out, e);
}

static int read_word(struct span value, struct hash32 *out, struct err *e)
{
	struct rlp_item item = { .kind = RLP_STRING };
	struct hash32 word = { { 0 } };
	int rc = value.n ? rlp_only(value, &item, e) : ERR_OK;

	if (rc)
		return rc;
	if (item.kind != RLP_STRING || item.body.n > sizeof word.b || (item.body.n && item.body.p[0] == 0))
		return err_set(e, ERR_PROOF, "storage: a word is a number of at most 32 bytes without leading zeros");
	if (item.body.n)
		memcpy(word.b + sizeof word.b - item.body.n, item.body.p, item.body.n);
	*out = word;
	return ERR_OK;
}

int trie_word(const struct hash32 *storage_root, const struct hash32 *slot,
	      const struct span *nodes, size_t n, struct hash32 *out, struct err *e)
{
	struct hash32 key = keccak256(SPAN_OF(*slot));
	struct span value;
	int rc = trie_get(storage_root, SPAN_OF(key), nodes, n, &value, e);

	return rc ? rc : read_word(value, out, e);
}

int trie_find_word(const struct hash32 *storage_root, const struct hash32 *slot, trie_find_fn *find, void *arg,
		   struct hash32 *out, struct hash32 *missing, struct err *e)
{
	struct hash32 key = keccak256(SPAN_OF(*slot));
	struct walk w = { .key = SPAN_OF(key), .find = find, .arg = arg, .missing = missing };
	int rc = hash32_eq(storage_root, &trie_empty_root) ? ERR_OK : walk(&w, storage_root, e);

	return rc ? rc : read_word(w.value, out, e);
}
