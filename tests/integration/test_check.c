#include "tests/integration/scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* akuvox2mqtt check: a line for each thing that must hold, and what to do if it does not. */

/* By the contract; the numbers are those of sysexits.h. */
enum {
	DONE = 0,
	UNAVAILABLE = 69,
	NO_PERMISSION = 77,
	CONFIG = 78,
};

#define NOBODY 65534

static void expect(const char *output, const char *text)
{
	if (!strstr(output, text))
		fail_msg("\"%s\" is not in: %s", text, output);
}

static void expect_none(const char *output, const char *text)
{
	if (strstr(output, text))
		fail_msg("\"%s\" is in: %s", text, output);
}

static const char *check(struct harness *h, int status)
{
	const char *output;
	int r;

	r = harness_verb(h, &output, NULL, "check", "-c", harness_write_config(h), NULL);
	if (r != status)
		fail_msg("status %d: %s", r, output);
	return output;
}

static const char *check_offline(struct harness *h, int status)
{
	const char *output;

	assert_int_equal(harness_verb(h, &output, NULL, "check", "--offline", "-c",
				 harness_write_config(h), NULL),
		status);
	return output;
}

/* A cloud that is not on this machine is not to be asked as often as tests do. */
static void poll_politely(struct harness *h)
{
	static const char *const polls[] = {
		"poll.devices", "poll.history", "poll.access", "poll.family"};

	for (size_t i = 0; i < ELEMENTS(polls); i++)
		harness_set(h, polls[i], NULL);
}

static void start(struct harness *h)
{
	harness_start_broker(h);
	harness_start_sim(h);
}

static void use_grant(struct harness *h, const char *grant)
{
	harness_set(h, "cloud.grant", grant);
	harness_set(h, "cloud.access_token_file", NULL);
	harness_set(h, "cloud.client_id", "sim-client");
	harness_set(h, "cloud.client_secret_file",
		harness_file(h, "client_secret", "sim-secret\n", 0600));
}

static void use_refresh_token(struct harness *h)
{
	use_grant(h, "refresh_token");
	harness_set(h, "cloud.refresh_token_file",
		harness_file(h, "refresh_token", "sim-refresh\n", 0600));
}

static void use_password(struct harness *h, const char *password)
{
	use_grant(h, "password");
	harness_set(h, "cloud.username", "user@example.org");
	harness_set(h, "cloud.scope", "user");
	harness_set(h, "cloud.password_file", harness_file(h, "cloud_password", password, 0600));
}

static void expect_tokens_asked(struct harness *h, const char *n)
{
	assert_string_equal(control_text(h, "tokens.token_requests"), n);
}

HARNESS_TEST(each_thing_has_its_line)
{
	const char *output;

	start(h);
	output = check(h, DONE);
	expect(output,
		harness_text(h, "✓ cloud.access_token_file: %s/access_token (0600 ", h->dir));
	expect(output, harness_text(h, "✓ cloud %s answers\n", h->cloud_url));
	expect(output, "✓ clock: 0 s from the cloud's\n");
	expect(output, "✓ token: accepted; a fixed one");
	expect(output, "✓ home \"Home 1\"");
	expect(output, harness_text(h, "✓ broker %s: connected\n", h->socket));
	expect(output, "✓ MQTT 5\n");
	expect(output, "✓ permission to publish\n");
	expect(output, "✓ permission to subscribe\n");
	expect(output, "All is well.\n");
	/* There is no colour where there is no terminal. */
	expect_none(output, "\x1b");
	assert_int_equal(control_opening_count(h), 0);
	expect_tokens_asked(h, "0");
}

HARNESS_TEST(nothing_of_a_check_stays_on_the_broker)
{
	start(h);
	harness_start_client(h);
	(void)check(h, DONE);
	assert_false(client_await(h->client, "home/bridge/response/check", "")->retain);
	assert_false(client_await(h->client, "homeassistant/akuvox2mqtt-check", "")->retain);
}

