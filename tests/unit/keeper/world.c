/* world.c: see world.h. */
#include "world.h"
#include "base/cleanup.h"
#include "formats/abi.h"
#include "formats/suit.h"

#include <string.h>

const struct addr20 world_registrant = { { 0xaa, 1 } };
const char *const world_name[WORLD_PRODUCTS] = { "acme/thermostat", "acme/fridge", "zeta/lamp" };
const char *const world_cid[3] = {
	"bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy",
	"bafkreibm6jg3ux5qumhcn2b3flc3tyu6dmlb4xa7u5bf44yegnrjhc4yeq",
	"bafkreifzjut3te7nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
};

static const char *const channels[] = { "stable", "beta" };

static int64_t wall_ms(void *arg)
{
	return ((struct world *)arg)->wall_ms;
}

static int64_t mono_ms(void *arg)
{
	return ((struct world *)arg)->mono_ms;
}

static enum clock_state state(void *arg)
{
	return ((struct world *)arg)->clock_state;
}

/* --- the ledger's owner --- */

static void note(struct world_note *list, size_t *n, const char *product, uint64_t sequence, const char *cid)
{
	ck_assert_uint_lt(*n, WORLD_NOTES);
	snprintf(list[*n].product, sizeof list[*n].product, "%s", product);
	snprintf(list[*n].cid, sizeof list[*n].cid, "%s", cid);
	list[(*n)++].sequence = sequence;
}

static void on_want(void *arg, const struct ledger_want *want)
{
	struct world *w = arg;

	note(w->want, &w->wants, want->product, want->sequence, want->cid);
}

static void on_unwanted(void *arg, const struct ledger_want *want)
{
	struct world *w = arg;
	struct world_note *n = &w->unwanted[w->unwanteds++ % WORLD_NOTES];

	*n = (struct world_note){ .sequence = want->sequence, .sha256 = want->sha256 };
	snprintf(n->product, sizeof n->product, "%s", want->product);
}

static void on_change(void *arg, const struct ledger_change *c)
{
	struct world *w = arg;

	ck_assert(c->is_new || c->from != c->to);
	note(w->change, &w->changes, c->product->name, c->sequence, "");
}

static void on_settled(void *arg)
{
	struct world *w = arg;

	ck_assert_msg(!floor_is_dirty(w->floors), "floors are on disk before anybody is told");
	w->settled++;
}

static bool is_fetching(void *arg, const struct hash32 *sha256)
{
	struct world *w = arg;

	return !hash32_is_zero(&w->fetching) && hash32_eq(&w->fetching, sha256);
}

static bool is_recovering(void *arg)
{
	const struct world *w = arg;

	return w->is_recovering;
}

static void open_ledger(struct world *w)
{
	struct ledger_owner owner = { on_want, on_unwanted, on_change, on_settled, is_fetching, is_recovering, w };

	ck_ok(store_open(tempdir, &w->store, &err));
	ck_ok(floor_load(tempdir_fd, NULL, &w->floors, &err));
	ck_ok(ledger_init(&w->ledger, w->store, w->floors, &w->clock, &w->alarms, w->follow, w->follow_n, owner, &err));
}

static void close_ledger(struct world *w)
{
	ledger_fini(&w->ledger);
	floor_free(w->floors);
	store_close(w->store);
}

void world_open(struct world *w)
{
	static const enum sig_curve curves[] = { SIG_P256, SIG_ED25519, SIG_SECP256K1 };

	*w = (struct world){ .wall_ms = 1790000000000, .mono_ms = 1000000, .block = 10, .follow_n = WORLD_PRODUCTS,
		.clock_state = CLOCK_SYNCED };
	w->clock = (struct clock){ wall_ms, mono_ms, state, w };
	for (int i = 0; i < 3; i++) {
		w->cose[i] = BUF_INIT(COSE_KEY_MAX);
		ck_ok(sig_secret_make(curves[i], &w->key[i], &err));
		cose_key_put(&w->cose[i], &w->key[i].pub);
		w->follow[i] = (struct ledger_follow){ .name = world_name[i], .registrant = world_registrant, .channels = channels,
			.channels_n = 2, .keep = 2, .image_max = 1000000 };
		w->product[i].id = product_id(&world_registrant, span_str(world_name[i]));
	}
	tempdir_make();
	w->dir = tempdir;
	w->dir_fd = tempdir_fd;
	open_ledger(w);
}

