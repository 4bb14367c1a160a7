/* gateway.h: one call of the REST API, over whichever way leads to a gateway.
 *
 * On the gateway itself: RUN_DIR/control.sock, where the kernel vouches for
 * us. Elsewhere: --url and --token-file. */
#ifndef CLI_GATEWAY_H
#define CLI_GATEWAY_H

#include "base/err.h"
#include "catalog/link.h"

#include <jansson.h>

struct gateway_options {
	const char *socket, *config;		/* at most one; neither: the installed configuration */
	const char *url, *token_file, *ca_file;	/* or these */
};

/* The rows of these options in a command's table; type has a member `gateway`. */
#define GATEWAY_OPTS(type) \
	{ "socket", OPT_TEXT, offsetof(type, gateway.socket), "PATH", "the gateway's control socket" }, \
	{ "c", OPT_TEXT, offsetof(type, gateway.config), "FILE", "its configuration, which says where that is" }, \
	{ "url", OPT_TEXT, offsetof(type, gateway.url), "URL", "a gateway elsewhere: its operator listener" }, \
	{ "token-file", OPT_TEXT, offsetof(type, gateway.token_file), "FILE", "holds the token for --url" }, \
	{ "ca-file", OPT_TEXT, offsetof(type, gateway.ca_file), "FILE", "the only authorities to trust for --url" }

/* body: borrowed, or NULL. *out: the answer, owned by the caller; NULL for an empty one. A problem comes back as an
 * error: 404 ERR_NOT_FOUND, 401 and 403 ERR_DENIED, 400 ERR_USAGE, 503 ERR_NET, other 4xx ERR_RULE, else ERR_INTERNAL. */
MUST_USE int gateway_call(const struct gateway_options *o, enum link_method method, const char *path, const json_t *body,
			  json_t **out, struct err *e);

#endif
