#include "daemon/check_broker.h"

#include <stdio.h>
#include <string.h>

#include "bridge/line.h"
#include "daemon/broker_probe.h"
#include "daemon/check_cloud.h"
#include "daemon/exits.h"
#include "daemon/shown.h"

#define LOCAL "localhost"

static const char *version_name(int version)
{
	return version == 5 ? "5" : "3.1.1";
}

/* What the reason means, and what to do. */
static void todo_unreachable(struct report *report, const struct config *config, const char *why)
{
	bool here = config->mqtt.socket || strcmp(config->mqtt.host, LOCAL) == 0;

	if (strstr(why, "certificate") || strstr(why, "TLS") || strstr(why, "OpenSSL"))
		report_todo(report,
			"compare mqtt.port, mqtt.tls and mqtt.ca_file with the broker's "
			"listener, and mqtt.host with the name in its certificate");
	else if (strstr(why, "Permission denied"))
		report_todo(report, "let the service use the broker's socket: sudo chmod 666 '%s'",
			config->mqtt.socket ?: "");
	else if (here)
		report_todo(report, "sudo systemctl start mosquitto, or if there is none: sudo apt "
				    "install mosquitto");
	else
		report_todo(report, "look whether the broker runs and serves other machines (a "
				    "listener of its own in mosquitto.conf), and at mqtt.host and "
				    "mqtt.port");
}

static int refused(struct report *report, const struct config *config, const char *broker,
	const struct broker_probe *probe)
{
	report_bad(report, "broker %s: %s", broker, probe->why);
	switch ((enum line_refusal)probe->refused) {
	case LINE_OTHER_VERSION:
	case LINE_BAD_CLIENT_ID:
		report_todo(report, "mend [mqtt] in %s", shown(config->path).text);
		return EXIT_UNAVAILABLE;
	case LINE_BAD_PASSWORD:
	case LINE_NOT_AUTHORIZED:
	case LINE_BANNED:
	case LINE_BAD_METHOD:
		if (config->mqtt.username)
			report_todo(report,
				"give the broker this user and password: sudo "
				"mosquitto_passwd /etc/mosquitto/passwd '%s', or mend "
				"mqtt.username and mqtt.password_file",
				shown(config->mqtt.username).text);
		else
			report_todo(report, "set mqtt.username and mqtt.password_file in %s",
				shown(config->path).text);
		return EXIT_AUTH;
	}
	todo_unreachable(report, config, probe->why);
	return EXIT_UNAVAILABLE;
}

static int check_version(
	struct report *report, const struct config *config, const struct broker_probe *probe)
{
	if (probe->version == config->mqtt.version) {
		report_good(report, "MQTT %s", version_name(probe->version));
		return EXIT_DONE;
	}
	report_bad(report, "MQTT %s: the broker speaks %s only", version_name(config->mqtt.version),
		version_name(probe->version));
	report_todo(report, "write into [mqtt] of %s: protocol = %s", shown(config->path).text,
		version_name(probe->version));
	return EXIT_UNAVAILABLE;
}

static int check_permissions(
	struct report *report, const struct config *config, const struct broker_probe *probe)
{
	const char *user = config->mqtt.username ?: "everybody";
	int r = EXIT_DONE;

	if (!probe->answered) {
		report_bad(report, "permissions: the broker ended the connection: %s", probe->why);
		report_todo(
			report, "look into the broker's log: sudo journalctl -u mosquitto -n 20");
		return EXIT_UNAVAILABLE;
	}
	if (*probe->no_publish) {
		report_bad(
			report, "permission to publish: not for %s", shown(probe->no_publish).text);
		report_todo(report, "let %s write %s/# and %s/# in the broker's access list",
			shown(user).text, config->base_topic, config->homeassistant.prefix);
		r = EXIT_AUTH;
	} else if (probe->version == 5) {
		report_good(report, "permission to publish");
	} else {
		report_note(report, "permission to publish: MQTT 3.1.1 does not tell");
	}
	if (*probe->no_subscribe) {
		report_bad(report, "permission to subscribe: not to %s",
			shown(probe->no_subscribe).text);
		report_todo(report, "let %s read %s/# and %s in the broker's access list",
			shown(user).text, config->base_topic, config->homeassistant.status_topic);
		return EXIT_AUTH;
	}
	report_good(report, "permission to subscribe");
	return r;
}

/* A line for each thing about the broker; an exit code. */
int check_broker(struct report *report, const struct config *config)
{
	struct broker_probe probe;
	char broker[300];
	int r, version;

	if (config->mqtt.socket)
		(void)snprintf(broker, sizeof(broker), "%s", config->mqtt.socket);
	else
		(void)snprintf(
			broker, sizeof(broker), "%s:%u", config->mqtt.host, config->mqtt.port);
	if (!config->mqtt.socket && strcmp(config->mqtt.host, LOCAL) != 0) {
		r = check_name(report, "broker", config->mqtt.host, "mqtt.host");
		if (r != EXIT_DONE)
			return r;
	}
	r = broker_probe(&probe, config);
	if (r < 0) {
		report_bad(report, "broker %s: it cannot be tried: %s", broker, strerror(-r));
		report_todo(report, "try again");
		return EXIT_FAILED;
	}
	if (!probe.accepted && probe.refused)
		return refused(report, config, broker, &probe);
	if (!probe.accepted) {
		report_bad(report, "broker %s: %s", broker, probe.why);
		todo_unreachable(report, config, probe.why);
		return EXIT_UNAVAILABLE;
	}
	report_good(report, "broker %s: connected%s%s", broker, config->mqtt.username ? " as " : "",
		config->mqtt.username ? shown(config->mqtt.username).text : "");
	version = check_version(report, config, &probe);
	r = check_permissions(report, config, &probe);
	return version != EXIT_DONE ? version : r;
}
