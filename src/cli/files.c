/* files.c: keys, signers and files that a command line names (publisher.h). */
#include "cli/publisher.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "formats/cose.h"
#include "formats/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int read_named_file(const char *path, const char *what, struct buf *out, struct err *e)
{
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_set(e, ERR_USAGE, "%s %s: %s", what, path, strerror(errno));
	return io_read_all(fd, out, e) ? err_wrap(e, "%s %s", what, path) : ERR_OK;
}

int write_named_file(const char *path, struct span bytes, struct err *e)
{
	autoclose int fd = -1;

	if (strcmp(path, "-") == 0)
		return io_write_all(STDOUT_FILENO, bytes, e);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd < 0)
		return err_set(e, ERR_USAGE, "%s: %s", path, strerror(errno));
	return io_write_all(fd, bytes, e) ? err_wrap(e, "%s", path) : ERR_OK;
}

/* --- private keys --- */

static void warn_of_mode(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && (st.st_mode & (S_IRWXG | S_IRWXO)))
		cli_note("warning: signing key %s: mode %04o lets others at it", path, st.st_mode & 07777);
}

static int read_signing_key(const char *path, struct sig_secret *out, struct err *e)
{
	AUTO(buf_free) struct buf pem = BUF_INIT(SIG_PEM_MAX);
	int rc = read_named_file(path, "signing key", &pem, e);

	if (!rc && sig_secret_read_pem(buf_span(&pem), out, e))
		rc = err_wrap(e, "signing key %s", path);
	if (pem.p)
		secret_wipe(pem.p, pem.n);
	return rc;
}

int read_signing_keys(const struct words *files, struct signing_keys *out, struct err *e)
{
	out->n = 0;
	if (files->n > SIGNERS_MAX)
		return err_set(e, ERR_USAGE, "a release has at most %d signatures", SIGNERS_MAX);
	for (size_t i = 0; i < files->n; i++) {
		int rc = read_signing_key(files->v[i], &out->key[i], e);

		if (rc) {
			signing_keys_wipe(out);
			return rc;
		}
		warn_of_mode(files->v[i]);
		out->n++;
	}
	return ERR_OK;
}

void signing_keys_wipe(struct signing_keys *k)
{
	for (size_t i = 0; i < k->n; i++)
		sig_secret_wipe(&k->key[i]);
	k->n = 0;
}

/* --- public keys --- */

static struct span trimmed(struct span s)
{
	while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == ' '))
		s.n--;
	if (s.n >= 2 && s.p[0] == '0' && s.p[1] == 'x')
		s = span_cut(s, 2, s.n);
	return s;
}

/* A COSE_Key in hex that somebody could sign with: a typo must not end up on chain. */
static int put_hex_key(struct span hex, struct buf *out, struct err *e)
{
	size_t before = out->n;
	struct sig_public key;
	uint8_t *at;

	if (hex.n % 2 || hex.n / 2 > COSE_KEY_MAX)
		return err_set(e, ERR_FORMAT, "not a COSE_Key in hex");
	at = buf_grow(out, hex.n / 2);
	if (!at)
		return buf_ok(out, e);
	if (hex_read(hex, at, hex.n / 2, e))
		return err_set(e, ERR_FORMAT, "not a COSE_Key in hex");
	return cose_key_read(SPAN(out->p + before, out->n - before), &key, e);
}

static int put_key_file(const char *path, struct buf *out, struct err *e)
{
	AUTO(buf_free) struct buf text = BUF_INIT(SIG_PEM_MAX);
	struct sig_secret secret;
	int rc = read_named_file(path, "signer", &text, e);

	if (rc)
		return rc;
	if (text.n < 5 || memcmp(text.p, "-----", 5) != 0)
		return put_hex_key(trimmed(buf_span(&text)), out, e);
	rc = sig_secret_read_pem(buf_span(&text), &secret, e);
	if (!rc)
		cose_key_put(out, &secret.pub);
	sig_secret_wipe(&secret);
	secret_wipe(text.p, text.n);
	return rc ? rc : buf_ok(out, e);
}

/* A file of that name wins; a COSE_Key in hex has 80 digits at least. */
static int put_signer(const char *value, struct buf *out, struct err *e)
{
	struct span hex = trimmed(span_str(value));

	if (access(value, F_OK) == 0 || hex.n < 64 || strspn((const char *)hex.p, "0123456789abcdefABCDEF") < hex.n)
		return put_key_file(value, out, e);
	return put_hex_key(hex, out, e);
}

int read_signers(const struct words *values, struct buf *room, struct span out[SIGNERS_MAX], size_t *n, struct err *e)
{
	size_t ends[SIGNERS_MAX], at = 0;

	if (values->n == 0 || values->n > SIGNERS_MAX)
		return err_set(e, ERR_USAGE, "--signer is needed, 1 to %d times", SIGNERS_MAX);
	for (size_t i = 0; i < values->n; i++) {
		if (put_signer(values->v[i], room, e))
			return err_wrap(e, "--signer %.60s", values->v[i]);
		ends[i] = room->n;
	}
	for (size_t i = 0; i < values->n; at = ends[i++])	/* room has stopped moving */
		out[i] = SPAN(room->p + at, ends[i] - at);
	*n = values->n;
	return ERR_OK;
}

int read_threshold(const char *text, size_t n, unsigned *out, struct err *e)
{
	char *end;
	unsigned long v = text ? strtoul(text, &end, 10) : 1;

	if (text && (text[0] < '0' || text[0] > '9' || *end))
		return err_set(e, ERR_USAGE, "--threshold: \"%.40s\" is not a number", text);
	if (v == 0 || v > n)
		return err_set(e, ERR_USAGE, "--threshold: %lu of %zu signers", v, n);
	*out = (unsigned)v;
	return ERR_OK;
}

/* --- what the manifest says --- */

static int copy_text(const char *from, char *to, size_t size, const char *option, struct err *e)
{
	if (strlen(from) >= size)
		return err_set(e, ERR_LIMIT, "--%s: at most %zu bytes", option, size - 1);
	memcpy(to, from, strlen(from) + 1);
	return ERR_OK;
}

int read_about(const struct publisher_options *o, struct suit_manifest *m, struct err *e)
{
	int rc = need_option(o->version, "version", e);

	if (!rc)
		rc = copy_text(o->version, m->version, sizeof m->version, "version", e);
	if (!rc)
		rc = copy_text(o->channel ? o->channel : "stable", m->channel, sizeof m->channel, "channel", e);
	if (!rc && o->hardware.n > HARDWARE_MAX)
		rc = err_set(e, ERR_LIMIT, "--hardware: at most %d names", HARDWARE_MAX);
	for (size_t i = 0; !rc && i < o->hardware.n; i++)
		rc = copy_text(o->hardware.v[i], m->hardware[i], sizeof m->hardware[i], "hardware", e);
	if (rc)
		return rc;
	m->hardware_n = o->hardware.n;
	m->from_sequence = o->from_sequence;
	m->urgent = o->urgent;
	m->description = span_str(o->description);
	return ERR_OK;
}

int read_profile(const char *name, const struct dag_profile **out, struct err *e)
{
	const struct dag_profile *p = name ? dag_profile_find(span_str(name)) : dag_profile_default();

	if (!p)
		return err_set(e, ERR_USAGE, "--profile: \"%.40s\" is neither unixfs-v1-2025 nor unixfs-v0-2015", name);
	*out = p;
	return ERR_OK;
}
