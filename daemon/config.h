#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bridge/mqtt.h"
#include "cloud/catalog.h"
#include "cloud/token.h"
#include "daemon/config_errors.h"
#include "util/cleanup.h"

/* The configuration file, read and checked. Only config_*.c and secrets.c write these structs; all
 * texts belong to the struct config. */

#define CONFIG_FILE          "/etc/akuvox2mqtt/akuvox2mqtt.conf"
#define CONFIG_COMMANDS_MAX  64
#define CONFIG_SECTIONS_MAX  12 /* kinds of sections */
#define CONFIG_KEYS_MAX      20 /* of a section */
#define CONFIG_INSTANCES_MAX 10000

enum config_discovery { CONFIG_DISCOVERY_DEVICE, CONFIG_DISCOVERY_COMPONENT, CONFIG_DISCOVERY_OFF };
enum config_pictures { CONFIG_PICTURES_OFF, CONFIG_PICTURES_URL, CONFIG_PICTURES_IMAGE };

struct config_commands {
	unsigned groups; /* a bit for each enum command_group */
	const struct command *commands[CONFIG_COMMANDS_MAX];
	size_t n;
};

/* [residence ID] and [door RELAY_ID]. */
struct config_instance {
	char *id;
	unsigned line;
	const char *alias;  /* NULL: none */
	bool allowed;       /* of a residence: served; of a door: may be opened */
	uint64_t hold_usec; /* of a door */
};

struct config_instances {
	struct config_instance *items; /* in order of id */
	size_t n;
};

struct config {
	char *path;
	char *unit;            /* of systemd, that is for this file */
	char *state_directory; /* $STATE_DIRECTORY, or the unit's */
	struct {
		int region; /* -1: none */
		const char *url;
		const char *ca_file;
		uint64_t timeout_usec;
		unsigned max_in_flight;
	} cloud;
	struct token_settings token; /* all but state_file */
	const char *access_token;
	struct {
		uint64_t devices_usec, history_usec, access_usec, family_usec; /* 0: off */
	} poll;
	struct mqtt_settings mqtt; /* all but state_topic */
	const char *base_topic;
	struct {
		int discovery; /* enum config_discovery */
		const char *prefix;
		const char *status_topic;
	} homeassistant;
	struct {
		uint64_t hold_usec, deadline_usec;
		uint64_t repeat_after_usec; /* 0: any time */
		unsigned max_per_minute;
	} door;
	struct config_commands allow;
	struct {
		const char *timezone;
		uint64_t keep_usec, max_event_age_usec;
		unsigned publish;
		int pictures; /* enum config_pictures */
	} history;
	bool publish_secrets;
	const char *cache_file;
	int log_level; /* of syslog */
	struct config_instances residences, doors;

	/* Where secrets are read from; the texts are above, after secrets_load(). */
	struct {
		const char *refresh_token, *client_secret, *cloud_password, *mqtt_password;
	} files;
	unsigned lines[CONFIG_SECTIONS_MAX][CONFIG_KEYS_MAX]; /* 0: not in the file */
};

/* What a change of the configuration makes necessary; a bit each. */
enum config_change {
	CONFIG_CHANGED = 1 << 0,
	CONFIG_CHANGED_CLOUD = 1 << 1,  /* new HTTP, token and client objects */
	CONFIG_CHANGED_BROKER = 1 << 2, /* a new connection to the broker */
	CONFIG_CHANGED_HOMES = 1 << 3,  /* other residences, doors or names of them */
	CONFIG_CHANGED_MASK = (1 << 4) - 1,
};

int config_load(struct config **ret, const char *path, struct config_errors *errors);
struct config *config_free(struct config *config);

void config_warnings(const struct config *config, struct config_errors *ret);
unsigned config_changes(const struct config *a, const struct config *b);

bool config_serves(const struct config *config, const char *residence_id);
char *config_token_file(const struct config *config);
const struct config_instance *config_find(const struct config_instances *all, const char *id);

int config_write_example(FILE *f);
int config_write_man(FILE *f);

DEFINE_CLEANUP(struct config *, config_free);
