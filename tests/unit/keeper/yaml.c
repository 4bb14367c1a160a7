/* yaml.c: see yaml.h. */
#include "yaml.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static char *unquoted(char *s)
{
	size_t n = strlen(s);

	if (n < 2 || s[0] != '"' || s[n - 1] != '"')
		return s;
	s[n - 1] = '\0';
	return s + 1;
}

static void add(struct yaml *y, char *text)
{
	size_t indent = strspn(text, " ");
	char *colon;

	text += indent;
	if (!*text || *text == '#')
		return;
	ck_assert_uint_lt(y->n, YAML_LINES_MAX);
	y->line[y->n].is_item = !strncmp(text, "- ", 2);
	if (y->line[y->n].is_item) {
		text += 2;
		indent += 2;
	}
	y->line[y->n].indent = (unsigned)indent;
	colon = strchr(text, ':');
	while (colon && colon[1] && colon[1] != ' ')
		colon = strchr(colon + 1, ':');
	y->line[y->n].key = text;
	y->line[y->n].value = colon ? colon + 1 + strspn(colon + 1, " ") : text + strlen(text);
	if (colon)
		*colon = '\0';
	y->line[y->n].key = unquoted(text);
	y->line[y->n].value = unquoted(y->line[y->n].value);
	y->n++;
}

void yaml_read(struct yaml *y, char *text)
{
	char *save = NULL;

	y->text = text;
	y->n = 0;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
		add(y, l);
}

size_t yaml_first(const struct yaml *y, size_t parent)
{
	if (parent == YAML_NONE)
		return y->n ? 0 : YAML_NONE;
	return parent + 1 < y->n && y->line[parent + 1].indent > y->line[parent].indent ? parent + 1 : YAML_NONE;
}

size_t yaml_next(const struct yaml *y, size_t line)
{
	for (size_t i = line + 1; i < y->n && y->line[i].indent >= y->line[line].indent; i++)
		if (y->line[i].indent == y->line[line].indent)
			return i;
	return YAML_NONE;
}

size_t yaml_child(const struct yaml *y, size_t parent, const char *key)
{
	size_t i = yaml_first(y, parent);

	while (i != YAML_NONE && strcmp(y->line[i].key, key))
		i = yaml_next(y, i);
	return i;
}

size_t yaml_ref(const struct yaml *y, const char *ref)
{
	size_t at = YAML_NONE;
	char name[64];

	ck_assert_msg(!strncmp(ref, "#/", 2), "%s", ref);
	for (ref += 2; *ref; ref += ref[0] == '/') {
		size_t n = strcspn(ref, "/");

		snprintf(name, sizeof name, "%.*s", (int)n, ref);
		at = yaml_child(y, at, name);
		ck_assert_msg(at != YAML_NONE, "no %s", name);
		ref += n;
	}
	return at;
}
