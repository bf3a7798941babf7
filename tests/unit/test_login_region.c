#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config_keys.h"
#include "daemon/exits.h"
#include "daemon/verbs.h"
#include "tests/unit/scratch.h"
#include "tests/unit/sim-client.h"
#include "util/json.h"

/* Two regions of a cloud: eu, which knows no account, and all the others, which know ours. */

struct scene {
	struct scratch *scratch;
	struct sim_client eu, other;
	struct options options;
	char text[65536]; /* what was printed */
};

static struct scene *scene;

const char *__wrap_config_region_url(int region);
const char *__wrap_config_region_url(int region)
{
	return region == 0 ? scene->eu.cloud : scene->other.cloud;
}

static void put(const char *name, const char *text, char path[static 512])
{
	(void)snprintf(path, 512, "%s/%s", scene->scratch->dir, name);
	scratch_write(path, text, strlen(text));
	assert_return_code(chmod(path, 0600), errno);
}

static int setup(void **state)
{
	char secret[512], text[2048];
	static char conf[512];

	scene = calloc(1, sizeof(*scene));
	assert_non_null(scene);
	assert_int_equal(scratch_setup((void **)&scene->scratch), 0);
	sim_start(&scene->eu, NULL);
	sim_start(&scene->other, NULL);
	sim_do(&scene->eu, "/fault",
		"{\"on\":\"token\",\"kind\":\"status\",\"status\":401,\"count\":-1}");
	put("secret", "sim-secret\n", secret);
	(void)snprintf(text, sizeof(text),
		"[cloud]\nregion = eu\ngrant = password\nusername = user@example.org\nscope = user\n"
		"client_id = sim-client\nclient_secret_file = %s\n[poll]\ndevices = 60\n",
		secret);
	put("conf", text, conf);
	scene->options.config = conf;
	assert_return_code(setenv("STATE_DIRECTORY", scene->scratch->dir, 1), errno);
	return 0;
}

static int teardown(void **state)
{
	sim_stop(&scene->eu);
	sim_stop(&scene->other);
	assert_int_equal(scratch_teardown((void **)&scene->scratch), 0);
	free(scene);
	return 0;
}

/* Somebody who types this. */
static int login(const char *typed)
{
	int in = memfd_create("in", MFD_CLOEXEC), out = memfd_create("out", MFD_CLOEXEC);
	int kept_in = dup(STDIN_FILENO), kept_out = dup(STDOUT_FILENO), r;
	sigset_t kept_signals;
	ssize_t n;

	assert_true(in >= 0 && out >= 0 && kept_in >= 0 && kept_out >= 0);
	assert_int_equal(pwrite(in, typed, strlen(typed), 0), strlen(typed));
	(void)fflush(stdout);
	(void)dup2(in, STDIN_FILENO);
	(void)dup2(out, STDOUT_FILENO);
	(void)sigprocmask(SIG_BLOCK, NULL, &kept_signals);
	r = verb_login(&scene->options);
	(void)sigprocmask(SIG_SETMASK, &kept_signals, NULL);
	(void)fflush(stdout);
	(void)dup2(kept_in, STDIN_FILENO);
	(void)dup2(kept_out, STDOUT_FILENO);
	n = pread(out, scene->text, sizeof(scene->text) - 1, 0);
	assert_true(n >= 0);
	scene->text[n] = '\0';
	(void)close(in);
	(void)close(out);
	(void)close(kept_in);
	(void)close(kept_out);
	return r;
}

static void printed(const char *text)
{
	if (!strstr(scene->text, text))
		fail_msg("\"%s\" is not in: %s", text, scene->text);
}

static void the_region_is_found(void **state)
{
	_cleanup_(json_freep) struct json_object *stored = NULL;
	char path[512];

	assert_int_equal(login("sim-password\ny\n"), EXIT_CONFIG);
	printed("✗ the cloud refuses the user name or password (HTTP 401)\n");
	printed("✓ us accepts it, and the tokens are stored\n");
	printed(": region = us\n");
	assert_int_equal(sim_count(&scene->other, "/tokens/token_requests"), 1);
	(void)snprintf(path, sizeof(path), "%s/token.json", scene->scratch->dir);
	stored = json_object_from_file(path);
	assert_string_equal(json_text(stored, "url"), scene->other.cloud);
}

static void nobody_is_asked_without_leave(void **state)
{
	assert_int_equal(login("sim-password\n\n"), EXIT_AUTH);
	printed("[y/N]\n");
	printed("→ log in once more with the right password");
	assert_int_equal(login("sim-password\n"), EXIT_AUTH);
	assert_int_equal(sim_count(&scene->other, "/tokens/token_requests"), 0);
	assert_int_equal(scratch_count(scene->scratch, "token.json"), 0);
}

static void a_wrong_password_is_wrong_everywhere(void **state)
{
	assert_int_equal(login("wrong\ny\n"), EXIT_AUTH);
	printed("! us: the cloud refuses the user name or password");
	printed("! cn: the cloud refuses the user name or password");
	assert_int_equal(sim_count(&scene->other, "/tokens/token_requests"), 5);
	assert_int_equal(scratch_count(scene->scratch, "token.json"), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_region_is_found),
		TEST(nobody_is_asked_without_leave),
		TEST(a_wrong_password_is_wrong_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
