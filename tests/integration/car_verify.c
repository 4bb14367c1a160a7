/* car_verify.c: a CAR from standard input through the verifier, for tests and benchmarks of it alone.
 *
 *	car_verify [-a] [-r N] [-o FILE] CID SIZE < CAR
 *
 * -a: any order of blocks; otherwise depth first with repetitions
 * -o: the verified bytes go there, at their offsets
 * -r: reads everything first, then verifies it N times and prints the rate
 *
 * Prints the result and what was counted as one line of JSON; the exit status says whether the file is complete. */
#include "base/cleanup.h"
#include "base/io.h"
#include "base/limits.h"
#include "formats/sha256.h"
#include "ipfs/intake.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define READ_SIZE (64 * KIB)	/* as libcurl hands them over at the most */

struct kept {
	struct cid cid;
	uint8_t *bytes;
	size_t n;
};

struct job {
	struct cid cid;
	uint64_t size;
	enum plan_order order;
	int out;		/* -1: verified bytes are dropped */
	struct plan *plan;
	struct intake in;
	struct kept *kept;
	size_t n_kept, cap_kept;
	uint64_t kept_bytes;
};

static int on_write(void *arg, uint64_t offset, struct span bytes, struct err *e)
{
	struct job *j = arg;

	return j->out < 0 ? ERR_OK : io_pwrite_all(j->out, bytes, (off_t)offset, e);
}

static int on_keep(void *arg, enum plan_kept what, const struct cid *cid, struct span block, struct err *e)
{
	struct job *j = arg;
	struct kept *k;

	(void)what;
	if (j->n_kept == j->cap_kept) {
		size_t cap = j->cap_kept ? j->cap_kept * 2 : 64;
		struct kept *more = realloc(j->kept, cap * sizeof *more);

		if (!more)
			return err_set(e, ERR_MEMORY, "no memory");
		j->kept = more;
		j->cap_kept = cap;
	}
	k = &j->kept[j->n_kept];
	*k = (struct kept){ *cid, malloc(block.n), block.n };
	if (!k->bytes)
		return err_set(e, ERR_MEMORY, "no memory");
	memcpy(k->bytes, block.p, block.n);
	j->n_kept++;
	j->kept_bytes += block.n;
	return ERR_OK;
}

static int on_load(void *arg, const struct cid *cid, struct buf *out, struct err *e)
{
	struct job *j = arg;

	for (size_t i = 0; i < j->n_kept; i++) {
		if (cid_same_block(&j->kept[i].cid, cid)) {
			buf_add(out, SPAN(j->kept[i].bytes, j->kept[i].n));
			return buf_ok(out, e);
		}
	}
	return err_set(e, ERR_NOT_FOUND, "not kept");
}

static int on_read(void *arg, uint64_t offset, uint8_t *out, size_t n, struct err *e)
{
	struct job *j = arg;

	return j->out < 0 ? ERR_NOT_FOUND : io_pread_exact(j->out, out, n, (off_t)offset, e);
}

static double now_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int start(struct job *j, struct err *e)
{
	struct plan_io io = { on_write, on_keep, on_load, on_read, j };
	int rc = plan_new(&j->cid, j->size, &io, &j->plan, e);

	if (rc == ERR_OK)
		intake_open(&j->in, j->plan, SOURCE_ASK_CAR, j->order, &j->cid);
	return rc;
}

static void stop(struct job *j)
{
	intake_close(&j->in);
	plan_free(j->plan);
	for (size_t i = 0; i < j->n_kept; i++)
		free(j->kept[i].bytes);
	free(j->kept);
	j->plan = NULL;
	j->kept = NULL;
	j->n_kept = j->cap_kept = 0;
	j->kept_bytes = 0;
}

/* The end of the body; then repetitions that the sender left out come from what is there. */
static enum intake_result finish(struct job *j, enum intake_result r, struct err *e)
{
	bool more = true;

	if (r == INTAKE_MORE)
		r = intake_end(&j->in, e);
	while (r == INTAKE_DONE && more)
		if (plan_settle(j->plan, 16 * MIB, &more, e) != PLAN_TAKEN)
			return INTAKE_STORAGE;
	return r;
}

