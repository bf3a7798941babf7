#include <stdio.h>
#include <string.h>

#include "bridge/names.h"
#include "cache/home.h"
#include "daemon/cameras.h"
#include "daemon/exits.h"
#include "daemon/link.h"
#include "daemon/shown.h"
#include "daemon/start.h"
#include "daemon/survey.h"
#include "daemon/verbs.h"
#include "util/log.h"

#define BROKER_MAX 1024

/* The options with which Mosquitto's own programs reach the broker, each followed by a space. */
static void broker_options(char broker[static BROKER_MAX], const struct config *config)
{
	const struct mqtt_settings *mqtt = &config->mqtt;
	int n = 0;

	*broker = '\0';
	if (mqtt->socket)
		n = snprintf(broker, BROKER_MAX, "--unix '%s' ", mqtt->socket);
	else if (strcmp(mqtt->host, "localhost") != 0 || mqtt->port != 1883)
		n = snprintf(broker, BROKER_MAX, "-h '%s' -p %u ", mqtt->host, mqtt->port);
	if (mqtt->tls && mqtt->ca_file && n < BROKER_MAX)
		(void)snprintf(
			broker + n, (size_t)(BROKER_MAX - n), "--cafile '%s' ", mqtt->ca_file);
	else if (mqtt->tls && n < BROKER_MAX)
		(void)snprintf(broker + n, (size_t)(BROKER_MAX - n), "--tls-use-os-certs ");
	if (mqtt->username)
		(void)printf("# The broker wants a user: add -u and -P to each line.\n");
}

static int print_relay(const struct names *names, const struct relay *relay, const char *broker)
{
	topic_t open, state, result;

	if (topic_relay(names, open, relay, "open") < 0 ||
		topic_relay(names, state, relay, "state") < 0 ||
		topic_relay(names, result, relay, "result") < 0)
		return EXIT_FAILED;
	(void)printf("\n  %s, %s (%s%s)\n", shown(relay->name).text,
		shown(relay->device->name).text, shown(relay->id).text,
		relay->security ? ", security relay" : "");
	(void)printf("    mosquitto_pub %s-q 1 -t '%s' -m OPEN\n", broker, open);
	(void)printf("    mosquitto_sub %s-v -t '%s' -t '%s'\n", broker, state, result);
	return EXIT_DONE;
}

static int print_homes(const struct config *config, const struct survey *survey)
{
	char broker[BROKER_MAX];
	topic_t topic;
	int r = EXIT_DONE;

	broker_options(broker, config);
	cache_each_home (survey->cache, home) {
		if (topic_home(survey->names, topic, home, "#") < 0)
			return EXIT_FAILED;
		(void)printf("\n%s (%s)\n", shown(home->name).text, shown(home->id).text);
		(void)printf("  Everything of this home:\n    mosquitto_sub %s-v -t '%s'\n", broker,
			topic);
		home_each_device (home, device)
			device_each_relay (device, relay)
				if (r == EXIT_DONE)
					r = print_relay(survey->names, relay, broker);
	}
	return r;
}

/* akuvox2mqtt topics: what to paste for each home and door; with --rtsp the cameras. */
int verb_topics(const struct options *options)
{
	_cleanup_(config_freep) struct config *config = NULL;
	struct survey survey = {0};
	struct cameras cameras = {0};
	int r;

	r = start_config(&config, options->config);
	if (r != EXIT_DONE)
		return r;
	r = survey_take(&survey, config, options->rtsp ? cameras_print : NULL, &cameras);
	if (r != EXIT_DONE)
		log_error("%s", survey.why);
	else if (!options->rtsp)
		r = print_homes(config, &survey);
	else if (!cameras.streams)
		(void)printf("# No device of this account has a camera stream.\n");
	cameras_done(&cameras);
	survey_done(&survey);
	return r;
}
