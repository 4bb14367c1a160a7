/* conf_files.h: the files of a configuration, and the files that it names. Private to src/daemon. */
#ifndef DAEMON_CONF_FILES_H
#define DAEMON_CONF_FILES_H

#include "daemon/settings.h"

/* FILE, then conf.d/ *.conf beside it, by name. Fails when FILE itself cannot be read; the others are said. */
MUST_USE int conf_files_add(struct settings *s, const char *file, struct err *e);
void conf_files_add_drop_ins(struct settings *s, const char *file);

/* Replaces each `X-file = PATH` by the one line that the file holds. A relative PATH is a credential
 * ($CREDENTIALS_DIRECTORY, systemd.exec(5)), or lies beside the configuration, in credentials/ first. */
void conf_files_follow(struct settings *s);

/* conf_load, keeping the settings. */
MUST_USE int conf_load_settings(const char *file, struct settings *s, struct conf **out, struct err *e);

/* The resolved form as a sealed memfd; with_private: the keeper's. */
MUST_USE int conf_write(const struct settings *s, const struct conf *c, bool with_private, int *fd, struct err *e);

#endif
