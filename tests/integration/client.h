#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct harness;
struct client; /* an MQTT client that records every message it gets */

struct message {
	char *topic;
	char *payload; /* NUL-terminated; pictures have NULs inside: see size */
	size_t size;
	int qos;
	bool retain;
	uint64_t time_usec;   /* of its reading, CLOCK_BOOTTIME */
	uint32_t expiry;      /* seconds, 0: none */
	char *response_topic; /* or NULL */
	char *content_type;   /* or NULL */
	char *correlation;    /* or NULL; NUL-terminated */
	size_t correlation_size;
	struct json_object *json; /* of the payload, NULL if it is not JSON */
	bool spent;
};

struct publication {
	const char *topic;
	const char *payload;
	size_t size; /* 0: strlen(payload) */
	bool retain;
	int qos0;	 /* true: QoS 0 in place of 1 */
	uint32_t expiry; /* seconds, 0: none */
	const char *response_topic;
	const char *correlation;
	const char *content_type;
};

/* protocol 5 or 4 (3.1.1); id NULL: one made up. harness_start() makes h->client this way and
 * subscribes it to "#". The failing of any of these fails the test. */
struct client *client_new(struct harness *h, const char *id, int protocol);
struct client *client_free(struct client *c);
void client_subscribe(struct client *c, const char *filter);
bool client_connected(struct client *c);

/* Publishes with QoS 1 and returns when the broker has acknowledged it. Options by name:
 *     client_publish(c, topic, "OPEN", .retain = true, .response_topic = "t/answer") */
#define client_publish(c, to, text, ...) \
	client_publish_message(          \
		(c), &(struct publication){.topic = (to), .payload = (text), ##__VA_ARGS__})
void client_publish_message(struct client *c, const struct publication *p);

/* Waits for a message on a topic (wildcards allowed) with that payload (NULL: any), and fails the
 * test with a list of what did come when it does not appear. Messages are read in order: the one
 * returned and all before it on the same filter are spent, no later await sees them. So
 * UNLOCKING, UNLOCKED, LOCKED is three awaits. The message belongs to the client. */
#define client_await(c, filter, payload) \
	client_await_at((c), (filter), (payload), NULL, NULL, __FILE__, __LINE__)
#define client_await_if(c, filter, predicate, userdata) \
	client_await_at((c), (filter), NULL, (predicate), (userdata), __FILE__, __LINE__)
typedef bool (*message_predicate)(const struct message *m, void *userdata);
const struct message *client_await_at(struct client *c, const char *filter, const char *payload,
	message_predicate predicate, void *userdata, const char *file, int line);

/* Publishes a request with a response topic of its own (MQTT 5) and returns the answer there. */
#define client_ask(c, to, text, ...)                                                              \
	client_ask_message((c),                                                                   \
		&(struct publication){.topic = (to), .payload = (text), ##__VA_ARGS__}, __FILE__, \
		__LINE__)
const struct message *client_ask_message(
	struct client *c, const struct publication *p, const char *file, int line);

/* A round trip through the gateway and the cloud: when it returns, what was published before it has
 * been read and acted upon, and what the gateway published before is recorded here. */
#define client_settle(c) client_settle_at((c), __FILE__, __LINE__)
void client_settle_at(struct client *c, const char *file, int line);

/* Settles, then fails the test if a message that is not spent is there. */
#define client_expect_none(c, filter) client_expect_none_at((c), (filter), __FILE__, __LINE__)
void client_expect_none_at(struct client *c, const char *filter, const char *file, int line);

void client_forget(struct client *c);					 /* all is spent */
size_t client_count(struct client *c, const char *filter);		 /* all, spent or not */
const struct message *client_last(struct client *c, const char *filter); /* newest or NULL */

/* A new client that has read all that is retained below filter, and nothing else. */
struct client *client_retained(struct harness *h, const char *filter);

/* "error.code", "result.0.mac": the text of that place in a message's JSON, "" if there is none. */
const char *message_get(const struct message *m, const char *path);
