#pragma once

#include "tests/unit/cmocka-all.h"

#include "tests/integration/client.h"
#include "tests/integration/control.h"
#include "tests/integration/process.h"

/* A real mosquitto, the cloud simulator and the gateway, private to one test:
 *
 *     #include "tests/integration/harness.h"
 *
 *     HARNESS_TEST(a_door_opens_once)
 *     {
 *             const struct message *answer;
 *
 *             harness_set(h, "door.hold_time", "0.2");
 *             harness_start(h);
 *             answer = client_ask(h->client, harness_door(h, "open"), "OPEN");
 *             assert_string_equal(message_get(answer, "success"), "true");
 *             (void)client_await(h->client, harness_door(h, "state"), "UNLOCKED");
 *             (void)client_await(h->client, harness_door(h, "state"), "LOCKED");
 *             (void)control_await_openings(h, 1);
 *     }
 *
 *     HARNESS_MAIN(HARNESS_RUN(a_door_opens_once))
 *
 * A test that returns has passed only if then the gateway (when it still runs) ends on SIGTERM with
 * status 0 and the simulator has seen no wrong request. When a test fails, the logs of all three are
 * printed. The scratch folder h->dir goes at the end, unless KEEP=1. HARNESS_WRAP="valgrind ..."
 * stands before the gateway's command. */

struct harness {
	char dir[80];
	struct process *broker, *sim, *gateway;
	struct client *client; /* MQTT 5, subscribed to "#" */
	char socket[108];      /* the broker's Unix socket */
	unsigned port;	       /* its TCP port, 0: none */
	char cloud_url[64], control_url[64];
	bool wrong_requests_allowed; /* set by a test that provokes them */
	struct harness_private *private;
};

/* Before the start. Keys are those of the configuration, a section with a name is written
 * "door RELAY_ID.alias". Value NULL leaves the key out; the last call counts. */
void harness_set(struct harness *h, const char *key, const char *value);
void harness_setenv(struct harness *h, const char *name, const char *value); /* the gateway's */
void harness_sim_options(struct harness *h, const char *options); /* "--homes 3 --latency 5" */
void harness_broker_line(struct harness *h, const char *line);	  /* of mosquitto.conf */
void harness_broker_tcp(struct harness *h); /* also listens on h->port; gateway uses it */
void harness_broker_tls(struct harness *h); /* the same with a certificate for localhost */
void harness_broker_user(struct harness *h, const char *user, const char *password);
const char *harness_file(struct harness *h, const char *name, const char *text, int mode);

/* All of it, or one after the other. Each returns when its process is ready. All may be called
 * again after the process has ended: ports, sockets and files stay the same. */
void harness_start(struct harness *h);
void harness_start_broker(struct harness *h);
void harness_start_sim(struct harness *h);
void harness_start_client(struct harness *h);
void harness_start_gateway(struct harness *h);
void harness_launch_gateway(struct harness *h); /* does not wait for READY=1 */

/* Writes the configuration as set so far and returns its path; the start of the gateway does so. */
const char *harness_write_config(struct harness *h);

/* Runs "akuvox2mqtt VERB..." with the gateway's environment to its end and returns its exit status;
 * output and errors are texts that belong to the harness. "-c FILE" is the caller's to give. */
int harness_verb(struct harness *h, const char **ret_output, const char **ret_errors,
	const char *verb, ...) __attribute__((sentinel));

/* Topics of the first door of the first home: harness_door(h, "open"), and of the home:
 * harness_home(h, "availability"). The texts belong to the harness. */
const char *harness_door(struct harness *h, const char *leaf);
const char *harness_home(struct harness *h, const char *leaf);
const char *harness_text(struct harness *h, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* For cmocka, below the macros. */
int harness_setup(void **state);
int harness_teardown(void **state);
void harness_finish(struct harness *h);

#define HARNESS_TEST(name)                          \
	static void name##_body(struct harness *h); \
	static void name(void **state)              \
	{                                           \
		name##_body(*state);                \
		harness_finish(*state);             \
	}                                           \
	static void name##_body(struct harness *h)

#define HARNESS_RUN(name) cmocka_unit_test_setup_teardown(name, harness_setup, harness_teardown)

#define HARNESS_MAIN(...)                                         \
	int main(void)                                            \
	{                                                         \
		const struct CMUnitTest tests[] = {__VA_ARGS__};  \
		return cmocka_run_group_tests(tests, NULL, NULL); \
	}
