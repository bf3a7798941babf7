#include "daemon/config_keys.h"

#include <string.h>
#include <syslog.h>

#include "bridge/door.h"
#include "daemon/config_text.h"

#define AT(member)      offsetof(struct config, member)
#define AT_EACH(member) offsetof(struct config_instance, member)

#define PATH_LONGEST 180 /* a line of the file takes no more, see config_read.c */
#define MINUTE       60
#define HOUR         3600
#define DAY          86400

/* Source: the vendor's list of API end points. */
static const char *const region_urls[] = {
	"https://api.ecloud.akubela.com",
	"https://api.ucloud.akubela.com",
	"https://api.scloud.akubela.com",
	"https://api.jcloud.akubela.com",
	"https://api.aucloud.akubela.com",
	"https://api.ccloud.akubela.com",
};

static const struct config_word regions[] = {
	{"eu", 0}, {"us", 1}, {"asia", 2}, {"jp", 3}, {"au", 4}, {"cn", 5}, {0}};

static const struct config_word grants[] = {
	{"token", TOKEN_GRANT_TOKEN},
	{"refresh_token", TOKEN_GRANT_REFRESH_TOKEN},
	{"password", TOKEN_GRANT_PASSWORD},
	{"authorization_code", TOKEN_GRANT_AUTHORIZATION_CODE},
	{"client_credentials", TOKEN_GRANT_CLIENT_CREDENTIALS},
	{0},
};

static const struct config_word protocols[] = {{"5", 5}, {"3.1.1", 3}, {0}};

static const struct config_word discoveries[] = {
	{"device", CONFIG_DISCOVERY_DEVICE},
	{"component", CONFIG_DISCOVERY_COMPONENT},
	{"off", CONFIG_DISCOVERY_OFF},
	{0},
};

static const struct config_word pictures[] = {
	{"off", CONFIG_PICTURES_OFF},
	{"url", CONFIG_PICTURES_URL},
	{"image", CONFIG_PICTURES_IMAGE},
	{0},
};

static const struct config_word levels[] = {
	{"error", LOG_ERR},
	{"warning", LOG_WARNING},
	{"notice", LOG_NOTICE},
	{"info", LOG_INFO},
	{"debug", LOG_DEBUG},
	{0},
};

static const struct config_key cloud_keys[] = {
	{"region", CONFIG_CHOICE, CONFIG_CHANGED_CLOUD, AT(cloud.region), .words = regions,
		.shown = "eu", .help = "Where the account lives. Set this or url, not both."},
	{"url", CONFIG_TEXT, CONFIG_CHANGED_CLOUD, AT(cloud.url), .max = PATH_LONGEST,
		.check = config_text_line,
		.help = "Address of the cloud, without a path: https, or http to this machine."},
	{"ca_file", CONFIG_TEXT, CONFIG_CHANGED_CLOUD, AT(cloud.ca_file), .max = PATH_LONGEST,
		.check = config_text_path,
		.help = "Certificates (PEM) that the cloud is checked against. Without it, "
			"those of the system."},
	{"grant", CONFIG_CHOICE, CONFIG_CHANGED_CLOUD, AT(token.grant), .words = grants,
		.standard = "token",
		.help = "How access tokens are had. token: a fixed one, from "
			"access_token_file. refresh_token: renewed from refresh_token_file on. "
			"password: with username and password_file. authorization_code: by "
			"\"akuvox2mqtt login\", with client_id. client_credentials: with "
			"client_id and client_secret_file."},
	{"access_token_file", CONFIG_TEXT, CONFIG_CHANGED_CLOUD | CONFIG_SECRET_FILE,
		AT(token.access_token_file), .max = PATH_LONGEST, .check = config_text_path,
		.help = "File with the access token, or the systemd credential access_token."},
	{"refresh_token_file", CONFIG_TEXT, CONFIG_CHANGED_CLOUD | CONFIG_SECRET_FILE,
		AT(files.refresh_token), .max = PATH_LONGEST, .check = config_text_path,
		.help = "File with the first refresh token, or the systemd credential "
			"refresh_token. Newer ones are kept in the state directory."},
	{"client_id", CONFIG_TEXT, CONFIG_CHANGED_CLOUD, AT(token.client_id), .max = 128,
		.check = config_text_line, .help = "Id of the application at the cloud."},
	{"client_secret_file", CONFIG_TEXT, CONFIG_CHANGED_CLOUD | CONFIG_SECRET_FILE,
		AT(files.client_secret), .max = PATH_LONGEST, .check = config_text_path,
		.help = "File with the secret of the application, or the systemd credential "
			"client_secret."},
	{"username", CONFIG_TEXT, CONFIG_CHANGED_CLOUD, AT(token.username), .max = 128,
		.check = config_text_line, .help = "User name of the account."},
	{"password_file", CONFIG_TEXT, CONFIG_CHANGED_CLOUD | CONFIG_SECRET_FILE,
		AT(files.cloud_password), .max = PATH_LONGEST, .check = config_text_path,
		.help = "File with the password of the account, or the systemd credential "
			"cloud_password."},
	{"scope", CONFIG_TEXT, CONFIG_CHANGED_CLOUD, AT(token.scope), .max = 128,
		.check = config_text_line,
		.help = "Scope to ask a token for: user, unless the vendor named another."},
	{"timeout", CONFIG_DURATION, CONFIG_CHANGED_CLOUD, AT(cloud.timeout_usec), .min = 0.1,
		.max = 2 * MINUTE, .standard = "10 s", .help = "How long one call may take."},
	{"max_in_flight", CONFIG_NUMBER, CONFIG_CHANGED_CLOUD, AT(cloud.max_in_flight), .min = 1,
		.max = 64, .standard = "8",
		.help = "Calls at the same time. Openings do not count and never wait."},
	{0},
};

