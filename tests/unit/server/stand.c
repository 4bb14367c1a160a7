/* stand.c: see stand.h. */
#include "stand.h"

#include "base/cleanup.h"
#include "base/hex.h"
#include "base/io.h"
#include "../catalog/sample.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int64_t wall_ms(void *arg)
{
	return ((struct stand *)arg)->wall_ms;
}

static int64_t mono_ms(void *arg)
{
	return ((struct stand *)arg)->mono_ms;
}

static enum clock_state state(void *arg)
{
	return ((struct stand *)arg)->clock_state;
}

static void on_rot(void *arg, const struct hash32 *sha256, uint32_t chunk)
{
	struct stand *s = arg;

	s->rots++;
	s->rot = *sha256;
	s->rot_chunk = chunk;
}

static void on_entries_rot(void *arg, const struct hash32 *product)
{
	struct stand *s = arg;

	s->entries_rots++;
	s->entries_rot = *product;
}

static void on_dag_rot(void *arg, const struct hash32 *sha256)
{
	struct stand *s = arg;

	(void)sha256;
	s->dag_rots++;
}

static void on_floors(void *arg, struct span records)
{
	struct stand *s = arg;

	ck_assert(devfloors_load(s->floors, records, NULL) == 0);
}

static void path_of(struct stand *s, const struct hash32 *sha256, const char *suffix, char out[200])
{
	char hex[65];

	hex_str(SPAN_OF(*sha256), hex);
	snprintf(out, 200, "%s/%.2s", s->dir, hex);
	ck_assert(mkdir(out, 0700) == 0 || errno == EEXIST);
	snprintf(out, 200, "%s/%.2s/%s%s", s->dir, hex, hex, suffix);
}

static void write_file(const char *path, struct span content)
{
	autoclose int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	ck_assert(fd >= 0 && io_write_all(fd, content, NULL) == 0);
}

struct catalog_image stand_object(struct stand *s, struct span content)
{
	struct catalog_image image = { .size = content.n, .sha256 = sha256_of(content), .state = CATALOG_GOOD };
	AUTO(buf_free) struct buf sums = BUF_INIT(MIB);
	char path[200];

	for (size_t at = 0; at < content.n; at += CHUNK_SIZE) {
		struct hash32 h = sha256_of(span_cut(content, at, CHUNK_SIZE));

		buf_add(&sums, SPAN_OF(h));
	}
	image.sums = sha256_of(buf_span(&sums));
	path_of(s, &image.sha256, "", path);
	write_file(path, content);
	path_of(s, &image.sha256, ".sums", path);
	write_file(path, buf_span(&sums));
	return image;
}

void stand_beside(struct stand *s, const struct hash32 *sha256, const char *suffix, struct span content)
{
	char path[200];

	path_of(s, sha256, suffix, path);
	write_file(path, content);
}

void stand_entries(struct stand *s, const struct hash32 *product, struct span content)
{
	char path[200], hex[65];

	snprintf(path, sizeof path, "%s/entries", s->dir);
	ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
	snprintf(path, sizeof path, "%s/entries/%s", s->dir, hex_str(SPAN_OF(*product), hex));
	write_file(path, content);
}

void stand_flip(struct stand *s, const struct hash32 *sha256, const char *suffix, off_t at)
{
	char path[200];
	uint8_t byte;

	path_of(s, sha256, suffix, path);
	autoclose int fd = open(path, O_RDWR);

	ck_assert(io_pread_exact(fd, &byte, 1, at, NULL) == 0);
	byte ^= 1;
	ck_assert(io_pwrite_all(fd, SPAN(&byte, 1), at, NULL) == 0);
}

void stand_unlink(struct stand *s, const struct hash32 *sha256, const char *suffix)
{
	char path[200];

	path_of(s, sha256, suffix, path);
	ck_assert(unlink(path) == 0);
}

void stand_pipe(struct stand *s, const struct hash32 *sha256, const char *suffix)
{
	char path[200];

	path_of(s, sha256, suffix, path);
	ck_assert(mkfifo(path, 0600) == 0);
}

