/* shim.c: see shim.h. Which call fails. Everything here may run in any thread, inside malloc, and in a sandbox. */
#include "tests/faults/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

static const char *const shim_slots[SHIM_SLOTS] = { "gatepostd", "gatepost-keeper", "gatepost-server", "gatepost-keeper -P" };

struct shim_slot *shim_slot;
static __thread bool is_inside __attribute__((tls_model("initial-exec")));

/* --- modules: an address as something that is the same in every run --- */

static struct module { uintptr_t from, to, base; uint64_t name; } modules[SHIM_MODULES];
static unsigned modules_n;
static const struct module *own;

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ h >> 29;
}

static uint64_t hash_text(const char *s)
{
	uint64_t h = 1;

	while (*s)
		h = mix(h, (uint8_t)*s++);
	return h;
}

static int note_module(struct dl_phdr_info *info, size_t size, void *arg)
{
	const char *name = info->dlpi_name[0] ? info->dlpi_name : arg;
	const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
	struct module *m = &modules[modules_n];

	(void)size;
	for (unsigned i = 0; i < modules_n; i++)
		if (modules[i].base == info->dlpi_addr)
			return 0;
	if (modules_n == SHIM_MODULES)
		return 1;
	*m = (struct module){ .from = UINTPTR_MAX, .base = info->dlpi_addr, .name = hash_text(base) };
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uintptr_t from = info->dlpi_addr + p->p_vaddr;

		if (p->p_type != PT_LOAD)
			continue;
		m->from = from < m->from ? from : m->from;
		m->to = from + p->p_memsz > m->to ? from + p->p_memsz : m->to;
	}
	snprintf(shim_slot->module[modules_n], sizeof shim_slot->module[0], "%s", base);
	modules_n++;
	return 0;
}

static const struct module *module_of(uintptr_t at)
{
	for (unsigned i = 0; i < modules_n; i++)
		if (at >= modules[i].from && at < modules[i].to)
			return &modules[i];
	return NULL;
}

/* --- sites --- */

#define FOREIGN_MAX 3	/* of the frames in libraries, the innermost; who of ours called them matters more */
#define WALK_MAX 64

struct walk {
	uint64_t frame[SHIM_CRASH_DEPTH], hash;
	unsigned n, depth, walked, foreign, foreign_max;
	bool is_out;		/* of this library */
};

static _Unwind_Reason_Code on_frame(struct _Unwind_Context *context, void *arg)
{
	struct walk *w = arg;
	uintptr_t at = _Unwind_GetIP(context);
	const struct module *m;

	m = module_of(at);
	if (!w->is_out && m == own)
		return _URC_NO_REASON;
	w->is_out = true;
	if (++w->walked == WALK_MAX)
		return _URC_END_OF_STACK;
	if (m != modules && ++w->foreign > w->foreign_max)
		return _URC_NO_REASON;
	w->frame[w->n] = m ? (uint64_t)(m - modules) << 48 | (at - m->base) : at;
	w->hash = mix(mix(w->hash, m ? m->name : 0), m ? at - m->base : 0);
	return ++w->n == w->depth ? _URC_END_OF_STACK : _URC_NO_REASON;
}

/* NULL: no room. */
static struct shim_site *find_site(enum shim_class class)
{
	struct walk w = { .hash = class + 1, .depth = SHIM_DEPTH, .foreign_max = FOREIGN_MAX };