HARNESS_TEST(a_secret_with_wrong_rights)
{
	const char *path = harness_text(h, "%s/access_token", h->dir), *output;

	harness_set(h, "cloud.url", "http://127.0.0.1:1");
	assert_return_code(chmod(path, 0644), errno);
	output = check_offline(h, CONFIG);
	expect(output, harness_text(h, "✗ cloud.access_token_file: %s (0644 ", path));
	expect(output, "can be read by others\n");
	expect(output, harness_text(h, "    → sudo chmod 600 '%s'\n", path));
	assert_return_code(unlink(path), errno);
	output = check_offline(h, CONFIG);
	expect(output, harness_text(h, "✗ cloud.access_token_file: %s: No such file", path));
	expect(output, harness_text(h, "sudo install -m 640 -g "));
	(void)harness_file(h, "access_token", "one\ntwo\n", 0600);
	output = check_offline(h, CONFIG);
	expect(output, "it must hold one line of text\n");
	/* Not the path of a file, so perhaps the token itself. */
	harness_set(h, "cloud.access_token_file", "/abcdef-token");
	output = check_offline(h, CONFIG);
	expect(output, "✗ cloud.access_token_file names no file that exists\n");
	expect_none(output, "abcdef-token");
	harness_set(h, "cloud.access_token_file", NULL);
	output = check_offline(h, CONFIG);
	expect(output, "✗ cloud.access_token_file: the grant needs it\n");
	expect(output, "/dev/stdin '/etc/akuvox2mqtt/access_token'\n");
}

/* The service's user is whose the state directory is. */
HARNESS_TEST(a_secret_that_the_service_may_not_read)
{
	const char *path = harness_text(h, "%s/access_token", h->dir), *output;

	/* Only root can look with another's eyes. */
	if (geteuid() != 0)
		return;
	harness_set(h, "cloud.url", "http://127.0.0.1:1");
	assert_return_code(chown(harness_text(h, "%s/state", h->dir), NOBODY, NOBODY), errno);
	output = check_offline(h, CONFIG);
	expect(output, harness_text(h, "may not enter the folder %s\n", h->dir));
	expect(output, harness_text(h, "    → sudo chmod o+x '%s'\n", h->dir));
	assert_return_code(chmod(h->dir, 0711), errno);
	output = check_offline(h, CONFIG);
	expect(output, harness_text(h, "%s (0600 root:root) may not be read by nobody\n", path));
	expect(output, harness_text(h, "    → sudo chown root:"));
	assert_return_code(chown(path, 0, NOBODY), errno);
	assert_return_code(chmod(path, 0640), errno);
	output = check_offline(h, DONE);
	expect(output, "✓ cloud.access_token_file");
	assert_return_code(chmod(h->dir, 0700), errno);
}

HARNESS_TEST(a_clock_that_is_wrong)
{
	const char *output;

	start(h);
	(void)control_post(h, "/fault",
		"{'on':'versions','kind':'no_success','body':'{\\'timestamp\\':1540869200562}'}");
	output = check(h, DONE);
	expect(output, "✗ clock: this machine is ");
	expect(output, " s ahead of the cloud\n    → sudo timedatectl set-ntp true\n");
	expect(output, "✓ token");
	(void)control_post(h, "/fault", "{'on':'versions','kind':'no_success','body':'{}'}");
	expect(check(h, DONE), "! clock: the cloud does not tell");
}

HARNESS_TEST(the_life_of_a_token)
{
	const char *output, *before;
	struct stat st;

	use_refresh_token(h);
	scene_start(h);
	assert_int_equal(process_stop(h->gateway), 0);
	before = control_text(h, "tokens.token_requests");
	output = check(h, DONE);
	expect(output, "✓ token: accepted; it ends in ");
	expect(output, " min, then it is renewed by refresh token\n");
	expect_tokens_asked(h, before);
	/* A refresh token is good for once. */
	(void)control_post(h, "/token", "{'revoke_access':true}");
	output = check(h, DONE);
	expect(output, "! token: the cloud does not accept the stored one any more");
	expect(output, "→ sudo systemctl restart");
	expect_tokens_asked(h, before);
	assert_return_code(unlink(harness_text(h, "%s/state/token.json", h->dir)), errno);
	output = check(h, DONE);
	expect(output, "! token: there is none yet");
	expect_tokens_asked(h, before);
	assert_int_equal(stat(harness_text(h, "%s/state/token.json", h->dir), &st), -1);
}