void world_reopen(struct world *w, bool keep_store)
{
	close_ledger(w);
	if (!keep_store)
		ck_ok(store_set_aside(tempdir, &err));
	open_ledger(w);
}

void world_close(struct world *w)
{
	close_ledger(w);
	for (int i = 0; i < 3; i++)
		buf_free(&w->cose[i]);
	tempdir_remove();
}

/* --- entries --- */

static void take(struct world *w, const struct follower_output *o)
{
	AUTO(store_tx_end) struct store_tx tx = store_begin(w->store);

	ck_ok(ledger_take(&w->ledger, o, &err));
	ck_ok(store_commit(&tx, &err));
}

static struct hash32 topic_number(uint64_t n)
{
	struct hash32 h = { { 0 } };

	for (unsigned i = 0; i < 8; i++)
		h.b[31 - i] = (uint8_t)(n >> (8 * i));
	return h;
}

static struct hash32 topic_addr(const struct addr20 *a)
{
	struct hash32 h = { { 0 } };

	memcpy(h.b + 12, a->b, sizeof a->b);
	return h;
}

static void emit(struct world *w, size_t product, enum entry_kind kind, const struct hash32 *topics, uint32_t n,
		 const struct abi_arg *args, size_t args_n)
{
	struct world_product *p = &w->product[product];
	struct follower_output o = { .kind = FOLLOWER_SEEN, .product = p->id, .position = ++p->entries };
	struct record *r = &o.record;
	struct buf data = BUF_INIT(8192);
	struct abi_arg all[4] = { ABI_UINT(p->last_block), ABI_UINT(1790000000 + 12 * w->block) };

	r->block = w->block;
	r->block_hash = r->tx = hash_of((unsigned)w->block);
	r->topics_n = 2 + n;
	r->topics[0] = entry_topic(kind);
	r->topics[1] = p->id;
	if (n)
		memcpy(r->topics + 2, topics, n * sizeof *topics);
	if (args_n)
		memcpy(all + 2, args, args_n * sizeof *args);
	abi_encode(&data, all, 2 + args_n);
	r->data = buf_span(&data);
	take(w, &o);
	p->last_block = w->block++;
	buf_free(&data);
}

void world_signers(struct world *w, size_t product, uint16_t threshold, const char *keys)
{
	struct span list[3];
	size_t n = 0;

	for (; *keys; keys++)
		list[n++] = buf_span(&w->cose[*keys - 'A']);
	emit(w, product, ENTRY_SIGNERS, NULL, 0, (struct abi_arg[]){ ABI_UINT(threshold), ABI_LIST(list, n) }, 2);
}

void world_register(struct world *w, size_t product, uint16_t threshold, const char *keys)
{
	struct hash32 topic = topic_addr(&world_registrant);

	emit(w, product, ENTRY_REGISTERED, &topic, 1, (struct abi_arg[]){ ABI_BYTES(span_str(world_name[product])) }, 1);
	world_signers(w, product, threshold, keys);
}

struct hash32 world_sha(unsigned n)
{
	return hash_of(1000 + n);
}

struct suit_manifest world_manifest(const struct world *w, size_t product)
{
	struct suit_manifest m = { .sequence = w->product[product].sequence + 1, .channel = "stable", .image_size = 1000,
		.image_sha256 = world_sha(0) };
	const char *slash = strchr(world_name[product], '/');

	snprintf(m.vendor, sizeof m.vendor, "%.*s", (int)(slash - world_name[product]), world_name[product]);
	snprintf(m.model, sizeof m.model, "%s", slash + 1);
	snprintf(m.version, sizeof m.version, "1.%u", (unsigned)m.sequence);
	snprintf(m.cid, sizeof m.cid, "%s", world_cid[0]);
	return m;
}

