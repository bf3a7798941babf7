#include "tests/unit/mqtt-client.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "util/log.h"
#include "util/timer.h"

/* A server of ours that answers as told, or not at all. */

struct server {
	int fd;
	unsigned port;
	sd_event_source *source;
	sd_event_source *peers[16];
	int accepted;
	size_t bytes;             /* that clients sent */
	unsigned char last[4096]; /* of them, what came at once */
	size_t last_size;
	bool answers;
	int connack;
};

static int on_server_data(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct server *server = userdata;
	const unsigned char connack[] = {0x20, 3, 0, (unsigned char)server->connack, 0};
	unsigned char in[4096];
	ssize_t n = read(fd, in, sizeof(in));

	if (n <= 0)
		return sd_event_source_set_enabled(s, SD_EVENT_OFF);
	server->bytes += (size_t)n;
	(void)memcpy(server->last, in, server->last_size = (size_t)n);
	if (server->answers && in[0] == 0x10)
		assert_int_equal(write(fd, connack, sizeof(connack)), sizeof(connack));
	for (ssize_t i = 0; server->answers && i + 3 < n; i += 2 + in[i + 1]) {
		/* The second of three topics is forbidden. */
		unsigned char suback[] = {0x90, 6, in[i + 2], in[i + 3], 0, 1, 0x87, 1};

		if (in[i] == 0x82)
			assert_int_equal(write(fd, suback, sizeof(suback)), sizeof(suback));
	}
	return 0;
}

static int on_server_call(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct server *server = userdata;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	sd_event_source **p = &server->peers[server->accepted++];

	assert_true(peer >= 0 && server->accepted <= 16);
	assert_true(sd_event_add_io(t.event, p, peer, EPOLLIN, on_server_data, server) >= 0);
	return sd_event_source_set_io_fd_own(*p, 1);
}

static void server_start(struct server *server)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);

	server->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(server->fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(server->fd, 8), 0);
	assert_int_equal(getsockname(server->fd, (struct sockaddr *)&a, &size), 0);
	server->port = ntohs(a.sin_port);
	assert_true(sd_event_add_io(t.event, &server->source, server->fd, EPOLLIN, on_server_call,
			    server) >= 0);
}

static void server_stop(struct server *server)
{
	for (int i = 0; i < server->accepted; i++)
		sd_event_source_disable_unref(server->peers[i]);
	sd_event_source_disable_unref(server->source);
	close(server->fd);
}

static struct mqtt_settings settings_of_server(const struct server *server)
{
	struct mqtt_settings s = settings_of_us();

	s.socket = NULL;
	s.host = "127.0.0.1";
	s.port = server->port;
	return s;
}

/* libmosquitto sets up OpenSSL on its first TLS connection, and where that is still being done when
 * the next try comes, it leaks what it made twice. */
static void set_up_openssl(struct server *server)
{
	struct mqtt_settings s = settings_of_server(server);

	s.tls = true;
	client_start(&t.us, &s);
	run_until(server->bytes > 0);
	t.us.mqtt = mqtt_free(t.us.mqtt);
}

static void gives_a_silent_server_up(void **state)
{
	struct server server = {0};
	struct mqtt_settings s;

	server_start(&server);
	set_up_openssl(&server);
	s = settings_of_server(&server);
	s.patience_msec = 200;
	for (int tls = 0; tls < 2; tls++) {
		uint64_t start = clock_boot_usec(), turns, turns_before;
		int accepted = server.accepted;

		s.tls = tls;
		assert_true(sd_event_get_iteration(t.event, &turns_before) >= 0);
		client_start(&t.us, &s);
		run_until(mqtt_tried(t.us.mqtt));
		assert_in_range(clock_boot_usec() - start, 190 * USEC_PER_MSEC, 10 * USEC_PER_SEC);
		assert_true(is_logged("it does not answer"));
		/* It must not have spun in the handshake. */
		assert_true(sd_event_get_iteration(t.event, &turns) >= 0);
		assert_in_range(turns - turns_before, 1, 100);
		/* And then again, by itself. */
		run_until(server.accepted >= accepted + 2);
		/* The end of the very first try is told. */
		run_until(t.us.lost == tls + 1);
		t.us.mqtt = mqtt_free(t.us.mqtt);
	}
	assert_int_equal(t.us.connected, 0);
	assert_int_equal(t.us.lost, 2);
	server_stop(&server);
}

