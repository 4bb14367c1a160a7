/* test_api.c: operator calls against a keeper over a real store, every answer held against docs/openapi.yaml. */
#include "rig.h"
#include "store/audit.h"
#include "store/devices.h"
#include "yaml.h"

#include <ctype.h>

static struct rig rig;
static struct yaml spec;
static char *spec_text;
static char token[3][TOKEN_TEXT_MAX];	/* read, operate, admin */
static struct api_reply reply;

/* --- docs/openapi.yaml --- */

static size_t operation_of(const char *pattern, enum link_method method)
{
	static const char *const names[] = { "", "get", "get", "post", "put", "delete" };
	size_t path = yaml_child(&spec, yaml_child(&spec, YAML_NONE, "paths"), pattern);

	return path == YAML_NONE ? YAML_NONE : yaml_child(&spec, path, names[method]);
}

static const char *kind_of(const json_t *v)
{
	static const char *const names[] = { [JSON_OBJECT] = "object", [JSON_ARRAY] = "array", [JSON_STRING] = "string",
		[JSON_INTEGER] = "integer", [JSON_REAL] = "number", [JSON_TRUE] = "boolean", [JSON_FALSE] = "boolean",
		[JSON_NULL] = "null" };

	return names[json_typeof(v)];
}

static void check_schema(size_t at, const json_t *v, const char *where);

static void check_object(size_t properties, const json_t *v, const char *where)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)v, key, value) {
		size_t p = yaml_child(&spec, properties, key);
		char deeper[256];

		snprintf(deeper, sizeof deeper, "%s.%s", where, key);
		ck_assert_msg(p != YAML_NONE, "%s is not in the description", deeper);
		check_schema(p, value, deeper);
	}
	for (size_t p = yaml_first(&spec, properties); p != YAML_NONE; p = yaml_next(&spec, p))
		ck_assert_msg(json_object_get(v, spec.line[p].key) || !strcmp(spec.line[p].key, "field"),
			      "%s.%s is missing: absent values are null", where, spec.line[p].key);
}

/* at: the line whose value or children say what v must be. */
static void check_schema(size_t at, const json_t *v, const char *where)
{
	size_t ref = yaml_child(&spec, at, "$ref"), type = yaml_child(&spec, at, "type");
	const char *types = type == YAML_NONE ? spec.line[at].value : spec.line[type].value;
	size_t properties = yaml_child(&spec, at, "properties"), items = yaml_child(&spec, at, "items");

	if (ref != YAML_NONE) {
		check_schema(yaml_ref(&spec, spec.line[ref].value), v, where);
		return;
	}
	ck_assert_msg(strstr(types, kind_of(v)), "%s is %s, not %s", where, kind_of(v), types);
	if (properties != YAML_NONE && json_is_object(v))
		check_object(properties, v, where);
	for (size_t i = 0; items != YAML_NONE && i < json_array_size(v); i++)
		check_schema(items, json_array_get(v, i), where);
}

/* Is the answer one that the description has for this call? */
static void check_answer(const char *pattern, enum link_method method)
{
	size_t responses = yaml_child(&spec, operation_of(pattern, method), "responses"), at, content;
	char status[8];

	if (reply.status == 400 && yaml_child(&spec, responses, "400") == YAML_NONE)
		return;		/* a query or body that no client of the description sends */
	snprintf(status, sizeof status, "%u", reply.status);
	at = yaml_child(&spec, responses, status);
	ck_assert_msg(at != YAML_NONE, "%s: %s is not described", pattern, status);
	if (yaml_child(&spec, at, "$ref") != YAML_NONE)
		at = yaml_ref(&spec, spec.line[yaml_child(&spec, at, "$ref")].value);
	content = yaml_child(&spec, at, "content");
	if (!reply.body || content == YAML_NONE)
		return;
	at = yaml_child(&spec, content, reply.type);
	ck_assert_msg(at != YAML_NONE, "%s: %s of type %s is not described", pattern, status, reply.type);
	check_schema(yaml_child(&spec, at, "schema"), reply.body, pattern);
}

