#include "tests/unit/cmocka-all.h"

#include "tests/unit/sim-home.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

/* Starts the simulator and leaves a struct sim_home in *context. */
int sim_home_setup(void **context)
{
	struct sim_home *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	*context = f;
	sim_start(&f->sim, NULL);
	f->state = sim_control(&f->sim, "GET", "/state", NULL, 200);
	(void)snprintf(f->home, sizeof(f->home), "%s", sim_text(f->state, "/homes/0/residence_id"));
	(void)snprintf(f->mac, sizeof(f->mac), "%s", sim_text(f->state, "/homes/0/devices/0/mac"));
	(void)snprintf(f->relay, sizeof(f->relay), "%s",
		sim_text(f->state, "/homes/0/devices/0/relays/0/relay_id"));
	(void)snprintf(f->guest, sizeof(f->guest), "%s",
		sim_text(f->state, "/homes/0/members/2/account_id"));
	return 0;
}

int sim_home_teardown(void **context)
{
	struct sim_home *f = *context;

	(void)json_object_put(f->state);
	sim_stop(&f->sim);
	free(f);
	return 0;
}

/* A param of the first home and so much more; the caller frees it. */
char *sim_with(const struct sim_home *f, const char *more)
{
	char *param;

	assert_true(asprintf(&param, "{\"residence_id\":\"%s\"%s%s}", f->home, *more ? "," : "",
			    more) > 0);
	return param;
}

/* The result of a command of the first home, param being residence_id and more; the caller owns it. */
struct json_object *sim_ask(struct sim_home *f, const char *command, const char *more)
{
	_cleanup_free_ char *param = sim_with(f, more);

	return sim_result(&f->sim, command, param);
}

/* A command of the first home that must succeed without a result. */
void sim_tell(struct sim_home *f, const char *command, const char *more)
{
	struct json_object *result = sim_ask(f, command, more);

	assert_string_equal(json_object_to_json_string(result), "{ }");
	(void)json_object_put(result);
}

/* The cloud's code when it says no to a command. */
int64_t sim_refused(struct sim_home *f, const char *command, const char *more)
{
	_cleanup_free_ char *param = sim_with(f, more);
	struct sim_reply reply;
	int64_t code;

	sim_call(&f->sim, &reply, command, param);
	assert_int_equal(reply.code, CURLE_OK);
	assert_int_equal(sim_flag(reply.json, "/success"), 0);
	code = sim_number(reply.json, "/code");
	sim_reply_done(&reply);
	return code;
}

/* Opens the first door. */
void sim_open_door(struct sim_home *f)
{
	char more[160];

	(void)snprintf(more, sizeof(more), "\"mac\":\"%s\",\"relay_id\":\"%s\"", f->mac, f->relay);
	sim_tell(f, "trigger_akuvox_remote_open_door", more);
}
