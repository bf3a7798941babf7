#include "tests/unit/config_fixture.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

static void test_structure(void **state)
{
	assert_refused("3: there is no section [qtt]", CONFIG_EU "[qtt]\nport = 1\nx = 2\n");
	assert_refused("3: there is no section []", CONFIG_EU "[]\n");
	assert_refused(
		"3: [residence] needs an id behind its name", CONFIG_EU "[residence]\nalias = a\n");
	assert_refused("3: [mqtt] takes no id", CONFIG_EU "[mqtt x]\nport = 1\n");
	assert_refused("3: a section is a line like [mqtt], with nothing behind it",
		CONFIG_EU "[mqtt\nport = 1\n");
	assert_refused("3: a section is a line like [mqtt], with nothing behind it",
		CONFIG_EU "[mqtt] port = 1\n");
	assert_refused(
		"1: there must be a line like [mqtt] before the first key", "port = 1\n" CONFIG_EU);
	assert_refused(
		"4: this line is neither [section] nor key = value", CONFIG_EU "[mqtt]\nport\n");
	assert_refused("4: [mqtt] unknown key \"zzzz\"", CONFIG_EU "[mqtt]\nzzzz = 1\n");
	assert_refused("4: [mqtt] unknown key \"prot\", did you mean \"port\"?",
		CONFIG_EU "[mqtt]\nprot = 1\n");
	assert_refused("5: [mqtt] port: it was set in line 4 already",
		CONFIG_EU "[mqtt]\nport = 1\nport = 2\n");
	assert_refused("6: [mqtt] port: it was set in line 4 already",
		CONFIG_EU "[mqtt]\nport = 1\n[mqtt]\nport = 1\n");
	assert_refused("5: [door d] alias: it was set in line 4 already",
		CONFIG_EU "[door d]\nalias = a\nalias = b\n");
	assert_refused("5: [door d] this section began in line 3 already",
		CONFIG_EU "[door d]\nalias = a\n[door d]\n");
	assert_loads(CONFIG_EU "[door a]\nalias = a\n[door b]\nalias = b\n[door]\nhold_time = 1\n");
	assert_loads(CONFIG_EU "; a\n# b\n\n   \n[ mqtt ] ; c\n  port = 1 ; c\n\thost: x\n  # d\n");
	assert_int_equal(config->mqtt.port, 1);
	assert_string_equal(config->mqtt.host, "x");
	assert_loads("\xef\xbb\xbf[cloud]\r\nregion = us\r\n[mqtt]\r\nhost = a;b=c\r\nport = 2");
	assert_string_equal(config->mqtt.host, "a;b=c");
	assert_int_equal(config->mqtt.port, 2);
}

static void test_lists_continue(void **state)
{
	assert_loads(
		CONFIG_EU "[commands]\nallow = read ; a\n  family, ; b\n# c\n\n\tget_family_list\n"
			  "[log]\n level = debug\n");
	assert_int_equal(config->allow.groups, 1 << COMMAND_GROUP_READ | 1 << COMMAND_GROUP_FAMILY);
	assert_int_equal(config->allow.n, 1);
	assert_int_equal(config->log_level, LOG_DEBUG);
	assert_refused(
		"5: [commands] allow: \"x\" is not a command or one of read door access family",
		CONFIG_EU "[commands]\nallow = read\n x = 1\n");
	assert_refused("5: [commands] allow: it was set in line 4 already",
		CONFIG_EU "[commands]\nallow = read\nallow = door\n");
}

/* A key that would hold a secret, and texts that may be one: none is repeated. */
static void test_secrets_stay_unsaid(void **state)
{
	assert_refused("3: [cloud] secrets are read from files: put it into one and set "
		       "access_token_file",
		CONFIG_EU "access_token = geheim\n");
	assert_refused(
		"4: [mqtt] secrets are read from files: put it into one and set password_file",
		CONFIG_EU "[mqtt]\npassword = geheim\n");
	assert_refused("3: [cloud] this line begins with no key of the section",
		CONFIG_EU "eyJhbGciOiJSUzI1NiJ9== geheim\n");
	assert_refused("3: this line is neither [section] nor key = value",
		CONFIG_EU "eyJhbGciOiJSUzI1NiJ9\n");
}

