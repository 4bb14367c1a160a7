/* connect.c: from a publisher's options to the registry, and one call to it (publisher.h). */
#include "cli/publisher.h"
#include "base/clock.h"
#include "base/hex.h"
#include "chain/entry.h"
#include "formats/ethtx.h"

#include <inttypes.h>
#include <stdio.h>

#define PROGRESS_MS 100	/* between two looks of a bar */

int need_option(const char *value, const char *name, struct err *e)
{
	return value ? ERR_OK : err_set(e, ERR_USAGE, "--%s is needed", name);
}

int take_word(struct cli *cli, const char *what, const char **out, struct err *e)
{
	if (cli->words.n == 0)
		return err_set(e, ERR_USAGE, "%s is needed", what);
	*out = cli->words.v[0];
	cli->words.n--;
	for (size_t i = 0; i < cli->words.n; i++)
		cli->words.v[i] = cli->words.v[i + 1];
	return ERR_OK;
}

int no_more_words(const struct cli *cli, struct err *e)
{
	return cli->words.n ? err_set(e, ERR_USAGE, "\"%.80s\" is one word too many", cli->words.v[0]) : ERR_OK;
}

int take_product(struct cli *cli, const struct publisher_options *o, const char **out, struct err *e)
{
	const char *name = o->product;
	int rc = name ? ERR_OK : take_word(cli, "a product", &name, e);

	if (rc)
		return rc;
	if (!product_name_is_valid(span_str(name)))
		return err_set(e, ERR_USAGE, "\"%.80s\" is not a product: vendor/model, each [a-z0-9][a-z0-9._-]{0,31}", name);
	*out = name;
	return ERR_OK;
}

static int read_address(const char *text, const char *option, struct addr20 *out, struct err *e)
{
	if (addr_read(span_str(text), out, e)) {
		e->code = ERR_USAGE;
		return err_wrap(e, "--%s", option);
	}
	return ERR_OK;
}

static int open_wallet(const struct publisher_options *o, struct connection *c, struct err *e)
{
	struct wallet_password ask = { wallet_password_terminal, NULL };
	int rc;

	if (o->password_file)
		ask = (struct wallet_password){ wallet_password_file, (void *)o->password_file };
	rc = wallet_open(o->wallet, &ask, &c->wallet, e);
	if (rc)
		return rc;
	c->has_wallet = true;
	if (!o->registrant)
		c->registrant = c->wallet.address;
	return ERR_OK;
}

/* What can be wrong on the command line is found before anything is asked or opened. */
static int read_options(const struct publisher_options *o, bool needs_wallet, struct addr20 *registry,
			struct connection *c, struct hash32 *code_hash, struct err *e)
{
	int rc = need_option(o->rpc, "rpc", e);

	if (!rc)
		rc = need_option(o->registry, "registry", e);
	if (!rc)
		rc = read_address(o->registry, "registry", registry, e);
	if (!rc && o->registrant)
		rc = read_address(o->registrant, "registrant", &c->registrant, e);
	if (!rc && needs_wallet)
		rc = need_option(o->wallet, "wallet", e);
	if (!rc && !o->registrant && !o->wallet)
		rc = err_set(e, ERR_USAGE, "--registrant is needed: who registered the product");
	if (!rc && o->code_hash && hex_read_0x(span_str(o->code_hash), code_hash->b, sizeof code_hash->b, e))
		rc = err_set(e, ERR_USAGE, "--code-hash: \"0x\" and 64 hex digits");
	return rc;
}

static int open_all(const struct publisher_options *o, bool needs_wallet, struct connection *c, struct err *e)
{
	struct addr20 registry;
	struct hash32 code_hash;
	int rc = read_options(o, needs_wallet, &registry, c, &code_hash, e);

	if (!rc && o->wallet)
		rc = open_wallet(o, c, e);
	if (!rc)
		rc = web_new(o->ca_file, &c->web, e);
	if (!rc)
		rc = node_open(c->web, o->rpc, &c->node, e);
	if (!rc)
		rc = registry_open(&c->node, &registry, o->code_hash ? &code_hash : NULL, &c->registry, e);
	return rc;
}

int connection_open(const struct publisher_options *o, bool needs_wallet, struct connection *out, struct err *e)
{
	int rc;

	*out = (struct connection){ 0 };
	rc = open_all(o, needs_wallet, out, e);
	if (rc)
		connection_close(out);
	return rc;
}

int connection_open_node(const struct publisher_options *o, struct connection *out, struct err *e)
{
	int rc = need_option(o->rpc, "rpc", e);

	*out = (struct connection){ 0 };
	if (!rc)
		rc = need_option(o->wallet, "wallet", e);
	if (!rc)
		rc = open_wallet(o, out, e);
	if (!rc)
		rc = web_new(o->ca_file, &out->web, e);
	if (!rc)
		rc = node_open(out->web, o->rpc, &out->node, e);
	if (rc)
		connection_close(out);
	return rc;
}

void connection_close(struct connection *c)
{
	web_free(c->web);
	c->web = NULL;
	wallet_wipe(&c->wallet);
}

static void on_step(void *arg, enum transact_step at, const struct hash32 *tx)
{
	const struct cli *cli = arg;
	char text[HEX32_MAX];

	if (at == TRANSACT_WAIT && cli->is_terminal)
		cli_note("sent %s; waiting for a block", hex_0x(SPAN_OF(*tx), text));
}

int send_and_print(const struct cli *cli, struct connection *c, struct span data, json_t *about_take, struct err *e)
{
	struct transact t = {
		.node = &c->node, .wallet = &c->wallet, .to = &c->registry.address, .data = data,
		.on_step = on_step, .arg = (void *)cli,
	};
	json_t *about = about_take ? about_take : json_object();
	struct receipt receipt;
	char tx[HEX32_MAX];
	int rc = transact(&t, &receipt, e);

	if (rc) {
		json_decref(about);
		return rc;
	}
	hex_0x(SPAN_OF(receipt.tx), tx);
	json_object_set_new(about, "tx", json_string(tx));
	json_object_set_new(about, "block", json_integer((json_int_t)receipt.block));
	json_object_set_new(about, "gas", json_integer((json_int_t)receipt.gas));
	receipt_free(&receipt);
	cli_print_take(cli, about);
	return ERR_OK;
}

void on_progress(void *arg, uint64_t done, uint64_t total)
{
	struct progress *p = arg;
	int64_t now = clock_mono_ms(clock_system());

	if (done < total && now - p->shown_ms < PROGRESS_MS)
		return;
	p->shown_ms = now;
	cli_progress(p->cli, p->what, done, total);
}
