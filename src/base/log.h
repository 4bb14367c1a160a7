/* log.h: one event, one line, on stderr.
 *
 *	log_info("chain", "release accepted", "product=%s sequence=%" PRIu64, …);
 *	→ <6>chain: release accepted product=acme/thermostat sequence=7
 *
 * Levels say who must act: debug (developer), info (nobody), unusual (a peer or
 * the network is odd), broken (we are; page someone). The tail is key=value;
 * strings from outside go through LOG_STR first. The journald priority
 * prefix is written only when JOURNAL_STREAM is set. Thread-safe. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/span.h"

enum log_level { LOG_DEBUG_LEVEL, LOG_INFO_LEVEL, LOG_UNUSUAL_LEVEL, LOG_BROKEN_LEVEL };

/* Lines below this level are dropped. Default info. */
void log_set_level(enum log_level level);
/* "debug", "info", "unusual", "broken"; ERR_FORMAT for anything else. */
MUST_USE int log_level_read(struct span text, enum log_level *out, struct err *e);

void log_line(enum log_level level, const char *part, const char *what, const char *fmt, ...) PRINTF(4, 5);

#define log_debug(part, what, ...)   log_line(LOG_DEBUG_LEVEL, part, what, __VA_ARGS__)
#define log_info(part, what, ...)    log_line(LOG_INFO_LEVEL, part, what, __VA_ARGS__)
#define log_unusual(part, what, ...) log_line(LOG_UNUSUAL_LEVEL, part, what, __VA_ARGS__)
#define log_broken(part, what, ...)  log_line(LOG_BROKEN_LEVEL, part, what, __VA_ARGS__)

/* s as log-safe text in quotes: cut at LOG_STR_MAX bytes, control characters, quotes and non-UTF-8
 * as \xNN. Lives until the end of the enclosing block. */
#define LOG_STR_MAX 120
struct log_text {
	char s[LOG_STR_MAX * 4 + 8];
};
const char *log_escape(struct span s, struct log_text *out);
#define LOG_STR(span) log_escape((span), &(struct log_text){ .s = "" })

#endif
