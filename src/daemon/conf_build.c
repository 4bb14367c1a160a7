/* conf_build.c: from settings to struct conf, by the table. */
#include "daemon/conf_table.h"

#include <assert.h>
#include <stdint.h>

/* Edits (insert, remove, replace) from a to b; words are short. */
static size_t distance(const char *a, const char *b)
{
	size_t row[65], n = strlen(b);

	if (n > 64 || strlen(a) > 64)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1]; i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = corner + (a[i - 1] != b[j - 1]);

			corner = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
		}
	}
	return row[n];
}

const char *conf_nearest(const char *word, const char *const *list, size_t n)
{
	size_t best = 0;

	assert(n > 0);
	for (size_t i = 1; i < n; i++)
		if (distance(word, list[i]) < distance(word, list[best]))
			best = i;
	return list[best];
}

static bool is_text(const struct conf_item *i)
{
	return i->read == conf_read_text || i->read == conf_read_secret || i->read == conf_read_path ||
	       i->read == conf_read_url || i->read == conf_read_proxy || i->read == conf_read_trusted || i->read == conf_read_window ||
	       i->read == conf_read_template;
}

static const struct conf_section *find_section(const char *word)
{
	for (size_t i = 0; i < conf_sections_n; i++)
		if (strcmp(conf_sections[i].word, word) == 0)
			return &conf_sections[i];
	return NULL;
}

static const struct conf_item *find_item(const struct conf_section *kind, const char *key)
{
	for (size_t i = 0; i < kind->items_n; i++)
		if (strcmp(kind->items[i].key, key) == 0)
			return &kind->items[i];
	return NULL;
}

static void say_unknown_section(struct settings *s, const struct section *sec)
{
	const char *words[32];

	assert(conf_sections_n <= 32);
	for (size_t i = 0; i < conf_sections_n; i++)
		words[i] = conf_sections[i].word;
	settings_error(s, sec->place, "unknown section [%s]; nearest: [%s]", sec->word, conf_nearest(sec->word, words, conf_sections_n));
}

static void say_unknown_key(struct settings *s, const struct conf_section *kind, const struct setting *set)
{
	const char *words[32];

	assert(kind->items_n <= 32);
	for (size_t i = 0; i < kind->items_n; i++)
		words[i] = kind->items[i].key;
	settings_error(s, set->place, "unknown key \"%s\" in [%s]; nearest: \"%s\"", set->key, kind->word,
		       conf_nearest(set->key, words, kind->items_n));
}

/* Is every setting of the section one that we know, and in effect? */
static void check_keys(struct settings *s, const struct conf_section *kind, const struct section *sec)
{
	for (struct list *node = sec->settings.next; node != &sec->settings; node = node->next) {
		const struct setting *set = LIST_ITEM(node, struct setting, node);
		const struct conf_item *item = find_item(kind, set->key);

		if (!item)
			say_unknown_key(s, kind, set);
		else if (item->state == CONF_REFUSED)
			settings_error(s, set->place, "%s: this version does not have that yet", set->key);
		else if (item->state == CONF_LATER)
			settings_warn(s, set->place, "%s: has no effect in this version yet", set->key);
	}
}

/* A "-file" key, and the one that its file fills, need each other's place. */
static bool is_given(const struct conf_section *kind, const struct section *sec, const struct conf_item *item)
{
	for (size_t i = 0; i < kind->items_n; i++)
		if (kind->items[i].into && strcmp(kind->items[i].into, item->key) == 0 && settings_get(sec, kind->items[i].key))
			return true;	/* it could not be read, which was said already */
	return false;
}

static void build_item(struct settings *s, struct pool *pool, const struct conf_section *kind, const struct section *sec,
		       const struct conf_item *item, char *base)
{
	const struct setting *set = settings_get(sec, item->key);
	const char *text = set ? set->value : item->text;
	struct place place = set ? set->place : sec ? sec->place : (struct place){ s->file, 0 };
	struct err e = { 0 };
	void *to;

	if (!item->read || item->at == SIZE_MAX)
		return;
	to = base + item->at;
	if (is_text(item))
		*(char **)to = pool_text(pool, span_str(""));
	if (text && !*text && item->text && !*item->text)
		return;
	if (!text && is_given(kind, sec, item))
		return;
	if (!text)
		settings_error(s, place, "[%s%s%s] needs %s: %s", kind->word, sec && *sec->name ? " " : "", sec ? sec->name : "",
			       item->key, item->help);
	else if (!*text)
		settings_error(s, place, "%s: must have a value", item->key);
	else if (item->read(pool, item, text, to, &e))
		settings_error(s, place, "%s: %s", item->key, e.msg);
}

static void build_items(struct settings *s, struct pool *pool, const struct conf_section *kind, const struct section *sec, char *to)
{
	if (sec)
		check_keys(s, kind, sec);
	for (size_t i = 0; i < kind->items_n; i++)
		build_item(s, pool, kind, sec, &kind->items[i], to);
}

static size_t count(const struct settings *s, const char *word)
{
	size_t n = 0;

	for (struct list *node = s->sections.next; node != &s->sections; node = node->next)
		n += strcmp(LIST_ITEM(node, struct section, node)->word, word) == 0;
	return n;
}

static void build_many(struct settings *s, struct pool *pool, const struct conf_section *kind, struct conf *out)
{
	size_t n = count(s, kind->word), i = 0;
	char *at = pool_get(pool, (n + 1) * kind->size);

	*(void **)((char *)out + kind->at) = at;
	*(size_t *)((char *)out + kind->count_at) = n;
	for (struct list *node = s->sections.next; node != &s->sections; node = node->next) {
		const struct section *sec = LIST_ITEM(node, struct section, node);
		struct err e = { 0 };

		if (strcmp(sec->word, kind->word) != 0)
			continue;
		*(char **)at = pool_text(pool, span_str(sec->name));
		if (!*sec->name)
			settings_error(s, sec->place, "[%s] needs a name: [%s NAME]", kind->word, kind->word);
		else if (kind->name(pool, NULL, sec->name, at, &e))
			settings_error(s, sec->place, "[%s %s]: %s", kind->word, sec->name, e.msg);
		if (++i == kind->max + 1)
			settings_error(s, sec->place, "there are more than %zu [%s] sections", kind->max, kind->word);
		build_items(s, pool, kind, sec, at);
		at += kind->size;
	}
}

static void build_one(struct settings *s, struct pool *pool, const struct conf_section *kind, struct conf *out)
{
	build_items(s, pool, kind, settings_section(s, kind->word, ""), (char *)out + kind->at);
}

static void check_sections(struct settings *s)
{
	for (struct list *node = s->sections.next; node != &s->sections; node = node->next) {
		const struct section *sec = LIST_ITEM(node, struct section, node);
		const struct conf_section *kind = find_section(sec->word);

		if (!kind)
			say_unknown_section(s, sec);
		else if (kind->count_at == 0 && *sec->name)
			settings_error(s, sec->place, "[%s] takes no name", kind->word);
	}
}

void conf_build(struct settings *s, struct pool *pool, struct conf *out)
{
	check_sections(s);
	for (size_t i = 0; i < conf_sections_n; i++) {
		const struct conf_section *kind = &conf_sections[i];

		if (kind->count_at)
			build_many(s, pool, kind, out);
		else
			build_one(s, pool, kind, out);
	}
}