static void names_what_it_may_not_subscribe(void **state)
{
	const char *const topics[] = {"cmd/one", "cmd/two", "cmd/three"};
	struct server server = {.answers = true};
	struct mqtt_settings s;

	server_start(&server);
	s = settings_of_server(&server);
	client_connect(&t.us, &s);
	assert_int_equal(mqtt_subscribe(t.us.mqtt, topics, 3, MQTT_COMMANDS), 0);
	run_until(is_logged("subscribe"));
	assert_true(is_logged("does not let us subscribe to cmd/two: allow"));
	assert_int_equal(mqtt_subscribe(t.us.mqtt, topics, 0, MQTT_COMMANDS), -EINVAL);
	assert_true(mqtt_online(t.us.mqtt));
	server_stop(&server);
}

static void ignores_a_bad_response_topic(void **state)
{
	/* PUBLISH of "a" with payload "x", and the response topics "#", "" and "b". */
	const unsigned char wild[] = {0x30, 9, 0, 1, 'a', 4, 8, 0, 1, '#', 'x'};
	const unsigned char empty[] = {0x30, 8, 0, 1, 'a', 3, 8, 0, 0, 'x'};
	const unsigned char good[] = {0x30, 9, 0, 1, 'a', 4, 8, 0, 1, 'b', 'x'};
	struct server server = {.answers = true};
	struct mqtt_settings s;
	int fd;

	server_start(&server);
	s = settings_of_server(&server);
	client_connect(&t.us, &s);
	fd = sd_event_source_get_io_fd(server.peers[0]);
	assert_int_equal(write(fd, wild, sizeof(wild)), sizeof(wild));
	run_until(t.us.messages == 1);
	assert_string_equal(t.us.response_topic, "-");
	assert_int_equal(write(fd, good, sizeof(good)), sizeof(good));
	run_until(t.us.messages == 2);
	assert_string_equal(t.us.response_topic, "b");
	assert_int_equal(write(fd, empty, sizeof(empty)), sizeof(empty));
	run_until(t.us.messages == 3);
	assert_string_equal(t.us.response_topic, "-");
	server_stop(&server);
}

static void tries_a_busy_broker_again_soon(void **state)
{
	struct server server = {.answers = true, .connack = 0x89};
	struct mqtt_settings s;

	server_start(&server);
	s = settings_of_server(&server);
	client_start(&t.us, &s);
	run_until(mqtt_tried(t.us.mqtt));
	assert_true(is_logged("The broker is away: Server busy"));
	server.connack = 0;
	run_until(t.us.connected);
	assert_true(is_logged("The broker is back"));
	server_stop(&server);
}

/* mosquitto 2.0.11 does not tell, others do. */
static void yields_to_another_client_of_its_name(void **state)
{
	const unsigned char taken_over[] = {0xe0, 2, 0x8e, 0};
	struct server server = {.answers = true};
	struct mqtt_settings s;
	int fd;

	server_start(&server);
	s = settings_of_server(&server);
	client_connect(&t.us, &s);
	fd = sd_event_source_get_io_fd(server.peers[0]);
	assert_int_equal(write(fd, taken_over, sizeof(taken_over)), sizeof(taken_over));
	run_until(t.us.lost == 1);
	assert_true(is_logged("The broker refuses us: Session taken over; another client has our"));
	run_for(1500 * USEC_PER_MSEC);
	assert_int_equal(server.accepted, 1);
	server_stop(&server);
}