void stand_catalog(struct stand *s, void (*fn)(struct builder *b))
{
	struct builder *b = sample_builder(1);
	AUTO(buf_free) struct buf bytes = BUF_INIT(CATALOG_MAX);
	struct catalog *c;
	struct err e = { 0 };

	fn(b);
	ck_assert_msg(builder_finish(b, &bytes, &e) == 0, "%s", e.msg);
	builder_free(b);
	ck_assert(catalog_of(buf_span(&bytes), &c, &e) == 0);
	catalog_slot_set_take(&s->slot, catalog_hold(c), s->mono_ms);
	objects_settle(s->objects, c);
	blocks_settle(s->blocks, c);
	catalog_put(c);
}

static void link_up(struct stand *s)
{
	int pair[2];

	ck_assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) == 0);
	s->peer = pair[1];
	keeper_attach_take(s->keeper, pair[0]);
}

static int open_entries(struct stand *s)
{
	char path[200];
	int fd;

	snprintf(path, sizeof path, "%s/entries", s->dir);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert(fd >= 0);
	return fd;
}

struct stand *stand_new(uint64_t hot_bytes)
{
	static const char *const good[] = { SAMPLE_OLD, SAMPLE_NEW, SAMPLE_BETA, SAMPLE_BOARD, SAMPLE_STEP, SAMPLE_REVOKED };
	struct stand *s = calloc(1, sizeof *s);
	struct err e = { 0 };

	ck_assert_ptr_nonnull(s);
	strcpy(s->dir, "/tmp/gatepost-stand-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(s->dir));
	pthread_mutex_init(&s->slot.lock, NULL);
	s->clock = (struct clock){ wall_ms, mono_ms, state, s };
	s->wall_ms = (SAMPLE_PROOF_TIME + 60) * 1000LL;
	s->mono_ms = 1000000;
	s->clock_state = CLOCK_SYNCED;
	s->keeper = keeper_new(&s->clock, on_floors, s);
	s->floors = devfloors_new(100);
	s->sightings = sightings_new(s->keeper);
	link_up(s);
	ck_assert_msg(objects_new_take(&(struct objects_conf){ open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), hot_bytes,
		&s->clock, on_rot, s }, &s->objects, &e) == 0, "%s", e.msg);
	stand_entries(s, &(struct hash32){ { 1 } }, SPAN_LIT(SAMPLE_ENTRIES));
	ck_assert_msg(histories_new_take(&(struct histories_conf){ open_entries(s), &s->clock, on_entries_rot, s }, &s->histories, &e) == 0,
		      "%s", e.msg);
	autoclose int dir = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_msg(blocks_new(&(struct blocks_conf){ .objects = dir, .clock = &s->clock, .trees_max = SHARE_TREES_MAX,
		.rot = on_dag_rot, .arg = s }, &s->blocks, &e) == 0, "%s", e.msg);
	s->answers = answers_new(&(struct answers_conf){ .slot = &s->slot, .objects = s->objects, .histories = s->histories,
		.blocks = s->blocks, .floors = s->floors, .keeper = s->keeper, .sightings = s->sightings, .clock = &s->clock });
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		stand_object(s, span_str(good[i]));
	stand_catalog(s, sample_build);
	return s;
}

void stand_free(struct stand *s)
{
	char command[100];

	answers_free(s->answers);
	objects_free(s->objects);
	blocks_free(s->blocks);
	histories_free(s->histories);
	sightings_free(s->sightings);
	devfloors_free(s->floors);
	keeper_free(s->keeper);
	catalog_slot_set_take(&s->slot, NULL, 0);
	if (s->peer >= 0)
		close(s->peer);
	snprintf(command, sizeof command, "rm -r %s", s->dir);
	ck_assert(system(command) == 0);
	free(s);
}

struct span stand_heard(struct stand *s, uint8_t room[LINK_MESSAGE_MAX])
{
	int fds[IO_FDS_MAX];
	size_t n;

	if (io_recv_fds(s->peer, room, LINK_MESSAGE_MAX, &n, fds, NULL))
		return SPAN(room, 0);
	return SPAN(room, n);
}

void stand_deaf(struct stand *s)
{
	uint8_t room[LINK_MESSAGE_MAX];

	while (stand_heard(s, room).n)
		;
}
