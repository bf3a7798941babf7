#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "util/cleanup.h"

/* The connection to the broker, on the event loop. Only bridge/line.c knows libmosquitto. */
struct mqtt;

#define MQTT_PAYLOAD_MAX 65536   /* of a message to us; longer ones arrive as size only */
#define MQTT_PUBLISH_MAX 4194304 /* of a message from us */
#define MQTT_TOPIC_MAX   1024
/* QoS 1 publications on their way before mqtt_room() is 0: fewer than the 20 that Mosquitto takes at
 * a time, so that an answer never queues behind states. */
#define MQTT_WINDOW 16

/* Copied by mqtt_new() and mqtt_move(). */
struct mqtt_settings {
	const char *host;
	unsigned port;
	const char *socket; /* path of a Unix socket, instead of host, port and TLS */
	int version;        /* 5 or 3 (3.1.1) */
	const char *username;
	const char *password;
	bool tls;
	const char *ca_file; /* NULL: the system's */
	const char *cert_file;
	const char *key_file;
	const char *client_id;
	unsigned patience_msec; /* of one try, up to the broker's word; 0: 15 s */
	/* Retained: "online" on each connect, "offline" as will and at the end. NULL: no such topic. */
	const char *state_topic;
};

struct mqtt_message {
	const char *topic;
	const void *payload;
	size_t size; /* of an arrived message: may be above MQTT_PAYLOAD_MAX, payload is then NULL */
	int qos;
	bool retain;
	/* MQTT 5 only; NULL and 0 where there is none. */
	const char *response_topic;
	const void *correlation;
	size_t correlation_size;
	const char *content_type; /* of a message from us, as the next */
	const char *event_id;     /* a user property of that name */
	int64_t expiry_sec;       /* what is left of the message's life; -1: it named none */
	uint64_t arrived_usec;    /* clock_boot_usec() */
};

struct mqtt_handlers {
	/* Accepted by the broker: subscribe, publish everything. */
	void (*connected)(void *userdata);
	void (*lost)(const char *why, void *userdata); /* or the first try failed */
	void (*message)(const struct mqtt_message *message, void *userdata);
	void (*acknowledged)(int id, void *userdata); /* as mqtt_publish() gave it, QoS 1 only */
	void (*room)(void *userdata);                 /* the broker acknowledged something */
};

/* What a subscription is for; with MQTT 3.1.1 retained messages arrive for both, with the flag set. */
enum mqtt_interest {
	MQTT_COMMANDS, /* nothing retained is sent, and live messages keep their retain flag */
	MQTT_KEPT, /* what is retained is sent, and it alone has the flag; nothing of ours comes back */
};

enum mqtt_result {
	MQTT_OFFLINE = 1, /* there is no connection; nothing was queued */
	MQTT_TOO_LARGE,
};

int mqtt_new(struct mqtt **ret, sd_event *event, const struct mqtt_settings *settings,
	const struct mqtt_handlers *handlers, void *userdata);
struct mqtt *mqtt_free(struct mqtt *mqtt);

int mqtt_start(struct mqtt *mqtt);
void mqtt_stop(struct mqtt *mqtt, void (*stopped)(void *userdata));
int mqtt_move(struct mqtt *mqtt, const struct mqtt_settings *settings);

bool mqtt_online(const struct mqtt *mqtt);
bool mqtt_tried(const struct mqtt *mqtt);
unsigned mqtt_room(const struct mqtt *mqtt);
unsigned mqtt_unacknowledged(const struct mqtt *mqtt);

int mqtt_publish(struct mqtt *mqtt, const struct mqtt_message *message, int *ret_id);
int mqtt_subscribe(
	struct mqtt *mqtt, const char *const *topics, size_t n, enum mqtt_interest interest);

DEFINE_CLEANUP(struct mqtt *, mqtt_free);
