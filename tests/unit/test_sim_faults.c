#include "tests/unit/cmocka-all.h"

#include "tests/unit/sim-client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/json.h"

struct fixture {
	struct sim_client sim;
	char opening[256]; /* param of an opening */
};

static int setup(void **context)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct json_object *state;

	assert_non_null(f);
	*context = f;
	sim_start(&f->sim, NULL);
	/* On a kept line libcurl itself repeats what got no answer. */
	(void)curl_easy_setopt(f->sim.curl, CURLOPT_FRESH_CONNECT, 1L);
	state = sim_control(&f->sim, "GET", "/state", NULL, 200);
	(void)snprintf(f->opening, sizeof(f->opening),
		"{\"residence_id\":\"%s\",\"mac\":\"%s\",\"relay_id\":\"%s\"}",
		sim_text(state, "/homes/0/residence_id"), sim_text(state, "/homes/0/devices/0/mac"),
		sim_text(state, "/homes/0/devices/0/relays/0/relay_id"));
	(void)json_object_put(state);
	return 0;
}

static int teardown(void **context)
{
	struct fixture *f = *context;

	sim_stop(&f->sim);
	free(f);
	return 0;
}

static void open_door(struct fixture *f, struct sim_reply *ret)
{
	sim_call(&f->sim, ret, "trigger_akuvox_remote_open_door", f->opening);
}

static void queue(struct fixture *f, const char *on, const char *kind, const char *more)
{
	char body[256];

	(void)snprintf(body, sizeof(body), "{\"on\":\"%s\",\"kind\":\"%s\"%s%s}", on, kind,
		*more ? "," : "", more);
	sim_do(&f->sim, "/fault", body);
}

/* What each fault makes of an opening: what the client sees, and whether the door moves. */
static void test_kinds(void **context)
{
	static const struct {
		const char *kind, *more;
		CURLcode code;
		long status;
		bool is_json;
		int success; /* -1: the answer does not say */
		int64_t openings;
	} faults[] = {
		{"delay", "\"ms\":50", CURLE_OK, 200, true, 1, 1},
		{"drop_before", "", CURLE_GOT_NOTHING, 0, false, -1, 0},
		{"drop_after", "", CURLE_GOT_NOTHING, 0, false, -1, 1},
		{"status", "\"status\":503,\"retry_after\":7", CURLE_OK, 503, true, -1, 0},
		{"status", "\"status\":401", CURLE_OK, 401, true, -1, 0},
		{"status", "\"status\":500,\"body\":\"x\"", CURLE_OK, 500, false, -1, 0},
		{"wrong_json", "", CURLE_OK, 200, false, -1, 0},
		{"no_success", "", CURLE_OK, 200, true, -1, 0},
		{"refuse", "", CURLE_OK, 200, true, 0, 0},
		{"huge", "\"ms\":100000", CURLE_OK, 200, true, 1, 0},
		{"huge", "", CURLE_OK, 200, true, 1, 0},
		{"truncate", "", CURLE_PARTIAL_FILE, 200, false, -1, 1},
		{"slow", "\"ms\":1", CURLE_OK, 200, true, 1, 1},
		{"close", "", CURLE_OK, 200, true, 1, 1},
	};
	struct fixture *f = *context;
	int64_t openings = 0;

	for (size_t i = 0; i < ELEMENTS(faults); i++) {
		struct sim_reply reply;

		queue(f, i % 2 ? "*" : "trigger_akuvox_remote_open_door", faults[i].kind,
			faults[i].more);
		open_door(f, &reply);
		openings += faults[i].openings;
		if (reply.code != faults[i].code || reply.status != faults[i].status ||
			!reply.json != !faults[i].is_json)
			fail_msg("%s: curl %d, status %ld, %.200s", faults[i].kind, reply.code,
				reply.status, reply.body);
		assert_int_equal(sim_flag(reply.json, "/success"), faults[i].success);
		assert_int_equal(sim_count(&f->sim, "/openings"), openings);
		assert_int_equal(sim_count(&f->sim, "/faults"), 0);
		sim_reply_done(&reply);
	}
	assert_int_equal(sim_count(&f->sim, "/requests/trigger_akuvox_remote_open_door"),
		(int64_t)ELEMENTS(faults));
	assert_int_equal(sim_count(&f->sim, "/wrong_requests"), 0);
}

#define ENOUGH 2000

static size_t on_header(char *data, size_t unit, size_t size, void *userdata)
{
	size_t *seen = userdata;

	*seen += size;
	return *seen < ENOUGH ? size : 0;
}

static int on_progress(void *userdata, curl_off_t a, curl_off_t got, curl_off_t c, curl_off_t d)
{
	return got > ENOUGH;
}

/* A client that gives up: by then more has come than any right answer is long, and the door has
 * moved. */