void world_publish_as(struct world *w, size_t product, const struct suit_manifest *m, const char *keys)
{
	struct hash32 topics[2] = { topic_number(++w->product[product].sequence), topic_addr(&world_registrant) };
	struct buf env[2] = { BUF_INIT(MANIFEST_MAX), BUF_INIT(MANIFEST_MAX) };
	int at = 0;

	ck_ok(suit_build(m, &env[0], &err));
	for (; *keys; keys++, at = !at) {
		buf_reset(&env[!at]);
		ck_ok(suit_sign(buf_span(&env[at]), &w->key[*keys - 'A'], &env[!at], &err));
	}
	emit(w, product, ENTRY_RELEASE, topics, 2, (struct abi_arg[]){ ABI_BYTES(buf_span(&env[at])) }, 1);
	buf_free(&env[0]);
	buf_free(&env[1]);
}

void world_publish(struct world *w, size_t product, unsigned image)
{
	struct suit_manifest m = world_manifest(w, product);

	m.image_sha256 = world_sha(image);
	world_publish_as(w, product, &m, "A");
}

void world_revoke(struct world *w, size_t product, uint64_t sequence)
{
	struct hash32 topic = topic_number(sequence);

	emit(w, product, ENTRY_REVOKED, &topic, 1, (struct abi_arg[]){ ABI_BYTES(SPAN_LIT("bad radio")) }, 1);
}

void world_floor(struct world *w, size_t product, uint64_t floor)
{
	struct hash32 topic = topic_number(floor);

	emit(w, product, ENTRY_FLOOR, &topic, 1, (struct abi_arg[]){ ABI_BYTES(SPAN_LIT("old radio")) }, 1);
}

void world_final(struct world *w, size_t product)
{
	struct world_product *p = &w->product[product];
	uint64_t number = w->block++;

	take(w, &(struct follower_output){ .kind = FOLLOWER_PROVEN, .product = p->id, .position = p->entries, .is_final = true,
		.block = { number, hash_of((unsigned)number), 1790000000 + 12 * number } });
}

void world_undo(struct world *w, size_t product, uint64_t position, uint64_t sequence)
{
	struct world_product *p = &w->product[product];

	take(w, &(struct follower_output){ .kind = FOLLOWER_UNDONE, .product = p->id, .position = position });
	p->entries = position;
	p->sequence = sequence;
}

/* --- images and judging --- */

void world_image(struct world *w, unsigned n, enum image_state state)
{
	struct hash32 sha = world_sha(n);
	struct blob_digests d = { .sums = hash_of(2000 + n) };

	if (state != IMAGE_IS_WANTED && state != IMAGE_IS_FETCHING)
		ck_ok(images_set_good(w->store, &sha, 1000, &d, "raw", w->wall_ms, &err));
	else
		ck_ok(images_want(w->store, &sha, 1000, world_cid[0], w->wall_ms, &err));
	ck_ok(images_set_state(w->store, &sha, state, w->wall_ms, &err));
	ck_ok(ledger_mark_image(&w->ledger, &sha, &err));
}

void world_settle(struct world *w)
{
	ck_ok(ledger_settle(&w->ledger, &err));
}

void world_forget(struct world *w)
{
	w->wants = w->changes = w->unwanteds = w->settled = 0;
}

struct release_row world_row(struct world *w, size_t product, uint64_t sequence)
{
	struct release_row r;

	ck_ok(releases_get(w->store, &w->product[product].id, sequence, &r, &err));
	return r;
}

const char *world_state(struct world *w, size_t product, uint64_t sequence)
{
	return release_state_name(world_row(w, product, sequence).state);
}

bool world_wanted(const struct world *w, size_t product, uint64_t sequence)
{
	for (size_t i = 0; i < w->wants; i++)
		if (w->want[i].sequence == sequence && !strcmp(w->want[i].product, world_name[product]))
			return true;
	return false;
}
