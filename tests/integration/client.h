#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "util/cleanup.h"

struct harness;
struct client;

struct message {
	char *topic;
	char *payload; /* NUL-terminated; what is not text has NULs inside: see size */
	size_t size;
	int qos;
	bool retain;              /* as it was published, or because it was kept (MQTT 5) */
	uint64_t time_usec;       /* when it was read, CLOCK_BOOTTIME */
	uint32_t expiry;          /* seconds left, 0: none */
	char *response_topic;     /* or NULL */
	char *content_type;       /* or NULL */
	char *event_id;           /* a user property, or NULL */
	char *correlation;        /* or NULL; NUL-terminated */
	struct json_object *json; /* the payload, NULL if it is not an object or array */
	bool spent;
};

struct publication {
	const char *topic;
	const char *payload;
	size_t size; /* 0: strlen(payload) */
	bool retain;
	bool unacknowledged; /* QoS 0 in place of 1 */
	uint32_t expiry;     /* seconds, 0: none */
	const char *response_topic;
	const char *correlation;
	const char *content_type;
};

typedef bool (*message_predicate)(const struct message *m, void *userdata);

struct client *client_new(struct harness *h, const char *id, int protocol);
struct client *client_lasting(struct harness *h, const char *id);
struct client *client_free(struct client *c);
void client_subscribe(struct client *c, const char *filter);
void client_resume(struct client *c);

/* Returns when the broker has acknowledged it. More is given by name:
 *     client_publish(c, topic, "OPEN", .retain = true, .expiry = 5) */
#define client_publish(c, to, text, ...) \
	client_publish_message((c), &PUBLICATION((to), (text), ##__VA_ARGS__))

/* Publishes with a response topic of its own (MQTT 5) and returns the answer that comes there. If
 * the gateway speaks MQTT 3.1.1, the answer that comes where all answers go. */
#define client_ask(c, to, text, ...) \
	client_ask_at((c), &PUBLICATION((to), (text), ##__VA_ARGS__), __FILE__, __LINE__)

/* The next message on a topic (wildcards allowed), with this payload or any (NULL). The one
 * returned and all before it on the same filter are spent: later awaits do not see them. */
#define client_await(c, filter, payload) \
	client_await_at((c), (filter), (payload), NULL, NULL, __FILE__, __LINE__)
#define client_await_if(c, filter, predicate, userdata) \
	client_await_at((c), (filter), NULL, (predicate), (userdata), __FILE__, __LINE__)

/* No message on this topic that is not spent, also after a round trip through the gateway. */
#define client_expect_none(c, filter) client_expect_none_at((c), (filter), __FILE__, __LINE__)

/* A round trip through the gateway and the cloud, or through the gateway alone. */
#define client_settle(c)       client_settle_at((c), true, __FILE__, __LINE__)
#define client_settle_local(c) client_settle_at((c), false, __FILE__, __LINE__)

void client_forget(struct client *c);                      /* all are spent */
size_t client_count(struct client *c, const char *filter); /* all, also the spent */
size_t client_count_payload(struct client *c, const char *filter, const char *payload);
const struct message *client_message(const struct client *c, size_t i);
const struct message *client_last(struct client *c, const char *filter);
const char *message_get(const struct message *m, const char *path);

struct client *client_retained(struct harness *h, const char *filter);

#define PUBLICATION(to, text, ...)                          \
	(struct publication)                                \
	{                                                   \
		.topic = to, .payload = text, ##__VA_ARGS__ \
	}
void client_publish_message(struct client *c, const struct publication *p);
const struct message *client_await_at(struct client *c, const char *filter, const char *payload,
	message_predicate predicate, void *userdata, const char *file, int line);
const struct message *client_ask_at(
	struct client *c, const struct publication *p, const char *file, int line);
void client_expect_none_at(struct client *c, const char *filter, const char *file, int line);
void client_settle_at(struct client *c, bool cloud, const char *file, int line);

DEFINE_CLEANUP(struct client *, client_free);
