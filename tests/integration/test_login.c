#include "tests/integration/scene.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "util/clock.h"

/* akuvox2mqtt login: what it asks, what it stores, and that it keeps secrets to itself. */

/* By the contract; the numbers are those of sysexits.h. */
enum {
	DONE = 0,
	FAILED = 1,
	UNAVAILABLE = 69,
	NO_PERMISSION = 77,
	CONFIG = 78,
};

#define NOBODY 65534

/* Somebody at the keyboard: the login's standard input, a terminal or a pipe. */
struct typist {
	int near; /* what is typed */
	int far;  /* the login's end */
	int kept; /* our own standard input */
};

static void typist_sit(struct typist *t, bool terminal)
{
	int pipes[2];

	if (terminal) {
		t->near = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		assert_true(t->near >= 0 && grantpt(t->near) == 0 && unlockpt(t->near) == 0);
		t->far = open(ptsname(t->near), O_RDWR | O_NOCTTY | O_CLOEXEC);
	} else {
		assert_return_code(pipe2(pipes, O_CLOEXEC), errno);
		t->near = pipes[1];
		t->far = pipes[0];
	}
	t->kept = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_true(t->far >= 0 && dup2(t->far, STDIN_FILENO) == STDIN_FILENO);
}

static void typist_write(struct typist *t, const char *text)
{
	assert_int_equal(write(t->near, text, strlen(text)), strlen(text));
}

static void typist_leave(struct typist *t)
{
	if (t->kept >= 0)
		(void)dup2(t->kept, STDIN_FILENO);
	closep(&t->kept);
	closep(&t->near);
	closep(&t->far);
}

static bool echoes(const struct typist *t)
{
	struct termios now;

	assert_return_code(tcgetattr(t->far, &now), errno);
	return now.c_lflag & ECHO;
}

static void await_echo(const struct typist *t, bool on)
{
	uint64_t deadline = test_deadline();

	while (echoes(t) != on) {
		assert_true(clock_boot_usec() < deadline);
		test_pause();
	}
}

/* What the terminal has shown of what was typed. */
static const char *shown(struct harness *h, const struct typist *t)
{
	char text[4096];
	ssize_t n;

	assert_return_code(fcntl(t->near, F_SETFL, O_NONBLOCK), errno);
	n = read(t->near, text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	return harness_text(h, "%s", text);
}

static struct process *start_login(struct harness *h)
{
	const char *build = getenv("TOP_BUILDDIR"), *wrap = getenv("HARNESS_WRAP");
	static unsigned n;
	struct process *login = process_new(h->dir, harness_text(h, "login-%u", n++));

	process_setenv(login, "STATE_DIRECTORY", harness_text(h, "%s/state", h->dir));
	process_exec(login, "sh", "-c",
		harness_text(h, "exec %s %s/akuvox2mqtt login -c %s", wrap ? wrap : "",
			build ? build : ".", harness_write_config(h)));
	return login;
}

/* The line that has this in it. */
static const char *await_line(struct process *login, const char *text)
{
	const char *line;

	do
		line = process_line(login);
	while (!strstr(line, text));
	return line;
}

static void expect_end(struct process *login, int status, const char *text)
{
	int r = process_wait(login);
	const char *output = process_output(login);

	if (r != status || !strstr(output, text))
		fail_msg("status %d, output: %s", r, output);
	(void)process_free(login);
}

static const char *token_file(struct harness *h)
{
	return harness_text(h, "%s/state/token.json", h->dir);
}

static void expect_nothing_stored(struct harness *h)
{
	assert_int_equal(access(token_file(h), F_OK), -1);
	assert_int_equal(access(harness_text(h, "%s.new", token_file(h)), F_OK), -1);
}

static void expect_stored(struct harness *h, uid_t owner)
{
	struct json_object *stored = json_object_from_file(token_file(h));
	struct stat st;

	assert_non_null(stored);
	harness_keep_json(h, stored);
	assert_string_equal(
		json_at(stored, "access_token"), control_text(h, "tokens.newest_access"));
	assert_string_equal(
		json_at(stored, "refresh_token"), control_text(h, "tokens.newest_refresh"));
	assert_return_code(stat(token_file(h), &st), errno);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_uid, owner);
}

