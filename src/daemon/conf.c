/* conf.c: loading and freeing; see conf.h. */
#include "daemon/conf.h"
#include "base/err.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "daemon/conf_table.h"
#include "daemon/conf_files.h"

#include <fcntl.h>
#include <unistd.h>

/* A struct conf, and the memory that it points into. */
struct conf_whole {
	struct conf conf;	/* first: what callers hold */
	struct pool pool;
};

static struct conf_whole *whole_new(void)
{
	struct conf_whole *w = calloc(1, sizeof *w);

	if (!w)
		err_no_memory();
	pool_init(&w->pool);
	return w;
}

void conf_free(struct conf *c)
{
	struct conf_whole *w = (void *)c;

	if (!w)
		return;
	pool_free(&w->pool);
	free(w);
}

/* Peers are asked first, and live on the LAN. */
static void settle_sources(struct conf *c)
{
	for (size_t i = 0; i < c->sources_n; i++)
		if (c->sources[i].kind == CONF_PEER)
			c->sources[i].private_ok = true;
}

static int build(struct settings *s, bool with_rules, struct conf **out, struct err *e)
{
	struct conf_whole *w = whole_new();

	conf_build(s, &w->pool, &w->conf);
	settle_sources(&w->conf);
	if (s->errors == 0 && with_rules)
		conf_rules(s, &w->conf);
	if (s->errors > 0) {
		conf_free(&w->conf);
		return err_set(e, ERR_USAGE, "the configuration has %u error%s", s->errors, s->errors == 1 ? "" : "s");
	}
	*out = &w->conf;
	return ERR_OK;
}

int conf_load_settings(const char *file, struct settings *s, struct conf **out, struct err *e)
{
	int rc = conf_files_add(s, file, e);

	if (rc)
		return rc;
	conf_files_follow(s);
	return build(s, true, out, e);
}

int conf_load(const char *file, const struct conf_say *say, struct conf **out, struct err *e)
{
	struct settings s;
	int rc;

	settings_init(&s, say);
	rc = conf_load_settings(file, &s, out, e);
	settings_fini(&s);
	return rc;
}

/* Behind the supervisor's head. */
static struct span settings_text(const struct buf *b)
{
	struct span s = buf_span(b);
	const uint8_t *end = s.n ? memmem(s.p, s.n, "\n\n", 2) : NULL;

	return end ? span_cut(s, (size_t)(end - s.p) + 2, s.n) : SPAN(NULL, 0);
}

static void on_problem(void *arg, bool is_error, const char *text)
{
	struct err *e = arg;

	if (is_error && e->code == ERR_OK)
		err_set(e, ERR_FORMAT, "%s", text);
}

int conf_read(int fd, struct conf **out, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CONF_RESOLVED_MAX);
	struct err first = { 0 };
	const struct conf_say say = { on_problem, &first };
	struct settings s;
	int rc;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return err_errno(e, "resolved configuration");
	rc = io_read_all(fd, &b, e);
	if (rc)
		return err_wrap(e, "resolved configuration");
	settings_init(&s, &say);
	settings_add(&s, "resolved configuration", settings_text(&b));
	rc = build(&s, false, out, e);
	if (rc)
		rc = err_set(e, ERR_FORMAT, "%s", first.msg);
	settings_fini(&s);
	return rc;
}

int conf_run_dir(const char *file, char **out, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CONF_FILE_MAX);
	const struct setting *set;
	struct settings s;
	int rc = io_read_file(AT_FDCWD, file, &b, e);

	if (rc)
		return rc;
	settings_init(&s, NULL);
	settings_add(&s, file, buf_span(&b));
	conf_files_add_drop_ins(&s, file);
	set = settings_get(settings_section(&s, "gateway", ""), "run-dir");
	*out = strdup(set ? set->value : CONF_RUN_DIR_DEFAULT);
	settings_fini(&s);
	return *out ? ERR_OK : err_set(e, ERR_MEMORY, "no memory for a path");
}
