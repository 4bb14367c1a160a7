/* ini.c: see ini.h. */
#include "daemon/ini.h"
#include "base/limits.h"
#include "base/utf8.h"

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct span trim(struct span s)
{
	while (s.n > 0 && is_blank(s.p[0]))
		s = span_cut(s, 1, s.n);
	while (s.n > 0 && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

/* The line up to its comment. */
static struct span without_comment(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool starts = i == 0 || is_blank(s.p[i - 1]);

		if (starts && (s.p[i] == '#' || s.p[i] == ';'))
			return span_cut(s, 0, i);
	}
	return s;
}

static bool is_word(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
			return false;
	}
	return s.n > 0;
}

static bool has_only_text(struct span s)
{
	while (s.n > 0) {
		size_t n = utf8_next(s);

		if (n == 0 || (!utf8_is_printable(span_cut(s, 0, n)) && s.p[0] != '\t'))
			return false;
		s = span_cut(s, n, s.n);
	}
	return true;
}

static int read_section(struct span s, struct ini_line *l, struct err *e)
{
	size_t i = 0;

	l->section = SPAN("", 0);
	if (s.p[s.n - 1] != ']')
		return err_set(e, ERR_FORMAT, "a section ends with ]");
	s = trim(span_cut(s, 1, s.n - 2));
	while (i < s.n && !is_blank(s.p[i]))
		i++;
	if (!is_word(span_cut(s, 0, i)))
		return err_set(e, ERR_FORMAT, "a section's first word is made of a-z, 0-9 and -");
	l->section = span_cut(s, 0, i);
	l->name = trim(span_cut(s, i, s.n));
	l->key = l->value = SPAN(NULL, 0);
	return ERR_OK;
}

static int read_setting(struct span s, struct ini_line *l, struct err *e)
{
	const uint8_t *eq = memchr(s.p, '=', s.n);

	if (!eq)
		return err_set(e, ERR_FORMAT, "neither [section] nor key = value");
	l->key = trim(SPAN(s.p, (size_t)(eq - s.p)));
	l->value = trim(span_cut(s, (size_t)(eq - s.p) + 1, s.n));
	if (!is_word(l->key))
		return err_set(e, ERR_FORMAT, "a key is made of a-z, 0-9 and -");
	if (!l->section.p)
		return err_set(e, ERR_FORMAT, "a setting before the first [section]");
	if (l->section.n == 0)
		return err_set(NULL, ERR_NOT_FOUND, "under a section line that was refused already");
	return ERR_OK;
}

/* ERR_NOT_FOUND: nothing in this line is of use. */
static int read_line(struct span s, struct ini_line *l, struct err *e)
{
	if (s.n > CONF_LINE_MAX)
		return err_set(e, ERR_FORMAT, "a line of more than %d bytes", CONF_LINE_MAX);
	s = trim(s);
	if (!has_only_text(s))
		return err_set(e, ERR_FORMAT, "not UTF-8 text, or control characters");
	s = trim(without_comment(s));
	if (s.n == 0)
		return err_set(NULL, ERR_NOT_FOUND, "empty");
	return s.p[0] == '[' ? read_section(s, l, e) : read_setting(s, l, e);
}

static struct span take_line(struct span *text)
{
	const uint8_t *end = text->n ? memchr(text->p, '\n', text->n) : NULL;
	size_t n = end ? (size_t)(end - text->p) : text->n;
	struct span line = span_cut(*text, 0, n);

	*text = span_cut(*text, n + 1, text->n);
	return line;
}

int ini_walk(struct span text, ini_each *each, ini_bad *bad, void *arg, struct err *e)
{
	struct ini_line l = { 0 };

	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0)
		text = span_cut(text, 3, text.n);	/* some editors put a byte order mark there */
	while (text.n > 0) {
		struct span line = take_line(&text);
		struct err why = { 0 };
		int rc;

		l.number++;
		rc = read_line(line, &l, &why);
		if (rc == ERR_NOT_FOUND)
			continue;
		rc = rc ? bad(arg, l.number, &why) : each(arg, &l, e);
		if (rc)
			return rc;
	}
	return ERR_OK;
}
