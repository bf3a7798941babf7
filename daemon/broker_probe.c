#include "daemon/broker_probe.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-event.h>

#include "bridge/line.h"
#include "bridge/topic.h"
#include "util/clock.h"
#include "util/timer.h"

#define PATIENCE_USEC (15 * USEC_PER_SEC)
#define TRIALS_MAX    2
#define TRIAL_MAX     512 /* bytes of a topic */

struct attempt {
	sd_event *event;
	const struct config *config;
	struct broker_probe probe;
	struct line *line;
	bool ended;
	/* What is published for a trial, and the answers still to come. */
	char trials[TRIALS_MAX][TRIAL_MAX];
	int ids[TRIALS_MAX];
	size_t n_trials, n_open;
	bool subscribed;
};

/* Nobody listens to these, but for those who listen to everything: an answer to a command that does
 * not exist, and a place below Home Assistant's prefix that is not one of its own. */
static void choose_trials(struct attempt *a)
{
	(void)snprintf(a->trials[a->n_trials++], TRIAL_MAX, "%s/" TOPIC_BRIDGE "/response/check",
		a->config->base_topic);
	if (a->config->homeassistant.discovery != CONFIG_DISCOVERY_OFF)
		(void)snprintf(a->trials[a->n_trials++], TRIAL_MAX, "%s/akuvox2mqtt-check",
			a->config->homeassistant.prefix);
}

/* Without what is retained there: nobody wants to read it. */
static int subscribe(struct attempt *a)
{
	const char *topics[TOPIC_PATTERNS_MAX + 1];
	char *patterns[TOPIC_PATTERNS_MAX];
	size_t n = 0, all;
	int r;

	r = topic_patterns(a->config->base_topic, patterns, &n);
	if (r < 0)
		return r;
	for (all = 0; all < n; all++)
		topics[all] = patterns[all];
	if (a->config->homeassistant.discovery != CONFIG_DISCOVERY_OFF)
		topics[all++] = a->config->homeassistant.status_topic;
	r = line_subscribe(a->line, topics, all, MQTT_COMMANDS);
	while (n > 0)
		free(patterns[--n]);
	return r;
}

/* Not retained, and empty: nothing stays on the broker. */
static int publish(struct attempt *a, size_t i)
{
	const struct mqtt_message message = {.topic = a->trials[i], .payload = "", .qos = 1};
	int r = line_publish(a->line, &message, &a->ids[i]);

	a->n_open += r == 0;
	return r;
}

static void on_accepted(struct line *line, void *userdata)
{
	struct attempt *a = userdata;
	int r;

	a->probe.accepted = true;
	r = subscribe(a);
	for (size_t i = 0; i < a->n_trials && r == 0; i++)
		r = publish(a, i);
	if (r == 0)
		line_leave(line);
	else if (r != MQTT_OFFLINE)
		a->ended = true;
}

static void on_ended(struct line *line, int refused, const char *why, void *userdata)
{
	struct attempt *a = userdata;

	a->ended = true;
	a->line = line_free(line);
	a->probe.refused = refused;
	(void)snprintf(a->probe.why, sizeof(a->probe.why), "%s", why);
}

static void on_arrived(const struct mqtt_message *message, void *userdata)
{
}

static void on_acknowledged(int id, void *userdata)
{
	struct attempt *a = userdata;

	a->n_open--;
}

static void on_subscribed(const char *denied, void *userdata)
{
	struct attempt *a = userdata;

	a->subscribed = true;
	(void)snprintf(a->probe.no_subscribe, sizeof(a->probe.no_subscribe), "%s", denied);
}

static void on_rejected(int id, void *userdata)
{
	struct attempt *a = userdata;
	size_t used = strlen(a->probe.no_publish);

	for (size_t i = 0; i < a->n_trials; i++)
		if (a->ids[i] == id)
			(void)snprintf(a->probe.no_publish + used,
				sizeof(a->probe.no_publish) - used, "%s%s", used ? ", " : "",
				a->trials[i]);
}

static int on_timeout(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct attempt *a = userdata;

	a->ended = true;
	(void)snprintf(a->probe.why, sizeof(a->probe.why), "it does not answer");
	return 0;
}

static int attempt_run(struct attempt *a, const struct mqtt_settings *settings)
{
	static const struct line_handlers handlers = {
		.accepted = on_accepted,
		.ended = on_ended,
		.arrived = on_arrived,
		.acknowledged = on_acknowledged,
		.subscribed = on_subscribed,
		.rejected = on_rejected,
	};
	_cleanup_(sd_event_source_disable_unrefp) sd_event_source *timer = NULL;
	int r;

	choose_trials(a);
	r = line_new(&a->line, a->event, settings, &handlers, a);
	if (r >= 0)
		r = timer_arm(
			a->event, &timer, PATIENCE_USEC, TIMER_LAZY, on_timeout, a, "timeout");
	while (r >= 0 && !a->ended)
		r = sd_event_run(a->event, UINT64_MAX);
	a->probe.answered = a->subscribed && a->n_open == 0;
	return r;
}

static int try_version(
	struct broker_probe *ret, const struct config *config, struct mqtt_settings *settings)
{
	struct attempt a = {.config = config, .probe.version = settings->version};
	int r;

	r = sd_event_new(&a.event);
	if (r >= 0)
		r = attempt_run(&a, settings);
	(void)line_free(a.line);
	(void)sd_event_unref(a.event);
	if (r < 0)
		return r;
	*ret = a.probe;
	return 0;
}

/* Connects as a client of its own name, without a will, so that a running gateway is not disturbed,
 * and asks for what the gateway needs. If the broker does not speak the version of MQTT that is
 * configured, the other one is tried, and the probe is of that. */
int broker_probe(struct broker_probe *ret, const struct config *config)
{
	struct mqtt_settings settings = config->mqtt;
	struct broker_probe probe, other;
	char client_id[128];
	int r;

	(void)snprintf(client_id, sizeof(client_id), "%.100s-check", settings.client_id);
	settings.client_id = client_id;
	settings.state_topic = NULL;
	r = try_version(&probe, config, &settings);
	if (r >= 0 && probe.refused == LINE_OTHER_VERSION) {
		settings.version = settings.version == 5 ? 3 : 5;
		if (try_version(&other, config, &settings) == 0 && other.accepted)
			probe = other;
	}
	if (r < 0)
		return r;
	*ret = probe;
	return 0;
}
