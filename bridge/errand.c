#include "bridge/errand.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>

/* Threads that are out, of the whole process: its end must know. */
static atomic_uint n_out;

struct errand {
	struct errand_work work;
	atomic_uint holders; /* the loop and the thread: the last one out frees */
	atomic_bool finished;
	int result;
	int fd;                  /* the thread's knock on the loop */
	sd_event_source *source; /* the loop's alone */
};

static void errand_unref(struct errand *e)
{
	if (atomic_fetch_sub(&e->holders, 1) > 1)
		return;
	if (e->work.load)
		e->work.drop(e->work.load);
	if (e->fd >= 0)
		(void)close(e->fd);
	free(e);
}

/* Takes NULL, returns NULL. The answer is not told any more; a thread that is still out goes on
 * alone and drops the load when it comes back. */
struct errand *errand_free(struct errand *e)
{
	if (!e)
		return NULL;
	e->source = sd_event_source_disable_unref(e->source);
	errand_unref(e);
	return NULL;
}

static void *errand_run(void *userdata)
{
	struct errand *e = userdata;
	uint64_t one = 1;

	(void)pthread_setname_np(pthread_self(), e->work.name);
	e->result = e->work.call(e->work.load);
	atomic_store(&e->finished, true);
	(void)!write(e->fd, &one, sizeof(one));
	errand_unref(e);
	(void)atomic_fetch_sub(&n_out, 1);
	return NULL;
}

static int errand_on_knock(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct errand *e = userdata;

	if (!atomic_load(&e->finished))
		return 0;
	(void)sd_event_source_set_enabled(s, SD_EVENT_OFF);
	e->work.done(e, TAKE_PTR(e->work.load), e->result, e->work.userdata);
	return 0;
}

/* Signals are for the loop: the thread must not take them. */
static int errand_spawn(struct errand *e)
{
	sigset_t all, before;
	pthread_attr_t attr;
	pthread_t thread;
	int r;

	r = pthread_attr_init(&attr);
	if (r)
		return -r;
	(void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	(void)atomic_fetch_add(&n_out, 1);
	r = pthread_create(&thread, &attr, errand_run, e);
	if (r)
		(void)atomic_fetch_sub(&n_out, 1);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attr);
	return -r;
}

/* Sends work out and returns at once; done() is called once, later, unless errand_free() comes
 * first. Takes the load over only if it returns 0. Negative errno: no thread could be had. */
int errand_start(struct errand **ret, sd_event *event, const struct errand_work *work)
{
	_cleanup_(errand_freep) struct errand *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	e->work = *work;
	e->work.load = NULL;
	atomic_init(&e->holders, 1);
	atomic_init(&e->finished, false);
	e->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (e->fd < 0)
		return -errno;
	r = sd_event_add_io(event, &e->source, e->fd, EPOLLIN, errand_on_knock, e);
	if (r < 0)
		return r;
	(void)sd_event_source_set_description(e->source, work->name);
	/* What comes back is waited for by all that follows. */
	(void)sd_event_source_set_priority(e->source, SD_EVENT_PRIORITY_NORMAL - 20);
	e->work.load = work->load;
	atomic_store(&e->holders, 2);
	r = errand_spawn(e);
	if (r < 0) {
		atomic_store(&e->holders, 1);
		e->work.load = NULL;
		return r;
	}
	*ret = TAKE_PTR(e);
	return 0;
}

/* How many threads are out. While there is one, the process must end by _exit(): what exit() tears
 * down of the libraries is still in its use. */
unsigned errands_out(void)
{
	return atomic_load(&n_out);
}
