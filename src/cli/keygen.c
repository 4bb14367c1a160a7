/* keygen.c: `gatepost keygen`. */
#include "cli/publisher.h"
#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "formats/cose.h"
#include "formats/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Never over a file that is there: it may be the only copy of another key. */
static int write_new(const char *path, struct span pem, struct err *e)
{
	autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc;

	if (fd < 0 && errno == EEXIST)
		return err_set(e, ERR_EXISTS, "%s is there already", path);
	if (fd < 0)
		return err_set(e, ERR_USAGE, "%s: %s", path, strerror(errno));
	rc = io_write_all(fd, pem, e);
	if (!rc && fsync(fd) < 0)
		rc = err_errno(e, "%s", path);
	if (!rc)
		rc = io_sync_directory_of(path, e);
	if (rc)
		unlink(path);
	return rc;
}

static int make(enum sig_curve curve, const char *path, struct sig_public *out, struct err *e)
{
	AUTO(buf_free) struct buf pem = BUF_INIT(SIG_PEM_MAX);
	struct sig_secret key;
	int rc = sig_secret_make(curve, &key, e);

	if (!rc)
		rc = sig_secret_write_pem(&key, &pem, e);
	if (!rc)
		rc = write_new(path, buf_span(&pem), e);
	if (!rc)
		*out = key.pub;
	sig_secret_wipe(&key);
	if (pem.p)
		secret_wipe(pem.p, pem.n);
	return rc;
}

int run_keygen(struct cli *cli, const void *options, struct err *e)
{
	const struct publisher_options *o = options;
	AUTO(buf_free) struct buf cose = BUF_INIT(COSE_KEY_MAX);
	char hex[2 * COSE_KEY_MAX + 1], thumbprint[HEX32_MAX];
	enum sig_curve curve;
	struct sig_public key;
	struct hash32 thumb;
	int rc = no_more_words(cli, e);

	if (!rc)
		rc = need_option(o->out, "out", e);
	if (!rc && sig_curve_read(span_str(o->type ? o->type : "es256"), &curve, e))
		return err_set(e, ERR_USAGE, "--type: es256, ed25519 or es256k");
	if (!rc)
		rc = make(curve, o->out, &key, e);
	if (rc)
		return rc;
	cose_key_put(&cose, &key);
	rc = buf_ok(&cose, e);
	if (rc)
		return rc;
	thumb = cose_key_thumbprint(&key);
	cli_print_take(cli, json_pack("{s:s, s:s, s:s, s:s}", "type", sig_curve_name(curve), "file", o->out,
				      "cose_key", hex_str(buf_span(&cose), hex),
				      "thumbprint", hex_str(SPAN_OF(thumb), thumbprint)));
	return ERR_OK;
}
