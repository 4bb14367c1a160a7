/* handed.h: a rig whose supervisor takes the catalogs that it is handed. */
#ifndef TESTS_HANDED_H
#define TESTS_HANDED_H

#include "rig.h"
#include "base/io.h"
#include "catalog/catalog.h"

#include <unistd.h>

static struct rig rig;
static struct catalog *got;	/* the newest that the supervisor was handed */
static unsigned handed;

static inline void setup(void)
{
	rig_open(&rig);
	got = NULL;
	handed = 0;
}

static inline void teardown(void)
{
	catalog_put(got);
	rig_close(&rig);
}

static inline void receive(void)
{
	uint8_t type[SUP_MESSAGE_MAX];
	int fds[IO_FDS_MAX];
	size_t n;

	while (io_recv_fds(rig.supervisor, type, sizeof type, &n, fds, NULL) == ERR_OK) {
		if (type[0] == SUP_CATALOG) {
			catalog_put(got);
			ck_ok(catalog_open(fds[0], CATALOG_FROM_MEMFD, &got, &err));
			handed++;
		}
		for (size_t i = 0; i < IO_FDS_MAX; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
}

static inline void release(size_t which, unsigned image)
{
	world_publish(&rig.w, which, image);
	world_final(&rig.w, which);
	world_image(&rig.w, image, IMAGE_IS_GOOD);
}

#endif