HARNESS_TEST(a_token_that_must_be_got_by_a_login)
{
	const char *output;

	use_grant(h, "authorization_code");
	start(h);
	output = check(h, NO_PERMISSION);
	expect(output, "✗ token: there is none yet\n");
	expect(output, "→ sudo akuvox2mqtt login -c ");
	expect(output, "✓ broker");
	expect(output, "Do what the first → says");
	expect_tokens_asked(h, "0");
}

HARNESS_TEST(a_password_is_tried_and_nothing_kept)
{
	struct stat st;
	const char *output;

	use_password(h, "sim-password\n");
	start(h);
	output = check(h, DONE);
	expect(output, "✓ token: given and accepted");
	expect(output, "✓ home");
	use_password(h, "sim-passwort\n");
	output = check(h, NO_PERMISSION);
	expect(output, "✗ token: the cloud refuses the user name or password");
	expect(output, "whether cloud.url is the account's");
	expect_none(output, "passwort");
	assert_int_equal(stat(harness_text(h, "%s/state/token.json", h->dir), &st), -1);
}

HARNESS_TEST(a_broker_that_refuses_the_password)
{
	const char *output;

	harness_broker_user(h, "gateway", "right");
	start(h);
	harness_set(h, "mqtt.password_file", harness_file(h, "wrong", "wrong\n", 0600));
	output = check(h, NO_PERMISSION);
	expect(output, "✗ broker ");
	expect(output, "mosquitto_passwd /etc/mosquitto/passwd 'gateway'");
	harness_set(h, "mqtt.password_file", NULL);
	harness_set(h, "mqtt.username", NULL);
	output = check(h, NO_PERMISSION);
	expect(output, "→ set mqtt.username and mqtt.password_file in ");
	expect(output, "✓ token");
}

HARNESS_TEST(a_broker_that_does_not_take_what_is_published)
{
	const char *output;

	harness_broker_user(h, "gateway", "right");
	harness_broker_line(
		h, harness_text(h, "acl_file %s",
			   harness_file(h, "acl", "user gateway\ntopic readwrite home/#\n", 0600)));
	start(h);
	output = check(h, NO_PERMISSION);
	expect(output, "connected as gateway\n");
	expect(output, "✗ permission to publish: not for homeassistant/akuvox2mqtt-check\n");
	expect(output, "→ let gateway write home/# and homeassistant/#");
	expect(output, "✓ permission to subscribe\n");
	harness_set(h, "homeassistant.discovery", "off");
	expect(check(h, DONE), "✓ permission to publish\n");
	harness_set(h, "mqtt.base_topic", "haus");
	expect(check(h, NO_PERMISSION), "not for haus/bridge/response/check\n");
	harness_set(h, "mqtt.protocol", "3.1.1");
	output = check(h, DONE);
	expect(output, "✓ MQTT 3.1.1\n");
	expect(output, "! permission to publish: MQTT 3.1.1 does not tell\n");
}

HARNESS_TEST(a_broker_that_is_not_there)
{
	const char *output;

	harness_start_sim(h);
	output = check(h, UNAVAILABLE);
	expect(output, "✗ broker ");
	expect(output, "→ sudo systemctl start mosquitto");
}

HARNESS_TEST(certificates)
{
	const char *output;

	poll_politely(h);
	harness_sim_tls(h);
	harness_broker_tls(h);
	start(h);
	output = check(h, DONE);
	expect(output, "✓ TLS: the certificate of localhost is trusted\n");
	expect(output, "✓ broker localhost:");
	harness_set(h, "cloud.ca_file", NULL);
	output = check(h, UNAVAILABLE);
	expect(output, "✗ TLS: no trusted connection to localhost: ");
	expect(output, "name its authority by cloud.ca_file");
	harness_set(h, "mqtt.ca_file", NULL);
	harness_set(h, "cloud.ca_file", h->certificate);
	output = check(h, UNAVAILABLE);
	expect(output, "✗ broker localhost:");
	expect(output, "mqtt.ca_file");
}

