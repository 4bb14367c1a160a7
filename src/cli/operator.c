/* operator.c: subcommands that speak to a gateway.
 *
 * Most are one GET and a table of columns; the operator's words are one POST. */
#include "base/cleanup.h"
#include "base/hex.h"
#include "cli/cli.h"
#include "cli/gateway.h"
#include "cli/printable.h"
#include "cli/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct options {
	struct gateway_options gateway;
	const char *scope, *state, *product;
};

static const struct opt plain_opts[] = { GATEWAY_OPTS(struct options), { NULL } };
static const struct opt token_opts[] = {
	{ "scope", OPT_TEXT, offsetof(struct options, scope), "SCOPE", "read, operate or admin" },
	GATEWAY_OPTS(struct options), { NULL },
};
static const struct opt release_opts[] = {
	{ "state", OPT_TEXT, offsetof(struct options, state), "STATE", "only releases in this state" },
	GATEWAY_OPTS(struct options), { NULL },
};

/* --- words on the command line --- */

static int count_words(const struct cli *cli, size_t least, size_t most, const char *what, struct err *e)
{
	if (cli->words.n < least || cli->words.n > most)
		return err_set(e, ERR_USAGE, "wanted: %s", what);
	return ERR_OK;
}

static bool is_number(const char *s)
{
	return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) <= 19;
}

/* "PREFIX/VENDOR/MODEL[/SEQUENCE][SUFFIX]" from one or two words. */
static int object_path(const struct cli *cli, const char *prefix, bool with_sequence, const char *suffix, char *out, size_t cap, struct err *e)
{
	int rc = count_words(cli, with_sequence ? 2 : 1, with_sequence ? 2 : 1, with_sequence ? "PRODUCT SEQUENCE" : "PRODUCT", e);

	if (rc)
		return rc;
	if (!strchr(cli->words.v[0], '/') || strpbrk(cli->words.v[0], "?# %"))
		return err_set(e, ERR_USAGE, "\"%.80s\" is not a product: vendor/model", cli->words.v[0]);
	if (with_sequence && !is_number(cli->words.v[1]))
		return err_set(e, ERR_USAGE, "\"%.40s\" is not a sequence number", cli->words.v[1]);
	snprintf(out, cap, "%s/%s%s%s%s", prefix, cli->words.v[0], with_sequence ? "/" : "", with_sequence ? cli->words.v[1] : "", suffix);
	return ERR_OK;
}

/* --- one call, shown --- */

static int show_list(const struct cli *cli, const struct options *o, const char *path, const struct column *columns, struct err *e)
{
	json_t *answer = NULL;
	int rc = gateway_call(&o->gateway, LINK_GET, path, NULL, &answer, e);

	if (rc)
		return rc;
	if (cli->json)
		cli_print_take(cli, answer);
	else
		table_print_take(answer, columns);
	return ERR_OK;
}

static int show_object(const struct cli *cli, const struct options *o, enum link_method method, const char *path,
		       const json_t *body, struct err *e)
{
	json_t *answer = NULL;
	int rc = gateway_call(&o->gateway, method, path, body, &answer, e);

	if (!rc && answer)
		cli_print_take(cli, answer);
	return rc;
}

/* --- what is --- */

static int run_products(struct cli *cli, const void *options, struct err *e)
{
	static const struct column columns[] = {
		{ "PRODUCT", "product" }, { "FRESHNESS", "freshness" }, { "SEQUENCE", "sequence" }, { "FLOOR", "floor" },
		{ "THRESHOLD", "threshold" }, { "POLICY", "policy" }, { "ACTIVE", "channels", table_channels }, { NULL },
	};
	int rc = count_words(cli, 0, 0, "no further words", e);

	return rc ? rc : show_list(cli, options, "/api/v1/products", columns, e);
}

