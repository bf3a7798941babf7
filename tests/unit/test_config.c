#include "tests/unit/config_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "daemon/config_keys.h"
#include "util/log.h"

/* The table of the contract, by hand. */
static void test_defaults(void **state)
{
	assert_loads(CONFIG_EU);
	assert_string_equal(config->path, config_path);
	assert_string_equal(config->cloud.url, "https://api.ecloud.akubela.com");
	assert_null(config->cloud.ca_file);
	assert_int_equal(config->token.grant, TOKEN_GRANT_TOKEN);
	assert_string_equal(config->token.url, config->cloud.url);
	assert_int_equal(config->token.timeout_usec, 10000000);
	assert_null(config->token.access_token_file);
	assert_null(config->token.refresh_token);
	assert_null(config->token.client_id);
	assert_null(config->token.client_secret);
	assert_null(config->token.username);
	assert_null(config->token.password);
	assert_null(config->token.scope);
	assert_int_equal(config->cloud.timeout_usec, 10000000);
	assert_int_equal(config->cloud.max_in_flight, 8);
	assert_int_equal(config->poll.devices_usec, 60000000);
	assert_int_equal(config->poll.history_usec, 15000000);
	assert_int_equal(config->poll.access_usec, 300000000);
	assert_int_equal(config->poll.family_usec, 600000000);
	assert_string_equal(config->mqtt.host, "localhost");
	assert_int_equal(config->mqtt.port, 1883);
	assert_null(config->mqtt.socket);
	assert_int_equal(config->mqtt.version, 5);
	assert_null(config->mqtt.username);
	assert_null(config->mqtt.password);
	assert_false(config->mqtt.tls);
	assert_null(config->mqtt.ca_file);
	assert_null(config->mqtt.cert_file);
	assert_null(config->mqtt.key_file);
	assert_string_equal(config->mqtt.client_id, "akuvox2mqtt");
	assert_string_equal(config->base_topic, "home");
	assert_int_equal(config->homeassistant.discovery, CONFIG_DISCOVERY_DEVICE);
	assert_string_equal(config->homeassistant.prefix, "homeassistant");
	assert_string_equal(config->homeassistant.status_topic, "homeassistant/status");
	assert_int_equal(config->door.hold_usec, 5000000);
	assert_int_equal(config->door.deadline_usec, 5000000);
	assert_int_equal(config->door.repeat_after_usec, 2000000);
	assert_int_equal(config->door.max_per_minute, 12);
	assert_int_equal(config->allow.groups,
		1 << COMMAND_GROUP_READ | 1 << COMMAND_GROUP_DOOR | 1 << COMMAND_GROUP_ACCESS);
	assert_int_equal(config->allow.n, 0);
	assert_string_equal(config->history.timezone, "UTC");
	assert_true(config->history.keep_usec == UINT64_C(90) * 86400 * 1000000);
	assert_int_equal(config->history.publish, 20);
	assert_int_equal(config->history.max_event_age_usec, 600000000);
	assert_int_equal(config->history.pictures, CONFIG_PICTURES_IMAGE);
	assert_false(config->publish_secrets);
	assert_string_equal(config->state_directory, "/var/lib/akuvox2mqtt");
	assert_string_equal(config->cache_file, "/var/lib/akuvox2mqtt/cache.db");
	assert_int_equal(config->log_level, LOG_INFO);
	assert_int_equal(config->residences.n, 0);
	assert_int_equal(config->doors.n, 0);
}

static void test_state_directory(void **state)
{
	(void)setenv("STATE_DIRECTORY", "/srv/a:/srv/b", 1);
	assert_loads(CONFIG_EU);
	assert_string_equal(config->state_directory, "/srv/a");
	assert_string_equal(config->cache_file, "/srv/a/cache.db");
	assert_loads(CONFIG_EU "[cache]\nfile = $STATE_DIRECTORY/other.db\n");
	assert_string_equal(config->cache_file, "/srv/a/other.db");
	assert_loads(CONFIG_EU "[cache]\nfile = /tmp/cache.db\n");
	assert_string_equal(config->cache_file, "/tmp/cache.db");
	(void)unsetenv("STATE_DIRECTORY");
}

