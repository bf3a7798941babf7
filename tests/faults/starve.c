/* Preloaded into the gateway: refuses memory and turns the clock when a test asks for it, by way of a
 * file that both have mapped. Built apart, as a shared object. */

#include "tests/faults/starve.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *memory, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void __libc_free(void *memory);

static struct starve *shared;

/* Where it crashed, into the log. */
static void on_crash(int number)
{
	void *frames[32];

	backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("STARVE");
	int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
	void *map, *frames[1];

	if (fd < 0)
		return;
	map = mmap(NULL, sizeof(struct starve), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (map == MAP_FAILED)
		return;
	/* Its first call loads a library, for which there may be no memory later. */
	(void)backtrace(frames, 1);
	shared = map;
	(void)signal(SIGSEGV, on_crash);
	(void)signal(SIGABRT, on_crash);
}

static bool refused(void)
{
	int64_t left;

	if (!shared)
		return false;
	left = atomic_load(&shared->left);
	if (left == 0)
		return false;
	atomic_fetch_add(&shared->asked, 1);
	if (left < 0 || atomic_fetch_sub(&shared->left, 1) != 1)
		return false;
	atomic_fetch_add(&shared->refused, 1);
	if (atomic_load(&shared->for_good))
		atomic_store(&shared->left, 1);
	errno = ENOMEM;
	return true;
}

static void *count(void *memory)
{
	if (memory && shared)
		atomic_fetch_add(&shared->live, 1);
	return memory;
}

void *malloc(size_t size)
{
	return refused() ? NULL : count(__libc_malloc(size));
}

/* json-c before 0.17 does not look whether it got the copy of a member's name. */
static bool is_json_c(void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "libjson-c");
}

char *strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	bool spared = shared && is_json_c(__builtin_return_address(0));
	char *copy = spared ? count(__libc_malloc(size)) : malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void *calloc(size_t n, size_t size)
{
	return refused() ? NULL : count(__libc_calloc(n, size));
}

void *realloc(void *memory, size_t size)
{
	void *moved;

	if (size > 0 && refused())
		return NULL;
	moved = __libc_realloc(memory, size);
	if (!memory)
		return count(moved);
	if (size == 0 && shared)
		atomic_fetch_sub(&shared->live, 1);
	return moved;
}

void *reallocarray(void *memory, size_t n, size_t size)
{
	size_t whole;

	if (__builtin_mul_overflow(n, size, &whole)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(memory, whole);
}

void *memalign(size_t alignment, size_t size)
{
	return refused() ? NULL : count(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return memalign(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	void *memory = memalign(alignment, size);

	if (!memory)
		return ENOMEM;
	*ret = memory;
	return 0;
}

void free(void *memory)
{
	if (memory && shared)
		atomic_fetch_sub(&shared->live, 1);
	__libc_free(memory);
}

/* Only the time of day jumps, as when a clock is set; timers go on. */
int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ret);

	if (r == 0 && shared && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		ret->tv_sec += (time_t)atomic_load(&shared->ahead_sec);
	return r;
}

int gettimeofday(struct timeval *restrict ret, void *restrict zone)
{
	struct timespec now;
	int r = clock_gettime(CLOCK_REALTIME, &now);

	if (r == 0)
		*ret = (struct timeval){now.tv_sec, now.tv_nsec / 1000};
	return r;
}

time_t time(time_t *ret)
{
	struct timespec now = {0};

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