static const char *pattern_of(const char *target)
{
	struct route_match m;
	size_t n;
	const struct api_route *r = api_routes(&n);
	struct span path = SPAN(target, strcspn(target, "?"));

	for (size_t i = 0; i < n; i++)
		if (route_fits(r[i].pattern, path, &m))
			return r[i].pattern;
	return NULL;
}

/* --- calls --- */

static unsigned call_as(enum link_method method, const char *target, const char *who, const char *body)
{
	struct link_call c = { .id = 1, .method = method, .path = span_str(target), .token = span_str(who),
		.address = SPAN_LIT("192.0.2.9"), .body = span_str(body) };
	const char *pattern = pattern_of(target);

	api_reply_free(&reply);
	api_answer(&rig.k, &c, -1, &reply);
	if (pattern && reply.status != 405)
		check_answer(pattern, method);
	return reply.status;
}

static unsigned call(enum link_method method, const char *target)
{
	return call_as(method, target, token[TOKEN_ADMIN], "");
}

static const char *text(const char *key)
{
	return json_string_value(json_object_get(reply.body, key));
}

static size_t items(void)
{
	return json_array_size(json_object_get(reply.body, "items"));
}

static void setup(void)
{
	struct api_reply r;
	char *nobody;

	rig_open(&rig);
	for (int i = 0; i < 3; i++)
		ck_ok(tokens_new(rig.k.tokens, span_str((const char *[]){ "reader", "worker", "boss" }[i]), (enum token_scope)i, 1, token[i], &err));
	r = (struct api_reply){ .status = 0 };
	api_openapi(&rig.k, NULL, &r);
	spec_text = strdup(api_reply_text(&r, &nobody).p ? r.text : "");
	yaml_read(&spec, spec_text);
	api_reply_free(&r);
	reply = (struct api_reply){ .status = 0 };
}

static void teardown(void)
{
	api_reply_free(&reply);
	free(spec_text);
	rig_close(&rig);
}

/* The thermostat: one active release, one that waits for its image. A device. */
static void populate(void)
{
	struct world *w = &rig.w;

	world_register(w, 0, 1, "AB");
	world_publish(w, 0, 0);
	world_publish(w, 0, 1);
	world_final(w, 0);
	world_image(w, 0, IMAGE_IS_GOOD);
	world_settle(w);
	ck_ok(devices_put(w->store, "dev-1", "acme/thermostat", NULL, "hall", 5, &err));
	keeper_alarm(&rig.k, "no-quorum", "", "nobody answers", false);
}

/* --- the table --- */

START_TEST(every_route_is_described)
{
	static const char *const scopes[] = { "read", "operate", "admin" };
	size_t n, described = 0;
	const struct api_route *r = api_routes(&n);

	for (size_t i = 0; i < n; i++) {
		size_t op = operation_of(r[i].pattern, r[i].method), scope, security;

		ck_assert_msg(op != YAML_NONE, "%s is not in docs/openapi.yaml", r[i].pattern);
		scope = yaml_child(&spec, op, "x-scope");
		security = yaml_child(&spec, op, "security");
		ck_assert_msg((security != YAML_NONE) == r[i].is_public, "%s: public or not", r[i].pattern);
		ck_assert_msg(r[i].is_public || !strcmp(spec.line[scope].value, scopes[r[i].scope]), "%s: its scope", r[i].pattern);
	}
	/* Paths with servers of their own are the devices' listener's: no calls of the keeper. */
	for (size_t p = yaml_first(&spec, yaml_child(&spec, YAML_NONE, "paths")); p != YAML_NONE; p = yaml_next(&spec, p))
		for (size_t op = yaml_child(&spec, p, "servers") == YAML_NONE ? yaml_first(&spec, p) : YAML_NONE; op != YAML_NONE; op = yaml_next(&spec, op))
			described++;
	ck_assert_msg(described == n, "docs/openapi.yaml has %zu calls, the program %zu", described, n);
}
END_TEST

