#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/config.h"
#include "daemon/secrets.h"

static char directory[64];
static char path[80];
static struct config *config;
static struct config_errors errors;

/* What would be read from /etc/credstore comes from "store.NAME" here. */
static int store_error;

int __real_secret_read(char **ret, const char *file, const char **ret_why);
int __wrap_secret_read(char **ret, const char *file, const char **ret_why);
int __wrap_secret_read(char **ret, const char *file, const char **ret_why)
{
	static const char store[] = "/etc/credstore/akuvox2mqtt.";
	char moved[128];

	if (strncmp(file, store, strlen(store)) != 0)
		return __real_secret_read(ret, file, ret_why);
	(void)snprintf(moved, sizeof(moved), "%s/store.%s", directory, file + strlen(store));
	return store_error ?: __real_secret_read(ret, moved, ret_why);
}

/* Writes a file of the test directory. */
static void put(const char *name, mode_t mode, const char *text)
{
	char file[128];
	FILE *f;

	(void)snprintf(file, sizeof(file), "%s/%s", directory, name);
	(void)unlink(file);
	f = fopen(file, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), mode), 0);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void drop(const char *name)
{
	char file[128];

	(void)snprintf(file, sizeof(file), "%s/%s", directory, name);
	assert_int_equal(unlink(file), 0);
}

/* Loads a configuration, in which '@' stands for the test directory, and its secrets. */
static int load(const char *text)
{
	FILE *f = fopen(path, "w");
	int r;

	assert_non_null(f);
	(void)fputs("[cloud]\nregion = eu\n", f);
	for (; *text; text++)
		if (*text == '@')
			(void)fputs(directory, f);
		else
			(void)fputc(*text, f);
	assert_int_equal(fclose(f), 0);
	config = config_free(config);
	config_errors_done(&errors);
	r = config_load(&config, path, &errors);
	for (size_t i = 0; i < errors.n; i++)
		print_message("# %s\n", errors.text[i]);
	assert_int_equal(r, 0);
	return secrets_load(config, &errors);
}

static void refused(const char *expected, const char *text)
{
	assert_int_equal(load(text), -EINVAL);
	assert_int_equal(errors.n, 1);
	assert_memory_equal(errors.text[0], path, strlen(path));
	assert_string_equal(errors.text[0] + strlen(path) + 1, expected);
}

static int setup(void **state)
{
	(void)snprintf(
		directory, sizeof(directory), "%s/test_secrets.XXXXXX", getenv("TMPDIR") ?: "/tmp");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	if (!mkdtemp(directory))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/conf", directory);
	return 0;
}

static int teardown(void **state)
{
	config = config_free(config);
	config_errors_done(&errors);
	(void)unlink(path);
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	return rmdir(directory);
}

#define REFUSED_MODE                                                                               \
	"3: [cloud] access_token_file: the file: others can read or change it: chmod 0600 it, or " \
	"0640 with the group of the service"

static void test_files(void **state)
{
	put("t", 0600, "geheim\n");
	assert_int_equal(load("access_token_file = @/t\n"), 0);
	assert_string_equal(config->access_token, "geheim");
	put("t", 0640, "geheim\r\n");
	assert_int_equal(load("access_token_file = @/t\n"), 0);
	assert_string_equal(config->access_token, "geheim");
	put("t", 0400, "two words");
	assert_int_equal(load("access_token_file = @/t\n"), 0);
	assert_string_equal(config->access_token, "two words");
	put("t", 0644, "geheim\n");
	refused(REFUSED_MODE, "access_token_file = @/t\n");
	put("t", 0602, "geheim\n");
	refused(REFUSED_MODE, "access_token_file = @/t\n");
	put("t", 0660, "geheim\n");
	refused(REFUSED_MODE, "access_token_file = @/t\n");
	put("t", 0600, "\n");
	refused("3: [cloud] access_token_file: the file: it is empty", "access_token_file = @/t\n");
	put("t", 0600, "one\ntwo\n");
	refused("3: [cloud] access_token_file: the file: it must hold one line of text",
		"access_token_file = @/t\n");
	drop("t");
	refused("3: [cloud] access_token_file: the file: it cannot be read: No such file or "
		"directory",
		"access_token_file = @/t\n");
	refused("3: [cloud] access_token_file: the file: it is not a file",
		"access_token_file = @\n");
}