static void test_regions(void **state)
{
	static const char *const regions[][2] = {{"eu", "ecloud"}, {"us", "ucloud"},
		{"asia", "scloud"}, {"jp", "jcloud"}, {"au", "aucloud"}, {"cn", "ccloud"}};
	char url[64];

	for (size_t i = 0; i < ELEMENTS(regions); i++) {
		assert_loads("[cloud]\nregion = %s\n", regions[i][0]);
		(void)snprintf(url, sizeof(url), "https://api.%s.akubela.com", regions[i][1]);
		assert_string_equal(config->cloud.url, url);
	}
	assert_loads("[cloud]\nurl = https://api.example.com/\n");
	assert_string_equal(config->cloud.url, "https://api.example.com");
	assert_refused(" [cloud] region: set this, or url", "[cloud]\n");
	assert_refused(" [cloud] region: set this, or url", "%s", "");
	assert_refused(
		"3: [cloud] url: set this or region, not both", CONFIG_EU "url = https://a.b\n");
	assert_int_equal(load("[cloud]\nurl = https://user:geheim@api.example.com\n"), -EINVAL);
	assert_null(strstr(mistake(0), "geheim"));
}

struct sample {
	const char *section, *key, *value;
	const char *expected; /* NULL: the value is right */
};

/* Other keys that a value needs, in the same section. */
static const char *companions(const struct sample *s)
{
	if (strcmp(s->section, "cloud") == 0 && strcmp(s->key, "grant") == 0)
		return "client_id = a\nusername = b\n";
	if (strcmp(s->section, "mqtt") != 0)
		return "";
	if (strcmp(s->key, "ca_file") == 0)
		return "tls = yes\n";
	if (strcmp(s->key, "cert_file") == 0)
		return "tls = yes\nkey_file = /k\n";
	if (strcmp(s->key, "key_file") == 0)
		return "tls = yes\ncert_file = /c\n";
	return "";
}

#define NO_PATH  "\"pem\" is not an absolute path"
#define NO_TOKEN "its value is not an absolute path"