static int run_releases(struct cli *cli, const void *options, struct err *e)
{
	static const struct column columns[] = {
		{ "PRODUCT", "product" }, { "SEQUENCE", "sequence" }, { "VERSION", "version" }, { "CHANNEL", "channel" },
		{ "STATE", "state" }, { "FETCHED", "fetch", table_progress }, { "WHY", "why" }, { NULL },
	};
	const struct options *o = options;
	char path[256];
	int rc = count_words(cli, 0, 1, "[PRODUCT]", e);

	snprintf(path, sizeof path, "/api/v1/releases?limit=1000%s%s%s%s", cli->words.n ? "&product=" : "", cli->words.n ? cli->words.v[0] : "",
		 o->state ? "&state=" : "", o->state ? o->state : "");
	return rc ? rc : show_list(cli, options, path, columns, e);
}

static int run_devices(struct cli *cli, const void *options, struct err *e)
{
	static const struct column columns[] = {
		{ "DEVICE", "device" }, { "PRODUCT", "product" }, { "VERSION", "version" }, { "STATE", "state" },
		{ "LAST SEEN", "last_seen" }, { "PROTOCOL", "protocol" }, { "ADDRESS", "address" }, { NULL },
	};
	int rc = count_words(cli, 0, 0, "no further words", e);

	return rc ? rc : show_list(cli, options, "/api/v1/devices?limit=1000", columns, e);
}

static int run_providers(struct cli *cli, const void *options, struct err *e)
{
	static const struct column columns[] = {
		{ "PROVIDER", "name" }, { "OPERATOR", "operator" }, { "STATE", "state" }, { "HEIGHT", "height" },
		{ "HONESTY", "honesty" }, { "CALLS", "calls" }, { "WHY", "why" }, { "LAST ERROR", "last_error" }, { NULL },
	};
	int rc = count_words(cli, 0, 0, "no further words", e);

	return rc ? rc : show_list(cli, options, "/api/v1/providers", columns, e);
}

static int run_sources(struct cli *cli, const void *options, struct err *e)
{
	static const struct column columns[] = {
		{ "SOURCE", "name" }, { "KIND", "kind" }, { "STATE", "state" }, { "SCORE", "score" }, { "BYTES", "bytes" },
		{ "BAD BLOCKS", "bad_blocks" }, { "LAST ERROR", "last_error" }, { NULL },
	};
	int rc = count_words(cli, 0, 0, "no further words", e);

	return rc ? rc : show_list(cli, options, "/api/v1/sources", columns, e);
}

static int run_images(struct cli *cli, const void *options, struct err *e)
{
	static const struct column columns[] = {
		{ "SHA256", "sha256" }, { "SIZE", "size" }, { "STATE", "state" }, { "FORMAT", "format" },
		{ "LAST VERIFIED", "last_verified" }, { NULL },
	};
	int rc = count_words(cli, 0, 0, "no further words", e);

	return rc ? rc : show_list(cli, options, "/api/v1/images?limit=1000", columns, e);
}

static const struct column alarm_columns[] = {
	{ "ALARM", "code" }, { "SUBJECT", "subject" }, { "SINCE", "since" }, { "DETAIL", "detail" }, { NULL },
};

static int run_alarms(struct cli *cli, const void *options, struct err *e)
{
	int rc = count_words(cli, 0, 0, "no further words", e);

	return rc ? rc : show_list(cli, options, "/api/v1/alarms", alarm_columns, e);
}

static int run_audit(struct cli *cli, const void *options, struct err *e)
{
	static const struct column columns[] = {
		{ "N", "n" }, { "TIME", "time" }, { "ACTOR", "actor" }, { "ACTION", "action" }, { "SUBJECT", "subject" },
		{ "DETAIL", "detail" }, { NULL },
	};
	int rc = count_words(cli, 0, 0, "no further words", e);

	return rc ? rc : show_list(cli, options, "/api/v1/audit?limit=1000", columns, e);
}

static int run_why(struct cli *cli, const void *options, struct err *e)
{
	const struct options *o = options;
	char path[256];
	json_t *answer = NULL;
	int rc = object_path(cli, "/api/v1/releases", true, "", path, sizeof path, e);

	if (!rc)
		rc = gateway_call(&o->gateway, LINK_GET, path, NULL, &answer, e);
	if (rc)
		return rc;
	if (cli->json) {
		cli_print_take(cli, answer);
		return ERR_OK;
	}
	json_make_printable(answer);
	printf("%s: %s\n", json_string_value(json_object_get(answer, "state")), json_string_value(json_object_get(answer, "why")));
	json_decref(answer);
	return ERR_OK;
}

