/* conf_table.h: every section and every setting, once. Private to src/daemon and its tests. */
#ifndef DAEMON_CONF_TABLE_H
#define DAEMON_CONF_TABLE_H

#include "daemon/settings.h"

struct conf_item;

/* How text becomes a value at `to`. The error's message completes "KEY: …". */
typedef int conf_read_fn(struct pool *pool, const struct conf_item *item, const char *text, void *to, struct err *e);

enum conf_item_state {
	CONF_NOW,	/* has its effect */
	CONF_LATER,	/* is read and checked; -T warns that this version does nothing with it */
	CONF_REFUSED,	/* would be dangerous to ignore: an error until it has its effect */
};

/* What a key that ends in -file does: its file's one line becomes the value of another key. */
struct conf_item {
	const char *key;
	conf_read_fn *read;	/* NULL: a -file key, see into */
	size_t at;		/* offset in the section's struct */
	uint64_t min, max;	/* numbers, sizes, times (ms); texts: bytes */
	const char *text;	/* the default; NULL: must be set; "": nothing */
	const char *const *words;	/* for a choice, in the order of its enum; NULL at the end */
	const char *into;
	enum conf_item_state state;
	const char *help;
};

struct conf_section {
	const char *word;
	const struct conf_item *items;
	size_t items_n;
	size_t at;		/* in struct conf: the struct, or the pointer to the first of many */
	size_t count_at;	/* many: of the count; 0: there is one */
	size_t size;		/* many: of one */
	size_t max;		/* many: how many */
	conf_read_fn *name;	/* many: rule of its name, which is the struct's first member */
	bool is_private;	/* not for the server's eyes */
};

extern const struct conf_section conf_sections[];
extern const size_t conf_sections_n;

/* Readers of values (conf_value.c). */
conf_read_fn conf_read_text, conf_read_secret, conf_read_path, conf_read_url, conf_read_proxy, conf_read_bytes, conf_read_time, conf_read_count,
	conf_read_yes, conf_read_choice, conf_read_level, conf_read_address20, conf_read_hash32, conf_read_listen,
	conf_read_hosts, conf_read_channels, conf_read_events, conf_read_thumbprints, conf_read_finality, conf_read_anchor,
	conf_read_trusted, conf_read_window, conf_read_label, conf_read_product, conf_read_template;

/* Builds the structs from the settings; problems are said and counted in s. Defaults are filled in. */
void conf_build(struct settings *s, struct pool *pool, struct conf *out);

/* Rules over more than one setting; of no use after an error. */
void conf_rules(struct settings *s, const struct conf *c);

/* The word of the list that is nearest to `word` by edits. */
const char *conf_nearest(const char *word, const char *const *list, size_t n);

#endif
