/* api.c: see api.h. The table, who may use it, and the shapes of answers. */
#include "keeper/api.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"
#include "keeper/js.h"
#include "keeper/keeper.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const struct api_route routes[] = {
	{ LINK_GET, "/healthz", TOKEN_READ, true, api_healthz },
	{ LINK_GET, "/readyz", TOKEN_READ, true, api_readyz },
	{ LINK_GET, "/metrics", TOKEN_READ, false, api_metrics },
	{ LINK_GET, "/api/v1/openapi.yaml", TOKEN_READ, true, api_openapi },
	{ LINK_GET, "/api/v1/status", TOKEN_READ, false, api_status },
	{ LINK_GET, "/api/v1/products", TOKEN_READ, false, api_products },
	{ LINK_GET, "/api/v1/products/{vendor}/{model}", TOKEN_READ, false, api_product },
	{ LINK_POST, "/api/v1/products/{vendor}/{model}/accept-signers", TOKEN_OPERATE, false, api_accept_signers },
	{ LINK_POST, "/api/v1/products/{vendor}/{model}/pin", TOKEN_OPERATE, false, api_pin },
	{ LINK_POST, "/api/v1/products/{vendor}/{model}/unpin", TOKEN_OPERATE, false, api_unpin },
	{ LINK_GET, "/api/v1/releases", TOKEN_READ, false, api_releases },
	{ LINK_GET, "/api/v1/releases/{vendor}/{model}/{sequence}", TOKEN_READ, false, api_release },
	{ LINK_POST, "/api/v1/releases/{vendor}/{model}/{sequence}/approve", TOKEN_OPERATE, false, api_approve },
	{ LINK_POST, "/api/v1/releases/{vendor}/{model}/{sequence}/hold", TOKEN_OPERATE, false, api_hold },
	{ LINK_POST, "/api/v1/releases/{vendor}/{model}/{sequence}/refetch", TOKEN_OPERATE, false, api_refetch },
	{ LINK_GET, "/api/v1/alarms", TOKEN_READ, false, api_alarms },
	{ LINK_POST, "/api/v1/alarms/{code}/clear", TOKEN_OPERATE, false, api_alarm_clear },
	{ LINK_GET, "/api/v1/cache", TOKEN_READ, false, api_cache },
	{ LINK_GET, "/api/v1/cache/verify", TOKEN_READ, false, api_verify },
	{ LINK_POST, "/api/v1/cache/verify", TOKEN_OPERATE, false, api_verify_new },
	{ LINK_POST, "/api/v1/cache/purge", TOKEN_OPERATE, false, api_purge },
	{ LINK_GET, "/api/v1/images", TOKEN_READ, false, api_images },
	{ LINK_GET, "/api/v1/images/{sha256}", TOKEN_READ, false, api_image },
	{ LINK_GET, "/api/v1/devices", TOKEN_READ, false, api_devices },
	{ LINK_GET, "/api/v1/devices/{id}", TOKEN_READ, false, api_device },
	{ LINK_PUT, "/api/v1/devices/{id}", TOKEN_OPERATE, false, api_device_put },
	{ LINK_DELETE, "/api/v1/devices/{id}", TOKEN_OPERATE, false, api_device_delete },
	{ LINK_GET, "/api/v1/providers", TOKEN_READ, false, api_providers },
	{ LINK_GET, "/api/v1/sources", TOKEN_READ, false, api_sources },
	{ LINK_POST, "/api/v1/imports", TOKEN_OPERATE, false, api_import_new },
	{ LINK_GET, "/api/v1/imports/{id}", TOKEN_OPERATE, false, api_import },
	{ LINK_PUT, "/api/v1/imports/{id}", TOKEN_OPERATE, false, api_import_put },
	{ LINK_DELETE, "/api/v1/imports/{id}", TOKEN_OPERATE, false, api_import_delete },
	{ LINK_POST, "/api/v1/exports", TOKEN_OPERATE, false, api_export_new },
	{ LINK_GET, "/api/v1/exports/{id}", TOKEN_OPERATE, false, api_export },
	{ LINK_GET, "/api/v1/exports/{id}/data", TOKEN_OPERATE, false, api_export_data },
	{ LINK_POST, "/api/v1/backups", TOKEN_ADMIN, false, api_backup_new },
	{ LINK_GET, "/api/v1/backups/{id}", TOKEN_ADMIN, false, api_backup },
	{ LINK_GET, "/api/v1/backups/{id}/data", TOKEN_ADMIN, false, api_backup_data },
	{ LINK_GET, "/api/v1/audit", TOKEN_READ, false, api_audit },
	{ LINK_GET, "/api/v1/tokens", TOKEN_ADMIN, false, api_tokens },
	{ LINK_POST, "/api/v1/tokens", TOKEN_ADMIN, false, api_token_new },
	{ LINK_DELETE, "/api/v1/tokens/{name}", TOKEN_ADMIN, false, api_token_revoke },
};
#define ROUTES (sizeof routes / sizeof *routes)

