#include "daemon/settings.h"

#include <config.h>
#include "daemon/homeassistant.h"

static struct allowed allowed(const struct config *config)
{
	return (struct allowed){
		.groups = config->allow.groups,
		.commands = config->allow.commands,
		.n = config->allow.n,
	};
}

/* For poller_new() and poller_set(). */
struct poller_settings settings_poller(const struct config *config)
{
	return (struct poller_settings){
		.devices_usec = config->poll.devices_usec,
		.family_usec = config->poll.family_usec,
		.access_usec = config->poll.access_usec,
		.history_usec = config->poll.history_usec,
		.allowed = allowed(config),
		.key_codes = config->publish_secrets,
	};
}

static struct door_settings door_settings(const struct config *config)
{
	return (struct door_settings){
		.hold_usec = config->door.hold_usec,
		.repeat_after_usec = config->door.repeat_after_usec,
		.max_per_minute = config->door.max_per_minute,
	};
}

static struct requests_settings requests_settings(const struct config *config)
{
	return (struct requests_settings){
		.allowed = allowed(config),
		.door_patience_usec = config->door.deadline_usec,
		.patience_usec = config->cloud.timeout_usec,
	};
}

/* What fetches pictures; NULL: none are wanted. */
struct http *settings_http(const struct config *config, const struct link *link)
{
	return config->history.pictures == CONFIG_PICTURES_IMAGE ? link->http : NULL;
}

/* For bridge_new() and bridge_set(). */
struct bridge_settings settings_bridge(const struct config *config, const struct aliases *aliases,
	struct history *history, const struct link *link)
{
	const struct poller_settings polls = settings_poller(config);

	return (struct bridge_settings){
		.mqtt = config->mqtt,
		.names = aliases_settings(aliases, config->base_topic),
		.door = door_settings(config),
		.requests = requests_settings(config),
		.discovery = homeassistant_settings(config, &polls),
		.history = history,
		.history_rows = config->history.publish,
		.http = settings_http(config, link),
		.cloud_url = config->cloud.url,
		.version = PACKAGE_VERSION,
	};
}