static void test_long_lines(void **state)
{
	char id[160], text[300];

	/* Longer than inih's 49 bytes for a section. */
	memset(id, 'r', sizeof(id));
	id[128] = '\0';
	assert_loads(CONFIG_EU "[residence %s]\nalias = a\n", id);
	assert_string_equal(config->residences.items[0].id, id);
	id[128] = 'r';
	id[129] = '\0';
	assert_refused("3: the id of [residence] is longer than 128 bytes",
		CONFIG_EU "[residence %s]\n", id);
	assert_refused("3: the id \"a/b\" of [residence] holds a character that no id has",
		CONFIG_EU "[residence a/b]\n");
	memset(text, 'x', sizeof(text));
	text[190] = '\0';
	/* 7 + 190 bytes are the longest line that inih takes whole. */
	assert_refused("4: [mqtt] host: \"" X64 "...\" is longer than 180 bytes",
		CONFIG_EU "[mqtt]\nhost = %s\n", text);
	text[190] = 'x';
	text[191] = '\0';
	assert_refused("4: [mqtt] this line is longer than 197 bytes",
		CONFIG_EU "[mqtt]\nhost = %s\n", text);
	/* What follows a long line, or its second half, is read as ever. */
	text[299] = '\0';
	assert_int_equal(load(CONFIG_EU "[mqtt]\nhost = %s\nport = x\n", text), -EINVAL);
	assert_int_equal(config_mistakes.n, 2);
	assert_string_equal(mistake(1), "5: [mqtt] port: \"x\" is not a number from 1 to 65535");
	assert_loads(CONFIG_EU "#%s\n", text);
}

static void test_too_many(void **state)
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	(void)fputs(CONFIG_EU, f);
	for (int i = 0; i < 10001; i++)
		(void)fprintf(f, "[door  %d ]\n", i);
	(void)fclose(f);
	assert_int_equal(load_bytes(text, size), -EINVAL);
	assert_int_equal(config_mistakes.n, 1);
	assert_string_equal(mistake(0), "10003: there are more than 10000 [door] sections");
	*strstr(text, "[door  10000 ]") = '\0';
	assert_int_equal(load_bytes(text, strlen(text)), 0);
	assert_non_null(config_find(&config->doors, "9999"));
}

static void test_too_many_commands(void **state)
{
	char text[2048] = CONFIG_EU "[commands]\nallow =\n";

	for (int i = 0; i < 64; i++)
		strcat(text, " get_family_list\n");
	assert_loads("%s", text);
	assert_int_equal(config->allow.n, 64);
	assert_refused("69: [commands] allow: \"get_family_list\" is one more than 64 commands",
		"%s get_family_list\n", text);
}

static void test_not_text(void **state)
{
	assert_int_equal(
		load_bytes(CONFIG_EU "[mqtt]\nhost = a\0b\n", sizeof(CONFIG_EU) + 18), -EINVAL);
	assert_int_equal(config_mistakes.n, 1);
	assert_string_equal(mistake(0), "4: [mqtt] this line is not text in UTF-8");
	assert_refused("1: this line is not text in UTF-8", "\x7f"
							    "ELF\x02\x01\n\x01\x02\n");
	assert_refused("4: [mqtt] this line is not text in UTF-8",
		CONFIG_EU "[mqtt]\nusername = j\xf6rg\n");
	assert_refused("1: this line is not text in UTF-8", "\xff\xfe[\n");
	assert_refused("3: [cloud] this line is not text in UTF-8", CONFIG_EU "# a\rb\n");
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
	assert_int_equal(config_load(&untouched, config_directory, &none), -EINVAL);
	assert_int_equal(none.n, 1);
	assert_string_equal(none.text[0] + strlen(config_directory), ": is not a file");
	config_errors_done(&none);
	assert_int_equal(config_load(&untouched, "/dev/zero", &none), -EINVAL);
	config_errors_done(&none);
	assert_int_equal(load(CONFIG_EU), 0);
	assert_int_equal(truncate(config_path, (4 << 20) + 1), 0);
	assert_int_equal(config_load(&untouched, config_path, &none), -EINVAL);
	assert_int_equal(none.n, 1);
	assert_string_equal(
		none.text[0] + strlen(config_path), ": is too large for a configuration");
	config_errors_done(&none);
	assert_null(untouched);
}

static void test_all_errors_are_told(void **state)
{
	char text[2048] = CONFIG_EU "[mqtt]\n";

	assert_int_equal(load("[cloud]\ntimeout = x\n[mqtt]\nport = 0\nfoo = 1\n[x]\n"), -EINVAL);
	assert_int_equal(config_mistakes.n, 5);
	assert_string_equal(
		mistake(0), "2: [cloud] timeout: \"x\" is not a duration from 0.1 s to 2 m");
	assert_string_equal(mistake(1), "4: [mqtt] port: \"0\" is not a number from 1 to 65535");
	assert_string_equal(mistake(2), "5: [mqtt] unknown key \"foo\"");
	assert_string_equal(mistake(3), "6: there is no section [x]");
	assert_string_equal(mistake(4), " [cloud] region: set this, or url");
	for (int i = 0; i < 23; i++)
		strcat(text, "unknown = 1\n");
	assert_int_equal(load_bytes(text, strlen(text)), -EINVAL);
	assert_int_equal(config_mistakes.n, 20);
	assert_int_equal(config_mistakes.dropped, 3);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_structure),
		cmocka_unit_test(test_lists_continue),
		cmocka_unit_test(test_secrets_stay_unsaid),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_too_many_commands),
		cmocka_unit_test(test_not_text),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_all_errors_are_told),
	};

	return cmocka_run_group_tests(tests, config_setup, config_teardown);
}
