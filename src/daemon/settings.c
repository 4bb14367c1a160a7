/* settings.c: see settings.h. */
#include "daemon/settings.h"
#include "base/err.h"
#include "daemon/ini.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct chunk {
	struct list node;
	_Alignas(max_align_t) uint8_t bytes[];
};

void pool_init(struct pool *p)
{
	list_init(&p->chunks);
}

void pool_free(struct pool *p)
{
	LIST_EACH(node, &p->chunks)
		free(LIST_ITEM(node, struct chunk, node));
	list_init(&p->chunks);
}

void *pool_get(struct pool *p, size_t n)
{
	struct chunk *c = calloc(1, sizeof *c + n);

	if (!c)
		err_no_memory();
	list_append(&p->chunks, &c->node);
	return c->bytes;
}

char *pool_text(struct pool *p, struct span s)
{
	char *text = pool_get(p, s.n + 1);

	if (s.n)
		memcpy(text, s.p, s.n);
	return text;
}

void settings_init(struct settings *s, const struct conf_say *say)
{
	*s = (struct settings){ .say = say ? *say : (struct conf_say){ 0 } };
	pool_init(&s->pool);
	list_init(&s->sections);
}

void settings_fini(struct settings *s)
{
	pool_free(&s->pool);
	list_init(&s->sections);
}

static void PRINTF(4, 0) say(struct settings *s, bool is_error, struct place at, const char *fmt, va_list args)
{
	char text[512];
	int n;

	s->errors += is_error;
	if (!s->say.problem)
		return;
	n = at.line ? snprintf(text, sizeof text, "%s:%u: ", at.file, at.line) : snprintf(text, sizeof text, "%s: ", at.file);
	if (n >= 0 && (size_t)n < sizeof text)
		vsnprintf(text + n, sizeof text - (size_t)n, fmt, args);
	s->say.problem(s->say.arg, is_error, text);
}

void settings_error(struct settings *s, struct place at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(s, true, at, fmt, args);
	va_end(args);
}

void settings_warn(struct settings *s, struct place at, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	say(s, false, at, fmt, args);
	va_end(args);
}

struct section *settings_section(const struct settings *s, const char *word, const char *name)
{
	for (struct list *node = s->sections.next; node != &s->sections; node = node->next) {
		struct section *sec = LIST_ITEM(node, struct section, node);

		if (strcmp(sec->word, word) == 0 && strcmp(sec->name, name) == 0)
			return sec;
	}
	return NULL;
}

struct setting *settings_get(const struct section *sec, const char *key)
{
	if (!sec)
		return NULL;
	for (struct list *node = sec->settings.next; node != &sec->settings; node = node->next) {
		struct setting *set = LIST_ITEM(node, struct setting, node);

		if (strcmp(set->key, key) == 0)
			return set;
	}
	return NULL;
}

void settings_put(struct settings *s, struct section *sec, const char *key, struct span value, struct place place)
{
	struct setting *set = settings_get(sec, key);

	if (!set) {
		set = pool_get(&s->pool, sizeof *set);
		set->key = pool_text(&s->pool, span_str(key));
		list_append(&sec->settings, &set->node);
	}
	set->value = pool_text(&s->pool, value);
	set->place = place;
}

struct adding {
	struct settings *s;
	const char *file;
	struct section *sec;
};

static struct section *find_or_add(struct adding *a, const struct ini_line *l)
{
	const char *word = pool_text(&a->s->pool, l->section), *name = pool_text(&a->s->pool, l->name);
	struct section *sec = settings_section(a->s, word, name);

	if (sec)
		return sec;
	sec = pool_get(&a->s->pool, sizeof *sec);
	sec->word = word;
	sec->name = name;
	sec->place = (struct place){ a->file, l->number };
	list_init(&sec->settings);
	list_append(&a->s->sections, &sec->node);
	return sec;
}

static int on_line(void *arg, const struct ini_line *l, struct err *e)
{
	struct adding *a = arg;
	struct place here = { a->file, l->number };
	const struct setting *earlier;
	const char *key;

	(void)e;
	if (l->key.n == 0) {
		a->sec = find_or_add(a, l);
		return ERR_OK;
	}
	assert(a->sec);
	key = pool_text(&a->s->pool, l->key);
	earlier = settings_get(a->sec, key);
	if (earlier && strcmp(earlier->place.file, a->file) == 0)
		settings_error(a->s, here, "%s is set already in line %u", key, earlier->place.line);
	settings_put(a->s, a->sec, key, l->value, here);
	return ERR_OK;
}

static int on_bad(void *arg, unsigned number, const struct err *e)
{
	struct adding *a = arg;

	settings_error(a->s, (struct place){ a->file, number }, "%s", e->msg);
	return ERR_OK;
}

void settings_add(struct settings *s, const char *file, struct span text)
{
	struct adding a = { s, file, NULL };

	if (!s->file)
		s->file = file;
	if (ini_walk(text, on_line, on_bad, &a, NULL))
		abort();	/* neither callback ends the walk */
}