/* The service has what the login got, and asks for no more. */
static void expect_service(struct harness *h)
{
	const char *asked = control_text(h, "tokens.token_requests");

	harness_start_broker(h);
	harness_start_client(h);
	harness_start_gateway(h);
	scene_await_doors(h);
	expect_success(scene_open(h, "OPEN"));
	scene_expect_openings(h, 1);
	assert_string_equal(control_text(h, "tokens.token_requests"), asked);
}

static void use_grant(struct harness *h, const char *grant)
{
	harness_set(h, "cloud.grant", grant);
	harness_set(h, "cloud.access_token_file", NULL);
	harness_set(h, "cloud.client_id", "sim-client");
	harness_set(h, "cloud.client_secret_file",
		harness_file(h, "client_secret", "sim-secret\n", 0600));
	harness_start_sim(h);
}

static void use_password(struct harness *h)
{
	use_grant(h, "password");
	harness_set(h, "cloud.username", "user@example.org");
	harness_set(h, "cloud.scope", "user");
}

/* As a browser would be sent on by the page. */
static const char *follow(struct harness *h, const char *page)
{
	struct process *curl = process_new(h->dir, "curl");
	const char *address;

	process_exec(curl, "curl", "-sS", "-o", "/dev/null", "-w", "%{redirect_url}\n", page);
	assert_int_equal(process_wait(curl), 0);
	address = harness_text(h, "%s", process_output(curl));
	(void)process_free(curl);
	return address;
}

HARNESS_TEST(by_a_browser)
{
	struct typist typist;
	struct process *login;

	use_grant(h, "authorization_code");
	typist_sit(&typist, false);
	login = start_login(h);
	typist_write(&typist, "https://home.example/back?x=1\n");
	typist_write(&typist, follow(h, await_line(login, "/oauth2/auth?")));
	expect_end(login, DONE, "✓ The cloud gave tokens");
	typist_leave(&typist);
	expect_stored(h, geteuid());
	expect_service(h);
}

HARNESS_TEST(a_code_of_another_login_is_refused)
{
	struct typist typist;
	struct process *login;

	use_grant(h, "authorization_code");
	typist_sit(&typist, false);
	login = start_login(h);
	typist_write(&typist, "\n");
	(void)await_line(login, "redirect_uri=http%3A%2F%2Flocalhost%2F");
	typist_write(&typist, "http://localhost/?state=0123&code=sim-code\n");
	(void)await_line(login, "✗ This does not do: it belongs to another login");
	assert_string_equal(control_text(h, "tokens.token_requests"), "0");
	/* The code alone is taken as it is. */
	typist_write(&typist, "wrong-code\n");
	expect_end(login, NO_PERMISSION, "✗ the cloud refuses the code (HTTP 400)");
	typist_leave(&typist);
	expect_nothing_stored(h);
}

HARNESS_TEST(a_password_is_not_shown)
{
	struct typist typist;
	struct process *login;

	use_password(h);
	typist_sit(&typist, true);
	login = start_login(h);
	(void)await_line(login, "Password of user@example.org");
	await_echo(&typist, false);
	typist_write(&typist, "sim-password\n");
	expect_end(login, DONE, "✓ The cloud gave tokens");
	assert_true(echoes(&typist));
	assert_null(strstr(shown(h, &typist), "sim-password"));
	typist_leave(&typist);
	expect_stored(h, geteuid());
	/* Without a password: it lives of the login. */
	expect_service(h);
}

HARNESS_TEST(a_password_from_its_file)
{
	use_password(h);
	harness_set(h, "cloud.password_file",
		harness_file(h, "cloud_password", "sim-password\n", 0600));
	assert_int_equal(
		harness_verb(h, NULL, NULL, "login", "-c", harness_write_config(h), NULL), DONE);
	expect_stored(h, geteuid());
}

HARNESS_TEST(a_refresh_token_that_is_pasted)
{
	struct typist typist;

	use_grant(h, "refresh_token");
	typist_sit(&typist, false);
	typist_write(&typist, "sim-refresh\n");
	expect_end(start_login(h), DONE, "✓ The cloud gave tokens");
	typist_leave(&typist);
	expect_stored(h, geteuid());
	expect_service(h);
}

HARNESS_TEST(an_application_by_itself)
{
	use_grant(h, "client_credentials");
	assert_int_equal(
		harness_verb(h, NULL, NULL, "login", "-c", harness_write_config(h), NULL), DONE);
	assert_int_equal(access(token_file(h), F_OK), 0);
	expect_service(h);
}

