/* log.c: see log.h. One write(2) a line, so that lines of three processes never mix. */
#include "base/log.h"
#include "base/utf8.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum log_level lowest = LOG_INFO_LEVEL;

static const struct { const char *name; int priority; } levels[] = {
	[LOG_DEBUG_LEVEL] = { "debug", 7 },
	[LOG_INFO_LEVEL] = { "info", 6 },
	[LOG_UNUSUAL_LEVEL] = { "unusual", 4 },
	[LOG_BROKEN_LEVEL] = { "broken", 3 },
};

void log_set_level(enum log_level level)
{
	lowest = level;
}

int log_level_read(struct span text, enum log_level *out, struct err *e)
{
	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		if (span_is(text, levels[i].name)) {
			*out = (enum log_level)i;
			return ERR_OK;
		}
	}
	return err_set(e, ERR_FORMAT, "must be debug, info, unusual or broken");
}

void log_line(enum log_level level, const char *part, const char *what, const char *fmt, ...)
{
	char line[2048];
	size_t n = 0;
	va_list args;

	if (level < lowest)
		return;
	if (getenv("JOURNAL_STREAM"))
		n += (size_t)snprintf(line, sizeof line, "<%d>", levels[level].priority);
	n += (size_t)snprintf(line + n, sizeof line - n, "%s: %s: %s%s", levels[level].name, part, what, *fmt ? " " : "");
	va_start(args, fmt);
	n += (size_t)vsnprintf(line + n, sizeof line - n, fmt, args);
	va_end(args);
	if (n > sizeof line - 2)
		n = sizeof line - 2;
	line[n++] = '\n';
	/* Nowhere to report to when stderr itself fails. */
	for (const char *p = line; n > 0;) {
		ssize_t some = write(STDERR_FILENO, p, n);

		if (some < 0 && errno != EINTR)
			return;
		p += some < 0 ? 0 : some;
		n -= some < 0 ? 0 : (size_t)some;
	}
}

static size_t escape_one(struct span s, char *out)
{
	size_t n = utf8_next(s);

	if (n > 0 && utf8_is_printable(span_cut(s, 0, n)) && s.p[0] != '"' && s.p[0] != '\\')
		memcpy(out, s.p, n);
	else
		n = (size_t)snprintf(out, 5, "\\x%02x", s.p[0]);
	return n;
}

const char *log_escape(struct span s, struct log_text *out)
{
	struct span left = span_cut(s, 0, LOG_STR_MAX);
	size_t n = 0;

	out->s[n++] = '"';
	while (left.n > 0) {
		size_t took = escape_one(left, out->s + n);

		n += took;
		left = span_cut(left, out->s[n - took] == '\\' ? 1 : took, left.n);
	}
	out->s[n++] = '"';
	if (s.n > LOG_STR_MAX)
		out->s[n++] = '+';
	out->s[n] = '\0';
	return out->s;
}
