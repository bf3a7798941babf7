#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

#include "daemon/config.h"
#include "daemon/config_keys.h"

#define EU	 "[cloud]\nregion = eu\n"
#define LOOPBACK "[cloud]\nurl = http://127.0.0.1:8080\n"

static char directory[64];
static char path[80];
static struct config *config;
static struct config_errors errors;

static int load_bytes(const char *text, size_t size)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
	config = config_free(config);
	config_errors_done(&errors);
	return config_load(&config, path, &errors);
}

__attribute__((format(printf, 1, 2))) static int load(const char *format, ...)
{
	char *text;
	va_list ap;
	int n, r;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	assert_true(n >= 0);
	r = load_bytes(text, (size_t)n);
	free(text);
	return r;
}

static void print_errors(void)
{
	for (size_t i = 0; i < errors.n; i++)
		print_message("# %s\n", errors.text[i]);
}

#define assert_loads(...)                       \
	do {                                    \
		if (load(__VA_ARGS__) != 0) {   \
			print_errors();         \
			fail_msg("not loaded"); \
		}                               \
	} while (0)

/* The text of error i, behind "PATH:" or "PATH: ". */
static const char *error(size_t i)
{
	assert_true(i < errors.n);
	assert_memory_equal(errors.text[i], path, strlen(path));
	return errors.text[i] + strlen(path) + 1;
}

/* One mistake and no other. */
#define assert_refused(expected, ...)                           \
	do {                                                    \
		assert_int_equal(load(__VA_ARGS__), -EINVAL);   \
		if (errors.n != 1)                              \
			print_errors();                         \
		assert_int_equal(errors.n + errors.dropped, 1); \
		assert_string_equal(error(0), expected);        \
		assert_null(config);                            \
	} while (0)

static int setup(void **state)
{
	(void)snprintf(directory, sizeof(directory), "/tmp/test_config.XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/test.conf", directory);
	(void)unsetenv("STATE_DIRECTORY");
	(void)unsetenv("TZDIR");
	return 0;
}

static int teardown(void **state)
{
	config = config_free(config);
	config_errors_done(&errors);
	(void)unlink(path);
	return rmdir(directory);
}

/* The table of the contract, by hand. */
static void test_defaults(void **state)
{
	assert_loads(EU);
	assert_string_equal(config->path, path);
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
	assert_loads(EU);
	assert_string_equal(config->state_directory, "/srv/a");
	assert_string_equal(config->cache_file, "/srv/a/cache.db");
	assert_loads(EU "[cache]\nfile = $STATE_DIRECTORY/other.db\n");
	assert_string_equal(config->cache_file, "/srv/a/other.db");
	assert_loads(EU "[cache]\nfile = /tmp/cache.db\n");
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
	assert_refused("3: [cloud] url: set this or region, not both", EU "url = https://a.b\n");
	assert_int_equal(load("[cloud]\nurl = https://user:geheim@api.example.com\n"), -EINVAL);
	assert_null(strstr(error(0), "geheim"));
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

#define NO_PATH	 "\"pem\" is not an absolute path"
#define NO_TOKEN "its value is not an absolute path"
#define X64	 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

static const struct sample samples[] = {
	{"cloud", "region", "asia", NULL},
	{"cloud", "region", "EU", "\"EU\" is not one of eu us asia jp au cn"},
	{"cloud", "url", "https://api.example.com:8443", NULL},
	{"cloud", "url", "https://", "it is not an address like https://api.example.com"},
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
		return load(EU "[%s]\n%s = %s\n%s", s->section, s->key, s->value, companions(s));
	}
	if (strcmp(s->key, "region") == 0 || strcmp(s->key, "url") == 0) {
		*ret_line = 2;
		return load("[cloud]\n%s = %s\n", s->key, s->value);
	}
	*ret_line = 3;
	return load(EU "%s = %s\n%s", s->key, s->value, companions(s));
}