static const struct sample samples[] = {
	{"cloud", "region", "asia", NULL},
	{"cloud", "region", "EU", "\"EU\" is not one of eu us asia jp au cn"},
	{"cloud", "url", "https://api.example.com:8443", NULL},
	{"cloud", "url", "ftp://a", "it must begin with https://"},
	{"cloud", "ca_file", "/etc/ca.pem", NULL},
	{"cloud", "ca_file", "pem", NO_PATH},
	{"cloud", "grant", "token", NULL},
	{"cloud", "grant", "refresh_token", NULL},
	{"cloud", "grant", "password", NULL},
	{"cloud", "grant", "authorization_code", NULL},
	{"cloud", "grant", "client_credentials", NULL},
	{"cloud", "grant", "x",
		"\"x\" is not one of token refresh_token password authorization_code "
		"client_credentials"},
	{"cloud", "access_token_file", "/etc/t", NULL},
	{"cloud", "access_token_file", "eyJhbGciOiJ", NO_TOKEN},
	{"cloud", "refresh_token_file", "/etc/t", NULL},
	{"cloud", "refresh_token_file", "eyJhbGciOiJ", NO_TOKEN},
	{"cloud", "client_id", "my app = mine", NULL},
	{"cloud", "client_id", "", "there is no value behind the '='"},
	{"cloud", "client_secret_file", "/etc/t", NULL},
	{"cloud", "client_secret_file", "eyJhbGciOiJ", NO_TOKEN},
	{"cloud", "username", "jörg@example.com", NULL},
	{"cloud", "username", X64 X64 "x", "\"" X64 "...\" is longer than 128 bytes"},
	{"cloud", "password_file", "/etc/t", NULL},
	{"cloud", "password_file", "eyJhbGciOiJ", NO_TOKEN},
	{"cloud", "scope", "a b c", NULL},
	{"cloud", "scope", "", "there is no value behind the '='"},
	{"cloud", "timeout", "1.5", NULL},
	{"cloud", "timeout", "1 week", "\"1 week\" is not a duration from 0.1 s to 2 m"},
	{"cloud", "max_in_flight", "64", NULL},
	{"cloud", "max_in_flight", "65", "\"65\" is not a number from 1 to 64"},
	{"poll", "devices", "1 m", NULL},
	{"poll", "devices", "9.9", "it must be 0 or at least 10 s, to spare the cloud"},
	{"poll", "devices", "2 d", "\"2 d\" is not a duration from 0.1 s to 1 d, or 0"},
	{"poll", "history", "5", NULL},
	{"poll", "history", "4.9", "it must be 0 or at least 5 s, to spare the cloud"},
	{"poll", "history", "-1", "\"-1\" is not a duration from 0.1 s to 1 d, or 0"},
	{"poll", "access", "0", NULL},
	{"poll", "access", "9", "it must be 0 or at least 10 s, to spare the cloud"},
	{"poll", "family", "0s", NULL},
	{"poll", "family", "9", "it must be 0 or at least 10 s, to spare the cloud"},
	{"mqtt", "host", "::1", NULL},
	{"mqtt", "host", "", "there is no value behind the '='"},
	{"mqtt", "port", "1", NULL},
	{"mqtt", "port", "99999", "\"99999\" is not a number from 1 to 65535"},
	{"mqtt", "port", "0", "\"0\" is not a number from 1 to 65535"},
	{"mqtt", "port", "1\t2", "\"1?2\" is not a number from 1 to 65535"},
	{"mqtt", "port", "+1", "\"+1\" is not a number from 1 to 65535"},
	{"mqtt", "port", "0x10", "\"0x10\" is not a number from 1 to 65535"},
	{"mqtt", "port", "4294969179", "\"4294969179\" is not a number from 1 to 65535"},
	{"mqtt", "port", "18446744073709553499",
		"\"18446744073709553499\" is not a number from 1 to 65535"},
	{"mqtt", "socket", "/run/mosquitto.sock", NULL},
	{"mqtt", "socket", "mosquitto.sock", "\"mosquitto.sock\" is not an absolute path"},
	{"mqtt", "protocol", "5", NULL},
	{"mqtt", "protocol", "3.1.1", NULL},
	{"mqtt", "protocol", "3", "\"3\" is not one of 5 3.1.1"},
	{"mqtt", "username", "u", NULL},
	{"mqtt", "username", "", "there is no value behind the '='"},
	{"mqtt", "password_file", "/etc/p", NULL},
	{"mqtt", "password_file", "geheim", NO_TOKEN},
	{"mqtt", "tls", "Yes", NULL},
	{"mqtt", "tls", "maybe", "\"maybe\" is not yes or no"},
	{"mqtt", "ca_file", "/etc/ca.pem", NULL},
	{"mqtt", "ca_file", "pem", NO_PATH},
	{"mqtt", "cert_file", "/etc/ca.pem", NULL},
	{"mqtt", "cert_file", "pem", NO_PATH},
	{"mqtt", "key_file", "/etc/ca.pem", NULL},
	{"mqtt", "key_file", "pem", NO_PATH},
	{"mqtt", "client_id", "gate-2", NULL},
	{"mqtt", "client_id", X64 "x", "\"" X64 "...\" is longer than 64 bytes"},
	{"mqtt", "base_topic", "haus/tür", NULL},
	{"mqtt", "base_topic", "/home",
		"\"/home\" has an empty level: no '/' at its ends and no two in a row"},
	{"mqtt", "base_topic", "home/",
		"\"home/\" has an empty level: no '/' at its ends and no two in a row"},
	{"mqtt", "base_topic", "a//b",
		"\"a//b\" has an empty level: no '/' at its ends and no two in a row"},
	{"mqtt", "base_topic", "$SYS/x", "\"$SYS/x\" begins with '$', which is for the broker"},
	{"mqtt", "base_topic", "a/+/b", "\"a/+/b\" holds a wildcard of MQTT, '+' or '#'"},
	{"mqtt", "base_topic", "a/#", "\"a/#\" holds a wildcard of MQTT, '+' or '#'"},
	{"mqtt", "base_topic", "my home",
		"\"my home\" is not made of letters, digits, '-', '_', '.' and '/'"},
	{"homeassistant", "discovery", "device", NULL},
	{"homeassistant", "discovery", "component", NULL},
	{"homeassistant", "discovery", "off", NULL},
	{"homeassistant", "discovery", "on", "\"on\" is not one of device component off"},
	{"homeassistant", "prefix", "ha", NULL},
	{"homeassistant", "prefix", "#", "\"#\" holds a wildcard of MQTT, '+' or '#'"},
	{"homeassistant", "status_topic", "ha/status", NULL},
	{"homeassistant", "status_topic", "+", "\"+\" holds a wildcard of MQTT, '+' or '#'"},
	{"door", "hold_time", "0.5", NULL},
	{"door", "hold_time", "0", "\"0\" is not a duration from 0.1 s to 1 h"},
	{"door", "deadline", "10", NULL},
	{"door", "deadline", "61", "\"61\" is not a duration from 0.1 s to 1 m"},
	{"door", "repeat_after", "0", NULL},
	{"door", "repeat_after", "2 h", "\"2 h\" is not a duration from 0 s to 1 h"},
	{"door", "max_per_minute", "1", NULL},
	{"door", "max_per_minute", "0", "\"0\" is not a number from 1 to 600"},
	{"commands", "allow", "", NULL},
	{"commands", "allow", "read, door,family  access", NULL},
	{"commands", "allow", "get_family_list # only this", NULL},
	{"commands", "allow", "read dor",
		"\"dor\" is not a command or one of read door access family"},
	{"history", "timezone", "Europe/Berlin", NULL},
	{"history", "timezone", "UTC", NULL},
	{"history", "timezone", "Europe", "\"Europe\" is not a time zone like Europe/Berlin"},
	{"history", "timezone", "Europe/Brelin",
		"\"Europe/Brelin\" is not a time zone like Europe/Berlin"},
	{"history", "timezone", "../zoneinfo/UTC",
		"\"../zoneinfo/UTC\" is not a time zone like Europe/Berlin"},
	{"history", "timezone", "zone.tab", "\"zone.tab\" is not a time zone like Europe/Berlin"},
	{"history", "keep", "365 d", NULL},
	{"history", "keep", "59 m", "\"59 m\" is not a duration from 1 h to 36500 d"},
	{"history", "publish", "0", NULL},
	{"history", "publish", "1001", "\"1001\" is not a number from 0 to 1000"},
	{"history", "max_event_age", "1 h", NULL},
	{"history", "max_event_age", "0", "\"0\" is not a duration from 1 s to 365 d"},
	{"history", "pictures", "off", NULL},
	{"history", "pictures", "url", NULL},
	{"history", "pictures", "image", NULL},
	{"history", "pictures", "yes", "\"yes\" is not one of off url image"},
	{"privacy", "publish_secrets", "yes", NULL},
	{"privacy", "publish_secrets", "2", "\"2\" is not yes or no"},
	{"cache", "file", "/tmp/c.db", NULL},
	{"cache", "file", "$HOME/c.db", "\"$HOME/c.db\" is not an absolute path"},
	{"log", "level", "debug", NULL},
	{"log", "level", "error", NULL},
	{"log", "level", "loud", "\"loud\" is not one of error warning notice info debug"},
	{"residence r1", "alias", "müller-2.OG_links", NULL},
	{"residence r1", "alias", "bridge", "\"bridge\" is a name of the gateway's own"},
	{"residence r1", "alias", "a b",
		"\"a b\" is not made of letters, digits, '-', '_' and '.'"},
	{"residence r1", "alias", "a/b",
		"\"a/b\" is not made of letters, digits, '-', '_' and '.'"},
	{"residence r1", "alias", "$a", "\"$a\" is not made of letters, digits, '-', '_' and '.'"},
	{"residence r1", "alias", "+", "\"+\" is not made of letters, digits, '-', '_' and '.'"},
	{"residence r1", "alias", "\xe2\x82\xac",
		"\"\xe2\x82\xac\" is not made of letters, digits, '-', '_' and '.'"},
	{"residence r1", "alias", X64, NULL},
	{"residence r1", "alias", X64 "x", "\"" X64 "...\" is longer than 64 bytes"},
	{"residence r1", "enabled", "yes", NULL},
	{"residence r1", "enabled", "x", "\"x\" is not yes or no"},
	{"door d1", "alias", "front", NULL},
	{"door d1", "alias", "bridge", "\"bridge\" is a name of the gateway's own"},
	{"door d1", "allow", "no", NULL},
	{"door d1", "allow", "x", "\"x\" is not yes or no"},
	{"door d1", "hold_time", "0.1", NULL},
	{"door d1", "hold_time", "0", "\"0\" is not a duration from 0.1 s to 1 h"},
};

