/* api_piece.c: see api_piece.h. */
#include "keeper/api_piece.h"
#include "base/base64.h"
#include "base/cleanup.h"
#include "keeper/js.h"
#include "keeper/route.h"

bool api_has_id(const struct api_call *c, struct api_reply *r, bool is_there, uint64_t id)
{
	uint64_t asked;

	if (is_there && route_u64(c->match.part[0], &asked, NULL) == ERR_OK && asked == id)
		return true;
	api_problem(r, 404, "id", "there is none of this id, or another one has taken its place");
	return false;
}

bool api_read_offset(const struct api_call *c, struct api_reply *r, uint64_t *out)
{
	struct err e = { 0 };

	if (route_u64(route_value(&c->query, "offset"), out, &e) == ERR_OK)
		return true;
	api_problem(r, 400, "offset", "offset: %s", e.msg);
	return false;
}

void api_give_piece(struct api_reply *r, uint64_t offset, struct span piece, bool is_last)
{
	AUTO(buf_free) struct buf text = BUF_INIT(2 * BUNDLE_PIECE);
	struct err e = { 0 };
	json_t *o;

	base64_put(&text, piece);
	if (buf_ok(&text, &e)) {
		api_fail(r, &e);	/* half of it would pass for all of it */
		return;
	}
	o = json_object();
	js_set(o, "offset", js_u64(offset));
	js_set(o, "data", js_text(buf_span(&text)));
	js_set(o, "last", js_bool(is_last));
	api_ok(r, o);
}