static void openssl(struct harness *h, const char *name, const char *arguments)
{
	struct process *tool = process_new(h->dir, name);

	process_exec(tool, "sh", "-c", harness_text(h, "cd %s && openssl %s", h->dir, arguments));
	assert_int_equal(process_wait(tool), 0);
	(void)process_free(tool);
}

static void make_certificate(struct harness *h, const char *name)
{
	openssl(h, "make",
		harness_text(h,
			"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
			"-days 2 -subj /CN=test -addext subjectAltName=DNS:%s "
			"-keyout own.key -out own.crt",
			name));
}

static const char *check_certificate(struct harness *h)
{
	poll_politely(h);
	harness_sim_options(
		h, harness_text(h, "--tls-cert %s/own.crt --tls-key %s/own.key", h->dir, h->dir));
	harness_start_sim(h);
	harness_set(h, "cloud.ca_file", harness_text(h, "%s/own.crt", h->dir));
	return check(h, UNAVAILABLE);
}

HARNESS_TEST(a_certificate_for_another_name)
{
	const char *output;

	make_certificate(h, "other.example");
	output = check_certificate(h);
	expect(output, "✗ TLS: no trusted connection to localhost: ");
	expect(output, "→ the certificate is for another name");
}

HARNESS_TEST(a_certificate_that_has_expired)
{
	const char *output;

	make_certificate(h, "localhost");
	openssl(h, "end",
		"x509 -in own.crt -signkey own.key -days -1 -out old.crt && mv old.crt own.crt");
	output = check_certificate(h);
	expect(output, "has expired\n");
	expect(output, "→ if the clock of this machine is right");
}

HARNESS_TEST(a_name_that_is_not_known)
{
	const char *output;

	harness_start_broker(h);
	poll_politely(h);
	harness_setenv(h, "RES_OPTIONS", "timeout:1 attempts:1");
	harness_set(h, "cloud.url", "https://nowhere.invalid");
	output = check(h, UNAVAILABLE);
	expect(output, "✗ name of the cloud: nowhere.invalid: ");
	expect(output, "✓ broker");
	expect_none(output, "✓ cloud http");
	expect_none(output, "✗ cloud");
}

HARNESS_TEST(no_configuration_at_all)
{
	const char *output, *errors;

	assert_int_equal(
		harness_verb(h, &output, &errors, "check", "-c", "/nowhere/a.conf", NULL), CONFIG);
	expect(output, "✗ configuration /nowhere/a.conf\n");
	expect(output, "/akuvox2mqtt.conf '/nowhere/a.conf'");
	expect(errors, "/nowhere/a.conf: cannot be read: No such file");
}

HARNESS_MAIN(HARNESS_RUN(each_thing_has_its_line),
	HARNESS_RUN(nothing_of_a_check_stays_on_the_broker),
	HARNESS_RUN(a_secret_with_wrong_rights),
	HARNESS_RUN(a_secret_that_the_service_may_not_read), HARNESS_RUN(a_clock_that_is_wrong),
	HARNESS_RUN(the_life_of_a_token), HARNESS_RUN(a_token_that_must_be_got_by_a_login),
	HARNESS_RUN(a_password_is_tried_and_nothing_kept),
	HARNESS_RUN(a_broker_that_refuses_the_password),
	HARNESS_RUN(a_broker_that_does_not_take_what_is_published),
	HARNESS_RUN(a_broker_that_is_not_there), HARNESS_RUN(certificates),
	HARNESS_RUN(a_certificate_for_another_name), HARNESS_RUN(a_certificate_that_has_expired),
	HARNESS_RUN(a_name_that_is_not_known), HARNESS_RUN(no_configuration_at_all))