static const struct config_key poll_keys[] = {
	{"devices", CONFIG_DURATION, CONFIG_ZERO, AT(poll.devices_usec), .min = 0.1, .max = DAY,
		.standard = "60 s", .help = "Devices, their doors and whether they are online."},
	{"history", CONFIG_DURATION, CONFIG_ZERO, AT(poll.history_usec), .min = 0.1, .max = DAY,
		.standard = "15 s",
		.help = "Calls and openings, where commands.allow has read; openings also where it "
			"has door. How soon an event is seen."},
	{"access", CONFIG_DURATION, CONFIG_ZERO, AT(poll.access_usec), .min = 0.1, .max = DAY,
		.standard = "300 s",
		.help = "NFC, Bluetooth, temporary keys and faces, where commands.allow lets "
			"somebody change them."},
	{"family", CONFIG_DURATION, CONFIG_ZERO, AT(poll.family_usec), .min = 0.1, .max = DAY,
		.standard = "600 s",
		.help = "Residences and their members, where commands.allow has read or family."},
	{0},
};

static const struct config_key mqtt_keys[] = {
	{"host", CONFIG_TEXT, CONFIG_CHANGED_BROKER, AT(mqtt.host), .max = 180,
		.standard = "localhost", .check = config_text_line,
		.help = "Name or address of the broker."},
	{"port", CONFIG_NUMBER, CONFIG_CHANGED_BROKER, AT(mqtt.port), .min = 1, .max = 65535,
		.standard = "1883", .help = "Port of the broker; with TLS most use 8883."},
	{"socket", CONFIG_TEXT, CONFIG_CHANGED_BROKER, AT(mqtt.socket), .max = 107,
		.check = config_text_path,
		.help = "Path of the broker's Unix socket, instead of host and port."},
	{"protocol", CONFIG_CHOICE, CONFIG_CHANGED_BROKER, AT(mqtt.version), .words = protocols,
		.standard = "5", .help = "Version of MQTT."},
	{"username", CONFIG_TEXT, CONFIG_CHANGED_BROKER, AT(mqtt.username), .max = 128,
		.check = config_text_line, .help = "User name at the broker."},
	{"password_file", CONFIG_TEXT, CONFIG_CHANGED_BROKER | CONFIG_SECRET_FILE,
		AT(files.mqtt_password), .max = PATH_LONGEST, .check = config_text_path,
		.help = "File with the password at the broker, or the systemd credential "
			"mqtt_password."},
	{"tls", CONFIG_FLAG, CONFIG_CHANGED_BROKER, AT(mqtt.tls), .standard = "no",
		.help = "Encrypt the connection and check the broker's certificate."},
	{"ca_file", CONFIG_TEXT, CONFIG_CHANGED_BROKER, AT(mqtt.ca_file), .max = PATH_LONGEST,
		.check = config_text_path,
		.help = "Certificates (PEM) that the broker is checked against. Without it, "
			"those of the system."},
	{"cert_file", CONFIG_TEXT, CONFIG_CHANGED_BROKER, AT(mqtt.cert_file), .max = PATH_LONGEST,
		.check = config_text_path,
		.help = "Certificate (PEM) of this gateway, together with key_file."},
	{"key_file", CONFIG_TEXT, CONFIG_CHANGED_BROKER, AT(mqtt.key_file), .max = PATH_LONGEST,
		.check = config_text_path, .help = "Private key (PEM) of cert_file."},
	/* Discovery keeps it until a restart. */
	{"client_id", CONFIG_TEXT, CONFIG_CHANGED_BROKER, AT(mqtt.client_id), .max = 64,
		.standard = "akuvox2mqtt", .check = config_text_line,
		.help = "Name of this gateway at the broker; each gateway needs its own. For Home "
			"Assistant's sake change it by a reload, as homeassistant.prefix."},
	{"base_topic", CONFIG_TEXT, CONFIG_CHANGED_BROKER | CONFIG_CHANGED_HOMES, AT(base_topic),
		.max = 128, .standard = "home", .check = config_text_topic,
		.help = "What all topics of this gateway begin with; may have several levels."},
	{0},
};