/* Puts one key in the right place; its line is *ret_line. */
static int load_sample(const struct sample *s, unsigned *ret_line)
{
	if (strcmp(s->section, "cloud") != 0) {
		*ret_line = 4;
		return load(
			CONFIG_EU "[%s]\n%s = %s\n%s", s->section, s->key, s->value, companions(s));
	}
	if (strcmp(s->key, "region") == 0 || strcmp(s->key, "url") == 0) {
		*ret_line = 2;
		return load("[cloud]\n%s = %s\n", s->key, s->value);
	}
	*ret_line = 3;
	return load(CONFIG_EU "%s = %s\n%s", s->key, s->value, companions(s));
}

static void test_samples(void **state)
{
	char expected[512];
	unsigned line;

	for (const struct sample *s = samples; s < samples + ELEMENTS(samples); s++) {
		int r = load_sample(s, &line);

		if (!s->expected) {
			if (r != 0)
				print_mistakes();
			assert_int_equal(r, 0);
			continue;
		}
		if (r != -EINVAL || config_mistakes.n != 1) {
			print_mistakes();
			fail_msg("[%s] %s = %s", s->section, s->key, s->value);
		}
		(void)snprintf(expected, sizeof(expected), "%u: [%s] %s: %s", line, s->section,
			s->key, s->expected);
		assert_string_equal(mistake(0), expected);
	}
}

