/* printable.c: see printable.h. */
#include "cli/printable.h"
#include "base/cleanup.h"

#include <string.h>

/* C0, DEL, and C1, which UTF-8 writes as C2 80 … C2 9F: some terminals obey those too. */
static size_t control_at(const char *s)
{
	unsigned char a = (unsigned char)s[0], b = a ? (unsigned char)s[1] : 0;

	if (a < 0x20 || a == 0x7f)
		return 1;
	return a == 0xc2 && b >= 0x80 && b <= 0x9f ? 2 : 0;
}

static void make_printable(json_t *v)
{
	autofree char *text = strdup(json_string_value(v));
	char *to = text;

	if (!text)
		return;
	for (const char *from = text; *from;) {
		size_t n = control_at(from);

		*to++ = n ? '?' : *from;
		from += n ? n : 1;
	}
	*to = '\0';
	json_string_set_nocheck(v, text);
}

void json_make_printable(json_t *v)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_string(v))
		make_printable(v);
	json_array_foreach(v, i, member)
		json_make_printable(member);
	json_object_foreach(v, key, member)
		json_make_printable(member);
}