/* Of the sanitizer, where there is one. */
void __lsan_disable(void) __attribute__((weak));
void __lsan_enable(void) __attribute__((weak));

/* As libmosquitto.supp says for valgrind: the library forgets one of these packets. */
static void publish_into_the_void(struct client *c)
{
	if (__lsan_disable)
		__lsan_disable();
	assert_int_equal(publish(c, "a", "b", NULL), 0);
	if (__lsan_enable)
		__lsan_enable();
}

/* What is published meanwhile fails to leave, which must not hide what the broker said. */
static void hears_why_a_broker_hangs_up_while_it_publishes(void **state)
{
	const unsigned char not_authorized[] = {0xe0, 2, 0x87, 0};
	struct server server = {.answers = true};
	struct mqtt_settings s;
	int fd;

	server_start(&server);
	s = settings_of_server(&server);
	client_connect(&t.us, &s);
	/* Our CONNECT and what follows it: unread, it would cut the connection. */
	run_until(memmem(server.last, server.last_size, "online", strlen("online")));
	fd = sd_event_source_get_io_fd(server.peers[0]);
	assert_int_equal(write(fd, not_authorized, sizeof(not_authorized)), sizeof(not_authorized));
	assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
	for (int i = 0; i < 3; i++)
		publish_into_the_void(&t.us);
	assert_int_equal(t.us.lost, 0);
	run_until(t.us.lost == 1);
	assert_true(is_logged("The broker refuses us: Not authorized; check mqtt.username"));
	server_stop(&server);
}

/* The resolver. */

static void reports_an_unknown_name(void **state)
{
	struct mqtt_settings s = settings_of_us();

	s.socket = NULL;
	s.host = "nowhere.test";
	s.port = 1883;
	client_start(&t.us, &s);
	assert_false(mqtt_tried(t.us.mqtt));
	run_until(mqtt_tried(t.us.mqtt));
	assert_true(is_logged("The broker is away: its name cannot be resolved"));
}

static int on_beat(sd_event_source *s, uint64_t due, void *userdata)
{
	++*(int *)userdata;
	return 0;
}

/* What else is to be done is done, while the broker's name is waited for. */
static void keeps_the_loop_free_while_the_resolver_hangs(void **state)
{
	struct mqtt_settings s = settings_of_us();
	sd_event_source *source = NULL;
	int beats = 0;

	s.socket = NULL;
	s.host = "slow.test";
	s.port = 1883;
	client_start(&t.us, &s);
	run_until(gate_waiting() == 1);
	for (int i = 1; i <= 20; i++) {
		assert_int_equal(timer_arm(t.event, &source, 5 * USEC_PER_MSEC, TIMER_EXACT,
					 on_beat, &beats, "beat"),
			0);
		run_until(beats == i);
	}
	assert_int_equal(gate_waiting(), 1);
	assert_false(mqtt_tried(t.us.mqtt));
	sd_event_source_disable_unref(source);
}

static void has_few_tries_out_while_the_resolver_hangs(void **state)
{
	struct server server = {.answers = true};
	struct mqtt_settings s;

	server_start(&server);
	s = settings_of_server(&server);
	s.host = "slow.test";
	s.patience_msec = 500;
	client_start(&t.us, &s);
	run_until(mqtt_tried(t.us.mqtt));
	/* One is waited for, three have been given up; there is never a fifth. */
	log_set_level(LOG_DEBUG);
	run_until(is_logged("earlier tries are not back yet"));
	log_set_level(LOG_INFO);
	run_until(gate_waiting() == 4);
	assert_true(is_logged("The broker is away"));
	assert_int_equal(server.accepted, 0);
	t.is_patient = true;
	gate_set(true);
	run_until(t.us.connected == 1);
	run_until(server.accepted >= 4);
	server_stop(&server);
}

