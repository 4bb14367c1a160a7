/* uploads.c: see uploads.h. */
#include "cli/uploads.h"

#include <stdio.h>

static size_t count_stores(const struct upload_job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < job->n; i++)
		n += target_is_store(&job->targets[i]);
	return n;
}

static int check_need(const struct publisher_options *o, const struct upload_job *job, struct err *e)
{
	size_t stores = count_stores(job);

	if (job->n && !stores)
		return err_set(e, ERR_USAGE, "--upload: a pinning service fetches the image from others; name a kubo: or dir: target too");
	if (o->need > stores)
		return err_set(e, ERR_USAGE, "--need: %llu of %zu targets that can give the image back", (unsigned long long)o->need,
			       stores);
	return ERR_OK;
}

static void on_step(void *arg, enum upload_step at, const char *target)
{
	static const char *const what[] = {
		[UPLOAD_LOOK] = "looking for it", [UPLOAD_SEND] = "uploading", [UPLOAD_READ_BACK] = "reading back",
		[UPLOAD_PIN] = "asking for a copy",
	};

	uploads_say(arg, what[at], target);
}

static void on_result(void *arg, const struct target *t, const struct upload_result *r)
{
	struct uploads *u = arg;
	char text[TARGET_TEXT_MAX];

	if (r->state == UPLOAD_FAILED && !u->shown.cli->json)
		cli_note("failed: %s: %s", target_text(t, text), r->why.msg);
}

static void on_bytes(void *arg, uint64_t done, uint64_t total)
{
	struct uploads *u = arg;

	on_progress(&u->shown, done, total);
}

int uploads_read(const struct publisher_options *o, const struct cli *cli, struct uploads *out, struct upload_job *job,
		 struct err *e)
{
	if (o->uploads.n > UPLOAD_TARGETS_MAX)
		return err_set(e, ERR_USAGE, "--upload: at most %d targets", UPLOAD_TARGETS_MAX);
	for (size_t i = 0; i < o->uploads.n; i++) {
		if (target_read(o->uploads.v[i], &out->target[i], e))
			return err_wrap(e, "--upload");
		if (out->target[i].token_mode)
			cli_note("warning: token file of %s: mode %04o lets others at it", target_text(&out->target[i], (char[TARGET_TEXT_MAX]){ 0 }),
				 out->target[i].token_mode);
	}
	if (o->pin_wait > PIN_WAIT_MAX_S)
		return err_set(e, ERR_USAGE, "--pin-wait: at most %d seconds", PIN_WAIT_MAX_S);
	out->need = (size_t)o->need;
	out->shown.cli = cli;
	out->watch = (struct pack_watch){ on_bytes, out };
	*job = (struct upload_job){
		.targets = out->target, .n = o->uploads.n, .pin_wait_ms = (int64_t)o->pin_wait * 1000,
		.on_step = on_step, .on_result = on_result, .arg = out, .watch = &out->watch,
	};
	return check_need(o, job, e);
}

void uploads_say(struct uploads *u, const char *what, const char *detail)
{
	u->shown.what = what;
	if (!u->shown.cli->json)
		cli_note("%s%s%s", what, detail ? ": " : "", detail ? detail : "");
}

/* --- results --- */

static json_t *as_object(const char *target, const struct upload_result *r)
{
	return json_pack("{s:s, s:s, s:b, s:b, s:I, s:o}",
		"target", target,
		"state", upload_state_name(r->state),
		"ok", r->state != UPLOAD_FAILED,
		"verified", r->is_verified,
		"bytes", (json_int_t)r->bytes,
		"error", r->state == UPLOAD_FAILED ? json_string(r->why.msg) : json_null());
}

static json_t *as_line(const char *target, const struct upload_result *r)
{
	return json_sprintf("%-8s %s%s%s", upload_state_name(r->state), target, r->why.msg[0] ? ": " : "", r->why.msg);
}

json_t *uploads_json(const struct cli *cli, const struct upload_job *job, const struct upload_result *results, size_t n)
{
	json_t *all = json_array();
	char text[TARGET_TEXT_MAX];

	for (size_t i = 0; i < n; i++) {
		target_text(&job->targets[i], text);
		json_array_append_new(all, cli->json ? as_object(text, &results[i]) : as_line(text, &results[i]));
	}
	return all;
}
