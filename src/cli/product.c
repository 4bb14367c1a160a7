/* product.c: `gatepost product …`, `gatepost revoke`, `gatepost registry deploy`: one call to the registry each. */
#include "cli/publisher.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "chain/entry.h"
#include "formats/abi.h"
#include "formats/ethtx.h"

#include <stdlib.h>
#include <string.h>

#define REGISTRY_WANT_BYTECODE
#include "contracts/registry_gen.h"

#define CALL_MAX 4096

static void json_free(json_t **j)
{
	json_decref(*j);
}

static json_t *about(const char *product)
{
	return json_pack("{s:s}", "product", product);
}

static void set_hex(json_t *in, const char *key, const struct hash32 *id)
{
	char text[HEX32_MAX];

	json_object_set_new(in, key, json_string(hex_0x(SPAN_OF(id->b), text)));
}

static int call(const struct cli *cli, struct connection *c, const char *signature, const struct abi_arg *args, size_t n,
		json_t *about_take, struct err *e)
{
	AUTO(buf_free) struct buf data = BUF_INIT(CALL_MAX);
	int rc;

	abi_call(&data, signature, args, n);
	rc = buf_ok(&data, e);
	if (rc) {
		json_decref(about_take);
		return rc;
	}
	return send_and_print(cli, c, buf_span(&data), about_take, e);
}

/* Product, connection and what the registry has of it: where most of these commands begin. */
static int open_product(const struct publisher_options *o, bool needs_wallet, const char *name, struct connection *c,
			struct registry_product *p, struct err *e)
{
	int rc = connection_open(o, needs_wallet, c, e);

	if (rc)
		return rc;
	rc = registry_product(&c->registry, &c->registrant, span_str(name), p, e);
	if (rc)
		connection_close(c);
	return rc;
}

static int read_sequence(struct cli *cli, uint64_t *out, struct err *e)
{
	const char *text;
	char *end;
	int rc = take_word(cli, "a sequence number", &text, e);

	if (rc)
		return rc;
	*out = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end)
		return err_set(e, ERR_USAGE, "\"%.40s\" is not a sequence number", text);
	return no_more_words(cli, e);
}

static int read_address_word(struct cli *cli, struct addr20 *out, struct err *e)
{
	const char *text;
	int rc = take_word(cli, "an address", &text, e);

	if (rc)
		return rc;
	if (addr_read(span_str(text), out, e)) {
		e->code = ERR_USAGE;
		return err_wrap(e, "%.60s", text);
	}
	return no_more_words(cli, e);
}

/* --- register, signers --- */

struct signer_set {
	struct buf room;
	struct span key[SIGNERS_MAX];
	size_t n;
	unsigned threshold;
};

static void signer_set_fini(struct signer_set *s)
{
	buf_free(&s->room);
}

static int read_signer_set(const struct publisher_options *o, struct signer_set *s, struct err *e)
{
	int rc = read_signers(&o->signers, &s->room, s->key, &s->n, e);

	return rc ? rc : read_threshold(o->threshold, s->n, &s->threshold, e);
}

