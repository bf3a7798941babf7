#include "tests/unit/config_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/requests.h"

static void test_grants(void **state)
{
	assert_refused(" [cloud] username: the grant \"password\" needs it",
		CONFIG_EU "grant = password\n");
	assert_loads(CONFIG_EU "grant = password\nusername = u\n");
	assert_refused(" [cloud] client_id: the grants \"authorization_code\" and "
		       "\"client_credentials\" need it",
		CONFIG_EU "grant = authorization_code\n");
	assert_refused(" [cloud] client_id: the grants \"authorization_code\" and "
		       "\"client_credentials\" need it",
		CONFIG_EU "grant = client_credentials\n");
	assert_loads(CONFIG_EU "grant = authorization_code\nclient_id = u\n");
	assert_loads(CONFIG_EU "grant = client_credentials\nclient_id = u\n");
	assert_loads(CONFIG_EU "grant = refresh_token\n");
}

static void test_mqtt_keys_fit(void **state)
{
	assert_loads(CONFIG_EU "[mqtt]\nsocket = /run/m\n");
	assert_string_equal(config->mqtt.socket, "/run/m");
	assert_refused("5: [mqtt] host: it has no use with socket: set one or the other",
		CONFIG_EU "[mqtt]\nsocket = /run/m\nhost = a\n");
	assert_refused("4: [mqtt] port: it has no use with socket: set one or the other",
		CONFIG_EU "[mqtt]\nport = 1883\nsocket = /run/m\n");
	assert_refused("4: [mqtt] tls: it has no use with socket: set one or the other",
		CONFIG_EU "[mqtt]\ntls = yes\nsocket = /run/m\n");
	assert_refused("4: [mqtt] ca_file: it needs tls = yes", CONFIG_EU "[mqtt]\nca_file = /c\n");
	assert_refused("5: [mqtt] cert_file: it needs key_file",
		CONFIG_EU "[mqtt]\ntls = yes\ncert_file = /c\n");
	assert_refused("5: [mqtt] key_file: it needs cert_file",
		CONFIG_EU "[mqtt]\ntls = yes\nkey_file = /c\n");
}

static void test_loopback_polls_fast(void **state)
{
	assert_loads(CONFIG_LOOPBACK
		"[poll]\ndevices = 0.1\nhistory = 0.1\naccess = 0.1\nfamily = 0.1\n");
	assert_refused("4: [poll] history: \"0.05\" is not a duration from 0.1 s to 1 d, or 0",
		CONFIG_LOOPBACK "[poll]\nhistory = 0.05\n");
}

static void test_aliases(void **state)
{
	assert_loads(CONFIG_EU "[residence a]\nalias = x\n[residence b]\nalias = b\n"
			       "[door a]\nalias = x\n[door c]\n");
	assert_refused("6: [residence b] alias: \"x\" is the alias of another in line 3",
		CONFIG_EU "[residence a]\nalias = x\n\n[residence b]\nalias = x\n");
	assert_refused("5: [door b] alias: \"x\" is the alias of another in line 3",
		CONFIG_EU "[door z]\nalias = x\n[door b]\nalias = x\n");
	assert_refused("4: [residence b] alias: \"a\" is the id of another in line 3",
		CONFIG_EU "[residence a]\n[residence b]\nalias = a\n");
	assert_refused("3: [door b] alias: \"z\" is the id of another in line 5",
		CONFIG_EU "[door b]\nalias = z\n[door z]\n");
}

static void test_commands_are_compared(void **state)
{
	struct config *old;

	assert_loads(CONFIG_EU "[commands]\nallow = get_family_list\n");
	old = TAKE_PTR(config);
	assert_loads(CONFIG_EU "[commands]\nallow = trigger_akuvox_remote_open_door\n");
	assert_int_equal(config_changes(old, config), CONFIG_CHANGED);
	old = config_free(old);
}

static void test_no_time_zones(void **state)
{
	(void)setenv("TZDIR", "/nonexistent", 1);
	assert_loads(CONFIG_EU "[history]\ntimezone = UTC\n");
	assert_refused("4: [history] timezone: \"Europe/Berlin\" cannot be looked up: install the "
		       "package tzdata",
		CONFIG_EU "[history]\ntimezone = Europe/Berlin\n");
	(void)unsetenv("TZDIR");
}

static void test_many_homes(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)fputs(CONFIG_EU, f);
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

/* As the gateway hands it to the bridge. */
static bool allows(const struct config *c, const struct command *command)
{
	const struct allowed allowed = {c->allow.groups, c->allow.commands, c->allow.n};

	return allowed_command(&allowed, command);
}

