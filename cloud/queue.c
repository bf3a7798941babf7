#include "cloud/queue.h"

#include <errno.h>

#include "util/clock.h"
#include "util/deferred.h"
#include "util/timer.h"

struct queue {
	sd_event *event;
	struct queue_settings settings;
	TAILQ_HEAD(, http_request) list; /* doors before all, else in order of arrival */
	sd_event_source *wake;
	struct http_request *first; /* makes the first connection, others wait for it */
	bool connected_once;
};

static void queue_wake(struct queue *queue)
{
	deferred_wake(queue->wake);
}

static int on_deadline(sd_event_source *source, uint64_t now, void *userdata)
{
	struct http_request *request = userdata;

	if (request->state > REQUEST_RUNNING || request->x.sent)
		return 0;
	(void)exchange_is_late(&request->x);
	request->queue->settings.late(request);
	return 0;
}

/* While nothing has left, the request ends at the moment from which nothing may. */
static int request_watch(struct http_request *request)
{
	uint64_t now = clock_boot_usec(), due = request->give_up;

	if (request->x.send_before && request->x.send_before < due)
		due = request->x.send_before;
	return timer_arm(request->queue->event, &request->deadline, due > now ? due - now : 0,
		TIMER_EXACT, on_deadline, request, "unsent request");
}

static int request_run(struct http_request *request)
{
	struct queue *queue = request->queue;
	int r;

	if (exchange_is_late(&request->x) || clock_boot_usec() >= request->give_up) {
		queue->settings.late(request);
		return 0;
	}
	if (!request->door && !request->apart && !queue->connected_once && !queue->first)
		queue->first = request;
	request->state = REQUEST_RUNNING;
	r = queue->settings.run(request);
	if (r >= 0 && request->state == REQUEST_RUNNING && !request->x.sent)
		r = request_watch(request);
	return r;
}

/* The callbacks of what has ended, now; then what waited for the first connection may go. Not from
 * inside libcurl, nor from inside http_start(). */
void queue_settle(struct queue *queue)
{
	struct http_request *request;

	deferred_rest(queue->wake);
	while ((request = queue_next(queue, REQUEST_ENDED))) {
		request->state = REQUEST_TOLD;
		queue->settings.tell(request);
	}
	if (queue->first)
		return;
	TAILQ_FOREACH (request, &queue->list, list)
		if (request->state == REQUEST_WAITING && request_run(request) < 0)
			queue->settings.late(request);
}

static int on_wake(sd_event_source *source, void *userdata)
{
	queue_settle(userdata);
	return 0;
}

int queue_new(struct queue **ret, sd_event *event, const struct queue_settings *settings)
{
	_cleanup_(queue_freep) struct queue *queue = calloc(1, sizeof(*queue));
	int r;

	if (!queue)
		return -ENOMEM;
	TAILQ_INIT(&queue->list);
	queue->event = sd_event_ref(event);
	queue->settings = *settings;
	r = deferred_new(&queue->wake, event, on_wake, queue, "ended requests", 0);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(queue);
	return 0;
}

/* No request may be left. */
struct queue *queue_free(struct queue *queue)
{
	if (!queue)
		return NULL;
	sd_event_source_disable_unref(queue->wake);
	sd_event_unref(queue->event);
	free(queue);
	return NULL;
}

/* Copies what call says. Also behind -ENOMEM it has to be taken out by queue_remove(). */
int queue_add(struct queue *queue, struct http_request *request, const struct http_call *call)
{
	struct http_request *after = call->door ? TAILQ_FIRST(&queue->list) : NULL;

	while (after && after->door)
		after = TAILQ_NEXT(after, list);
	request->queue = queue;
	if (after)
		TAILQ_INSERT_BEFORE(after, request, list);
	else
		TAILQ_INSERT_TAIL(&queue->list, request, list);
	request->door = call->door;
	request->apart = call->apart;
	request->give_up = clock_boot_usec() + call->timeout_usec;
	return exchange_init(&request->x, call);
}

void queue_remove(struct http_request *request)
{
	struct queue *queue = request->queue;

	TAILQ_REMOVE(&queue->list, request, list);
	request->deadline = sd_event_source_disable_unref(request->deadline);
	if (queue->first != request)
		return;
	queue->first = NULL;
	queue_wake(queue);
}

/* Lets it run at once, or after the request that makes the first connection ever: eight at a time
 * would cost eight handshakes before the first answer. A door does not wait for anything, and who is
 * apart would get nothing out of it. */
int queue_start(struct http_request *request)
{
	struct queue *queue = request->queue;

	if (request->door || request->apart || queue->connected_once || !queue->first)
		return request_run(request);
	request->state = REQUEST_WAITING;
	return request_watch(request);
}

/* It is over; tell() is called when the event loop comes to it. */
void queue_end(struct http_request *request)
{
	request->state = REQUEST_ENDED;
	request->deadline = sd_event_source_disable_unref(request->deadline);
	queue_wake(request->queue);
}

/* The oldest request in that state, NULL if there is none. */
struct http_request *queue_next(struct queue *queue, enum request_state state)
{
	struct http_request *request;

	TAILQ_FOREACH (request, &queue->list, list)
		if (state == REQUEST_ANY || request->state == state)
			return request;
	return NULL;
}

/* The oldest door that waits for a connection of its own, NULL if there is none; each is told of once. */
struct http_request *queue_connecting_door(struct queue *queue)
{
	struct http_request *request;

	TAILQ_FOREACH (request, &queue->list, list) {
		if (!request->door)
			return NULL;
		if (request->state != REQUEST_RUNNING || request->x.sent || request->moved)
			continue;
		request->moved = true;
		return request;
	}
	return NULL;
}

void queue_connected(struct queue *queue)
{
	queue->connected_once = true;
}

/* True if a request still has to get its connection, which is then kept. */
bool queue_has_unsent(const struct queue *queue)
{
	const struct http_request *request;

	TAILQ_FOREACH (request, &queue->list, list)
		if (request->state <= REQUEST_RUNNING && !request->x.sent && !request->apart)
			return true;
	return false;
}
