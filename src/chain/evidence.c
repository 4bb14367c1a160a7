/* evidence.c: see evidence.h. */
#include "chain/evidence.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "chain/entries.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = { "format", "chainId", "registry", "registrant", "product", "sequence", "block", "proof" };
#define NAMES (sizeof names / sizeof *names)

/* --- reading --- */

static int check_shape(const json_t *o, struct err *e)
{
	if (!json_is_object(o))
		return err_set(e, ERR_FORMAT, "it is an object");
	if (!span_is(json_text(json_object_get(o, "format")), EVIDENCE_FORMAT))
		return err_set(e, ERR_FORMAT, "its format is not " EVIDENCE_FORMAT);
	for (size_t i = 0; i < NAMES; i++)
		if (!json_object_get(o, names[i]))
			return err_set(e, ERR_FORMAT, "it has no %s", names[i]);
	return json_object_size(o) == NAMES ? ERR_OK : err_set(e, ERR_FORMAT, "it has members that are not known");
}

static int read_product(const json_t *o, struct evidence *ev, struct err *e)
{
	struct span name = json_text(json_object_get(o, "product"));

	if (!name.p || !product_name_is_valid(name))
		return err_set(e, ERR_FORMAT, "product: not vendor/model");
	snprintf(ev->product, sizeof ev->product, "%.*s", (int)name.n, (const char *)name.p);
	ev->id = product_id(&ev->registrant, name);
	return ERR_OK;
}

static int read_names(const json_t *o, struct evidence *ev, struct err *e)
{
	int rc = json_quantity(json_object_get(o, "chainId"), &ev->chain_id, e);

	if (!rc)
		rc = json_quantity(json_object_get(o, "sequence"), &ev->sequence, e);
	if (!rc && ev->sequence == 0)
		rc = err_set(e, ERR_FORMAT, "sequence: releases count from 1");
	if (!rc)
		rc = json_fixed(json_object_get(o, "registry"), ev->registry.b, sizeof ev->registry.b, e);
	if (!rc)
		rc = json_fixed(json_object_get(o, "registrant"), ev->registrant.b, sizeof ev->registrant.b, e);
	return rc ? rc : read_product(o, ev, e);
}

static int read_state(const json_t *o, struct evidence *ev, struct err *e)
{
	struct product_slots slots = product_slots(&ev->id);
	struct hash32 keys[] = { slots.head, slots.packed }, words[2];
	struct trie_account account;
	int rc = read_block(json_object_get(o, "block"), &ev->header, e);

	if (!rc)
		rc = read_proof(json_object_get(o, "proof"), &ev->header.state_root, &ev->registry, keys, 2, &account, words, NULL, e);
	if (rc)
		return rc;
	ev->code_hash = account.code_hash;
	ev->words = product_words(&words[0], &words[1]);
	return ev->words.entries ? ERR_OK : err_set(e, ERR_NOT_FOUND, "it proves that no such product is registered at block %" PRIu64,
						    ev->header.number);
}

int evidence_read(struct span text, struct evidence *out, struct err *e)
{
	struct evidence ev = { .chain_id = 0 };
	struct err local;
	json_t *o;
	int rc;

	e = e ? e : &local;
	o = json_parse(text, e);
	rc = o ? check_shape(o, e) : (int)e->code;
	if (!rc)
		rc = read_names(o, &ev, e);
	if (!rc)
		rc = read_state(o, &ev, e);
	json_decref(o);
	if (rc)
		return err_wrap(e, "eth-proof.json"), rc;
	*out = ev;
	return ERR_OK;
}

/* --- the history --- */

static int check_first(const struct evidence *ev, const struct entry *first, struct err *e)
{
	if (first->kind != ENTRY_REGISTERED || !addr20_eq(&first->registered.registrant, &ev->registrant) ||
	    !span_is(first->registered.name, ev->product))
		return err_set(e, ERR_PROOF, "the first entry does not register %s for that registrant", ev->product);
	return ERR_OK;
}