static int report(struct job *j, enum intake_result r, const struct err *e)
{
	struct plan_progress done;
	struct rusage usage;

	plan_progress(j->plan, &done);
	getrusage(RUSAGE_SELF, &usage);
	printf("{\"result\":\"%s\",\"why\":\"%s\",\"verified\":%" PRIu64 ",\"contiguous\":%" PRIu64 ",\"missing\":%" PRIu32
	       ",\"blocks\":%" PRIu32 ",\"inner\":%" PRIu32 ",\"kept\":%zu,\"kept_bytes\":%" PRIu64 ",\"strays\":%" PRIu32
	       ",\"repeats\":%" PRIu32 ",\"body\":%" PRIu64 ",\"peak_rss_kib\":%ld}\n",
	       intake_result_name(r), r > INTAKE_DONE ? e->msg : "", done.verified, done.contiguous, done.missing, done.blocks,
	       done.inner, j->n_kept, j->kept_bytes, j->in.stray_blocks, j->in.repeats, j->in.bytes, usage.ru_maxrss);
	return r == INTAKE_DONE ? 0 : 1;
}

static int verify_stream(struct job *j, struct err *e)
{
	static uint8_t chunk[READ_SIZE];
	enum intake_result r = INTAKE_MORE;
	ssize_t n = 0;
	int status;

	if (start(j, e))
		return -1;
	while (r == INTAKE_MORE && (n = read(STDIN_FILENO, chunk, sizeof chunk)) > 0)
		r = intake_feed(&j->in, SPAN(chunk, (size_t)n), e);
	status = report(j, finish(j, r, e), e);
	stop(j);
	return status;
}

/* The same bytes N times, in pieces as they come from a socket; and, for comparison, only hashed. */
static int measure(struct job *j, unsigned rounds, struct err *e)
{
	AUTO(buf_free) struct buf car = BUF_INIT((size_t)8 * GIB);
	double best = 1e9, best_hash = 1e9;

	if (io_read_all(STDIN_FILENO, &car, e))
		return -1;
	for (unsigned i = 0; i < rounds; i++) {
		enum intake_result r = INTAKE_MORE;
		double at = now_s(), took;

		if (start(j, e))
			return -1;
		for (size_t k = 0; k < car.n && r == INTAKE_MORE; k += READ_SIZE)
			r = intake_feed(&j->in, span_cut(buf_span(&car), k, READ_SIZE), e);
		r = finish(j, r, e);
		took = now_s() - at;
		stop(j);
		if (r != INTAKE_DONE) {
			err_wrap(e, "round %u", i);
			return -1;
		}
		best = took < best ? took : best;
		at = now_s();
		(void)sha256_of(span_cut(buf_span(&car), 0, j->size));
		took = now_s() - at;
		best_hash = took < best_hash ? took : best_hash;
	}
	printf("{\"verify_mb_s\":%.1f,\"sha256_mb_s\":%.1f,\"ratio\":%.3f,\"bytes\":%" PRIu64 "}\n", (double)j->size / best / 1e6,
	       (double)j->size / best_hash / 1e6, best_hash / best, j->size);
	return 0;
}

int main(int argc, char **argv)
{
	struct job j = { .order = PLAN_DFS, .out = -1 };
	struct err e = { 0 };
	unsigned rounds = 0;
	int status, c;

	while ((c = getopt(argc, argv, "ao:r:")) != -1) {
		if (c == 'a')
			j.order = PLAN_ANY;
		else if (c == 'o')
			j.out = open(optarg, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		else if (c == 'r')
			rounds = (unsigned)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (argc - optind != 2 || cid_read_text(span_str(argv[optind]), &j.cid, &e)) {
		fprintf(stderr, "usage: car_verify [-a] [-r N] [-o FILE] CID SIZE < CAR\n%s\n", e.msg);
		return 2;
	}
	j.size = strtoull(argv[optind + 1], NULL, 10);
	status = rounds ? measure(&j, rounds, &e) : verify_stream(&j, &e);
	if (status < 0)
		fprintf(stderr, "car_verify: %s\n", e.msg);
	return status < 0 ? 2 : status;
}
