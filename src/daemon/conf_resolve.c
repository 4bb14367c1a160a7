/* conf_resolve.c: `gatepost-keeper -P`: the configuration in the form that the processes read. */
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/io.h"
#include "catalog/link.h"
#include "daemon/conf_files.h"
#include "daemon/conf_table.h"

#include <stdio.h>
#include <sys/stat.h>

static void put_listeners(struct buf *b, const char *kind, const struct conf_addresses *a)
{
	for (size_t i = 0; i < a->n; i++)
		buf_fmt(b, "listen %s %s %u\n", kind, a->at[i].host, a->at[i].port);
}

static void put_head(struct buf *b, const struct conf *c)
{
	static const char *const levels[] = { "debug", "info", "unusual", "broken" };

	put_listeners(b, "http", &c->http.listen);
	put_listeners(b, "coap", &c->coap.listen);
	put_listeners(b, "operator", &c->op.listen);
	buf_fmt(b, "run-dir %s\n", c->gateway.run_dir);
	buf_fmt(b, "state-dir %s\n", c->gateway.state_dir);
	buf_fmt(b, "log-level %s\n\n", levels[c->gateway.log_level]);
}

static const struct conf_section *kind_of(const struct section *sec)
{
	for (size_t i = 0; i < conf_sections_n; i++)
		if (strcmp(conf_sections[i].word, sec->word) == 0)
			return &conf_sections[i];
	return NULL;
}

static bool is_file_key(const struct conf_section *kind, const char *key)
{
	for (size_t i = 0; i < kind->items_n; i++)
		if (strcmp(kind->items[i].key, key) == 0)
			return kind->items[i].into != NULL;
	return false;
}

static void put_section(struct buf *b, const struct section *sec)
{
	const struct conf_section *kind = kind_of(sec);

	buf_fmt(b, "[%s%s%s]\n", sec->word, *sec->name ? " " : "", sec->name);
	for (struct list *node = sec->settings.next; node != &sec->settings; node = node->next) {
		const struct setting *set = LIST_ITEM(node, struct setting, node);

		if (!is_file_key(kind, set->key))
			buf_fmt(b, "%s = %s\n", set->key, set->value);
	}
}

/* with_private: also what the server must not know. */
static void put_settings(struct buf *b, const struct settings *s, bool with_private)
{
	for (struct list *node = s->sections.next; node != &s->sections; node = node->next) {
		const struct section *sec = LIST_ITEM(node, struct section, node);

		if (with_private || !kind_of(sec)->is_private)
			put_section(b, sec);
	}
}

int conf_write(const struct settings *s, const struct conf *c, bool with_private, int *fd, struct err *e)
{
	AUTO(buf_free) struct buf b = BUF_INIT(CONF_RESOLVED_MAX);
	int rc;

	put_head(&b, c);
	put_settings(&b, s, with_private);
	rc = buf_ok(&b, e);
	return rc ? rc : io_sealed_memfd("gatepost.conf", buf_span(&b), fd, e);
}

static int send_resolved(const struct settings *s, const struct conf *c, int sock, struct err *e)
{
	static const uint8_t type = SUP_CONF;
	autoclose int keeper = -1, server = -1;
	int rc = conf_write(s, c, true, &keeper, e);

	if (!rc)
		rc = conf_write(s, c, false, &server, e);
	if (!rc)
		rc = io_send_fds(sock, SPAN_OF(type), (const int[]){ keeper, server }, 2, e);
	return rc;
}

static void on_problem(void *arg, bool is_error, const char *text)
{
	(void)arg;
	fprintf(stderr, "%s%s\n", is_error ? "" : "warning: ", text);
}

static bool is_socket(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode);
}

int conf_resolve(const char *file, int sock)
{
	const struct conf_say say = { on_problem, NULL };
	struct conf *c = NULL;
	struct err e = { 0 };
	struct settings s;
	int rc;

	settings_init(&s, &say);
	rc = conf_load_settings(file, &s, &c, &e);
	if (!rc && is_socket(sock))
		rc = send_resolved(&s, c, sock, &e);
	if (rc)
		fprintf(stderr, "%s%s%s\n", rc == ERR_USAGE ? file : "", rc == ERR_USAGE ? ": " : "", e.msg);
	conf_free(c);
	settings_fini(&s);
	return rc ? 1 : 0;
}