const struct api_route *api_routes(size_t *n)
{
	*n = ROUTES;
	return routes;
}

/* --- answers --- */

void api_reply_free(struct api_reply *r)
{
	json_decref(r->body);
	free(r->text);
	*r = (struct api_reply){ .status = 0 };
}

struct span api_reply_text(const struct api_reply *r, char **text)
{
	*text = NULL;
	if (r->text)
		return span_str(r->text);
	if (r->body)
		*text = json_dumps(r->body, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
	return *text ? span_str(*text) : SPAN(NULL, 0);
}

void api_ok(struct api_reply *r, json_t *body)
{
	r->status = body ? 200 : 500;
	r->type = "application/json";
	r->body = body;
}

static const struct { unsigned status; const char *name, *title; } problems[] = {
	{ 400, "bad-request", "Bad Request" },
	{ 401, "unauthorized", "Unauthorized" },
	{ 403, "forbidden", "Forbidden" },
	{ 404, "not-found", "Not Found" },
	{ 405, "method-not-allowed", "Method Not Allowed" },
	{ 409, "conflict", "Conflict" },
	{ 503, "unavailable", "Service Unavailable" },
	{ 500, "internal", "Internal Server Error" },	/* last: everything else */
};

void api_problem(struct api_reply *r, unsigned status, const char *field, const char *fmt, ...)
{
	char detail[512], type[64];
	size_t i = 0;
	va_list args;

	va_start(args, fmt);
	vsnprintf(detail, sizeof detail, fmt, args);
	va_end(args);
	while (i + 1 < sizeof problems / sizeof *problems && problems[i].status != status)
		i++;
	snprintf(type, sizeof type, "urn:gatepost:problem:%s", problems[i].name);
	json_decref(r->body);
	(void)js_take_short();	/* of what is not said any more */
	r->status = status;
	r->type = "application/problem+json";
	r->body = json_object();
	js_set(r->body, "type", js_str(type));
	js_set(r->body, "title", js_str(problems[i].title));
	js_set(r->body, "status", js_u64(status));
	js_set(r->body, "detail", js_str(detail));
	if (field)
		js_set(r->body, "field", js_str(field));
}

void api_fail(struct api_reply *r, const struct err *e)
{
	static const struct { enum err_code code; unsigned status; } map[] = {
		{ ERR_NOT_FOUND, 404 }, { ERR_EXISTS, 409 }, { ERR_RULE, 409 }, { ERR_FORMAT, 400 }, { ERR_USAGE, 400 },
		{ ERR_LIMIT, 409 }, { ERR_NO_SPACE, 503 }, { ERR_READ_ONLY, 503 }, { ERR_BUSY, 503 }, { ERR_DENIED, 403 },
	};
	unsigned status = 500;

	for (size_t i = 0; i < sizeof map / sizeof *map; i++)
		if (map[i].code == e->code)
			status = map[i].status;
	api_problem(r, status, NULL, "%s", e->msg);
}

void api_list(struct api_reply *r, json_t *items, json_t *next)
{
	json_t *body = json_object();

	js_set(body, "items", items);
	js_set(body, "next", next);
	api_ok(r, body);
}

bool api_limit(const struct api_call *c, struct api_reply *r, uint32_t *limit)
{
	struct span text = route_value(&c->query, "limit");
	uint64_t v = API_LIST_DEFAULT;
	struct err e = { 0 };

	if (text.p && (route_u64(text, &v, &e) || v < 1 || v > API_LIST_MAX)) {
		api_problem(r, 400, "limit", "limit: must be 1 to %d", API_LIST_MAX);
		return false;
	}
	*limit = (uint32_t)v;
	return true;
}

/* --- who may --- */

/* 401, 403 or, when the asker may, 0. Sets c->who. */
static unsigned check_scope(struct keeper *k, const struct api_route *route, int64_t peer_uid, struct api_call *c, char *who, size_t cap)
{
	const struct token *t;

	c->who = who;
	if (peer_uid >= 0) {
		snprintf(who, cap, "socket:%" PRId64, peer_uid);
		return 0;
	}
	if (route->is_public) {
		snprintf(who, cap, "anyone");
		return 0;
	}
	t = tokens_check(k->tokens, c->link->token);
	if (!t)
		return 401;
	snprintf(who, cap, "%s", t->name);
	return t->scope >= route->scope ? 0 : 403;
}

static void refuse(unsigned status, const struct api_route *route, const struct api_call *c, struct api_reply *r)
{
	if (status == 403)
		api_problem(r, 403, NULL, "token %s: this call needs scope %s", c->who, token_scope_name(route->scope));
	else if (c->link->token.n == 0)
		api_problem(r, 401, NULL, "this call needs a token: Authorization: Bearer …");
	else
		api_problem(r, 401, NULL, "the token is not known here");
}

/* --- which one --- */

static const char *method_name(unsigned method)
{
	static const char *const names[] = { "", "GET", "HEAD", "POST", "PUT", "DELETE" };

	return names[method];
}

static void note_allow(struct api_reply *r, unsigned method)
{
	size_t n = strlen(r->allow);

	snprintf(r->allow + n, sizeof r->allow - n, "%s%s%s", n ? ", " : "", method_name(method), method == LINK_GET ? ", HEAD" : "");
}

/* The route, or NULL with a 404 or 405 in r. */
static const struct api_route *find(struct api_call *c, struct api_reply *r)
{
	unsigned method = c->link->method == LINK_HEAD ? LINK_GET : c->link->method;

	for (size_t i = 0; i < ROUTES; i++) {
		struct route_match m;

		if (!route_fits(routes[i].pattern, c->path, &m))
			continue;
		if (routes[i].method == method) {
			c->match = m;
			r->allow[0] = '\0';
			return &routes[i];
		}
		note_allow(r, routes[i].method);
	}
	if (r->allow[0])
		api_problem(r, 405, NULL, "%s is not allowed here; %s is", method_name(c->link->method), r->allow);
	else
		api_problem(r, 404, NULL, "there is nothing at this path");
	return NULL;
}

static bool read_body(struct api_call *c, struct api_reply *r)
{
	json_error_t why;

	if (c->link->body.n == 0)
		return true;
	c->body = json_loadb((const char *)c->link->body.p, c->link->body.n, JSON_REJECT_DUPLICATES, &why);
	if (json_is_object(c->body))
		return true;
	json_decref(c->body);
	c->body = NULL;
	api_problem(r, 400, NULL, "the body is not a JSON object: %s", why.text);
	return false;
}

void api_answer(struct keeper *k, const struct link_call *call, int64_t peer_uid, struct api_reply *out)
{
	struct api_call c = { .link = call };
	const struct api_route *route;
	char who[TOKEN_NAME_MAX + 16];
	struct err e = { 0 };
	unsigned refused;

	*out = (struct api_reply){ .status = 500 };
	if (route_split(call->path, &c.path, &c.query, &e)) {
		api_problem(out, 400, NULL, "%s", e.msg);
		return;
	}
	route = find(&c, out);
	if (!route)
		return;
	refused = check_scope(k, route, peer_uid, &c, who, sizeof who);
	if (refused)
		refuse(refused, route, &c, out);
	else if (degraded_is_absent(&k->degraded) && route->method != LINK_GET)
		api_problem(out, 503, NULL, "the database cannot be opened: %s", k->degraded.why);
	else if (read_body(&c, out))
		route->handle(k, &c, out);
	json_decref(c.body);
}