static int replay_one(const struct evidence *ev, const struct records *r, size_t i, struct hash32 *head, struct err *e)
{
	struct entry entry;
	int rc = entry_decode(&r->v[i], &entry, e);

	if (!rc && entry.prev_block != (i ? r->v[i - 1].block : 0))
		rc = err_set(e, ERR_PROOF, "it follows an entry of block %" PRIu64 ", which is not the one before it", entry.prev_block);
	if (!rc && i == 0)
		rc = check_first(ev, &entry, e);
	if (rc)
		return err_wrap(e, "entries.jsonl: entry %zu", i), rc;
	record_extend(head, &r->v[i]);
	return ERR_OK;
}

static int replay(const struct evidence *ev, const struct records *r, struct err *e)
{
	struct hash32 head = { { 0 } };

	for (size_t i = 0; i < r->n; i++) {
		int rc = replay_one(ev, r, i, &head, e);

		if (rc)
			return rc;
	}
	if (r->n != ev->words.entries)
		return err_set(e, ERR_PROOF, "entries.jsonl: %zu entries, %" PRIu32 " are proven", r->n, ev->words.entries);
	if (!hash32_eq(&head, &ev->words.head) || r->v[r->n - 1].block != ev->words.last_block)
		return err_set(e, ERR_PROOF, "entries.jsonl: its entries do not come out at the proven head");
	return ERR_OK;
}

int evidence_replay(const struct evidence *ev, struct span entries, struct records *out, struct err *e)
{
	struct rpc_log_filter f = { .address = &ev->registry, .from = 0, .to = UINT64_MAX, .products = &ev->id, .products_n = 1 };
	struct err local;
	int rc;

	e = e ? e : &local;
	rc = entries_read(entries, &f, out, e);
	return rc ? err_wrap(e, "entries.jsonl"), rc : replay(ev, out, e);
}

int evidence_envelope(const struct evidence *ev, const struct records *r, struct span *out, struct err *e)
{
	for (size_t i = 0; i < r->n; i++) {
		struct entry entry;

		if (entry_decode(&r->v[i], &entry, NULL) || entry.kind != ENTRY_RELEASE || entry.release.sequence != ev->sequence)
			continue;
		*out = entry.release.manifest;
		return ERR_OK;
	}
	return err_set(e, ERR_NOT_FOUND, "entries.jsonl: no release %" PRIu64 " was published", ev->sequence);
}

/* --- writing --- */

static void put_member(struct buf *b, const char *name, const json_t *value)
{
	autofree char *text = json_dumps(value, JSON_COMPACT);

	buf_fmt(b, ",\"%s\":", name);
	if (text)
		buf_str(b, text);
	else
		b->failed = true;
}

int evidence_put(struct buf *b, const struct evidence *about, const json_t *block, const json_t *proof, struct err *e)
{
	static const char *const heavy[] = { "transactions", "withdrawals", "uncles" };
	char registry[HEX32_MAX], registrant[HEX32_MAX];
	json_t *lean = json_copy((json_t *)(uintptr_t)block);

	for (size_t i = 0; i < sizeof heavy / sizeof *heavy; i++)
		json_object_del(lean, heavy[i]);
	buf_fmt(b, "{\"format\":\"" EVIDENCE_FORMAT "\",\"chainId\":\"0x%" PRIx64 "\",\"registry\":\"%s\",\"registrant\":\"%s\","
		"\"product\":\"%s\",\"sequence\":\"0x%" PRIx64 "\"", about->chain_id, hex_0x(SPAN_OF(about->registry), registry),
		hex_0x(SPAN_OF(about->registrant), registrant), about->product, about->sequence);
	put_member(b, "block", lean);
	put_member(b, "proof", proof);
	buf_str(b, "}\n");
	json_decref(lean);
	return buf_ok(b, e);
}
