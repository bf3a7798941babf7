#include "cloud/warm.h"

#include <errno.h>
#include <string.h>

#include "util/backoff.h"
#include "util/clock.h"
#include "util/timer.h"

#define LOG_TOKEN "http"
#include "util/log.h"

#define WARM_TIMEOUT    (20 * USEC_PER_SEC)
#define WARM_ANSWER_MAX 65536
/* At most one connection in so much time, however quickly the far end closes them. */
#define WARM_PAUSE      (5 * USEC_PER_SEC)
#define WARM_RETRY      (2 * USEC_PER_SEC)
#define WARM_RETRY_MOST (300 * USEC_PER_SEC)

struct warm {
	sd_event *event;
	struct http *http;
	char *url;
	struct http_request *request;
	sd_event_source *timer;
	struct backoff backoff;
	uint64_t not_before; /* clock_boot_usec() of the next try */
	bool wanted;
};

static int warm_arm(struct warm *warm);

/* Any status will do: what counts is whether a connection is left behind. */
static void on_answer(const struct http_answer *answer, void *userdata)
{
	struct warm *warm = userdata;
	bool answered = answer->end == HTTP_ANSWERED;
	uint64_t next;

	warm->request = NULL;
	if (http_warm_lines(warm->http) > 0) {
		backoff_reset(&warm->backoff);
		return;
	}
	next = clock_boot_usec() + backoff_next(&warm->backoff);
	if (!answered || next > warm->not_before)
		warm->not_before = next;
	log_debug("no connection is kept warm: %s", answered ? "the cloud closed it" : answer->why);
	(void)warm_arm(warm);
}

static int on_timer(sd_event_source *source, uint64_t now, void *userdata)
{
	struct warm *warm = userdata;
	const struct http_call call = {
		.url = warm->url,
		.answer_max = WARM_ANSWER_MAX,
		.timeout_usec = WARM_TIMEOUT,
	};
	int r;

	if (warm->request || !warm->wanted)
		return 0;
	warm->not_before = clock_boot_usec() + WARM_PAUSE;
	r = http_start(warm->http, &warm->request, &call, on_answer, warm);
	if (r >= 0)
		return 0;
	log_debug("cannot open a connection in advance: %s", strerror(-r));
	warm->not_before = clock_boot_usec() + backoff_next(&warm->backoff);
	return warm_arm(warm);
}

static int warm_arm(struct warm *warm)
{
	uint64_t now = clock_boot_usec();

	if (warm->request || !warm->wanted)
		return 0;
	return timer_arm(warm->event, &warm->timer,
		warm->not_before > now ? warm->not_before - now : 0, TIMER_EXACT, on_timer, warm,
		"warm");
}

/* url: what is asked for to open a connection, by GET and without a token. Nothing happens before
 * warm_want(). */
int warm_new(struct warm **ret, sd_event *event, struct http *http, const char *url)
{
	_cleanup_(warm_freep) struct warm *warm = calloc(1, sizeof(*warm));

	if (!warm)
		return -ENOMEM;
	warm->event = sd_event_ref(event);
	warm->http = http;
	warm->backoff = (struct backoff){.first_usec = WARM_RETRY, .most_usec = WARM_RETRY_MOST};
	warm->url = strdup(url);
	if (!warm->url)
		return -ENOMEM;
	*ret = TAKE_PTR(warm);
	return 0;
}

struct warm *warm_free(struct warm *warm)
{
	if (!warm)
		return NULL;
	(void)http_cancel(warm->request);
	sd_event_source_disable_unref(warm->timer);
	sd_event_unref(warm->event);
	free(warm->url);
	free(warm);
	return NULL;
}

/* wanted: no connection rests and none is being made. Call it whenever that changes. */
int warm_want(struct warm *warm, bool wanted)
{
	if (warm->wanted == wanted)
		return 0;
	warm->wanted = wanted;
	if (wanted)
		return warm_arm(warm);
	timer_stop(warm->timer);
	return 0;
}
