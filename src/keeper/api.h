/* api.h: operator calls: who may, what is there, what comes back (chapter 8).
 *
 * One table of routes (api.c). A call comes from the server, already free of
 * HTTP, or from the control socket, where the kernel vouches for the asker and
 * no token is needed. Handlers are synchronous: they read the store, or change
 * it and mark what must be judged again. Errors are RFC 9457 problems. */
#ifndef KEEPER_API_H
#define KEEPER_API_H

#include "catalog/link.h"
#include "keeper/route.h"
#include "store/tokens.h"

#include <jansson.h>

struct keeper;

struct api_call {
	const struct link_call *link;
	struct span path;
	struct route_query query;
	struct route_match match;
	json_t *body;			/* of a mutation: an object; NULL when there was none */
	const char *who;		/* token name or "socket:UID": for the audit log */
};

struct api_reply {
	unsigned status;
	const char *type;		/* media type; static */
	json_t *body;			/* owned */
	char *text;			/* owned; instead of body */
	char allow[48];
};

/* Answers one call. peer_uid: of the control socket's client, or -1 for a call that came from the server. The reply is
 * to be freed by api_reply_free. */
void api_answer(struct keeper *k, const struct link_call *call, int64_t peer_uid, struct api_reply *out);
void api_reply_free(struct api_reply *r);

/* The body as bytes; empty when there is none. Valid until *text is freed by the caller. */
struct span api_reply_text(const struct api_reply *r, char **text);

/* --- for handlers --- */

typedef void api_handler(struct keeper *k, const struct api_call *c, struct api_reply *r);

struct api_route {
	enum link_method method;
	const char *pattern;
	enum token_scope scope;
	bool is_public;			/* no token asked */
	api_handler *handle;
};

/* The table, for the test that compares it with docs/openapi.yaml. */
const struct api_route *api_routes(size_t *n);

void api_ok(struct api_reply *r, json_t *body);
/* A problem; field may be NULL. */
void api_problem(struct api_reply *r, unsigned status, const char *field, const char *fmt, ...) PRINTF(4, 5);
/* The problem that an err stands for: NOT_FOUND 404, EXISTS and RULE 409, FORMAT and USAGE 400, NO_SPACE, READ_ONLY, BUSY 503,
 * everything else 500. */
void api_fail(struct api_reply *r, const struct err *e);

/* {"items": items, "next": next or null}; steals both. */
void api_list(struct api_reply *r, json_t *items, json_t *next);

/* limit= and its default; answers 400 and returns false when it is odd. */
bool api_limit(const struct api_call *c, struct api_reply *r, uint32_t *limit);

/* The product that the first two parts of the path name, or NULL with a 404 in r. */
struct ledger_product *api_find_product(struct keeper *k, const struct api_call *c, struct api_reply *r);

extern api_handler api_status, api_healthz, api_readyz, api_providers, api_sources, api_alarm_clear, api_alarms,
	api_products, api_product, api_accept_signers, api_pin, api_unpin,
	api_import_new, api_import, api_import_put, api_import_delete, api_export_new, api_export, api_export_data,
	api_backup_new, api_backup, api_backup_data,
	api_releases, api_release, api_approve, api_hold, api_refetch,
	api_cache, api_verify, api_verify_new, api_purge, api_images, api_image, api_devices, api_device, api_device_put, api_device_delete,
	api_audit, api_tokens, api_token_new, api_token_revoke, api_metrics, api_openapi;

#endif
