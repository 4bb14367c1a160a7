/* gatepost-keeper: the outside world. Started by gatepostd only; `-P -c FILE` checks and resolves a configuration. */
#include "base/log.h"
#include "catalog/link.h"
#include "daemon/conf.h"
#include "keeper/keeper.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int usage(void)
{
	fprintf(stderr, "usage: gatepost-keeper -P [-c FILE]   (else it is started by gatepostd)\n");
	return 2;
}

int main(int argc, char **argv)
{
	const char *file = CONF_FILE_DEFAULT;
	bool resolve = false;
	int opt;

	while ((opt = getopt(argc, argv, "Pc:")) != -1) {
		if (opt == 'P')
			resolve = true;
		else if (opt == 'c')
			file = optarg;
		else
			return usage();
	}
	signal(SIGPIPE, SIG_IGN);
	return resolve ? conf_resolve(file, SUP_FD) : keeper_run(SUP_FD);
}