static const struct config_key homeassistant_keys[] = {
	{"discovery", CONFIG_CHOICE, 0, AT(homeassistant.discovery), .words = discoveries,
		.standard = "device",
		.help = "How Home Assistant is told of entities. device: one message a device. "
			"component: one an entity, for openHAB before 5.2, Domoticz and "
			"Home Assistant before 2024.11. off: not at all. Changes take over "
			"what was announced."},
	{"prefix", CONFIG_TEXT, 0, AT(homeassistant.prefix), .max = 128,
		.standard = "homeassistant", .check = config_text_topic,
		.help = "Its discovery prefix. A reload takes along what was announced, a restart "
			"does not."},
	{"status_topic", CONFIG_TEXT, 0, AT(homeassistant.status_topic), .max = 128,
		.standard = "homeassistant/status", .check = config_text_topic,
		.help = "Where it says that it has started."},
	{0},
};

static const struct config_key door_keys[] = {
	{"hold_time", CONFIG_DURATION, 0, AT(door.hold_usec), .min = 0.1, .max = HOUR,
		.standard = "5 s", .help = "How long a door shows as open after an opening."},
	{"deadline", CONFIG_DURATION, 0, AT(door.deadline_usec), .min = 0.1, .max = MINUTE,
		.standard = "5 s",
		.help = "An opening that could not be sent within this time is dropped."},
	{"repeat_after", CONFIG_DURATION, 0, AT(door.repeat_after_usec), .min = 0, .max = HOUR,
		.standard = "2 s",
		.help = "A second opening of a door, sent without id and sooner than this, is "
			"taken for a duplicate. 0: never."},
	{"max_per_minute", CONFIG_NUMBER, 0, AT(door.max_per_minute), .min = 1,
		.max = DOOR_MOST_PER_MINUTE, .standard = "12",
		.help = "Most openings of one door in a minute."},
	{0},
};

static const struct config_key commands_keys[] = {
	{"allow", CONFIG_COMMANDS, 0, AT(allow), .standard = "read door access",
		.help = "What MQTT clients may do: groups, or names of single commands. read: "
			"everything that only asks. door: open. access: PIN, NFC, Bluetooth, "
			"temporary keys and faces. family: members and their invitations. The "
			"list may go on in lines that begin with a space."},
	{0},
};

static const struct config_key history_keys[] = {
	{"timezone", CONFIG_TEXT, 0, AT(history.timezone), .max = 64, .standard = "UTC",
		.check = config_text_zone,
		.help = "Zone of the times in the cloud's history, like Europe/Berlin."},
	{"keep", CONFIG_DURATION, 0, AT(history.keep_usec), .min = HOUR, .max = 36500.0 * DAY,
		.standard = "90 d", .help = "How long the local archive keeps a row."},
	{"publish", CONFIG_NUMBER, 0, AT(history.publish), .min = 0, .max = 1000, .standard = "20",
		.help = "Rows in the retained history topics."},
	{"max_event_age", CONFIG_DURATION, 0, AT(history.max_event_age_usec), .min = 1,
		.max = 365.0 * DAY, .standard = "600 s",
		.help = "Rows older than this when first seen make no event."},
	{"pictures", CONFIG_CHOICE, 0, AT(history.pictures), .words = pictures, .standard = "image",
		.help = "Pictures of visitors. url: only their address, in the event. image: "
			"also the newest one as JPEG. off: neither."},
	{0},
};

static const struct config_key privacy_keys[] = {
	{"publish_secrets", CONFIG_FLAG, 0, AT(publish_secrets), .standard = "no",
		.help = "Publish the codes of temporary keys. Whoever reads the broker can "
			"then open the door."},
	{0},
};