static const char *const gets[] = {
	"/healthz", "/metrics", "/api/v1/openapi.yaml", "/api/v1/status", "/api/v1/products", "/api/v1/products/acme/thermostat",
	"/api/v1/products/zeta/lamp", "/api/v1/releases", "/api/v1/releases/acme/thermostat/1", "/api/v1/releases/acme/thermostat/2",
	"/api/v1/releases?product=acme%2Fthermostat&state=active&limit=1", "/api/v1/alarms", "/api/v1/images",
	"/api/v1/devices", "/api/v1/devices?product=acme/thermostat", "/api/v1/devices/dev-1", "/api/v1/providers",
	"/api/v1/sources", "/api/v1/audit", "/api/v1/audit?after=1&limit=2", "/api/v1/tokens",
};

START_TEST(every_get_has_its_shape)
{
	populate();
	ck_assert_msg(call(LINK_GET, gets[_i]) == 200, "%s: %u", gets[_i], reply.status);
	ck_assert(reply.body || reply.text);
}
END_TEST

START_TEST(the_same_shape_before_anything_is_known)
{
	if (strchr(gets[_i] + 1, '/') && (strstr(gets[_i], "dev-1") || strstr(gets[_i], "/releases/acme")))
		ck_assert_uint_eq(call(LINK_GET, gets[_i]), 404);
	else
		ck_assert_uint_eq(call(LINK_GET, gets[_i]), 200);
}
END_TEST

static const struct { const char *rule; enum link_method method; const char *target; unsigned want; } refused[] = {
	{ "no such path", LINK_GET, "/api/v1/nothing", 404 },
	{ "no trailing slash", LINK_GET, "/api/v1/products/", 404 },
	{ "a wrong method", LINK_DELETE, "/api/v1/products", 405 },
	{ "HEAD of a mutation", LINK_HEAD, "/api/v1/products/acme/thermostat/pin", 405 },
	{ "a product that is not followed", LINK_GET, "/api/v1/products/acme/unknown", 404 },
	{ "a release that is not there", LINK_GET, "/api/v1/releases/acme/thermostat/77", 404 },
	{ "a sequence that is no number", LINK_GET, "/api/v1/releases/acme/thermostat/one", 400 },
	{ "a digest that is none", LINK_GET, "/api/v1/images/zz", 400 },
	{ "an image that is not there", LINK_GET, "/api/v1/images/0000000000000000000000000000000000000000000000000000000000000000", 404 },
	{ "a device that is not there", LINK_GET, "/api/v1/devices/dev-9", 404 },
	{ "a device id with odd bytes", LINK_GET, "/api/v1/devices/a%20b", 400 },
	{ "limit 0", LINK_GET, "/api/v1/devices?limit=0", 400 },
	{ "a limit above the greatest", LINK_GET, "/api/v1/releases?limit=1001", 400 },
	{ "a cursor that is none", LINK_GET, "/api/v1/releases?after=x", 400 },
	{ "a cursor that is none", LINK_GET, "/api/v1/images?after=x", 400 },
	{ "a cursor that is none", LINK_GET, "/api/v1/audit?after=x", 400 },
	{ "a state that there is not", LINK_GET, "/api/v1/releases?state=great", 400 },
	{ "a product that is not followed", LINK_GET, "/api/v1/releases?product=acme/unknown", 404 },
	{ "a query without =", LINK_GET, "/api/v1/releases?x", 400 },
	{ "an alarm that is not raised", LINK_POST, "/api/v1/alarms/code-hash/clear", 404 },
	{ "a device that is not there", LINK_DELETE, "/api/v1/devices/dev-9", 404 },
	{ "a token that is not there", LINK_DELETE, "/api/v1/tokens/nobody", 404 },
	{ "signers before there are any", LINK_POST, "/api/v1/products/zeta/lamp/accept-signers", 404 },
};

