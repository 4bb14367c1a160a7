/* cache.c: is a gateway's cache whole, and what may leave it? */
#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/gateway.h"
#include "cli/printable.h"
#include "cli/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 200		/* between two looks at how far it is */
#define AWAY_MS 30000		/* a gateway that starts anew is back before this */

struct options {
	struct gateway_options gateway;
	const char *older_than;
};

static const struct opt plain_opts[] = { GATEWAY_OPTS(struct options), { NULL } };
static const struct opt purge_opts[] = {
	{ "older-than", OPT_TEXT, offsetof(struct options, older_than), "TIME", "only what nobody wanted for so long: 30d, 12h" },
	GATEWAY_OPTS(struct options), { NULL },
};

static const char *text_at(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s ? s : "-";
}

static uint64_t number_at(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static int no_words(const struct cli *cli, struct err *e)
{
	return cli->words.n ? err_set(e, ERR_USAGE, "wanted: no further words") : ERR_OK;
}

/* --- cache --- */

/* An object's members beside the others, as "scrub.state". */
static json_t *flat_take(json_t *o)
{
	json_t *out = json_object(), *value, *member;
	const char *key, *inner;
	char name[80];

	json_object_foreach(o, key, value) {
		if (!json_is_object(value))
			json_object_set(out, key, value);
		json_object_foreach(value, inner, member) {
			snprintf(name, sizeof name, "%s.%s", key, inner);
			json_object_set(out, name, member);
		}
	}
	json_decref(o);
	return out;
}

static int run_cache(struct cli *cli, const void *options, struct err *e)
{
	const struct options *o = options;
	json_t *answer = NULL;
	int rc = no_words(cli, e);

	if (!rc)
		rc = gateway_call(&o->gateway, LINK_GET, "/api/v1/cache", NULL, &answer, e);
	if (rc)
		return rc;
	if (!cli->json) {
		json_object_del(answer, "verify");	/* `cache verify` tells of it */
		answer = flat_take(answer);
	}
	cli_print_take(cli, answer);
	return ERR_OK;
}

/* --- cache verify --- */

static void show_progress(const struct cli *cli, const json_t *run)
{
	const json_t *bytes = json_object_get(run, "bytes");
	char what[40];

	snprintf(what, sizeof what, "%.30s", text_at(run, "state"));
	cli_progress(cli, what, number_at(bytes, "done"), number_at(bytes, "total") + 1);
}

/* One look. A database that was damaged ends the run: the gateway starts anew, and has forgotten it. */
static int look(const struct options *o, uint64_t id, json_t **run, struct err *e)
{
	json_t *now = NULL;
	int rc = gateway_call(&o->gateway, LINK_GET, "/api/v1/cache/verify", NULL, &now, e);

	if (rc == ERR_NOT_FOUND || (!rc && number_at(now, "id") != id)) {
		json_decref(now);
		return err_set(e, ERR_RULE, "the gateway has started anew meanwhile: its database was damaged, and is made again; ask once more");
	}
	if (rc)
		return rc;
	json_decref(*run);
	*run = now;
	return ERR_OK;
}

static int wait_for_end(const struct cli *cli, const struct options *o, json_t **run, struct err *e)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	uint64_t id = number_at(*run, "id");
	int away_ms = 0, rc = ERR_OK;

	while (!rc && strcmp(text_at(*run, "state"), "done")) {
		show_progress(cli, *run);
		nanosleep(&pause, NULL);
		rc = look(o, id, run, e);
		away_ms = rc == ERR_NET ? away_ms + LOOK_MS : 0;
		if (rc == ERR_NET && away_ms < AWAY_MS)
			rc = ERR_OK;
	}
	if (cli->is_terminal && !cli->json)
		fputc('\n', stderr);
	return rc;
}

