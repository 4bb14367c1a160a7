/* scrubbing.h: a rig with images on its disk, whose scrubber is called by hand. */
#ifndef TESTS_SCRUBBING_H
#define TESTS_SCRUBBING_H

#include "rig.h"
#include "formats/sha256.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE (2 * CHUNK_SIZE + 1000)
#define IMAGES 4
#define INTERVAL_S 4000

static struct rig rig;
static struct hash32 name[IMAGES];
static uint8_t image[IMAGES][SIZE];

static inline struct scrubber *scrubber(void)
{
	return &rig.k.scrubber;
}

/* A whole one, with a block beside it, verified now. */
static inline void put_sized(unsigned n, size_t size)
{
	struct blob_digests d;
	struct blob *w;

	for (size_t i = 0; i < size; i++)
		image[n][i] = (uint8_t)(i * (n + 3) + i / 251);
	name[n] = sha256_of(SPAN(image[n], size));
	ck_ok(blob_start(rig.k.blobs, &name[n], size, &w, NULL, &err));
	ck_ok(blob_write(w, 0, SPAN(image[n], size), &err));
	ck_ok(blob_add_block(w, SPAN_LIT("cid"), SPAN_LIT("block"), &err));
	ck_ok(blob_finish(w, &d, &err));
	blob_free(w);
	ck_ok(images_set_good(rig.w.store, &name[n], size, &d, "raw", rig.w.wall_ms, &err));
}

static inline void put_image(unsigned n)
{
	put_sized(n, SIZE);
}

static inline void setup(void)
{
	rig_open(&rig);
	rig.k.conf->cache.scrub_interval_ms = INTERVAL_S * 1000;
	scrubber_close(scrubber());
	uv_run(&rig.k.loop, UV_RUN_NOWAIT);
	scrubber_begin(scrubber(), &rig.k);
}

static inline void teardown(void)
{
	rig_close(&rig);
}

static inline const char *file(unsigned n, const char *suffix)
{
	static char path[300];
	char rel[BLOB_PATH_MAX];

	snprintf(path, sizeof path, "%s/objects/%s%s", rig.w.dir, blobs_path(&name[n], rel), suffix);
	return path;
}

static inline void flip(unsigned n, const char *suffix, off_t at)
{
	int fd = open(file(n, suffix), O_RDWR);
	uint8_t b;

	ck_assert(fd >= 0 && pread(fd, &b, 1, at) == 1);
	b ^= 4;
	ck_assert(pwrite(fd, &b, 1, at) == 1);
	close(fd);
}

static inline struct image_row row(unsigned n)
{
	struct image_row i;

	ck_ok(images_get(rig.w.store, &name[n], &i, &err));
	return i;
}

/* Everything that is due by the clock as it stands. */
static inline void run(void)
{
	for (int quiet = 0; quiet < 3;) {
		uint64_t before = scrubber()->counts.images;

		scrubber_hurry(scrubber());
		uv_run(&rig.k.loop, UV_RUN_NOWAIT);
		while (scrubber()->sm.at == SCRUB_READING)
			uv_run(&rig.k.loop, UV_RUN_ONCE);
		quiet = rig.k.upkeep || scrubber()->counts.images != before ? 0 : quiet + 1;
	}
}

static inline void later(int64_t s)
{
	rig.w.mono_ms += s * 1000;
	rig.w.wall_ms += s * 1000;
}

/* Until an image is being read. Without the loop, which would tell at once of a read that is over as quickly as on a tmpfs. */
static inline void run_to_read(void)
{
	for (int i = 0; scrubber()->sm.at != SCRUB_READING; i++) {
		ck_assert_msg(i < 100, "nothing is read");
		scrubber()->timer.timer_cb(&scrubber()->timer);
	}
}

static inline void scrub(void)
{
	later(INTERVAL_S);
	run();
}

#endif
