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
 * A test that returns has passed only if then the gateway ends on SIGTERM with status 0, nothing had
 * ended unseen, and the simulator has seen no wrong request. The logs of a test that fails are
 * printed. The scratch folder h->dir goes at the end, unless KEEP=1. HARNESS_WRAP="valgrind -q"
 * stands before the gateway's command, HARNESS_PATIENCE=120 lets each await wait so many seconds. */

struct harness {
	char dir[80];
	struct process *broker, *sim, *gateway;
	struct client *client; /* MQTT 5, subscribed to "#" */
	char socket[100];      /* the broker's Unix socket */
	unsigned port;         /* its TCP port, 0: none */
	char base[64];         /* mqtt.base_topic */
	bool is_mqtt3;         /* mqtt.protocol of the gateway; the clients' is 5 */
	char *user;            /* the broker knows users: the gateway's, else NULL */
	char *certificate;     /* for localhost, or NULL: harness_certificate() */
	char cloud_url[64];    /* of the simulator */
	char control_url[64];
	bool wrong_requests_allowed; /* set by a test that provokes them */
	struct harness_private *private;
};

/* Before the start. A key is "section.key", a section may have a name: "door RELAY_ID.alias".
 * Value NULL leaves the key out. The last call counts. */
void harness_set(struct harness *h, const char *key, const char *value);
void harness_setenv(struct harness *h, const char *name, const char *value);
void harness_sim_options(struct harness *h, const char *options);
void harness_broker_line(struct harness *h, const char *line);
void harness_broker_tcp(struct harness *h);
void harness_broker_tls(struct harness *h);
void harness_broker_user(struct harness *h, const char *user, const char *password);
void harness_sim_tls(struct harness *h);
const char *harness_file(struct harness *h, const char *name, const char *text, unsigned mode);

/* Each returns when its process is ready. After the process has ended it may be started again:
 * ports, sockets and files stay the same. */
void harness_start(struct harness *h); /* all of these, in this order */
void harness_start_broker(struct harness *h);
void harness_start_sim(struct harness *h);
void harness_start_client(struct harness *h);
void harness_start_gateway(struct harness *h);
void harness_launch_gateway(struct harness *h); /* does not wait for READY=1 */
const char *harness_write_config(struct harness *h);

int harness_verb(struct harness *h, const char **ret_output, const char **ret_errors, ...)
	__attribute__((sentinel));

/* Texts that belong to the harness. */
const char *harness_text(struct harness *h, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
const char *harness_home(struct harness *h, const char *leaf); /* topic of the first home */
const char *harness_door(struct harness *h, const char *leaf); /* of its first door */
void harness_keep_json(struct harness *h, struct json_object *json);

/* What cmocka calls. */
int harness_setup(void **state);
int harness_teardown(void **state);
void harness_finish(struct harness *h);

/* The account of the tests' own clients at a broker that knows users. */
#define HARNESS_TESTER          "tester"
#define HARNESS_TESTER_PASSWORD "tester-password"

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
