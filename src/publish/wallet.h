/* wallet.h: the Ethereum key that pays for and signs a publisher's transactions.
 *
 * Two kinds of file: a Web3 Secret Storage (keystore v3) JSON, opened with a
 * password, and a plain text file with 64 hex digits ("0x" in front or not),
 * which has to be readable by nobody but its owner. A key is never taken from the command line
 * or the environment, where other users can see it. */
#ifndef PUBLISH_WALLET_H
#define PUBLISH_WALLET_H

#include "base/err.h"
#include "base/span.h"

#define WALLET_FILE_MAX (16 * 1024)	/* a keystore is some 500 bytes */
#define WALLET_PASSWORD_MAX 1024

struct wallet {
	uint8_t secret[32];
	struct addr20 address;
};

/* Gives the password: n bytes into out, at most WALLET_PASSWORD_MAX. Called only for a keystore. */
struct wallet_password {
	int (*ask)(void *arg, uint8_t *out, size_t *n, struct err *e);
	void *arg;
};

/* Opens the file. ERR_DENIED: a plain key that others may read, or a wrong password; ERR_FORMAT: neither kind of file;
 * ERR_RULE: a keystore of another version, cipher or KDF, or no valid key. Wipe with wallet_wipe. */
MUST_USE int wallet_open(const char *path, const struct wallet_password *password, struct wallet *out, struct err *e);
void wallet_wipe(struct wallet *w);

/* The first line of a file (without its line end) as a password; for struct wallet_password, arg is the path. */
int wallet_password_file(void *arg, uint8_t *out, size_t *n, struct err *e);
/* Asks on the terminal, without echo. ERR_USAGE when there is none. */
int wallet_password_terminal(void *arg, uint8_t *out, size_t *n, struct err *e);

#endif
