/* yaml.h: as much YAML as docs/openapi.yaml has: nested keys by indentation, lists of one line, inline { type: … }. */
#ifndef TESTS_KEEPER_YAML_H
#define TESTS_KEEPER_YAML_H

#include <stdbool.h>
#include <stddef.h>

#define YAML_LINES_MAX 4000
#define YAML_NONE ((size_t)-1)

struct yaml {
	char *text;
	struct { unsigned indent; char *key, *value; bool is_item; } line[YAML_LINES_MAX];
	size_t n;
};

/* Takes text apart in place. */
void yaml_read(struct yaml *y, char *text);
/* The line of that key below a line (YAML_NONE: at the top); YAML_NONE: there is none. */
size_t yaml_child(const struct yaml *y, size_t parent, const char *key);
/* The first line below, and the next one beside. */
size_t yaml_first(const struct yaml *y, size_t parent);
size_t yaml_next(const struct yaml *y, size_t line);
/* The line that "#/a/b/c" names. */
size_t yaml_ref(const struct yaml *y, const char *ref);

#endif