static void test_answers_without_end(void **context)
{
	struct fixture *f = *context;
	struct sim_reply reply;
	size_t seen = 0;

	queue(f, "*", "slow_head", "\"ms\":1");
	(void)curl_easy_setopt(f->sim.curl, CURLOPT_HEADERFUNCTION, on_header);
	(void)curl_easy_setopt(f->sim.curl, CURLOPT_HEADERDATA, &seen);
	open_door(f, &reply);
	assert_int_equal(reply.code, CURLE_WRITE_ERROR);
	sim_reply_done(&reply);
	assert_int_equal(sim_count(&f->sim, "/openings"), 1);
	(void)curl_easy_setopt(f->sim.curl, CURLOPT_HEADERFUNCTION, NULL);
	(void)curl_easy_setopt(f->sim.curl, CURLOPT_HEADERDATA, NULL);

	queue(f, "*", "endless", "\"ms\":1");
	(void)curl_easy_setopt(f->sim.curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(f->sim.curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	open_door(f, &reply);
	assert_int_equal(reply.code, CURLE_ABORTED_BY_CALLBACK);
	assert_int_equal(sim_flag(reply.json, "/success"), 1);
	sim_reply_done(&reply);
	assert_int_equal(sim_count(&f->sim, "/openings"), 2);
	while (sim_count(&f->sim, "/connections/open") > 0)
		;
}

static void test_retry_after_and_bodies(void **context)
{
	struct fixture *f = *context;
	struct sim_reply reply;
	curl_off_t wait = 0;

	queue(f, "get_family_list", "status", "\"status\":429,\"retry_after\":7,\"body\":\"slow\"");
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	(void)curl_easy_getinfo(f->sim.curl, CURLINFO_RETRY_AFTER, &wait);
	assert_int_equal(wait, 7);
	assert_string_equal(reply.body, "slow");
	sim_reply_done(&reply);

	queue(f, "get_family_list", "refuse", "\"status\":1234,\"body\":\"no\"");
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	assert_int_equal(sim_number(reply.json, "/code"), 1234);
	assert_string_equal(sim_text(reply.json, "/message"), "no");
	sim_reply_done(&reply);

	queue(f, "get_family_list", "huge", "");
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	assert_true(reply.size > 8 * 1024 * 1024);
	sim_reply_done(&reply);
}

static void test_counts_and_order(void **context)
{
	struct fixture *f = *context;
	struct sim_reply reply;

	/* The first that fits is taken, whatever else waits before it. */
	queue(f, "token", "status", "\"status\":500");
	queue(f, "get_family_list", "status", "\"status\":501,\"count\":2");
	queue(f, "*", "status", "\"status\":502,\"count\":-1");
	for (long i = 0; i < 5; i++) {
		sim_call(&f->sim, &reply, "get_family_list", "{}");
		assert_int_equal(reply.status, i < 2 ? 501 : 502);
		sim_reply_done(&reply);
	}
	/* "*" means commands. */
	sim_send(&f->sim, &reply, "GET", SIM_METHODS "versions", NULL);
	assert_int_equal(reply.status, 200);
	sim_reply_done(&reply);
	queue(f, "versions", "status", "\"status\":503");
	sim_send(&f->sim, &reply, "GET", SIM_METHODS "versions", NULL);
	assert_int_equal(reply.status, 503);
	sim_reply_done(&reply);
	queue(f, "picture", "status", "\"status\":504");
	sim_send(&f->sim, &reply, "GET", "/pictures/capture-0.jpg", NULL);
	assert_int_equal(reply.status, 504);
	sim_reply_done(&reply);
	assert_int_equal(sim_count(&f->sim, "/faults"), 2);
	(void)json_object_put(sim_control(&f->sim, "DELETE", "/fault", NULL, 200));
	assert_int_equal(sim_count(&f->sim, "/faults"), 0);
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	assert_int_equal(reply.status, 200);
	sim_reply_done(&reply);
}

static void *open_in_thread(void *context)
{
	struct fixture *f = context;
	struct sim_reply reply;
	CURLcode code;

	open_door(f, &reply);
	code = reply.code;
	sim_reply_done(&reply);
	return (void *)(uintptr_t)code;
}

static int leave(void *leaves, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	return atomic_load((atomic_bool *)leaves);
}

static void test_hang_and_client_leaves(void **context)
{
	struct fixture *f = *context;
	atomic_bool leaves = false;
	pthread_t thread;
	void *code;

	queue(f, "*", "hang", "");
	(void)curl_easy_setopt(f->sim.curl, CURLOPT_NOPROGRESS, 0L);
	(void)curl_easy_setopt(f->sim.curl, CURLOPT_XFERINFOFUNCTION, leave);
	(void)curl_easy_setopt(f->sim.curl, CURLOPT_XFERINFODATA, &leaves);
	assert_int_equal(pthread_create(&thread, NULL, open_in_thread, f), 0);
	while (sim_count(&f->sim, "/requests/trigger_akuvox_remote_open_door") == 0)
		;
	atomic_store(&leaves, true);
	assert_int_equal(pthread_join(thread, &code), 0);
	assert_int_equal((uintptr_t)code, CURLE_ABORTED_BY_CALLBACK);
	/* It was taken in, but nothing was done, and the line goes away without further ado. */
	assert_int_equal(sim_count(&f->sim, "/openings"), 0);
	while (sim_count(&f->sim, "/connections/open") > 0)
		;
}

static void test_clear_wakes_the_hanging(void **context)
{
	struct fixture *f = *context;
	pthread_t thread;
	void *code;

	queue(f, "*", "hang", "\"count\":-1");
	assert_int_equal(pthread_create(&thread, NULL, open_in_thread, f), 0);
	while (sim_count(&f->sim, "/requests/trigger_akuvox_remote_open_door") == 0)
		;
	(void)json_object_put(sim_control(&f->sim, "DELETE", "/fault", NULL, 200));
	assert_int_equal(pthread_join(thread, &code), 0);
	assert_int_equal((uintptr_t)code, CURLE_GOT_NOTHING);
	assert_int_equal(sim_count(&f->sim, "/openings"), 0);
}

/* The end of the simulator must not wait for the hanging. */
static void test_stop_wakes_the_hanging(void **context)
{
	struct fixture f = {.opening = "{\"residence_id\":\"r\",\"mac\":\"m\",\"relay_id\":\"x\"}"};
	struct sim_client stopper;
	pthread_t thread;
	void *code;

	sim_start(&f.sim, NULL);
	queue(&f, "*", "hang", "");
	assert_int_equal(pthread_create(&thread, NULL, open_in_thread, &f), 0);
	while (sim_count(&f.sim, "/requests/trigger_akuvox_remote_open_door") == 0)
		;
	stopper = f.sim;
	stopper.curl = NULL; /* still in use */
	sim_stop(&stopper);
	assert_int_equal(pthread_join(thread, &code), 0);
	assert_int_equal((uintptr_t)code, CURLE_GOT_NOTHING);
	curl_easy_cleanup(f.sim.curl);
}

static void test_connections(void **context)
{
	struct fixture *f = *context;
	struct sim_reply reply;
	struct json_object *r;
	long connects;

	queue(f, "connect", "close", "\"count\":2");
	for (int i = 0; i < 3; i++) {
		sim_call(&f->sim, &reply, "get_family_list", "{}");
		assert_int_equal(reply.code == CURLE_OK, i == 2);
		sim_reply_done(&reply);
	}
	(void)curl_easy_setopt(f->sim.curl, CURLOPT_FRESH_CONNECT, 0L);
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	(void)curl_easy_getinfo(f->sim.curl, CURLINFO_NUM_CONNECTS, &connects);
	assert_int_equal(connects, 0);
	sim_reply_done(&reply);

	r = sim_control(&f->sim, "POST", "/close_idle", "", 200);
	assert_int_equal(sim_number(r, "/closed"), 1);
	(void)json_object_put(r);
	while (sim_count(&f->sim, "/connections/open") > 0)
		;
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	assert_int_equal(reply.code, CURLE_OK);
	(void)curl_easy_getinfo(f->sim.curl, CURLINFO_NUM_CONNECTS, &connects);
	assert_int_equal(connects, 1);
	sim_reply_done(&reply);

	queue(f, "*", "close", "");
	sim_call(&f->sim, &reply, "get_family_list", "{}");
	assert_int_equal(reply.code, CURLE_OK);
	sim_reply_done(&reply);
	while (sim_count(&f->sim, "/connections/open") > 0)
		;
	assert_int_equal(sim_count(&f->sim, "/wrong_requests"), 0);
}

static void test_latency(void **context)
{
	struct sim_client sim;
	curl_off_t usec = 0;

	sim_start(&sim, (const char *[]){"--latency", "30", NULL});
	(void)json_object_put(sim_result(&sim, "get_family_list", "{}"));
	(void)curl_easy_getinfo(sim.curl, CURLINFO_TOTAL_TIME_T, &usec);
	assert_true(usec >= 30000);
	sim_stop(&sim);
}

static void test_size_limit(void **context)
{
	struct fixture *f = *context;
	char *body = malloc(70001);
	struct sim_reply reply;

	assert_non_null(body);
	memset(body, 'x', 70000);
	body[70000] = '\0';
	sim_send(&f->sim, &reply, "POST", SIM_METHODS "user-commands", body);
	assert_int_equal(reply.status, 413);
	sim_reply_done(&reply);
	free(body);
}

/* What hangs for good must not stop "make check". */
#define TEST_SECONDS_MAX 300

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kinds, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers_without_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_retry_after_and_bodies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_counts_and_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hang_and_client_leaves, setup, teardown),
		cmocka_unit_test_setup_teardown(test_clear_wakes_the_hanging, setup, teardown),
		cmocka_unit_test(test_stop_wakes_the_hanging),
		cmocka_unit_test_setup_teardown(test_connections, setup, teardown),
		cmocka_unit_test(test_latency),
		cmocka_unit_test_setup_teardown(test_size_limit, setup, teardown),
	};

	(void)alarm(TEST_SECONDS_MAX);
	return cmocka_run_group_tests_name("sim_faults", tests, NULL, NULL);
}