START_TEST(refusals_are_problems)
{
	populate();
	ck_assert_msg(call(refused[_i].method, refused[_i].target) == refused[_i].want, "%s: %u", refused[_i].rule, reply.status);
	ck_assert_str_eq(reply.type, "application/problem+json");
	ck_assert_int_eq(json_integer_value(json_object_get(reply.body, "status")), refused[_i].want);
	ck_assert(text("type") && text("title") && text("detail"));
}
END_TEST

START_TEST(a_wrong_method_names_the_right_ones)
{
	call(LINK_POST, "/api/v1/devices/dev-1");
	ck_assert_str_eq(reply.allow, "GET, HEAD, PUT, DELETE");
	call(LINK_GET, "/api/v1/products/acme/thermostat/pin");
	ck_assert_str_eq(reply.allow, "POST");
}
END_TEST

START_TEST(head_is_a_get)
{
	ck_assert_uint_eq(call(LINK_HEAD, "/api/v1/status"), 200);
}
END_TEST

/* --- who may --- */

START_TEST(tokens_and_scopes)
{
	size_t n;
	const struct api_route *r = api_routes(&n);
	struct api_route it = r[_i];
	char target[128] = "", *to = target;

	for (const char *p = it.pattern; *p; p++) {	/* any value will do: 401 and 403 come first */
		if (*p == '{')
			while (p[1] != '}')
				p++;
		else
			*to++ = *p == '}' ? 'x' : *p;
	}
	*to = '\0';
	if (it.is_public) {
		ck_assert_uint_ne(call_as(it.method, target, "", ""), 401);
		return;
	}
	ck_assert_msg(call_as(it.method, target, "", "") == 401, "%s without a token", it.pattern);
	ck_assert_msg(call_as(it.method, target, "0123456789", "") == 401, "%s with a wrong one", it.pattern);
	for (unsigned scope = 0; scope < 3; scope++)
		ck_assert_msg((call_as(it.method, target, token[scope], "") == 403) == (scope < it.scope),
			      "%s with scope %s: %u", it.pattern, token_scope_name(scope), reply.status);
}
END_TEST

START_TEST(a_revoked_token_is_nobody)
{
	ck_assert_uint_eq(call(LINK_DELETE, "/api/v1/tokens/reader"), 204);
	ck_assert_uint_eq(call_as(LINK_GET, "/api/v1/status", token[TOKEN_READ], ""), 401);
}
END_TEST

START_TEST(the_control_socket_needs_no_token)
{
	struct link_call c = { .method = LINK_GET, .path = SPAN_LIT("/api/v1/tokens") };

	api_answer(&rig.k, &c, 0, &reply);
	ck_assert_uint_eq(reply.status, 200);
}
END_TEST

/* --- bodies --- */

static const struct { const char *rule; enum link_method method; const char *target, *body; unsigned want; } bodies[] = {
	{ "not JSON", LINK_PUT, "/api/v1/devices/dev-1", "{", 400 },
	{ "not an object", LINK_PUT, "/api/v1/devices/dev-1", "[]", 400 },
	{ "a key twice", LINK_PUT, "/api/v1/devices/dev-1", "{\"group\":\"a\",\"group\":\"b\"}", 400 },
	{ "bytes after the end", LINK_PUT, "/api/v1/devices/dev-1", "{} {}", 400 },
	{ "an unknown key", LINK_PUT, "/api/v1/devices/dev-1", "{\"gruop\":\"a\"}", 400 },
	{ "a value of another type", LINK_PUT, "/api/v1/devices/dev-1", "{\"group\":1}", 400 },
	{ "a product that is none", LINK_PUT, "/api/v1/devices/dev-1", "{\"product\":\"no slash\"}", 400 },
	{ "a channel that is none", LINK_PUT, "/api/v1/devices/dev-1", "{\"channel\":\"Very Stable\"}", 400 },
	{ "a group that is too long", LINK_PUT, "/api/v1/devices/dev-1",
	  "{\"group\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"}", 400 },
	{ "fine", LINK_PUT, "/api/v1/devices/dev-1", "{\"product\":\"acme/fridge\",\"channel\":\"beta\",\"group\":\"hall\"}", 200 },
	{ "an empty one lists the device", LINK_PUT, "/api/v1/devices/dev-7", "", 200 },
	{ "null leaves it", LINK_PUT, "/api/v1/devices/dev-1", "{\"group\":null}", 200 },
	{ "a token without a scope", LINK_POST, "/api/v1/tokens", "{\"name\":\"x\"}", 400 },
	{ "a token without a body", LINK_POST, "/api/v1/tokens", "", 400 },
	{ "a token of a scope that there is not", LINK_POST, "/api/v1/tokens", "{\"name\":\"x\",\"scope\":\"god\"}", 400 },
	{ "a token's name twice", LINK_POST, "/api/v1/tokens", "{\"name\":\"boss\",\"scope\":\"read\"}", 409 },
	{ "a token", LINK_POST, "/api/v1/tokens", "{\"name\":\"x\",\"scope\":\"read\"}", 201 },
};

