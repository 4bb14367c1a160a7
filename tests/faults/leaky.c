/* leaky: a program that keeps a block and a descriptor which it should have let go of, when a call fails; for the test of the detector. */
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

static void *volatile sink;

static void work(void)
{
	void *volatile block = malloc(100);
	int fd = dup(1);

	sink = malloc(10);
	if (!sink)
		return;		/* the mistake */
	free(sink);
	free(block);
	close(fd);
}

int main(void)
{
	work();
	return puts("done") < 0;
}