	_Unwind_Backtrace(on_frame, &w);
	w.hash |= 1;
	for (unsigned i = 0; i < SHIM_SITES; i++) {
		struct shim_site *s = &shim_slot->site[(w.hash + i) % SHIM_SITES];
		uint64_t none = 0;

		if (__atomic_compare_exchange_n(&s->hash, &none, w.hash, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
			s->class = class;
			memcpy(s->frame, w.frame, sizeof s->frame);
			__atomic_fetch_add(&shim_slot->sites_n, 1, __ATOMIC_SEQ_CST);
			return s;
		}
		if (none == w.hash)
			return s;
	}
	shim_slot->sites_lost++;
	return NULL;
}

void shim_stack(uint64_t frame[SHIM_CRASH_DEPTH])
{
	struct walk w = { .depth = SHIM_CRASH_DEPTH, .foreign_max = WALK_MAX };
	bool before = is_inside;

	is_inside = true;
	_Unwind_Backtrace(on_frame, &w);
	memcpy(frame, w.frame, sizeof w.frame);
	is_inside = before;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- decisions --- */

static bool take_budget(void)
{
	uint64_t left = __atomic_load_n(&shim_slot->budget, __ATOMIC_SEQ_CST);

	while (left)
		if (__atomic_compare_exchange_n(&shim_slot->budget, &left, left - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	return false;
}

/* Pipes, sockets and events know neither space nor sectors: such a call can only be interrupted. */
static int error_for(enum shim_class class, int fd)
{
	struct stat st;
	int error = (int)shim_slot->error[class];

	if ((class == SHIM_WRITE || class == SHIM_READ) && fd >= 0 && error != SHIM_SHORT &&
	    (syscall(SYS_fstat, fd, &st) < 0 || !S_ISREG(st.st_mode)))
		return EINTR;
	return error;
}

static bool is_its_turn(struct shim_site *s)
{
	uint64_t now = now_ms(), last = __atomic_load_n(&shim_slot->last_ms, __ATOMIC_SEQ_CST);

	if (s->pass == shim_slot->pass || now - last < shim_slot->gap_ms)
		return false;
	if (shim_slot->only && s->hash != shim_slot->only)
		return false;
	if (shim_slot->sample > 1 && mix(s->hash, shim_slot->seed) % shim_slot->sample)
		return false;
	if (!__atomic_compare_exchange_n(&shim_slot->last_ms, &last, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST) || !take_budget())
		return false;
	s->pass = shim_slot->pass;
	return true;
}

static bool is_below(int dir, const char *path)
{
	char link[64], real[512];
	size_t n = strlen(shim_slot->path);
	ssize_t got;

	if (n == 0)
		return true;
	if (path && path[0] == '/')
		return strncmp(path, shim_slot->path, n) == 0;
	if (dir < 0)
		return false;
	snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
	got = readlink(link, real, sizeof real - 1);
	return got >= (ssize_t)n && memcmp(real, shim_slot->path, n) == 0;
}

static int fail(enum shim_class class, int fd, const struct shim_site *s)
{
	uint64_t at = __atomic_fetch_add(&shim_slot->fired_n, 1, __ATOMIC_SEQ_CST);

	shim_slot->fired[at % SHIM_FIRED] = shim_slot->starts << 32 | (s ? (uint64_t)(s - shim_slot->site) + 1 : 0);
	return error_for(class, fd);
}

/* *s: the call's site, if it is known. */
static int decide(enum shim_class class, int dir, const char *path, struct shim_site **s)
{
	enum shim_mode mode = (enum shim_mode)__atomic_load_n(&shim_slot->mode, __ATOMIC_SEQ_CST);
	bool is_meant = mode != SHIM_OFF && (shim_slot->classes & UINT64_C(1) << class);

	if (is_meant && mode == SHIM_STICK) {
		if (!is_below(dir, path) || __atomic_fetch_add(&shim_slot->seen, 1, __ATOMIC_SEQ_CST) + 1 < shim_slot->nth)
			return 0;
		return fail(class, dir, NULL);
	}
	if (is_meant || (class == SHIM_MEMORY && shim_slot->track))
		*s = find_site(class);
	if (!is_meant || !*s)
		return 0;
	__atomic_fetch_add(&(*s)->count, 1, __ATOMIC_SEQ_CST);
	return mode == SHIM_SWEEP && is_its_turn(*s) ? fail(class, dir, *s) : 0;
}

static int hit(enum shim_class class, int dir, const char *path, struct shim_site **s)
{
	int before = errno, error;

	if (!shim_slot || is_inside)
		return 0;
	is_inside = true;
	__atomic_fetch_add(&shim_slot->calls[class], 1, __ATOMIC_SEQ_CST);
	error = decide(class, dir, path, s);
	is_inside = false;
	errno = before;
	return error;
}

int __attribute__((noinline)) shim_hit(enum shim_class class, int dir, const char *path)
{
	struct shim_site *s = NULL;

	return hit(class, dir, path, &s);
}

int __attribute__((noinline)) shim_hit_memory(uint32_t *site)
{
	struct shim_site *s = NULL;
	int error = hit(SHIM_MEMORY, -1, NULL, &s);

	*site = s ? (uint32_t)(s - shim_slot->site) : SHIM_NOWHERE;
	return error;
}

/* --- start and end --- */

static int slot_of(int argc, char **argv)
{
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];

	if (argc > 1 && strcmp(argv[1], "-P") == 0)
		return 3;
	for (int i = 0; i < SHIM_SLOTS; i++)
		if (strcmp(name, shim_slots[i]) == 0)
			return i;
	return -1;
}

static __attribute__((constructor)) void begin(int argc, char **argv)
{
	const char *file = getenv("SHIM_FILE");
	int which = file && argc > 0 ? slot_of(argc, argv) : -1, fd;
	void *at;

	if (which < 0)
		return;
	fd = (int)syscall(SYS_openat, AT_FDCWD, file, O_RDWR | O_CLOEXEC);
	at = (void *)syscall(SYS_mmap, NULL, SHIM_SLOT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)which * SHIM_SLOT_BYTES);
	syscall(SYS_close, fd);
	if (at == MAP_FAILED)
		abort();
	is_inside = true;
	shim_slot = at;
	dl_iterate_phdr(note_module, argv[0]);
	own = module_of((uintptr_t)shim_hit);
	shim_slot->pid = (uint64_t)getpid();
	__atomic_fetch_add(&shim_slot->starts, 1, __ATOMIC_SEQ_CST);
	shim_watch_crashes();
	is_inside = false;
}

static void count_descriptors(void)
{
	struct stat st;

	memset(shim_slot->open, 0, sizeof shim_slot->open);
	for (int fd = 0; fd < 4096; fd++)
		if (syscall(SYS_fstat, fd, &st) == 0)
			shim_slot->open[st.st_mode >> 12 & (SHIM_KINDS - 1)]++;
}

/* Of exit(): who ends by _exit() or a signal leaves everything to the kernel. */
static __attribute__((destructor)) void end(void)
{
	if (!shim_slot)
		return;
	is_inside = true;
	shim_blocks_count(shim_slot);
	count_descriptors();
	shim_slot->ended = shim_slot->starts;
	is_inside = false;
}
_Static_assert(sizeof(struct shim_slot) <= SHIM_SLOT_BYTES, "a slot fits");