static void test_samples(void **state)
{
	char expected[512];
	unsigned line;

	for (const struct sample *s = samples; s < samples + ELEMENTS(samples); s++) {
		int r = load_sample(s, &line);

		if (!s->expected) {
			if (r != 0)
				print_errors();
			assert_int_equal(r, 0);
			continue;
		}
		if (r != -EINVAL || errors.n != 1) {
			print_errors();
			fail_msg("[%s] %s = %s", s->section, s->key, s->value);
		}
		(void)snprintf(expected, sizeof(expected), "%u: [%s] %s: %s", line, s->section,
			s->key, s->expected);
		assert_string_equal(error(0), expected);
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
		return load(LOOPBACK "%s = %s\n", key->name, text) == 0;
	return load(LOOPBACK "[%s%s]\n%s = %s\n", section->name, section->id ? " x" : "", key->name,
		       text) == 0;
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

static void test_structure(void **state)
{
	assert_refused("3: there is no section [qtt]", EU "[qtt]\nport = 1\nx = 2\n");
	assert_refused("3: there is no section []", EU "[]\n");
	assert_refused("3: [residence] needs an id behind its name", EU "[residence]\nalias = a\n");
	assert_refused("3: [mqtt] takes no id", EU "[mqtt x]\nport = 1\n");
	assert_refused("3: a section is a line like [mqtt], with nothing behind it",
		EU "[mqtt\nport = 1\n");
	assert_refused("3: a section is a line like [mqtt], with nothing behind it",
		EU "[mqtt] port = 1\n");
	assert_refused("1: there must be a line like [mqtt] before the first key", "port = 1\n" EU);
	assert_refused("4: this line is neither [section] nor key = value", EU "[mqtt]\nport\n");
	assert_refused("4: [mqtt] unknown key \"zzzz\"", EU "[mqtt]\nzzzz = 1\n");
	assert_refused(
		"4: [mqtt] unknown key \"prot\", did you mean \"port\"?", EU "[mqtt]\nprot = 1\n");
	assert_refused(
		"5: [mqtt] port: it was set in line 4 already", EU "[mqtt]\nport = 1\nport = 2\n");
	assert_refused("6: [mqtt] port: it was set in line 4 already",
		EU "[mqtt]\nport = 1\n[mqtt]\nport = 1\n");
	assert_refused("5: [door d] alias: it was set in line 4 already",
		EU "[door d]\nalias = a\nalias = b\n");
	assert_refused("5: [door d] this section began in line 3 already",
		EU "[door d]\nalias = a\n[door d]\n");
	assert_loads(EU "[door a]\nalias = a\n[door b]\nalias = b\n[door]\nhold_time = 1\n");
	assert_loads(EU "; a\n# b\n\n   \n[ mqtt ] ; c\n  port = 1 ; c\n\thost: x\n  # d\n");
	assert_int_equal(config->mqtt.port, 1);
	assert_string_equal(config->mqtt.host, "x");
	assert_loads("\xef\xbb\xbf[cloud]\r\nregion = us\r\n[mqtt]\r\nhost = a;b=c\r\nport = 2");
	assert_string_equal(config->mqtt.host, "a;b=c");
	assert_int_equal(config->mqtt.port, 2);
}

static void test_lists_continue(void **state)
{
	assert_loads(EU "[commands]\nallow = read ; a\n  family, ; b\n# c\n\n\tget_family_list\n"
			"[log]\n level = debug\n");
	assert_int_equal(config->allow.groups, 1 << COMMAND_GROUP_READ | 1 << COMMAND_GROUP_FAMILY);
	assert_int_equal(config->allow.n, 1);
	assert_int_equal(config->log_level, LOG_DEBUG);
	assert_refused(
		"5: [commands] allow: \"x\" is not a command or one of read door access family",
		EU "[commands]\nallow = read\n x = 1\n");
	assert_refused("5: [commands] allow: it was set in line 4 already",
		EU "[commands]\nallow = read\nallow = door\n");
}

/* A key that would hold a secret, and texts that may be one: none is repeated. */
static void test_secrets_stay_unsaid(void **state)
{
	assert_refused("3: [cloud] secrets are read from files: put it into one and set "
		       "access_token_file",
		EU "access_token = geheim\n");
	assert_refused(
		"4: [mqtt] secrets are read from files: put it into one and set password_file",
		EU "[mqtt]\npassword = geheim\n");
	assert_refused("3: [cloud] this line begins with no key of the section",
		EU "eyJhbGciOiJSUzI1NiJ9== geheim\n");
	assert_refused(
		"3: this line is neither [section] nor key = value", EU "eyJhbGciOiJSUzI1NiJ9\n");
}

static void test_long_lines(void **state)
{
	char id[160], text[300];

	/* Longer than inih's 49 bytes for a section. */
	memset(id, 'r', sizeof(id));
	id[128] = '\0';
	assert_loads(EU "[residence %s]\nalias = a\n", id);
	assert_string_equal(config->residences.items[0].id, id);
	id[128] = 'r';
	id[129] = '\0';
	assert_refused(
		"3: the id of [residence] is longer than 128 bytes", EU "[residence %s]\n", id);
	assert_refused("3: the id \"a/b\" of [residence] holds a character that no id has",
		EU "[residence a/b]\n");
	memset(text, 'x', sizeof(text));
	text[190] = '\0';
	/* 7 + 190 bytes are the longest line that inih takes whole. */
	assert_refused("4: [mqtt] host: \"" X64 "...\" is longer than 180 bytes",
		EU "[mqtt]\nhost = %s\n", text);
	text[190] = 'x';
	text[191] = '\0';
	assert_refused("4: [mqtt] this line is longer than 197 bytes", EU "[mqtt]\nhost = %s\n", text);
	/* What follows a long line, or its second half, is read as ever. */
	text[299] = '\0';
	assert_int_equal(load(EU "[mqtt]\nhost = %s\nport = x\n", text), -EINVAL);
	assert_int_equal(errors.n, 2);
	assert_string_equal(error(1), "5: [mqtt] port: \"x\" is not a number from 1 to 65535");
	assert_loads(EU "#%s\n", text);
}

static void test_not_text(void **state)
{
	assert_int_equal(load_bytes(EU "[mqtt]\nhost = a\0b\n", sizeof(EU) + 18), -EINVAL);
	assert_int_equal(errors.n, 1);
	assert_string_equal(error(0), "4: [mqtt] this line is not text in UTF-8");
	assert_refused("1: this line is not text in UTF-8", "\x7f"
							    "ELF\x02\x01\n\x01\x02\n");
	assert_refused("4: [mqtt] this line is not text in UTF-8", EU "[mqtt]\nusername = j\xf6rg\n");
	assert_refused("1: this line is not text in UTF-8", "\xff\xfe[\n");
	assert_refused("3: [cloud] this line is not text in UTF-8", EU "# a\rb\n");
}

static void test_unreadable(void **state)
{
	struct config_errors none = {0};
	struct config *untouched = NULL;

	assert_int_equal(config_load(&untouched, "/nonexistent/a.conf", &none), -ENOENT);
	assert_int_equal(none.n, 1);
	assert_string_equal(
		none.text[0], "/nonexistent/a.conf: cannot be read: No such file or directory");
	config_errors_done(&none);
	assert_int_equal(config_load(&untouched, directory, &none), -EINVAL);
	assert_int_equal(none.n, 1);
	assert_string_equal(none.text[0] + strlen(directory), ": is not a file");
	config_errors_done(&none);
	assert_int_equal(config_load(&untouched, "/dev/zero", &none), -EINVAL);
	config_errors_done(&none);
	assert_int_equal(load(EU), 0);
	assert_int_equal(truncate(path, (4 << 20) + 1), 0);
	assert_int_equal(config_load(&untouched, path, &none), -EINVAL);
	assert_int_equal(none.n, 1);
	assert_string_equal(none.text[0] + strlen(path), ": is too large for a configuration");
	config_errors_done(&none);
	assert_null(untouched);
}

static void test_all_errors_are_told(void **state)
{
	char text[2048] = EU "[mqtt]\n";

	assert_int_equal(load("[cloud]\ntimeout = x\n[mqtt]\nport = 0\nfoo = 1\n[x]\n"), -EINVAL);
	assert_int_equal(errors.n, 5);
	assert_string_equal(
		error(0), "2: [cloud] timeout: \"x\" is not a duration from 0.1 s to 2 m");
	assert_string_equal(error(1), "4: [mqtt] port: \"0\" is not a number from 1 to 65535");
	assert_string_equal(error(2), "5: [mqtt] unknown key \"foo\"");
	assert_string_equal(error(3), "6: there is no section [x]");
	assert_string_equal(error(4), " [cloud] region: set this, or url");
	for (int i = 0; i < 23; i++)
		strcat(text, "unknown = 1\n");
	assert_int_equal(load_bytes(text, strlen(text)), -EINVAL);
	assert_int_equal(errors.n, 20);
	assert_int_equal(errors.dropped, 3);
}

static void test_grants(void **state)
{
	assert_refused(
		" [cloud] username: the grant \"password\" needs it", EU "grant = password\n");
	assert_loads(EU "grant = password\nusername = u\n");
	assert_refused(" [cloud] client_id: the grants \"authorization_code\" and "
		       "\"client_credentials\" need it",
		EU "grant = authorization_code\n");
	assert_refused(" [cloud] client_id: the grants \"authorization_code\" and "
		       "\"client_credentials\" need it",
		EU "grant = client_credentials\n");
	assert_loads(EU "grant = authorization_code\nclient_id = u\n");
	assert_loads(EU "grant = client_credentials\nclient_id = u\n");
	assert_loads(EU "grant = refresh_token\n");
}

static void test_mqtt_keys_fit(void **state)
{
	assert_loads(EU "[mqtt]\nsocket = /run/m\n");
	assert_string_equal(config->mqtt.socket, "/run/m");
	assert_refused("5: [mqtt] host: it has no use with socket: set one or the other",
		EU "[mqtt]\nsocket = /run/m\nhost = a\n");
	assert_refused("4: [mqtt] port: it has no use with socket: set one or the other",
		EU "[mqtt]\nport = 1883\nsocket = /run/m\n");
	assert_refused("4: [mqtt] tls: it has no use with socket: set one or the other",
		EU "[mqtt]\ntls = yes\nsocket = /run/m\n");
	assert_refused("4: [mqtt] ca_file: it needs tls = yes", EU "[mqtt]\nca_file = /c\n");
	assert_refused(
		"5: [mqtt] cert_file: it needs key_file", EU "[mqtt]\ntls = yes\ncert_file = /c\n");
	assert_refused(
		"5: [mqtt] key_file: it needs cert_file", EU "[mqtt]\ntls = yes\nkey_file = /c\n");
}

static void test_loopback_polls_fast(void **state)
{
	assert_loads(LOOPBACK "[poll]\ndevices = 0.1\nhistory = 0.1\naccess = 0.1\nfamily = 0.1\n");
	assert_refused("4: [poll] history: \"0.05\" is not a duration from 0.1 s to 1 d, or 0",
		LOOPBACK "[poll]\nhistory = 0.05\n");
}

static void test_aliases(void **state)
{
	assert_loads(EU "[residence a]\nalias = x\n[residence b]\nalias = b\n"
			"[door a]\nalias = x\n[door c]\n");
	assert_refused("6: [residence b] alias: \"x\" is the alias of another in line 3",
		EU "[residence a]\nalias = x\n\n[residence b]\nalias = x\n");
	assert_refused("5: [door b] alias: \"x\" is the alias of another in line 3",
		EU "[door z]\nalias = x\n[door b]\nalias = x\n");
	assert_refused("4: [residence b] alias: \"a\" is the id of another in line 3",
		EU "[residence a]\n[residence b]\nalias = a\n");
	assert_refused("3: [door b] alias: \"z\" is the id of another in line 5",
		EU "[door b]\nalias = z\n[door z]\n");
}

static void test_many_homes(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)fputs(EU, f);
	for (int i = 0; i < 3000; i++)
		(void)fprintf(f, "[residence %d]\nalias = home-%d\nenabled = %d\n", i * 7919 % 3000,
			i, i % 2);
	(void)fclose(f);
	assert_int_equal(load_bytes(text, size), 0);
	free(text);
	assert_int_equal(config->residences.n, 3000);
	for (int i = 0; i < 3000; i++) {
		char id[16], alias[16];
		const struct config_instance *home;

		(void)snprintf(id, sizeof(id), "%d", i * 7919 % 3000);
		(void)snprintf(alias, sizeof(alias), "home-%d", i);
		home = config_find(&config->residences, id);
		assert_non_null(home);
		assert_string_equal(home->alias, alias);
		assert_int_equal(config_serves(config, id), i % 2);
	}
}

static void test_serves_and_allows(void **state)
{
	const struct command *list = catalog_find("get_family_list");
	const struct command *opening = catalog_find("trigger_akuvox_remote_open_door");

	assert_loads(EU "[commands]\nallow = trigger_akuvox_remote_open_door\n");
	assert_true(config_serves(config, "any"));
	assert_null(config_find(&config->residences, "any"));
	assert_true(config_allows(config, opening));
	assert_false(config_allows(config, list));
	assert_loads(EU "[commands]\nallow = read\n[residence a]\n[residence b]\nenabled = no\n");
	assert_true(config_serves(config, "a"));
	assert_false(config_serves(config, "b"));
	assert_false(config_serves(config, "c"));
	assert_false(config_allows(config, opening));
	assert_true(config_allows(config, list));
	assert_loads(EU "[commands]\nallow =\n");
	assert_false(config_allows(config, list));
	assert_refused(
		" no [residence] is enabled: nothing to do", EU "[residence a]\nenabled = no\n");
}

static size_t warnings_of(const char *text)
{
	struct config_errors warnings = {0};
	size_t n;

	assert_loads(EU "%s", text);
	config_warnings(config, &warnings);
	n = warnings.n;
	config_errors_done(&warnings);
	return n;
}

static void test_warnings(void **state)
{
	assert_int_equal(warnings_of(""), 0);
	assert_int_equal(warnings_of("[mqtt]\nhost = 127.1.2.3\n"), 0);
	assert_int_equal(warnings_of("[mqtt]\nhost = ::1\n"), 0);
	assert_int_equal(warnings_of("[mqtt]\nsocket = /run/m\n"), 0);
	assert_int_equal(warnings_of("[mqtt]\nhost = broker.lan\ntls = yes\n"), 0);
	assert_int_equal(warnings_of("[mqtt]\nhost = broker.lan\n"), 1);
	assert_int_equal(warnings_of("[mqtt]\nhost = 128.0.0.1\n"), 1);
	assert_int_equal(warnings_of("[mqtt]\nhost = fe80::1\n"), 1);
	assert_int_equal(warnings_of("[privacy]\npublish_secrets = yes\n"), 1);
}

static unsigned changes_to(const char *text)
{
	struct config *old;
	unsigned changes;

	assert_loads(EU "[door d]\nalias = a\n");
	old = TAKE_PTR(config);
	assert_loads("%s", text);
	changes = config_changes(old, config);
	assert_int_equal(changes, config_changes(config, old));
	old = config_free(old);
	return changes;
}

static void test_changes(void **state)
{
	assert_int_equal(changes_to(EU "# new\n[door d]\nalias = a\n[log]\nlevel = info\n"), 0);
	assert_int_equal(
		changes_to(EU "[door d]\nalias = a\n[log]\nlevel = debug\n"), CONFIG_CHANGED);
	assert_int_equal(
		changes_to(EU "[door d]\nalias = a\n[door]\ndeadline = 1\n"), CONFIG_CHANGED);
	assert_int_equal(
		changes_to(EU "[door d]\nalias = a\n[commands]\nallow = read\n"), CONFIG_CHANGED);
	assert_int_equal(changes_to(EU "[door d]\nalias = a\n[mqtt]\nport = 1\n"),
		CONFIG_CHANGED | CONFIG_CHANGED_BROKER);
	assert_int_equal(changes_to("[cloud]\nregion = us\n[door d]\nalias = a\n"),
		CONFIG_CHANGED | CONFIG_CHANGED_CLOUD);
	assert_int_equal(changes_to(EU "[door d]\nalias = a\n[cache]\nfile = /c\n"),
		CONFIG_CHANGED | CONFIG_CHANGED_CACHE);
	assert_int_equal(
		changes_to(EU "[door d]\nalias = b\n"), CONFIG_CHANGED | CONFIG_CHANGED_HOMES);
	assert_int_equal(
		changes_to(EU "[door e]\nalias = a\n"), CONFIG_CHANGED | CONFIG_CHANGED_HOMES);
	assert_int_equal(changes_to(EU), CONFIG_CHANGED | CONFIG_CHANGED_HOMES);
	assert_int_equal(changes_to(EU "[door d]\nalias = a\n[privacy]\npublish_secrets = yes\n"
				       "[homeassistant]\nprefix = ha\n[mqtt]\ntls = yes\n"),
		CONFIG_CHANGED | CONFIG_CHANGED_HOMES | CONFIG_CHANGED_BROKER);
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
	assert_string_equal(error(0), " [cloud] region: set this, or url");
	assert_int_equal(errors.n, 1);
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
	assert_loads(EU);
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
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_lists_continue),
		cmocka_unit_test(test_secrets_stay_unsaid),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_not_text),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_all_errors_are_told),
		cmocka_unit_test(test_grants),
		cmocka_unit_test(test_mqtt_keys_fit),
		cmocka_unit_test(test_loopback_polls_fast),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_many_homes),
		cmocka_unit_test(test_serves_and_allows),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_example_is_up_to_date),
		cmocka_unit_test(test_example_loads),
		cmocka_unit_test(test_manual),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