START_TEST(bodies_are_checked)
{
	populate();
	ck_assert_msg(call_as(bodies[_i].method, bodies[_i].target, token[TOKEN_ADMIN], bodies[_i].body) == bodies[_i].want,
		      "%s: %u %s", bodies[_i].rule, reply.status, reply.body && text("detail") ? text("detail") : "");
}
END_TEST

/* --- what they do --- */

static struct audit_row newest;

static int keep_newest(void *arg, const struct audit_row *a, struct err *e)
{
	(void)arg, (void)e;
	newest = *a;
	return ERR_OK;
}

static const struct { enum link_method method; const char *target, *body, *action, *subject; } acts[] = {
	{ LINK_POST, "/api/v1/products/acme/thermostat/pin", "", "product.pin", "acme/thermostat" },
	{ LINK_POST, "/api/v1/products/acme/thermostat/unpin", "", "product.unpin", "acme/thermostat" },
	{ LINK_POST, "/api/v1/products/acme/thermostat/accept-signers", "", "signers.accept", "acme/thermostat" },
	{ LINK_POST, "/api/v1/releases/acme/thermostat/1/hold", "", "release.hold", "acme/thermostat 1" },
	{ LINK_POST, "/api/v1/releases/acme/thermostat/1/approve", "", "release.approve", "acme/thermostat 1" },
	{ LINK_POST, "/api/v1/releases/acme/thermostat/2/refetch", "", "release.refetch", "acme/thermostat 2" },
	{ LINK_POST, "/api/v1/alarms/no-quorum/clear", "", "alarm.clear", "no-quorum" },
	{ LINK_PUT, "/api/v1/devices/dev-1", "{\"group\":\"b\"}", "device.put", "dev-1" },
	{ LINK_DELETE, "/api/v1/devices/dev-1", "", "device.delete", "dev-1" },
	{ LINK_POST, "/api/v1/tokens", "{\"name\":\"x\",\"scope\":\"read\"}", "token.new", "x" },
	{ LINK_DELETE, "/api/v1/tokens/reader", "", "token.revoke", "reader" },
};

START_TEST(every_act_is_in_the_audit_log)
{
	bool found = false;

	populate();
	ck_assert_uint_lt(call_as(acts[_i].method, acts[_i].target, token[TOKEN_ADMIN], acts[_i].body), 300);
	for (uint64_t n = 0; !found; n++) {
		newest = (struct audit_row){ .n = 0 };
		ck_ok(audit_each(rig.k.store, n, 1, keep_newest, NULL, &err));
		ck_assert_msg(newest.n != 0, "%s is not in the log", acts[_i].action);
		found = !strcmp(newest.action, acts[_i].action);
	}
	ck_assert_str_eq(newest.subject, acts[_i].subject);
	ck_assert_str_eq(newest.actor, "boss");
	ck_assert_str_eq(newest.address, "192.0.2.9");
}
END_TEST