HARNESS_TEST(what_is_refused_changes_nothing)
{
	struct typist typist;
	const char *before;

	use_password(h);
	typist_sit(&typist, false);
	typist_write(&typist, "sim-password\n");
	expect_end(start_login(h), DONE, "✓");
	before = control_text(h, "tokens.newest_access");
	typist_write(&typist, "a wrong one\n");
	expect_end(start_login(h), NO_PERMISSION, "✗ the cloud refuses the user name or password");
	assert_string_equal(control_text(h, "tokens.newest_access"), before);
	expect_stored(h, geteuid());
	process_kill(h->sim);
	typist_write(&typist, "sim-password\n");
	expect_end(start_login(h), UNAVAILABLE, "→ look at the network");
	typist_leave(&typist);
	assert_int_equal(access(token_file(h), F_OK), 0);
}

/* Until the fault has been met. */
static void await_hang(struct harness *h)
{
	uint64_t deadline = test_deadline();

	while (*json_at(control_get(h, "/state"), "faults.0")) {
		assert_true(clock_boot_usec() < deadline);
		test_pause();
	}
}

HARNESS_TEST(who_stops_it_gets_his_terminal_back)
{
	struct typist typist;
	struct process *login;

	use_password(h);
	typist_sit(&typist, true);
	login = start_login(h);
	await_echo(&typist, false);
	process_signal(login, SIGINT);
	expect_end(login, FAILED, "Password");
	assert_true(echoes(&typist));
	/* In the midst of the exchange. */
	(void)control_post(h, "/fault", "{'on':'token','kind':'hang'}");
	login = start_login(h);
	await_echo(&typist, false);
	typist_write(&typist, "sim-password\n");
	await_hang(h);
	process_signal(login, SIGTERM);
	expect_end(login, FAILED, "Password");
	/* And at the end of what comes in. */
	closep(&typist.near);
	typist.near = -1;
	expect_end(start_login(h), FAILED, "Password");
	typist_leave(&typist);
	expect_nothing_stored(h);
}

HARNESS_TEST(a_service_that_runs_is_not_interfered_with)
{
	const char *errors;

	use_password(h);
	harness_set(h, "cloud.password_file",
		harness_file(h, "cloud_password", "sim-password\n", 0600));
	harness_start_broker(h);
	harness_start_gateway(h);
	assert_int_equal(
		harness_verb(h, NULL, &errors, "login", "-c", harness_write_config(h), NULL),
		FAILED);
	assert_non_null(strstr(errors, "sudo systemctl stop akuvox2mqtt"));
}

HARNESS_TEST(a_fixed_token_needs_none)
{
	const char *errors;

	harness_set(h, "cloud.url", "http://127.0.0.1:1");
	harness_set(h, "cloud.access_token_file", NULL);
	assert_int_equal(
		harness_verb(h, NULL, &errors, "login", "-c", harness_write_config(h), NULL),
		CONFIG);
	assert_non_null(strstr(errors, "set grant = authorization_code"));
}

/* Root logs in for the service. */
HARNESS_TEST(the_tokens_belong_to_whom_the_directory_does)
{
	struct typist typist;
	struct stat st;

	if (geteuid() != 0)
		return;
	use_grant(h, "refresh_token");
	assert_return_code(chmod(h->dir, 0711), errno);
	assert_return_code(chown(harness_text(h, "%s/state", h->dir), NOBODY, NOBODY), errno);
	typist_sit(&typist, false);
	typist_write(&typist, "sim-refresh\n");
	expect_end(start_login(h), DONE, "✓");
	typist_leave(&typist);
	expect_stored(h, NOBODY);
	assert_return_code(stat(harness_text(h, "%s/state/lock", h->dir), &st), errno);
	assert_int_equal(st.st_uid, NOBODY);
}

HARNESS_MAIN(HARNESS_RUN(by_a_browser), HARNESS_RUN(a_code_of_another_login_is_refused),
	HARNESS_RUN(a_password_is_not_shown), HARNESS_RUN(a_password_from_its_file),
	HARNESS_RUN(a_refresh_token_that_is_pasted), HARNESS_RUN(an_application_by_itself),
	HARNESS_RUN(what_is_refused_changes_nothing),
	HARNESS_RUN(who_stops_it_gets_his_terminal_back),
	HARNESS_RUN(a_service_that_runs_is_not_interfered_with),
	HARNESS_RUN(a_fixed_token_needs_none),
	HARNESS_RUN(the_tokens_belong_to_whom_the_directory_does))