static void print_findings(const json_t *run)
{
	static const struct column columns[] = {
		{ "WHAT", "what" }, { "NAME", "name" }, { "CHUNKS", "chunks" }, { "REPAIRED", "repaired" }, { NULL },
	};
	json_t *findings = json_object_get(run, "findings");

	if (json_array_size(findings))
		table_print_take(json_pack("{s:O}", "items", findings), columns);
	printf("%" PRIu64 " images and %" PRIu64 " bytes read; %" PRIu64 " found damaged%s\n", number_at(json_object_get(run, "images"), "done"),
	       number_at(json_object_get(run, "bytes"), "done"), number_at(run, "found"),
	       json_is_true(json_object_get(run, "whole")) ? (number_at(run, "found") ? ", all of it repaired" : ": all is whole") : "");
}

static int verdict(const json_t *run, struct err *e)
{
	const json_t *trouble = json_object_get(run, "trouble");

	if (json_is_true(json_object_get(run, "whole")))
		return ERR_OK;
	if (json_is_string(trouble))
		return err_set(e, ERR_RULE, "not all could be looked at: %.250s", json_string_value(trouble));
	return err_set(e, ERR_RULE, "damage was found that is not repaired; it is tried again as long as somebody wants the image");
}

static int run_verify(struct cli *cli, const void *options, struct err *e)
{
	const struct options *o = options;
	json_t *run = NULL, *body;
	int rc = no_words(cli, e);

	if (rc)
		return rc;
	body = json_object();
	rc = gateway_call(&o->gateway, LINK_POST, "/api/v1/cache/verify", body, &run, e);
	json_decref(body);
	if (!rc)
		rc = wait_for_end(cli, o, &run, e);
	if (!rc)
		rc = verdict(run, e);
	if (run && !strcmp(text_at(run, "state"), "done")) {
		if (cli->json)
			cli_print_take(cli, json_incref(run));
		else
			print_findings(run);
	}
	json_decref(run);
	return rc;
}

/* --- purge --- */

/* "30d", "12h", "5m", "30s", as in the configuration. */
static int read_age(const char *text, uint64_t *seconds, struct err *e)
{
	static const struct { char unit; uint64_t seconds; } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	size_t digits = strspn(text, "0123456789");

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (digits == 0 || digits > 9 || text[digits] != units[i].unit || text[digits + 1])
			continue;
		*seconds = strtoull(text, NULL, 10) * units[i].seconds;
		return ERR_OK;
	}
	return err_set(e, ERR_USAGE, "--older-than: \"%.40s\" is no time like 30d, 12h, 5m or 30s", text);
}

static int put_purge(const struct cli *cli, const struct options *o, json_t *body, struct err *e)
{
	uint64_t seconds;
	int rc;

	if (cli->words.n > 1)
		return err_set(e, ERR_USAGE, "wanted: [SHA256]");
	if (cli->words.n)
		json_object_set_new(body, "sha256", json_string(cli->words.v[0]));
	if (!o->older_than)
		return ERR_OK;
	rc = read_age(o->older_than, &seconds, e);
	if (!rc)
		json_object_set_new(body, "older_than_s", json_integer((json_int_t)seconds));
	return rc;
}

static int run_purge(struct cli *cli, const void *options, struct err *e)
{
	const struct options *o = options;
	json_t *body = json_object(), *answer = NULL;
	int rc = put_purge(cli, o, body, e);

	if (!rc)
		rc = gateway_call(&o->gateway, LINK_POST, "/api/v1/cache/purge", body, &answer, e);
	json_decref(body);
	if (rc)
		return rc;
	if (!cli->json)
		cli_note("they leave the disk when nobody has read them for ten minutes");
	cli_print_take(cli, answer);
	return ERR_OK;
}

#define ROW(name, synopsis, what, opts, run) { name, synopsis, what, opts, sizeof(struct options), run }

const struct command cache_commands[] = {
	ROW("cache verify", "", "read all of it now, mend what can be mended; 1: some damage stays", plain_opts, run_verify),
	ROW("cache", "", "what is in it, and when it was read last", plain_opts, run_cache),
	ROW("purge", "[SHA256]", "remove images that nobody needs", purge_opts, run_purge),
	{ NULL },
};