static void test_all_of_them(void **state)
{
	put("a", 0600, "A");
	put("b", 0600, "B");
	put("c", 0600, "C");
	put("d", 0600, "D");
	put("e", 0600, "E");
	assert_int_equal(load("access_token_file = @/a\nrefresh_token_file = @/b\n"
			      "client_secret_file = @/c\npassword_file = @/d\n"
			      "[mqtt]\nusername = u\npassword_file = @/e\n"),
		0);
	assert_string_equal(config->access_token, "A");
	assert_string_equal(config->token.refresh_token, "B");
	assert_string_equal(config->token.client_secret, "C");
	assert_string_equal(config->token.password, "D");
	assert_string_equal(config->mqtt.password, "E");
	drop("a");
	drop("b");
	drop("c");
	drop("d");
	drop("e");
}

static void test_credentials(void **state)
{
	char expected[128];

	(void)setenv("CREDENTIALS_DIRECTORY", directory, 1);
	put("access_token", 0400, "A");
	put("refresh_token", 0400, "B");
	put("client_secret", 0400, "C");
	put("cloud_password", 0400, "D");
	put("mqtt_password", 0400, "E");
	put("t", 0600, "file");
	assert_int_equal(load("[mqtt]\nusername = u\n"), 0);
	assert_string_equal(config->access_token, "A");
	assert_string_equal(config->token.refresh_token, "B");
	assert_string_equal(config->token.client_secret, "C");
	assert_string_equal(config->token.password, "D");
	assert_string_equal(config->mqtt.password, "E");
	/* Where the token is read again from. */
	(void)snprintf(expected, sizeof(expected), "%s/access_token", directory);
	assert_string_equal(config->token.access_token_file, expected);
	/* The configuration wins. */
	assert_int_equal(load("access_token_file = @/t\n[mqtt]\nusername = u\n"), 0);
	assert_string_equal(config->access_token, "file");
	(void)snprintf(expected, sizeof(expected), "%s/t", directory);
	assert_string_equal(config->token.access_token_file, expected);
	put("mqtt_password", 0404, "E");
	refused(" [mqtt] password_file: the credential mqtt_password: others can read or "
		"change it: chmod 0600 it, or 0640 with the group of the service",
		"[mqtt]\nusername = u\n");
	drop("access_token");
	drop("refresh_token");
	drop("client_secret");
	drop("cloud_password");
	drop("mqtt_password");
	drop("t");
	refused(" [cloud] access_token_file: this grant needs it, or the systemd credential "
		"access_token",
		"");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
}

static void test_grants_need(void **state)
{
	refused(" [cloud] access_token_file: this grant needs it, or the systemd credential "
		"access_token",
		"");
	refused(" [cloud] refresh_token_file: this grant needs it, or the systemd credential "
		"refresh_token, or akuvox2mqtt login",
		"grant = refresh_token\n");
	refused(" [cloud] password_file: this grant needs it, or the systemd credential "
		"cloud_password, or akuvox2mqtt login",
		"grant = password\nusername = u\n");
	refused(" [cloud] client_secret_file: this grant needs it, or the systemd credential "
		"client_secret",
		"grant = client_credentials\nclient_id = c\n");
	assert_int_equal(load("grant = authorization_code\nclient_id = c\n"), 0);
}

static void test_a_login_stands_in(void **state)
{
	(void)setenv("STATE_DIRECTORY", directory, 1);
	refused(" [cloud] password_file: this grant needs it, or the systemd credential "
		"cloud_password, or akuvox2mqtt login",
		"grant = password\nusername = u\n");
	config_errors_done(&errors);
	assert_int_equal(secrets_load_for_login(config, &errors), 0);
	put("token.json", 0600, "{}");
	assert_int_equal(load("grant = password\nusername = u\n"), 0);
	assert_int_equal(load("grant = refresh_token\n"), 0);
	refused(" [cloud] client_secret_file: this grant needs it, or the systemd credential "
		"client_secret",
		"grant = client_credentials\nclient_id = c\n");
	config_errors_done(&errors);
	assert_int_equal(secrets_load_for_login(config, &errors), -EINVAL);
	drop("token.json");
	(void)unsetenv("STATE_DIRECTORY");
}