static const struct config_key cache_keys[] = {
	{"file", CONFIG_TEXT, 0, AT(cache_file), .max = PATH_LONGEST,
		.standard = CONFIG_STATE_PREFIX "cache.db", .check = config_text_state_path,
		.help = "The local archive and cache. $STATE_DIRECTORY is the service's own, "
			"/var/lib/akuvox2mqtt. Takes effect at the next start only."},
	{0},
};

static const struct config_key log_keys[] = {
	{"level", CONFIG_CHOICE, 0, AT(log_level), .words = levels, .standard = "info",
		.help = "What is logged."},
	{0},
};

static const struct config_key residence_keys[] = {
	{"alias", CONFIG_TEXT, CONFIG_CHANGED_HOMES, AT_EACH(alias), .max = 64,
		.check = config_text_alias, .shown = "house",
		.help = "Stands in topics instead of the id: letters, digits, '-', '_', '.'."},
	{"enabled", CONFIG_FLAG, CONFIG_CHANGED_HOMES, AT_EACH(allowed), .standard = "yes",
		.help = "Serve this residence."},
	{0},
};

static const struct config_key relay_keys[] = {
	{"alias", CONFIG_TEXT, CONFIG_CHANGED_HOMES, AT_EACH(alias), .max = 64,
		.check = config_text_alias, .shown = "front",
		.help = "Stands in topics instead of the id: letters, digits, '-', '_', '.'."},
	{"allow", CONFIG_FLAG, CONFIG_CHANGED_HOMES, AT_EACH(allowed), .standard = "yes",
		.help = "Let MQTT clients open this door."},
	{"hold_time", CONFIG_DURATION, CONFIG_CHANGED_HOMES, AT_EACH(hold_usec), .min = 0.1,
		.max = HOUR, .shown = "5 s",
		.help = "How long it shows as open. Without it, hold_time of [door]."},
	{0},
};

/* A section that repeats has an id behind its name, and may share it with one that does not. */
const struct config_section config_sections[] = {
	{"cloud", .keys = cloud_keys, .help = "The cloud of the door phones."},
	{"poll", .keys = poll_keys,
		.help = "How often the cloud is asked: at least 5 s apart for history, 10 s "
			"for the others. 0 switches one off."},
	{"mqtt", .keys = mqtt_keys, .help = "The broker."},
	{"homeassistant", .keys = homeassistant_keys, .help = "Discovery by Home Assistant."},
	{"door", .keys = door_keys, .help = "Openings of doors."},
	{"commands", .keys = commands_keys, .help = "Commands over MQTT."},
	{"history", .keys = history_keys, .help = "Calls and openings."},
	{"privacy", .keys = privacy_keys, .help = "What becomes public on the broker."},
	{"cache", .keys = cache_keys, .help = "What is kept over a restart."},
	{"log", .keys = log_keys, .help = "The log."},
	{"residence", "ID", AT(residences), residence_keys,
		"One residence, by its id; \"sudo akuvox2mqtt check\" lists them. With no such section "
		"all residences of the account are served, else only those named and enabled."},
	{"door", "RELAY_ID", AT(doors), relay_keys,
		"One door, by the id of its relay; \"sudo akuvox2mqtt topics\" lists them."},
	{0},
};

_Static_assert(ELEMENTS(config_sections) - 1 <= CONFIG_SECTIONS_MAX, "room for their lines");

/* NULL: there is no such section. repeats: whether it has an id behind its name. */
const struct config_section *config_section_find(const char *name, bool repeats)
{
	for (const struct config_section *s = config_sections; s->name; s++)
		if (strcmp(s->name, name) == 0 && repeats == !!s->id)
			return s;
	return NULL;
}

/* NULL: the section has no such key. */
const struct config_key *config_key_find(const struct config_section *section, const char *name)
{
	for (const struct config_key *k = section->keys; k->name; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

/* region: as in config->cloud.region, not negative. */
const char *config_region_url(int region)
{
	return region_urls[region];
}

/* Where a key of a section that does not repeat stands in the file, for reading and writing. */
unsigned *config_line(
	struct config *config, const struct config_section *section, const struct config_key *key)
{
	return &config->lines[section - config_sections][key - section->keys];
}

/* The place of such a key by name, for an error about it; without a line if it is not there. */
struct config_place config_place(const struct config *config, const char *section, const char *key)
{
	const struct config_section *s = config_section_find(section, false);
	const struct config_key *k = config_key_find(s, key);

	return (struct config_place){
		.path = config->path,
		.line = config->lines[s - config_sections][k - s->keys],
		.section = section,
		.key = key,
	};
}
