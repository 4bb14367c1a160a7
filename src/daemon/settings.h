/* settings.h: what configuration files say, as text with its place, before anybody judges it. */
#ifndef DAEMON_SETTINGS_H
#define DAEMON_SETTINGS_H

#include "base/err.h"
#include "base/list.h"
#include "base/span.h"
#include "daemon/conf.h"

/* A pool: memory that is given back all at once. Out of memory aborts: a configuration is small and ours. */
struct pool {
	struct list chunks;
};

void pool_init(struct pool *p);
void pool_free(struct pool *p);
void *pool_get(struct pool *p, size_t n);	/* zeroed */
char *pool_text(struct pool *p, struct span s);

struct place {
	const char *file;
	unsigned line;
};

struct setting {
	struct list node;
	const char *key, *value;
	struct place place;
};

/* One [section] or [section name]; the same one in several places is one. */
struct section {
	struct list node;
	const char *word, *name;	/* name "" when there is none */
	struct place place;		/* where it came first */
	struct list settings;
};

struct settings {
	struct pool pool;
	struct list sections;
	const char *file;		/* the first one that was added: where what is missing would stand */
	struct conf_say say;
	unsigned errors;		/* said so far */
};

void settings_init(struct settings *s, const struct conf_say *say);
void settings_fini(struct settings *s);

/* Adds a file's text. A key that is set twice in one section of one file is an error; set in an earlier file, it
 * is replaced. file must outlive s. */
void settings_add(struct settings *s, const char *file, struct span text);

/* NULL when it is not there. */
struct section *settings_section(const struct settings *s, const char *word, const char *name);
struct setting *settings_get(const struct section *sec, const char *key);

/* A setting that no file has, made from another one: stands at that one's place. */
void settings_put(struct settings *s, struct section *sec, const char *key, struct span value, struct place place);

/* Says "FILE:LINE: …" and counts errors. line 0: only the file. */
void settings_error(struct settings *s, struct place at, const char *fmt, ...) PRINTF(3, 4);
void settings_warn(struct settings *s, struct place at, const char *fmt, ...) PRINTF(3, 4);

#endif
