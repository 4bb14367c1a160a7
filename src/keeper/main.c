/* gatepost-keeper: the outside world. Started by gatepostd only; `-P -c FILE` checks and resolves a configuration; `-R BACKUP -c FILE` restores a backup into
 * the state directory of a stopped gateway, for `gatepost restore`; `-C BACKUP` only checks it. */
#include "base/log.h"
#include "catalog/link.h"
#include "daemon/conf.h"
#include "keeper/keeper.h"
#include "keeper/restore.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int usage(void)
{
	fprintf(stderr, "usage: gatepost-keeper -P [-c FILE] | -R BACKUP [-c FILE] | -C BACKUP   (else it is started by gatepostd)\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *file = CONF_FILE_DEFAULT;
	const char *restore = NULL, *check = NULL;
	bool resolve = false;
	int opt;

	while ((opt = getopt(argc, argv, "Pc:R:C:")) != -1) {
		if (opt == 'P')
			resolve = true;
		else if (opt == 'c')
			file = optarg;
		else if (opt == 'R')
			restore = optarg;
		else if (opt == 'C')
			check = optarg;
		else
			return usage();
	}
	signal(SIGPIPE, SIG_IGN);
	if (restore || check)
		return restore_run(restore ? restore : check, file, !restore);
	return resolve ? conf_resolve(file, SUP_FD) : keeper_run(SUP_FD);
}