static bool sampled(const struct config_section *section, const char *key, bool right)
{
	size_t n = strlen(section->name);

	for (const struct sample *s = samples; s < samples + ELEMENTS(samples); s++)
		if (strncmp(s->section, section->name, n) == 0 &&
			s->section[n] == (section->id ? ' ' : '\0') && strcmp(s->key, key) == 0 &&
			right == !s->expected)
			return true;
	return false;
}

static void test_every_key_is_sampled(void **state)
{
	for (const struct config_section *s = config_sections; s->name; s++) {
		size_t n = 0;

		for (const struct config_key *k = s->keys; k->name; k++, n++)
			if (!sampled(s, k->name, true) || !sampled(s, k->name, false))
				fail_msg("[%s] %s has no sample", s->name, k->name);
		assert_true(n <= CONFIG_KEYS_MAX);
	}
}

static bool takes(const struct config_section *section, const struct config_key *key, int decimals,
	double value)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%.*f", decimals, value);
	if (strcmp(section->name, "cloud") == 0)
		return load(CONFIG_LOOPBACK "%s = %s\n", key->name, text) == 0;
	return load(CONFIG_LOOPBACK "[%s%s]\n%s = %s\n", section->name, section->id ? " x" : "",
		       key->name, text) == 0;
}

static void test_limits(void **state)
{
	for (const struct config_section *s = config_sections; s->name; s++)
		for (const struct config_key *k = s->keys; k->name; k++) {
			if (k->type == CONFIG_NUMBER) {
				assert_true(takes(s, k, 0, k->min));
				assert_true(takes(s, k, 0, k->max));
				assert_false(takes(s, k, 0, k->min - 1));
				assert_false(takes(s, k, 0, k->max + 1));
			} else if (k->type == CONFIG_DURATION) {
				assert_true(takes(s, k, 2, k->min));
				assert_true(takes(s, k, 2, k->max));
				assert_false(takes(s, k, 2, k->min - 0.01));
				assert_false(takes(s, k, 2, k->max + 0.01));
			}
		}
}