/* --- status --- */

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static void print_status(const json_t *s)
{
	const json_t *chain = json_object_get(s, "chain"), *verified = json_object_get(chain, "verified"),
		     *store = json_object_get(s, "store");

	printf("%s (gatepost %s): %s, trust %s, clock %s\n", text_at(s, "name"), text_at(s, "version"), text_at(s, "freshness"),
	       text_at(s, "trust"), text_at(s, "clock"));
	printf("products   %" JSON_INTEGER_FORMAT " followed, %" JSON_INTEGER_FORMAT " proven",
	       json_integer_value(json_object_get(chain, "products_followed")), json_integer_value(json_object_get(chain, "products_proven")));
	if (json_is_object(verified))
		printf(", at block %" JSON_INTEGER_FORMAT ", %" JSON_INTEGER_FORMAT " s ago",
		       json_integer_value(json_object_get(verified, "number")), json_integer_value(json_object_get(verified, "age_s")));
	printf("\nimages     %" JSON_INTEGER_FORMAT ", %" JSON_INTEGER_FORMAT " bytes%s\n", json_integer_value(json_object_get(store, "images")),
	       json_integer_value(json_object_get(store, "bytes")), json_is_true(json_object_get(store, "degraded")) ? ", DEGRADED" : "");
}

static void print_alarms(const json_t *s)
{
	json_t *list = json_object_get(s, "alarms"), *a;
	size_t i;

	if (json_array_size(list) == 0)
		puts("alarms     none");
	json_array_foreach(list, i, a)
		printf("ALARM      %s (%s) since %s: %s\n", text_at(a, "code"), text_at(a, "subject"), text_at(a, "since"), text_at(a, "detail"));
}

static int run_status(struct cli *cli, const void *options, struct err *e)
{
	const struct options *o = options;
	json_t *answer = NULL;
	int rc = count_words(cli, 0, 0, "no further words", e);

	if (!rc)
		rc = gateway_call(&o->gateway, LINK_GET, "/api/v1/status", NULL, &answer, e);
	if (rc)
		return rc;
	if (cli->json) {
		cli_print_take(cli, answer);
		return ERR_OK;
	}
	json_make_printable(answer);
	print_status(answer);
	print_alarms(answer);
	json_decref(answer);
	return ERR_OK;
}

/* --- the operator's words --- */

static int act_on_release(struct cli *cli, const void *options, const char *act, struct err *e)
{
	char path[256];
	int rc = object_path(cli, "/api/v1/releases", true, act, path, sizeof path, e);

	return rc ? rc : show_object(cli, options, LINK_POST, path, NULL, e);
}

static int act_on_product(struct cli *cli, const void *options, const char *act, struct err *e)
{
	char path[256];
	int rc = object_path(cli, "/api/v1/products", false, act, path, sizeof path, e);

	return rc ? rc : show_object(cli, options, LINK_POST, path, NULL, e);
}

static int run_approve(struct cli *cli, const void *options, struct err *e)
{
	return act_on_release(cli, options, "/approve", e);
}

static int run_hold(struct cli *cli, const void *options, struct err *e)
{
	return act_on_release(cli, options, "/hold", e);
}

static int run_refetch(struct cli *cli, const void *options, struct err *e)
{
	return act_on_release(cli, options, "/refetch", e);
}

static int run_signers_accept(struct cli *cli, const void *options, struct err *e)
{
	return act_on_product(cli, options, "/accept-signers", e);
}

static int run_pin(struct cli *cli, const void *options, struct err *e)
{
	return act_on_product(cli, options, "/pin", e);
}

static int run_unpin(struct cli *cli, const void *options, struct err *e)
{
	return act_on_product(cli, options, "/unpin", e);
}