START_TEST(hold_and_approve)
{
	populate();
	ck_assert_uint_eq(call(LINK_POST, "/api/v1/releases/acme/thermostat/1/hold"), 200);
	ck_assert_str_eq(text("state"), "held");
	ck_assert_uint_eq(call(LINK_POST, "/api/v1/releases/acme/thermostat/1/approve"), 200);
	ck_assert_str_eq(text("state"), "active");
}
END_TEST

START_TEST(a_revoked_release_takes_no_orders)
{
	populate();
	world_revoke(&rig.w, 0, 1);
	world_final(&rig.w, 0);
	world_settle(&rig.w);
	ck_assert_uint_eq(call(LINK_POST, "/api/v1/releases/acme/thermostat/1/approve"), 409);
	ck_assert_uint_eq(call(LINK_POST, "/api/v1/releases/acme/thermostat/1/hold"), 409);
	ck_assert_uint_eq(call(LINK_POST, "/api/v1/releases/acme/thermostat/1/refetch"), 409);
}
END_TEST

START_TEST(refetch_brings_an_evicted_image_back)
{
	struct hash32 sha = world_sha(0);

	populate();
	world_image(&rig.w, 1, IMAGE_IS_GOOD);
	world_settle(&rig.w);
	ck_ok(images_delete(rig.w.store, &sha, &err));
	ledger_mark_all(&rig.w.ledger);
	world_settle(&rig.w);
	ck_assert_str_eq(world_state(&rig.w, 0, 1), "evicted");
	ck_assert_uint_eq(call(LINK_POST, "/api/v1/releases/acme/thermostat/1/refetch"), 200);
	ck_assert(fetcher_is_fetching(&rig.k.fetcher, &sha));
}
END_TEST

START_TEST(lists_come_in_pages)
{
	char target[256];

	populate();
	ck_assert_uint_eq(call(LINK_GET, "/api/v1/releases?limit=1"), 200);
	ck_assert_uint_eq(items(), 1);
	ck_assert_str_eq(text("next"), "acme/thermostat:1");
	snprintf(target, sizeof target, "/api/v1/releases?limit=1&after=%s", text("next"));
	ck_assert_uint_eq(call(LINK_GET, target), 200);
	ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(json_object_get(reply.body, "items"), 0), "sequence")), 2);
	snprintf(target, sizeof target, "/api/v1/releases?limit=1&after=%s", text("next"));
	ck_assert_uint_eq(call(LINK_GET, target), 200);
	ck_assert(items() == 0 && json_is_null(json_object_get(reply.body, "next")));
}
END_TEST

START_TEST(not_ready_without_a_catalog)
{
	ck_assert_uint_eq(call(LINK_GET, "/readyz"), 503);
	rig.k.catalogs.generation = 1;
	ck_assert_uint_eq(call(LINK_GET, "/readyz"), 200);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("api");
	TCase *t = tcase_create("all");
	SRunner *r;
	size_t routes;
	int failed;
	const TTest *const tests[] = { every_route_is_described, a_wrong_method_names_the_right_ones, head_is_a_get,
		a_revoked_token_is_nobody, the_control_socket_needs_no_token, hold_and_approve, a_revoked_release_takes_no_orders,
		refetch_brings_an_evicted_image_back, lists_come_in_pages, not_ready_without_a_catalog };

	api_routes(&routes);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		tcase_add_test(t, tests[i]);
	tcase_add_loop_test(t, every_get_has_its_shape, 0, sizeof gets / sizeof *gets);
	tcase_add_loop_test(t, the_same_shape_before_anything_is_known, 0, sizeof gets / sizeof *gets);
	tcase_add_loop_test(t, refusals_are_problems, 0, sizeof refused / sizeof *refused);
	tcase_add_loop_test(t, tokens_and_scopes, 0, (int)routes);
	tcase_add_loop_test(t, bodies_are_checked, 0, sizeof bodies / sizeof *bodies);
	tcase_add_loop_test(t, every_act_is_in_the_audit_log, 0, sizeof acts / sizeof *acts);
	suite_add_tcase(s, t);
	r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