static void test_serves_and_allows(void **state)
{
	const struct command *list = catalog_find("get_family_list");
	const struct command *opening = catalog_find("trigger_akuvox_remote_open_door");

	assert_loads(CONFIG_EU "[commands]\nallow = trigger_akuvox_remote_open_door\n");
	assert_true(config_serves(config, "any"));
	assert_null(config_find(&config->residences, "any"));
	assert_true(allows(config, opening));
	assert_false(allows(config, list));
	assert_loads(
		CONFIG_EU "[commands]\nallow = read\n[residence a]\n[residence b]\nenabled = no\n");
	assert_true(config_serves(config, "a"));
	assert_false(config_serves(config, "b"));
	assert_false(config_serves(config, "c"));
	assert_false(allows(config, opening));
	assert_true(allows(config, list));
	assert_loads(CONFIG_EU "[commands]\nallow =\n");
	assert_false(allows(config, list));
	assert_refused(" no [residence] is enabled: nothing to do",
		CONFIG_EU "[residence a]\nenabled = no\n");
}

static size_t warnings_of(const char *text)
{
	struct config_errors warnings = {0};
	size_t n;

	assert_loads(CONFIG_EU "%s", text);
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

	assert_loads(CONFIG_EU "[door d]\nalias = a\n");
	old = TAKE_PTR(config);
	assert_loads("%s", text);
	changes = config_changes(old, config);
	assert_int_equal(changes, config_changes(config, old));
	old = config_free(old);
	return changes;
}

static void test_changes(void **state)
{
	assert_int_equal(
		changes_to(CONFIG_EU "# new\n[door d]\nalias = a\n[log]\nlevel = info\n"), 0);
	assert_int_equal(changes_to(CONFIG_EU "[door d]\nalias = a\n[log]\nlevel = debug\n"),
		CONFIG_CHANGED);
	assert_int_equal(changes_to(CONFIG_EU "[door d]\nalias = a\n[door]\ndeadline = 1\n"),
		CONFIG_CHANGED);
	assert_int_equal(changes_to(CONFIG_EU "[door d]\nalias = a\n[commands]\nallow = read\n"),
		CONFIG_CHANGED);
	assert_int_equal(changes_to(CONFIG_EU "[door d]\nalias = a\n[mqtt]\nport = 1\n"),
		CONFIG_CHANGED | CONFIG_CHANGED_BROKER);
	assert_int_equal(changes_to("[cloud]\nregion = us\n[door d]\nalias = a\n"),
		CONFIG_CHANGED | CONFIG_CHANGED_CLOUD);
	assert_int_equal(
		changes_to(CONFIG_EU "[door d]\nalias = a\n[cache]\nfile = /c\n"), CONFIG_CHANGED);
	assert_int_equal(changes_to(CONFIG_EU "[door d]\nalias = b\n"),
		CONFIG_CHANGED | CONFIG_CHANGED_HOMES);
	assert_int_equal(changes_to(CONFIG_EU "[door e]\nalias = a\n"),
		CONFIG_CHANGED | CONFIG_CHANGED_HOMES);
	assert_int_equal(
		changes_to(CONFIG_EU "[door d]\nalias = a\n[commands]\nallow = read door access "
				     "get_family_list\n"),
		CONFIG_CHANGED);
	assert_int_equal(changes_to(CONFIG_EU), CONFIG_CHANGED | CONFIG_CHANGED_HOMES);
	assert_int_equal(
		changes_to(CONFIG_EU "[door d]\nalias = a\n[privacy]\npublish_secrets = yes\n"
				     "[homeassistant]\nprefix = ha\n[mqtt]\ntls = yes\n"),
		CONFIG_CHANGED | CONFIG_CHANGED_BROKER);
	assert_int_equal(changes_to(CONFIG_EU "[door d]\nalias = a\n[mqtt]\nbase_topic = b\n"),
		CONFIG_CHANGED | CONFIG_CHANGED_HOMES | CONFIG_CHANGED_BROKER);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grants),
		cmocka_unit_test(test_mqtt_keys_fit),
		cmocka_unit_test(test_loopback_polls_fast),
		cmocka_unit_test(test_aliases),
		cmocka_unit_test(test_commands_are_compared),
		cmocka_unit_test(test_no_time_zones),
		cmocka_unit_test(test_many_homes),
		cmocka_unit_test(test_serves_and_allows),
		cmocka_unit_test(test_warnings),
		cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests(tests, config_setup, config_teardown);
}