static int run_alarms_clear(struct cli *cli, const void *options, struct err *e)
{
	char path[256];
	int rc = count_words(cli, 1, 1, "CODE", e);

	if (rc)
		return rc;
	snprintf(path, sizeof path, "/api/v1/alarms/%.60s/clear", cli->words.v[0]);
	return show_object(cli, options, LINK_POST, path, NULL, e);
}

/* --- tokens --- */

static int run_token_new(struct cli *cli, const void *options, struct err *e)
{
	const struct options *o = options;
	json_t *body, *answer = NULL;
	int rc = count_words(cli, 1, 1, "NAME --scope read|operate|admin", e);

	if (!rc && !o->scope)
		rc = err_set(e, ERR_USAGE, "--scope is needed: read, operate or admin");
	if (rc)
		return rc;
	body = json_pack("{s:s, s:s}", "name", cli->words.v[0], "scope", o->scope);
	rc = gateway_call(&o->gateway, LINK_POST, "/api/v1/tokens", body, &answer, e);
	json_decref(body);
	if (rc)
		return rc;
	if (cli->json) {
		cli_print_take(cli, answer);
		return ERR_OK;
	}
	/* "stdout has the token and nothing else" */
	puts(text_at(answer, "token"));
	json_decref(answer);
	return ERR_OK;
}

static int run_token_list(struct cli *cli, const void *options, struct err *e)
{
	static const struct column columns[] = { { "NAME", "name" }, { "SCOPE", "scope" }, { "MADE", "made" }, { NULL, NULL } };
	int rc = count_words(cli, 0, 0, "no further words", e);

	return rc ? rc : show_list(cli, options, "/api/v1/tokens", columns, e);
}

static int run_token_revoke(struct cli *cli, const void *options, struct err *e)
{
	char path[256];
	int rc = count_words(cli, 1, 1, "NAME", e);

	if (rc)
		return rc;
	snprintf(path, sizeof path, "/api/v1/tokens/%.63s", cli->words.v[0]);
	return show_object(cli, options, LINK_DELETE, path, NULL, e);
}

#define ROW(name, synopsis, what, opts, run) { name, synopsis, what, opts, sizeof(struct options), run }

const struct command operator_commands[] = {
	ROW("status", "", "is the gateway fresh, and is anything wrong", plain_opts, run_status),
	ROW("products", "", "the products that it follows", plain_opts, run_products),
	ROW("releases", "[PRODUCT]", "their releases, each with its state and why", release_opts, run_releases),
	ROW("why", "PRODUCT SEQUENCE", "why a release is, or is not, offered", plain_opts, run_why),
	ROW("approve", "PRODUCT SEQUENCE", "let a held release go out", plain_opts, run_approve),
	ROW("hold", "PRODUCT SEQUENCE", "keep a release back", plain_opts, run_hold),
	ROW("refetch", "PRODUCT SEQUENCE", "try to fetch its image again now", plain_opts, run_refetch),
	ROW("pin", "PRODUCT", "evict nothing of it", plain_opts, run_pin),
	ROW("unpin", "PRODUCT", "evict as usual again", plain_opts, run_unpin),
	ROW("signers accept", "PRODUCT", "trust the signers that are registered now", plain_opts, run_signers_accept),
	ROW("devices", "", "devices that showed themselves", plain_opts, run_devices),
	ROW("images", "", "images in the cache", plain_opts, run_images),
	ROW("providers", "", "Ethereum RPC providers and what they are worth", plain_opts, run_providers),
	ROW("sources", "", "IPFS sources and what they are worth", plain_opts, run_sources),
	ROW("alarms clear", "CODE", "it was looked at", plain_opts, run_alarms_clear),
	ROW("alarms", "", "what somebody should look at", plain_opts, run_alarms),
	ROW("audit", "", "who did what", plain_opts, run_audit),
	ROW("token new", "NAME --scope SCOPE", "make a token for the REST API; it is shown once", token_opts, run_token_new),
	ROW("token list", "", "the tokens there are", plain_opts, run_token_list),
	ROW("token revoke", "NAME", "make a token worthless", plain_opts, run_token_revoke),
	{ NULL },
};
