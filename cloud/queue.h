#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <systemd/sd-event.h>

#include "cloud/exchange.h"
#include "cloud/http.h"
#include "util/cleanup.h"

/* The order of requests: who waits, who has run out of time, who is to be told. For http.c only. */
struct queue;

enum request_state {
	REQUEST_ANY = -1, /* for queue_next() */
	REQUEST_NEW,
	REQUEST_WAITING, /* for the first connection ever to stand */
	REQUEST_RUNNING,
	REQUEST_ENDED, /* its callback is due */
	REQUEST_TOLD,  /* inside its callback */
};

/* Part of a larger struct of http.c. */
struct http_request {
	TAILQ_ENTRY(http_request) list;
	struct queue *queue;
	enum request_state state;
	struct exchange x;
	bool door;
	bool apart;                /* has no part in the lines that are kept */
	bool moved;                /* from a connection of its own, which did not stand yet */
	uint64_t give_up;          /* clock_boot_usec() */
	sd_event_source *deadline; /* only while it is unsent */
};

struct queue_settings {
	/* Begin: state is REQUEST_RUNNING from here on. Runs inside queue_start(), too. */
	int (*run)(struct http_request *request);
	/* It ran out of time before anything left. */
	void (*late)(struct http_request *request);
	/* Tell how it ended, then free it. */
	void (*tell)(struct http_request *request);
};

int queue_new(struct queue **ret, sd_event *event, const struct queue_settings *settings);
struct queue *queue_free(struct queue *queue);

int queue_add(struct queue *queue, struct http_request *request, const struct http_call *call);
void queue_remove(struct http_request *request);
int queue_start(struct http_request *request);
void queue_end(struct http_request *request);
void queue_settle(struct queue *queue);

struct http_request *queue_next(struct queue *queue, enum request_state state);
struct http_request *queue_connecting_door(struct queue *queue);
void queue_connected(struct queue *queue);
bool queue_has_unsent(const struct queue *queue);

DEFINE_CLEANUP(struct queue *, queue_free);
