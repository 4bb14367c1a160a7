/* js.c: see js.h. */
#include "keeper/js.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/utf8.h"

json_t *js_text(struct span s)
{
	AUTO(buf_free) struct buf clean = BUF_INIT(API_ANSWER_MAX);

	if (!s.p)
		return json_null();
	if (utf8_is_valid(s))
		return json_stringn((const char *)s.p, s.n);
	while (s.n > 0) {
		size_t n = utf8_next(s);

		if (n > 0)
			buf_add(&clean, span_cut(s, 0, n));
		else
			buf_str(&clean, "\xef\xbf\xbd");
		s = span_cut(s, n ? n : 1, s.n);
	}
	return buf_ok(&clean, NULL) ? NULL : json_stringn((const char *)clean.p, clean.n);
}

json_t *js_str(const char *s)
{
	return s && *s ? js_text(span_str(s)) : json_null();
}

static json_t *hex(struct span s, const char *prefix)
{
	AUTO(buf_free) struct buf text = BUF_INIT(API_ANSWER_MAX);

	buf_str(&text, prefix);
	buf_hex(&text, s);
	return buf_ok(&text, NULL) ? NULL : json_stringn((const char *)text.p, text.n);
}

json_t *js_hex(struct span s)
{
	return hex(s, "");
}

json_t *js_0x(struct span s)
{
	return hex(s, "0x");
}

json_t *js_time(int64_t wall_ms)
{
	char text[CLOCK_TEXT_MAX];

	return wall_ms ? json_string(clock_rfc3339(wall_ms, text)) : json_null();
}

json_t *js_u64(uint64_t v)
{
	return json_integer((json_int_t)v);
}

json_t *js_u64_or_null(uint64_t v)
{
	return v ? js_u64(v) : json_null();
}

json_t *js_bool(bool v)
{
	return json_boolean(v);
}

static bool is_short;

void js_set(json_t *obj, const char *key, json_t *value)
{
	if (json_object_set_new(obj, key, value) < 0)
		is_short = true;
}

void js_append(json_t *array, json_t *value)
{
	if (json_array_append_new(array, value) < 0)
		is_short = true;
}

bool js_take_short(void)
{
	bool was = is_short;

	is_short = false;
	return was;
}
