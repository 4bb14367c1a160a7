/* wallet.c: see wallet.h. */
#include "publish/wallet.h"
#include "publish/keystore.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "formats/ethtx.h"
#include "formats/secp.h"
#include "formats/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <termios.h>

/* Without the white space that editors and echo(1) leave at the end. */
static struct span trimmed(struct span s)
{
	while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == ' '))
		s.n--;
	return s;
}

static int open_keystore(struct span json, const struct wallet_password *password, uint8_t secret[32], struct err *e)
{
	uint8_t text[WALLET_PASSWORD_MAX];
	size_t n = 0;
	int rc = password->ask(password->arg, text, &n, e);

	if (!rc)
		rc = keystore_open(json, SPAN(text, n), secret, e);
	secret_wipe(text, sizeof text);
	return rc;
}

static int open_plain(struct span text, mode_t mode, uint8_t secret[32], struct err *e)
{
	text = trimmed(text);
	if (text.n > 2 && text.p[0] == '0' && (text.p[1] == 'x' || text.p[1] == 'X'))
		text = span_cut(text, 2, text.n);
	if (hex_read(text, secret, 32, e))
		return err_set(e, ERR_FORMAT, "neither a keystore (JSON) nor a key of 64 hex digits");
	if (mode & (S_IRWXG | S_IRWXO))
		return err_set(e, ERR_DENIED, "mode %04o: a key file must be accessible to its owner only (chmod 600)",
			       mode & 07777);
	return ERR_OK;
}

static int open_bytes(struct span bytes, mode_t mode, const struct wallet_password *password, uint8_t secret[32],
		      struct err *e)
{
	size_t at = 0;

	while (at < bytes.n && (bytes.p[at] == ' ' || bytes.p[at] == '\n' || bytes.p[at] == '\t' || bytes.p[at] == '\r'))
		at++;
	if (at < bytes.n && bytes.p[at] == '{')
		return open_keystore(bytes, password, secret, e);
	return open_plain(span_cut(bytes, at, bytes.n), mode, secret, e);
}

/* Everything is read from one descriptor: mode and content are of the same file. */
static int read_wallet(const char *path, const struct wallet_password *password, uint8_t secret[32], struct err *e)
{
	AUTO(buf_free) struct buf bytes = BUF_INIT(WALLET_FILE_MAX);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, ERR_USAGE, "%s", strerror(errno));
	rc = io_read_all(fd, &bytes, e);
	if (!rc)
		rc = open_bytes(buf_span(&bytes), st.st_mode, password, secret, e);
	if (bytes.p)
		secret_wipe(bytes.p, bytes.n);
	return rc;
}

int wallet_open(const char *path, const struct wallet_password *password, struct wallet *out, struct err *e)
{
	uint8_t secret[32], point[64];
	int rc = read_wallet(path, password, secret, e);

	if (!rc)
		rc = secp_public(secret, point, e);
	if (rc) {
		err_wrap(e, "wallet %s", path);
	} else {
		memcpy(out->secret, secret, sizeof secret);
		out->address = ethtx_address(point);
	}
	secret_wipe(secret, sizeof secret);
	return rc;
}

void wallet_wipe(struct wallet *w)
{
	secret_wipe(w, sizeof *w);
}

int wallet_password_file(void *arg, uint8_t *out, size_t *n, struct err *e)
{
	const char *path = arg;
	AUTO(buf_free) struct buf b = BUF_INIT(WALLET_PASSWORD_MAX);
	autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
	const uint8_t *end;

	if (fd < 0)
		return err_set(e, ERR_USAGE, "password file %s: %s", path, strerror(errno));
	if (io_read_all(fd, &b, e))
		return err_wrap(e, "password file %s", path);
	end = b.n ? memchr(b.p, '\n', b.n) : NULL;
	*n = end ? (size_t)(end - b.p) : b.n;
	if (*n && b.p[*n - 1] == '\r')
		--*n;
	if (b.n)
		memcpy(out, b.p, *n);
	if (b.p)
		secret_wipe(b.p, b.n);
	return ERR_OK;
}

static ssize_t read_silently(int tty, uint8_t *out)
{
	struct termios before, silent;
	ssize_t got;

	if (tcgetattr(tty, &before) < 0)
		return -1;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	tcsetattr(tty, TCSAFLUSH, &silent);
	got = read(tty, out, WALLET_PASSWORD_MAX);	/* a terminal gives one line */
	tcsetattr(tty, TCSAFLUSH, &before);
	dprintf(tty, "\n");
	return got;
}

int wallet_password_terminal(void *arg, uint8_t *out, size_t *n, struct err *e)
{
	autoclose int tty = open("/dev/tty", O_RDWR | O_CLOEXEC);
	ssize_t got;

	(void)arg;
	if (tty < 0)
		return err_set(e, ERR_USAGE, "the keystore needs a password: --password-file");
	dprintf(tty, "Password of the wallet: ");
	got = read_silently(tty, out);
	if (got < 0)
		return err_errno(e, "terminal");
	*n = got && out[got - 1] == '\n' ? (size_t)got - 1 : (size_t)got;
	return ERR_OK;
}
