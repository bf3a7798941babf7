#include "daemon/broker_check.h"

#include <stdio.h>

#include <systemd/sd-event.h>

#include "bridge/mqtt.h"
#include "daemon/exits.h"
#include "util/clock.h"
#include "util/timer.h"

#define PATIENCE_USEC (20 * USEC_PER_SEC)

struct attempt {
	sd_event *event;
	char *why;
	size_t size;
};

static void on_connected(void *userdata)
{
	struct attempt *a = userdata;

	(void)sd_event_exit(a->event, EXIT_DONE);
}

static void on_lost(const char *why, void *userdata)
{
	struct attempt *a = userdata;

	(void)snprintf(a->why, a->size, "%s", why);
	(void)sd_event_exit(a->event, EXIT_UNAVAILABLE);
}

static void on_message(const struct mqtt_message *message, void *userdata)
{
}

static void on_acknowledged(int id, void *userdata)
{
}

static void on_room(void *userdata)
{
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct attempt *a = userdata;

	(void)snprintf(a->why, a->size, "it does not answer");
	return sd_event_exit(a->event, EXIT_UNAVAILABLE);
}

static int try_broker(struct attempt *a, const struct mqtt_settings *settings)
{
	static const struct mqtt_handlers handlers = {
		.connected = on_connected,
		.lost = on_lost,
		.message = on_message,
		.acknowledged = on_acknowledged,
		.room = on_room,
	};
	_cleanup_(sd_event_source_disable_unrefp) sd_event_source *timer = NULL;
	_cleanup_(mqtt_freep) struct mqtt *mqtt = NULL;
	int r;

	r = mqtt_new(&mqtt, a->event, settings, &handlers, a);
	if (r >= 0)
		r = timer_arm(
			a->event, &timer, PATIENCE_USEC, TIMER_LAZY, on_timeout, a, "timeout");
	if (r >= 0)
		r = mqtt_start(mqtt);
	return r < 0 ? r : sd_event_loop(a->event);
}

/* Connects as a client of its own name, without a will, so that a running gateway is not disturbed.
 * EXIT_DONE with the broker's address in why, or EXIT_UNAVAILABLE or EXIT_FAILED with the reason. */
int broker_check(const struct config *config, char *why, size_t why_size)
{
	struct mqtt_settings settings = config->mqtt;
	struct attempt attempt = {.why = why, .size = why_size};
	char client_id[128];
	int r;

	(void)snprintf(client_id, sizeof(client_id), "%.100s-check", settings.client_id);
	settings.client_id = client_id;
	settings.state_topic = NULL;
	if (settings.socket)
		(void)snprintf(why, why_size, "%s", settings.socket);
	else
		(void)snprintf(why, why_size, "%s:%u", settings.host, settings.port);
	r = sd_event_new(&attempt.event);
	if (r >= 0)
		r = try_broker(&attempt, &settings);
	(void)sd_event_unref(attempt.event);
	if (r >= 0)
		return r;
	(void)snprintf(why, why_size, "it cannot be tried: out of memory");
	return EXIT_FAILED;
}
