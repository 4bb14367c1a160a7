/* secrets.h: what of a server's URL must not be shown, taken out of the server's own words.
 *
 * Keys stand in URLs as user, password, path or query, and servers echo them: in error messages, in redirects, in pages.
 * What a server says is therefore shown only after secrets_hide(). Nobody can tell a key from a word of the path, so
 * every part of SECRET_MIN bytes or more is taken for one; the host is not. */
#ifndef NET_SECRETS_H
#define NET_SECRETS_H

#include <stddef.h>

struct secret {
	char *text;		/* no string: any byte may be in it */
	size_t n;
};

struct secrets {
	struct secret *word;
	size_t n;
};

/* Adding aborts when there is no memory: a few words, at the start. */

/* Adds user, password, path segments and query values of a URL, decoded, and user and password as HTTP sends them
 * (base64). Not a URL: adds nothing. */
void secrets_add_url(struct secrets *s, const char *url);
/* Adds a word that is nothing but secret, as a token. Shorter than SECRET_SURE_MIN (also ""): it is passed over. */
void secrets_add(struct secrets *s, const char *word);
/* Zeroes s: the state in which one begins. */
void secrets_fini(struct secrets *s);

/* Replaces in place every one that occurs in text by SECRET_SHOWN: in any case, and with any of its bytes written as
 * "%XX". Servers and we ourselves cut texts: SECRET_PART bytes of its beginning are replaced too, and at the end of text
 * SECRET_MIN. A NULL s has none. Takes as long as text times the words of s, so texts should be short. */
void secrets_hide(const struct secrets *s, char *text);

#define SECRET_SHOWN "***"	/* shorter than SECRET_SURE_MIN, so that nothing grows */

#endif
