/* gatepost-keeper: the outside world. Started by gatepostd only; `-P -c FILE` checks and resolves a configuration, and `gatepost restore`
 * starts `-R BACKUP -c FILE`. */
#include "base/log.h"
#include "catalog/link.h"
#include "daemon/conf.h"
#include "keeper/keeper.h"
#include "keeper/restoring.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int usage(void)
{
	fprintf(stderr, "usage: gatepost-keeper -P [-c FILE] | -R BACKUP [-t] [-c FILE]   (else it is started by gatepostd)\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *file = CONF_FILE_DEFAULT, *backup = NULL;
	bool resolve = false, with_tokens = false;
	int opt;

	while ((opt = getopt(argc, argv, "Pc:R:t")) != -1) {
		if (opt == 'P')
			resolve = true;
		else if (opt == 'c')
			file = optarg;
		else if (opt == 'R')
			backup = optarg;
		else if (opt == 't')
			with_tokens = true;
		else
			return usage();
	}
	signal(SIGPIPE, SIG_IGN);
	if (backup)
		return restoring_run(file, backup, with_tokens);
	return resolve ? conf_resolve(file, SUP_FD) : keeper_run(SUP_FD);
}