/* Each key ends up in the field of its name. */
static void test_values(void **state)
{
	assert_loads("[cloud]\nurl = http://localhost:1\nca_file = /ca\ngrant = password\n"
		     "access_token_file = /at\nrefresh_token_file = /rt\nclient_id = ci\n"
		     "client_secret_file = /cs\nusername = un\npassword_file = /pw\nscope = sc\n"
		     "timeout = 3\nmax_in_flight = 4\n"
		     "[poll]\ndevices = 0.1\nhistory = 0.2\naccess = 0.3\nfamily = 0.4\n"
		     "[mqtt]\nhost = broker\nport = 8883\nprotocol = 3.1.1\nusername = mu\n"
		     "password_file = /mp\ntls = on\nca_file = /mca\ncert_file = /mc\n"
		     "key_file = /mk\nclient_id = mid\nbase_topic = a/b\n"
		     "[homeassistant]\ndiscovery = off\nprefix = p\nstatus_topic = s/t\n"
		     "[door]\nhold_time = 1\ndeadline = 2\nrepeat_after = 3\nmax_per_minute = 4\n"
		     "[commands]\nallow = family\n"
		     "[history]\ntimezone = Asia/Tokyo\nkeep = 1 d\npublish = 7\n"
		     "max_event_age = 8\npictures = url\n"
		     "[privacy]\npublish_secrets = 1\n[cache]\nfile = /c\n[log]\nlevel = warning\n"
		     "[residence r2]\nalias = two\n[residence r1]\nenabled = no\n"
		     "[door d2]\nallow = no\nhold_time = 9\n[door d1]\nalias = one\n");
	assert_string_equal(config->cloud.url, "http://localhost:1");
	assert_string_equal(config->cloud.ca_file, "/ca");
	assert_int_equal(config->token.grant, TOKEN_GRANT_PASSWORD);
	assert_string_equal(config->token.access_token_file, "/at");
	assert_string_equal(config->files.refresh_token, "/rt");
	assert_string_equal(config->token.client_id, "ci");
	assert_string_equal(config->files.client_secret, "/cs");
	assert_string_equal(config->token.username, "un");
	assert_string_equal(config->files.cloud_password, "/pw");
	assert_string_equal(config->token.scope, "sc");
	assert_int_equal(config->cloud.timeout_usec, 3000000);
	assert_int_equal(config->cloud.max_in_flight, 4);
	assert_int_equal(config->poll.devices_usec, 100000);
	assert_int_equal(config->poll.history_usec, 200000);
	assert_int_equal(config->poll.access_usec, 300000);
	assert_int_equal(config->poll.family_usec, 400000);
	assert_string_equal(config->mqtt.host, "broker");
	assert_int_equal(config->mqtt.port, 8883);
	assert_int_equal(config->mqtt.version, 3);
	assert_string_equal(config->mqtt.username, "mu");
	assert_string_equal(config->files.mqtt_password, "/mp");
	assert_true(config->mqtt.tls);
	assert_string_equal(config->mqtt.ca_file, "/mca");
	assert_string_equal(config->mqtt.cert_file, "/mc");
	assert_string_equal(config->mqtt.key_file, "/mk");
	assert_string_equal(config->mqtt.client_id, "mid");
	assert_string_equal(config->base_topic, "a/b");
	assert_int_equal(config->homeassistant.discovery, CONFIG_DISCOVERY_OFF);
	assert_string_equal(config->homeassistant.prefix, "p");
	assert_string_equal(config->homeassistant.status_topic, "s/t");
	assert_int_equal(config->door.hold_usec, 1000000);
	assert_int_equal(config->door.deadline_usec, 2000000);
	assert_int_equal(config->door.repeat_after_usec, 3000000);
	assert_int_equal(config->door.max_per_minute, 4);
	assert_int_equal(config->allow.groups, 1 << COMMAND_GROUP_FAMILY);
	assert_string_equal(config->history.timezone, "Asia/Tokyo");
	assert_true(config->history.keep_usec == UINT64_C(86400) * 1000000);
	assert_int_equal(config->history.publish, 7);
	assert_int_equal(config->history.max_event_age_usec, 8000000);
	assert_int_equal(config->history.pictures, CONFIG_PICTURES_URL);
	assert_true(config->publish_secrets);
	assert_string_equal(config->cache_file, "/c");
	assert_int_equal(config->log_level, LOG_WARNING);
	assert_int_equal(config->residences.n, 2);
	assert_string_equal(config->residences.items[0].id, "r1");
	assert_false(config->residences.items[0].allowed);
	assert_null(config->residences.items[0].alias);
	assert_string_equal(config->residences.items[1].alias, "two");
	assert_true(config->residences.items[1].allowed);
	assert_int_equal(config->doors.n, 2);
	assert_string_equal(config->doors.items[0].alias, "one");
	assert_true(config->doors.items[0].allowed);
	assert_int_equal(config->doors.items[0].hold_usec, 1000000);
	assert_false(config->doors.items[1].allowed);
	assert_int_equal(config->doors.items[1].hold_usec, 9000000);
}