/* By hand there are no credentials, but root may look where the service's come from. */
static void test_store_of_credentials(void **state)
{
	put("store.access_token", 0600, "S");
	assert_int_equal(load(""), 0);
	assert_string_equal(config->access_token, "S");
	put("t", 0600, "file");
	assert_int_equal(load("access_token_file = @/t\n"), 0);
	assert_string_equal(config->access_token, "file");
	(void)setenv("CREDENTIALS_DIRECTORY", directory, 1);
	refused(" [cloud] access_token_file: this grant needs it, or the systemd credential "
		"access_token",
		"");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	drop("store.access_token");
	drop("t");
	store_error = -EACCES;
	refused(" [cloud] access_token_file: this grant needs it, or the systemd credential "
		"access_token",
		"");
	store_error = 0;
}

static void test_table(void **state)
{
	struct secret secret;
	char expected[128];
	size_t n = 0;

	put("t", 0600, "file");
	assert_int_equal(load("access_token_file = @/t\n"), 0);
	(void)snprintf(expected, sizeof(expected), "%s/t", directory);
	assert_true(secrets_at(config, 0, &secret));
	assert_string_equal(secret.section, "cloud");
	assert_string_equal(secret.key, "access_token_file");
	assert_string_equal(secret.credential, "access_token");
	assert_string_equal(secret.path, expected);
	assert_true(secret.named);
	assert_false(secret.missing);
	drop("t");
	put("store.access_token", 0600, "S");
	assert_int_equal(load(""), 0);
	assert_true(secrets_at(config, 0, &secret));
	assert_string_equal(secret.path, "/etc/credstore/akuvox2mqtt.access_token");
	assert_false(secret.named);
	drop("store.access_token");
	assert_int_equal(load(""), -EINVAL);
	assert_true(secrets_at(config, 0, &secret));
	assert_null(secret.path);
	assert_true(secret.missing);
	while (secrets_at(config, n, &secret))
		n++;
	assert_int_equal(n, 5);
}

#define LOGIN "grant = authorization_code\nclient_id = c\n"

static void test_broker(void **state)
{
	put("p", 0600, "geheim");
	refused(" [mqtt] username: a password needs a user name",
		LOGIN "[mqtt]\npassword_file = @/p\n");
	assert_int_equal(load(LOGIN "[mqtt]\nusername = u\n"), 0);
	assert_int_equal(load(LOGIN "[mqtt]\ntls = yes\ncert_file = @/p\nkey_file = @/p\n"), 0);
	put("p", 0644, "geheim");
	refused("8: [mqtt] key_file: others can read or change the file: chmod 0600 it, or "
		"0640 with the group of the service",
		LOGIN "[mqtt]\ntls = yes\ncert_file = @/p\nkey_file = @/p\n");
	assert_int_equal(load(LOGIN "[mqtt]\ntls = yes\nca_file = @/p\n"), 0);
	assert_int_equal(load(LOGIN "ca_file = @/p\n"), 0);
	drop("p");
	refused("7: [mqtt] ca_file: the file cannot be read: No such file or directory",
		LOGIN "[mqtt]\ntls = yes\nca_file = @/p\n");
	refused("5: [cloud] ca_file: it is not a file", LOGIN "ca_file = @\n");
}

static void test_changes(void **state)
{
	struct config *old;

	put("p", 0600, "one");
	assert_int_equal(load(LOGIN "[mqtt]\nusername = u\npassword_file = @/p\n"), 0);
	old = TAKE_PTR(config);
	assert_int_equal(load(LOGIN "[mqtt]\nusername = u\npassword_file = @/p\n"), 0);
	assert_int_equal(config_changes(old, config), 0);
	put("p", 0600, "two");
	assert_int_equal(load(LOGIN "[mqtt]\nusername = u\npassword_file = @/p\n"), 0);
	assert_int_equal(config_changes(old, config), CONFIG_CHANGED | CONFIG_CHANGED_BROKER);
	old = config_free(old);
	drop("p");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_all_of_them),
		cmocka_unit_test(test_credentials),
		cmocka_unit_test(test_grants_need),
		cmocka_unit_test(test_a_login_stands_in),
		cmocka_unit_test(test_store_of_credentials),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_broker),
		cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