/* A CONNECT of one that was given up would throw out the one that is online. */
static void given_up_tries_stay_silent(void **state)
{
	struct server server = {.answers = true};
	struct mqtt_settings s;

	server_start(&server);
	s = settings_of_server(&server);
	s.host = "slow.test";
	s.patience_msec = 200;
	client_start(&t.us, &s);
	run_until(gate_waiting() > 0);
	run_until(mqtt_tried(t.us.mqtt));
	mqtt_stop(t.us.mqtt, client_stopped);
	run_until(t.us.stopped);
	gate_set(true);
	run_until(server.accepted > 0);
	run_for(100 * USEC_PER_MSEC);
	assert_int_equal(server.bytes, 0);
	server_stop(&server);
}

/* The end, at any time. */

static void can_be_freed_in_any_state(void **state)
{
	struct mqtt_settings s = settings_of_us();
	struct mqtt *m = NULL;

	assert_null(mqtt_free(NULL));
	s.socket = NULL;
	assert_int_equal(mqtt_new(&m, t.event, &s, &(struct mqtt_handlers){0}, NULL), -EINVAL);
	assert_null(m);
	s.socket = t.broker.socket;
	assert_int_equal(mqtt_new(&m, t.event, &s, &(struct mqtt_handlers){0}, NULL), 0);
	mqtt_free(m); /* never started */
	client_start(&t.us, &s);
	mqtt_free(t.us.mqtt); /* connecting */
	client_start(&t.us, &s);
	run_until(mqtt_tried(t.us.mqtt));
	mqtt_free(t.us.mqtt); /* waiting for the next try */
	broker_start(&t.broker, "");
	client_connect(&t.us, &s);
	assert_int_equal(publish(&t.us, "a", "b", NULL), 0);
	mqtt_free(t.us.mqtt); /* online */
	client_connect(&t.us, &s);
	mqtt_stop(t.us.mqtt, client_stopped);
	mqtt_free(t.us.mqtt); /* stopping */
	s.socket = NULL;
	s.host = "slow.test";
	s.port = 1;
	client_start(&t.us, &s);
	run_until(gate_waiting() == 1);
	t.us.mqtt = mqtt_free(t.us.mqtt); /* its thread is still out */
	run_for(20 * USEC_PER_MSEC);
	assert_int_equal(t.us.stopped, 0);
	assert_int_equal(t.us.connected, 2);
}

static void free_it(struct client *c)
{
	c->mqtt = mqtt_free(c->mqtt);
}

static void free_it_when_stopped(void *userdata)
{
	client_stopped(userdata);
	free_it(userdata);
}

static void can_be_freed_by_its_handlers(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	t.us.subscription = "cmd/#";
	t.us.on_message = free_it;
	client_connect(&t.us, &s);
	broker_shell(&t.broker, "seq 10 | mosquitto_pub --unix $SOCKET -q 1 -t cmd/n -l");
	run_until(!t.us.mqtt);
	assert_int_equal(t.us.messages, 1);
	client_connect(&t.us, &s);
	mqtt_stop(t.us.mqtt, free_it_when_stopped);
	run_until(t.us.stopped);
	assert_null(t.us.mqtt);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(gives_a_silent_server_up),
		TEST(names_what_it_may_not_subscribe),
		TEST(ignores_a_bad_response_topic),
		TEST(tries_a_busy_broker_again_soon),
		TEST(yields_to_another_client_of_its_name),
		TEST(hears_why_a_broker_hangs_up_while_it_publishes),
		TEST(reports_an_unknown_name),
		TEST(keeps_the_loop_free_while_the_resolver_hangs),
		TEST(has_few_tries_out_while_the_resolver_hangs),
		TEST(given_up_tries_stay_silent),
		TEST(can_be_freed_in_any_state),
		TEST(can_be_freed_by_its_handlers),
	};

	return cmocka_run_group_tests_name("mqtt trouble", tests, NULL, NULL);
}