/* The log has its own table of these words. */
static void test_levels_are_those_of_the_log(void **state)
{
	const struct config_section *section = config_section_find("log", false);
	const struct config_word *w = config_key_find(section, "level")->words;

	for (; w->word; w++)
		assert_int_equal(log_level_from_text(w->word), w->value);
}

static char *written_by(int (*write_to)(FILE *f))
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(write_to(f), 0);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void test_example_is_up_to_date(void **state)
{
	_cleanup_free_ char *text = written_by(config_write_example);
	_cleanup_free_ char *kept = calloc(1, strlen(text) + 2);
	FILE *f = fopen(EXAMPLE_FILE, "r");

	assert_non_null(f);
	(void)!fread(kept, 1, strlen(text) + 1, f);
	(void)fclose(f);
	/* Otherwise: make update-config. */
	assert_string_equal(kept, text);
}

/* As a user would: first only what must be set, then every key that has a default. */
static void test_example_loads(void **state)
{
	_cleanup_free_ char *example = written_by(config_write_example);
	char text[16384] = "", *rest = example, *line;
	struct config *plain;
	unsigned keys = 0;

	assert_int_equal(load("%s", example), -EINVAL);
	assert_string_equal(mistake(0), " [cloud] region: set this, or url");
	assert_int_equal(config_mistakes.n, 1);
	while ((line = strsep(&rest, "\n"))) {
		size_t n = strlen(line);

		assert_true(n <= 100);
		/* A key, or the header of a section that repeats; help has a space behind its '#'. */
		if (*line == '#' && line[1] && line[1] != ' ' && line[n - 1] != '=') {
			line++;
			keys++;
		}
		strcat(strcat(text, line), "\n");
	}
	assert_true(keys > 30);
	assert_loads(CONFIG_EU);
	plain = TAKE_PTR(config);
	assert_loads("%s", text);
	assert_int_equal(config->residences.n, 1);
	assert_int_equal(config->doors.n, 1);
	assert_int_equal(config_changes(plain, config), CONFIG_CHANGED | CONFIG_CHANGED_HOMES);
	plain = config_free(plain);
}

static void test_manual(void **state)
{
	_cleanup_free_ char *text = written_by(config_write_man);
	char *rest = text, *line;
	size_t keys = 0, expected = 0;

	for (const struct config_section *s = config_sections; s->name; s++)
		for (const struct config_key *k = s->keys; k->name; k++)
			expected++;
	while ((line = strsep(&rest, "\n"))) {
		keys += strncmp(line, ".It Cm ", 7) == 0;
		if (*line == '.')
			assert_non_null(strstr(".Ss .Bl .It .El", strndupa(line, 3)));
	}
	assert_int_equal(keys, expected);
	/* What is written to a full disk was not written. */
	{
		FILE *f = fopen("/dev/full", "w");

		assert_non_null(f);
		assert_int_equal(config_write_man(f), -EIO);
		(void)fclose(f);
		f = fopen("/dev/full", "w");
		assert_int_equal(config_write_example(f), -EIO);
		(void)fclose(f);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_state_directory),
		cmocka_unit_test(test_regions),
		cmocka_unit_test(test_samples),
		cmocka_unit_test(test_every_key_is_sampled),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_levels_are_those_of_the_log),
		cmocka_unit_test(test_example_is_up_to_date),
		cmocka_unit_test(test_example_loads),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, config_setup, config_teardown);
}
