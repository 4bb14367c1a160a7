/* upload.c: see upload.h. */
#include "publish/upload.h"
#include "publish/export.h"
#include "publish/kubo.h"
#include "publish/pinning.h"
#include "publish/readback.h"
#include "base/cleanup.h"
#include "base/hex.h"

#include <stdio.h>

static void json_free(json_t **j)
{
	json_decref(*j);
}

const char *upload_state_name(enum upload_state s)
{
	static const char *const names[] = {
		[UPLOAD_FAILED] = "failed", [UPLOAD_SENT] = "uploaded", [UPLOAD_PRESENT] = "present", [UPLOAD_PINNED] = "pinned",
	};

	return names[s];
}

static void step(const struct upload_job *j, enum upload_step at, const struct target *t)
{
	char text[TARGET_TEXT_MAX];

	if (j->on_step)
		j->on_step(j->arg, at, target_text(t, text));
}

/* --- stores --- */

static int read_back(const struct upload_job *j, const struct target *t, struct err *e)
{
	step(j, UPLOAD_READ_BACK, t);
	return t->kind == TARGET_DIR ? export_read_back(t->where, j->pack, j->watch, e)
				     : readback_kubo(j->web, t, j->pack, j->watch, e);
}

/* A node that says it has the image gives it back, or is sent it again. */
static int look(const struct upload_job *j, const struct target *t, bool *had, struct err *e)
{
	bool is_pinned = false;
	int rc;

	step(j, UPLOAD_LOOK, t);
	rc = kubo_look(j->web, t, j->pack, &is_pinned, e);
	*had = !rc && is_pinned && read_back(j, t, NULL) == ERR_OK;
	return rc;
}

static int to_kubo(const struct upload_job *j, const struct target *t, struct upload_result *r, struct err *e)
{
	bool had;
	int rc = look(j, t, &had, e);

	if (rc || had)
		return rc;
	step(j, UPLOAD_SEND, t);
	rc = kubo_upload(j->web, t, j->pack, j->watch, &r->bytes, e);
	return rc ? rc : read_back(j, t, e);
}

static int to_dir(const struct upload_job *j, const struct target *t, struct upload_result *r, struct err *e)
{
	int rc;

	step(j, UPLOAD_SEND, t);
	rc = export_image(t->where, j->pack, j->watch, &r->bytes, e);
	return rc ? rc : read_back(j, t, e);
}

static void store(const struct upload_job *j, const struct target *t, struct upload_result *r)
{
	int rc = t->kind == TARGET_KUBO ? to_kubo(j, t, r, &r->why) : to_dir(j, t, r, &r->why);

	r->is_verified = rc == ERR_OK;
	r->state = rc ? UPLOAD_FAILED : r->bytes ? UPLOAD_SENT : UPLOAD_PRESENT;
}

/* --- further copies --- */

static json_t *about(const struct upload_job *j)
{
	char hex[HEX32_MAX];
	json_t *meta = json_pack("{s:s}", "sha256", hex_str(SPAN_OF(j->pack->sha256), hex));

	if (j->product)
		json_object_set_new(meta, "product", json_string(j->product));
	if (j->version)
		json_object_set_new(meta, "version", json_string(j->version));
	return meta;
}

static void copy(const struct upload_job *j, const struct target *t, json_t *origins, struct upload_result *r)
{
	AUTO(json_free) json_t *meta = about(j);
	char name[PINNING_NAME_MAX + 1];
	struct pinning_job pin = {
		.web = j->web, .target = t, .pack = j->pack, .name = name, .meta = meta, .origins = origins,
		.wait_ms = j->pin_wait_ms ? j->pin_wait_ms : PINNING_WAIT_MS,
	};

	snprintf(name, sizeof name, "%s%s%s", j->product ? j->product : "firmware", j->version ? " " : "",
		 j->version ? j->version : "");
	step(j, UPLOAD_PIN, t);
	r->state = pinning_pin(&pin, &r->why) ? UPLOAD_FAILED : UPLOAD_PINNED;
}

/* --- all --- */

static size_t count_verified(const struct upload_result *r, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += r[i].is_verified;
	return count;
}

static void tell(const struct upload_job *j, size_t i, const struct upload_result *r)
{
	if (j->on_result)
		j->on_result(j->arg, &j->targets[i], r);
}

/* Only pinning services want them. */
static void find_origins(const struct upload_job *j, const struct upload_result *r, json_t *out)
{
	for (size_t i = 0; i < j->n; i++)
		if (r[i].is_verified && j->targets[i].kind == TARGET_KUBO)
			kubo_addresses(j->web, &j->targets[i], out, PINNING_ORIGINS_MAX);
}

void upload_all(const struct upload_job *j, struct upload_result *out)
{
	AUTO(json_free) json_t *origins = json_array();
	size_t stores = 0;

	for (size_t i = 0; i < j->n; i++) {
		out[i] = (struct upload_result){ .state = UPLOAD_FAILED };
		if (!target_is_store(&j->targets[i]))
			continue;
		stores++;
		store(j, &j->targets[i], &out[i]);
		tell(j, i, &out[i]);
	}
	if (stores < j->n)
		find_origins(j, out, origins);
	for (size_t i = 0; i < j->n; i++) {
		if (target_is_store(&j->targets[i]))
			continue;
		if (count_verified(out, j->n))
			copy(j, &j->targets[i], origins, &out[i]);
		else
			err_drop(err_set(&out[i].why, ERR_RULE, "not asked: no target has the image for it to fetch"));
		tell(j, i, &out[i]);
	}
}

int upload_judge(const struct upload_job *j, const struct upload_result *results, size_t need, struct err *e)
{
	size_t verified = count_verified(results, j->n), failed = 0, first = 0;
	char text[TARGET_TEXT_MAX];

	for (size_t i = j->n; i-- > 0;)
		if (results[i].state == UPLOAD_FAILED) {
			failed++;
			first = i;
		}
	if (!failed || (need && verified >= need))
		return ERR_OK;
	err_set(e, results[first].why.code, "upload to %.120s: %s", target_text(&j->targets[first], text), results[first].why.msg);
	if (failed > 1)
		return err_wrap(e, "%zu of %zu targets failed", failed, j->n);
	return (int)results[first].why.code;
}
