#pragma once

#include "bridge/mqtt.h"

/* A broker's connection that keeps what was published, in place of bridge/mqtt.c. */

struct sent {
	char *topic;
	char *text; /* NUL-terminated; what is no text has NULs inside */
	size_t size;
	int qos;
	int id; /* 0: the sender did not ask for it */
	bool retain;
	char *correlation;
	size_t correlation_size;
	char *content_type, *event_id; /* or NULL */
};

struct mqtt *fake_mqtt_new(void);
struct mqtt *fake_mqtt_made(void);
void fake_mqtt_connect(struct mqtt *mqtt);
void fake_mqtt_lose(struct mqtt *mqtt);
void fake_mqtt_deliver(struct mqtt *mqtt, const struct mqtt_message *message);
void fake_mqtt_arrive(struct mqtt *mqtt, const char *topic, const char *text);
const char *fake_mqtt_subscribed(const struct mqtt *mqtt);
void fake_mqtt_stopped(struct mqtt *mqtt);
const char *fake_mqtt_moved(const struct mqtt *mqtt);
void fake_mqtt_set_online(struct mqtt *mqtt, bool online);
void fake_mqtt_hold_acknowledgements(struct mqtt *mqtt, bool hold);
void fake_mqtt_acknowledge(struct mqtt *mqtt, unsigned n);
void fake_mqtt_fail(struct mqtt *mqtt, int result);
void fake_mqtt_fail_on(struct mqtt *mqtt, const char *text, int result);
int fake_mqtt_take(struct mqtt *mqtt);
void fake_mqtt_tell_acknowledged(struct mqtt *mqtt, unsigned n);

size_t fake_mqtt_count(const struct mqtt *mqtt);
const struct sent *fake_mqtt_next(struct mqtt *mqtt);
void fake_mqtt_expect(struct mqtt *mqtt, const char *topic, const char *text);
void fake_mqtt_expect_nothing(struct mqtt *mqtt);
const struct sent *fake_mqtt_last(const struct mqtt *mqtt, const char *topic);
void fake_mqtt_forget(struct mqtt *mqtt);
