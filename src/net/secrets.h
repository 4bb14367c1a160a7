/* secrets.h: what of a server's URL must not be shown, taken out of the server's own words.
 *
 * Keys stand in URLs as user, password, path or query, and servers echo them: in error messages, in redirects, in pages.
 * What a server says is therefore shown only after secrets_hide(). Nobody can tell a key from a word of the path, so
 * every part of SECRET_MIN bytes or more is taken for one; the host is not. */
#ifndef NET_SECRETS_H
#define NET_SECRETS_H

#include <stddef.h>

struct secrets {
	char **word;
	size_t n;
};

/* Adding aborts when there is no memory: a few words, at the start. */

/* Adds user, password, path segments and query values of a URL, as they stand there and decoded, and user and password as
 * HTTP sends them (base64). Not a URL: adds nothing. */
void secrets_add_url(struct secrets *s, const char *url);
/* Adds a word, as a token. Too short a one (also "") is passed over. */
void secrets_add(struct secrets *s, const char *word);
/* Zeroes s: the state in which one begins. */
void secrets_fini(struct secrets *s);

/* Replaces in place every one that occurs in text, in any case, by SECRET_SHOWN. Texts are cut somewhere: the beginning of one, of
 * SECRET_MIN bytes or more, at the end of text is replaced too. */
void secrets_hide(const struct secrets *s, char *text);

#define SECRET_SHOWN "***"	/* shorter than SECRET_MIN, so that nothing grows */

#endif
