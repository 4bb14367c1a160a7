/* conf_files.c: see conf_files.h. */
#include "daemon/conf_files.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "daemon/conf_table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static int add_file(struct settings *s, const char *name, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CONF_FILE_MAX);
	int rc = io_read_file(AT_FDCWD, name, &b, e);

	if (!rc)
		settings_add(s, pool_text(&s->pool, span_str(name)), buf_span(&b));
	return rc;
}

/* The directory part of file, with its slash; "" when it has none. */
static struct span directory_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	return SPAN(file, slash ? (size_t)(slash - file) + 1 : 0);
}

static char *join(struct pool *pool, struct span dir, const char *a, const char *b)
{
	size_t n = dir.n + strlen(a) + strlen(b);
	char *path = pool_get(pool, n + 1);

	snprintf(path, n + 1, "%.*s%s%s", (int)dir.n, (const char *)dir.p, a, b);
	return path;
}

static int is_drop_in(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);

	return entry->d_name[0] != '.' && n > 5 && strcmp(entry->d_name + n - 5, ".conf") == 0;
}

void conf_files_add_drop_ins(struct settings *s, const char *file)
{
	struct span dir = directory_of(file);
	struct dirent **entries;
	const char *drop_ins = join(&s->pool, dir, "conf.d", "");
	int n = scandir(drop_ins, &entries, is_drop_in, alphasort);

	/* Without them it would be another configuration, and nobody would be told. */
	if (n < 0 && errno != ENOENT)
		settings_error(s, (struct place){ drop_ins, 0 }, "cannot be read: %s", strerror(errno));
	for (int i = 0; i < n; i++) {
		const char *name = join(&s->pool, dir, "conf.d/", entries[i]->d_name);
		struct err e = { 0 };

		if (add_file(s, name, &e))
			settings_error(s, (struct place){ name, 0 }, "cannot be read: %s", e.msg);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}

int conf_files_add(struct settings *s, const char *file, struct err *e)
{
	int rc = add_file(s, file, e);

	if (!rc)
		conf_files_add_drop_ins(s, file);
	return rc;
}

/* The unit loads a directory of credentials as "gatepost_NAME"; `gatepostd -T` in a shell has only that directory. */
static const char *find_file(struct settings *s, const char *name)
{
	static const struct { bool is_credential; const char *sub; } places[] = {
		{ true, "/" }, { true, "/gatepost_" }, { false, "credentials/" },
	};
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	struct span beside = directory_of(s->file);

	if (name[0] == '/')
		return name;
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		struct span dir = places[i].is_credential ? span_str(credentials) : beside;
		const char *path = join(&s->pool, dir, places[i].sub, name);

		if ((credentials || !places[i].is_credential) && access(path, F_OK) == 0)
			return path;
	}
	return join(&s->pool, beside, name, "");
}

static struct span first_line(struct span s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '\n' && s.p[n] != '\r')
		n++;
	return span_cut(s, 0, n);
}

static void follow_one(struct settings *s, struct section *sec, const struct conf_item *item)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CONF_LINE_MAX);
	struct setting *set = settings_get(sec, item->key);
	struct err e = { 0 };

	if (!set)
		return;
	if (settings_get(sec, item->into))
		settings_error(s, set->place, "%s: %s is set as well; one of them", item->key, item->into);
	else if (strstr(set->value, "://"))	/* not named: it may hold a key */
		settings_error(s, set->place, "%s: must be the name of a file, not a URL", item->key);
	else if (io_read_file(AT_FDCWD, find_file(s, set->value), &b, &e))
		settings_error(s, set->place, "%s: %s", item->key, e.msg);
	else
		settings_put(s, sec, item->into, first_line(buf_span(&b)), set->place);
}

void conf_files_follow(struct settings *s)
{
	for (struct list *node = s->sections.next; node != &s->sections; node = node->next) {
		struct section *sec = LIST_ITEM(node, struct section, node);

		for (size_t i = 0; i < conf_sections_n; i++) {
			const struct conf_section *kind = &conf_sections[i];

			for (size_t j = 0; strcmp(kind->word, sec->word) == 0 && j < kind->items_n; j++)
				if (kind->items[j].into)
					follow_one(s, sec, &kind->items[j]);
		}
	}
}