int run_product_register(struct cli *cli, const void *options, struct err *e)
{
	const struct publisher_options *o = options;
	AUTO(signer_set_fini) struct signer_set s = { .room = BUF_INIT(SIGNERS_MAX * COSE_KEY_MAX) };
	struct connection c;
	const char *name;
	struct hash32 id;
	json_t *what;
	int rc = take_product(cli, o, &name, e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (!rc)
		rc = read_signer_set(o, &s, e);
	if (!rc)
		rc = connection_open(o, true, &c, e);
	if (rc)
		return rc;
	id = product_id(&c.wallet.address, span_str(name));
	what = about(name);
	set_hex(what, "id", &id);
	const struct abi_arg args[] = { ABI_BYTES(span_str(name)), ABI_UINT(s.threshold), ABI_LIST(s.key, s.n) };
	rc = call(cli, &c, "register(string,uint16,bytes[])", args, 3, what, e);
	connection_close(&c);
	return rc;
}

static int print_signers(const struct cli *cli, struct connection *c, const struct registry_product *p, const char *name,
			 struct err *e)
{
	AUTO(json_free) json_t *list = json_array();
	struct suit_signers set;
	int rc = registry_signers(&c->registry, p, &set, e);

	if (rc)
		return rc;
	for (size_t i = 0; i < set.n; i++) {
		const struct suit_signer *s = &set.signer[i];
		char thumbprint[HEX32_MAX];

		json_array_append_new(list, json_pack("{s:s, s:s}", "thumbprint", hex_str(SPAN_OF(s->thumbprint), thumbprint),
						      "type", s->is_usable ? sig_curve_name(s->key.curve) : "malformed"));
	}
	cli_print_take(cli, json_pack("{s:s, s:i, s:O}", "product", name, "threshold", (int)set.threshold, "signers", list));
	return ERR_OK;
}

static int set_signers(const struct cli *cli, const struct publisher_options *o, const char *name, struct err *e)
{
	AUTO(signer_set_fini) struct signer_set s = { .room = BUF_INIT(SIGNERS_MAX * COSE_KEY_MAX) };
	struct registry_product p;
	struct connection c;
	int rc = read_signer_set(o, &s, e);

	if (!rc)
		rc = open_product(o, true, name, &c, &p, e);
	if (rc)
		return rc;
	const struct abi_arg args[] = { ABI_WORD(&p.id), ABI_UINT(s.threshold), ABI_LIST(s.key, s.n) };
	rc = call(cli, &c, "setSigners(bytes32,uint16,bytes[])", args, 3, about(name), e);
	connection_close(&c);
	return rc;
}

int run_product_signers(struct cli *cli, const void *options, struct err *e)
{
	const struct publisher_options *o = options;
	struct registry_product p;
	struct connection c;
	const char *name;
	int rc = take_product(cli, o, &name, e);

	if (!rc)
		rc = no_more_words(cli, e);
	if (rc || o->signers.n || o->threshold)
		return rc ? rc : set_signers(cli, o, name, e);
	rc = open_product(o, false, name, &c, &p, e);
	if (rc)
		return rc;
	rc = print_signers(cli, &c, &p, name, e);
	connection_close(&c);
	return rc;
}

/* --- publisher, floor, revoke, owner --- */

int run_product_publisher(struct cli *cli, const void *options, struct err *e)
{
	const struct publisher_options *o = options;
	struct registry_product p;
	struct connection c;
	struct addr20 who;
	const char *name;
	int rc = take_product(cli, o, &name, e);

	if (!rc)
		rc = read_address_word(cli, &who, e);
	if (!rc && o->allow == o->refuse)
		rc = err_set(e, ERR_USAGE, "one of --allow and --refuse is needed");
	if (!rc)
		rc = open_product(o, true, name, &c, &p, e);
	if (rc)
		return rc;
	const struct abi_arg args[] = { ABI_WORD(&p.id), ABI_ADDR(&who), ABI_BOOL(o->allow) };
	rc = call(cli, &c, "setPublisher(bytes32,address,bool)", args, 3, about(name), e);
	connection_close(&c);
	return rc;
}

/* The two calls that take a number and a reason. */
static int run_revocation(struct cli *cli, const struct publisher_options *o, const char *signature, const char *key,
			  struct err *e)
{
	struct registry_product p;
	struct connection c;
	uint64_t sequence = 0;
	const char *name;
	json_t *what;
	int rc = take_product(cli, o, &name, e);

	if (!rc)
		rc = read_sequence(cli, &sequence, e);
	if (!rc)
		rc = open_product(o, true, name, &c, &p, e);
	if (rc)
		return rc;
	what = about(name);
	json_object_set_new(what, key, json_integer((json_int_t)sequence));
	const struct abi_arg args[] = { ABI_WORD(&p.id), ABI_UINT(sequence), ABI_BYTES(span_str(o->reason)) };
	rc = call(cli, &c, signature, args, 3, what, e);
	connection_close(&c);
	return rc;
}

int run_product_floor(struct cli *cli, const void *options, struct err *e)
{
	return run_revocation(cli, options, "raiseFloor(bytes32,uint64,string)", "floor", e);
}

int run_revoke(struct cli *cli, const void *options, struct err *e)
{
	return run_revocation(cli, options, "revoke(bytes32,uint64,string)", "sequence", e);
}

int run_product_owner(struct cli *cli, const void *options, struct err *e)
{
	const struct publisher_options *o = options;
	struct addr20 to = { { 0 } };
	struct registry_product p;
	struct connection c;
	const char *name;
	int rc = take_product(cli, o, &name, e);

	if (!rc && o->accept && o->withdraw)
		rc = err_set(e, ERR_USAGE, "--accept and --withdraw contradict each other");
	if (!rc)
		rc = o->accept || o->withdraw ? no_more_words(cli, e) : read_address_word(cli, &to, e);
	if (!rc)
		rc = open_product(o, true, name, &c, &p, e);
	if (rc)
		return rc;
	const struct abi_arg args[] = { ABI_WORD(&p.id), ABI_ADDR(&to) };
	rc = o->accept ? call(cli, &c, "acceptOwnership(bytes32)", args, 1, about(name), e)
		       : call(cli, &c, "transferOwnership(bytes32,address)", args, 2, about(name), e);
	connection_close(&c);
	return rc;
}

/* --- a registry of one's own --- */

static int deploy(const struct cli *cli, struct connection *c, struct err *e)
{
	struct transact t = { .node = &c->node, .wallet = &c->wallet, .data = SPAN_OF(registry_bytecode) };
	char address[ADDR_TEXT_MAX], tx[HEX32_MAX];
	struct receipt receipt;
	struct addr20 made;
	int rc = transact(&t, &receipt, e);

	if (rc)
		return rc;
	made = receipt.created;
	cli_print_take(cli, json_pack("{s:s, s:I, s:s, s:s, s:I, s:I}", "registry", addr_text(&made, address),
				      "chain_id", (json_int_t)c->node.chain_id, "code_hash", REGISTRY_CODE_HASH_HEX,
				      "tx", hex_0x(SPAN_OF(receipt.tx), tx), "block", (json_int_t)receipt.block,
				      "gas", (json_int_t)receipt.gas));
	receipt_free(&receipt);
	return ERR_OK;
}

int run_registry_deploy(struct cli *cli, const void *options, struct err *e)
{
	struct connection c;
	int rc = no_more_words(cli, e);

	if (!rc)
		rc = connection_open_node(options, &c, e);
	if (rc)
		return rc;
	rc = deploy(cli, &c, e);
	connection_close(&c);
	return rc;
}
