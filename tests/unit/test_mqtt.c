#include "tests/unit/mqtt-client.h"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

/* How many sockets are connected to the broker, and how many of them a child would inherit. */
static int count_sockets(int *ret_inherited)
{
	int n = 0;

	*ret_inherited = 0;
	for (int fd = 0; fd < 256; fd++) {
		struct sockaddr_un peer = {0};
		socklen_t size = sizeof(peer);

		if (getpeername(fd, (struct sockaddr *)&peer, &size) < 0 ||
			strcmp(peer.sun_path, t.broker.socket) != 0)
			continue;
		n++;
		*ret_inherited += !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	return n;
}

static void connects_by_unix_socket_and_says_online(void **state)
{
	struct mqtt_settings s = settings_of_us();
	int inherited;

	broker_start(&t.broker, "");
	s.patience_msec = 2000;
	client_connect(&t.us, &s);
	assert_int_equal(count_sockets(&inherited), 1);
	assert_int_equal(inherited, 0);
	watch(STATE);
	run_until(t.watcher.messages);
	assert_string_equal(t.watcher.log, "!" STATE "=online;");
	assert_int_equal(t.us.connected, 1);
	run_until(mqtt_unacknowledged(t.us.mqtt) == 0);
	/* Our own "online" is not the user's to know of. */
	assert_int_equal(t.us.acknowledged, 0);
	assert_int_equal(mqtt_start(t.us.mqtt), -EALREADY);
	/* Patience is for the way there only. */
	run_for(2200 * USEC_PER_MSEC);
	assert_int_equal(t.us.lost, 0);
}

static int on_other_work(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	return 0;
}

/* At the start the cloud's first answers keep the loop busy, and nothing is subscribed to yet. */
static void a_connection_is_told_while_the_loop_is_busy(void **state)
{
	struct mqtt_settings s = settings_of_us();
	_cleanup_close_ int always_ready = eventfd(1, EFD_CLOEXEC);
	sd_event_source *busy = NULL;

	assert_true(always_ready >= 0);
	/* Nothing comes from the broker after its acceptance. */
	s.state_topic = NULL;
	broker_start(&t.broker, "");
	assert_true(
		sd_event_add_io(t.event, &busy, always_ready, EPOLLIN, on_other_work, NULL) >= 0);
	client_connect(&t.us, &s);
	assert_int_equal(t.us.connected, 1);
	(void)sd_event_source_disable_unref(busy);
}

static void connects_by_tcp_with_both_versions(void **state)
{
	struct mqtt_settings s = settings_of_port();

	broker_start(&t.broker, "allow_anonymous true");
	s = settings_of_port();
	for (s.version = 3; s.version <= 5; s.version += 2) {
		client_connect(&t.us, &s);
		t.us.mqtt = mqtt_free(t.us.mqtt);
	}
	assert_int_equal(t.us.connected, 2);
}

static void certificates(void)
{
	broker_shell(&t.broker,
		"cd \"$DIR\" && exec >openssl.log 2>&1\n"
		"key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2'\n"
		"for ca in ca other; do openssl req -x509 $key -subj /CN=$ca -keyout $ca.key -out "
		"$ca.pem; done\n"
		"openssl req -x509 $key -subj /CN=broker -addext subjectAltName=DNS:localhost "
		"-CA ca.pem -CAkey ca.key -keyout broker.key -out broker.pem\n"
		"openssl req -x509 $key -subj /CN=us -CA ca.pem -CAkey ca.key -keyout us.key "
		"-out us.pem\n");
}

static char *in_dir(char path[static 96], const char *name)
{
	(void)snprintf(path, 96, "%s/%s", t.broker.dir, name);
	return path;
}

static void start_tls_broker(const char *more)
{
	char extra[512];

	certificates();
	(void)snprintf(extra, sizeof(extra),
		"allow_anonymous true\ncafile %s/ca.pem\ncertfile %s/broker.pem\nkeyfile "
		"%s/broker.key\n%s",
		t.broker.dir, t.broker.dir, t.broker.dir, more);
	broker_start(&t.broker, extra);
}

static void connects_by_tls(void **state)
{
	struct mqtt_settings s;
	char ca[96];
	int id;

	start_tls_broker("");
	s = settings_of_port();
	s.host = "localhost";
	s.tls = true;
	s.ca_file = in_dir(ca, "ca.pem");
	client_connect(&t.us, &s);
	assert_int_equal(publish(&t.us, "a", "b", &id), 0);
	run_until(t.us.acknowledged == 1);
}

static void shows_its_certificate(void **state)
{
	struct mqtt_settings s;
	char ca[96], cert[96], key[96];

	start_tls_broker("require_certificate true");
	s = settings_of_port();
	s.host = "localhost";
	s.tls = true;
	s.ca_file = in_dir(ca, "ca.pem");
	client_start(&t.us, &s);
	run_until(mqtt_tried(t.us.mqtt));
	assert_false(mqtt_online(t.us.mqtt));
	mqtt_free(t.us.mqtt);
	s.cert_file = in_dir(cert, "us.pem");
	s.key_file = in_dir(key, "us.key");
	client_connect(&t.us, &s);
}

static void distrusts(const char *host, const char *ca_name, const char *why)
{
	struct mqtt_settings s = settings_of_port();
	char ca[96];

	s.host = host;
	s.tls = true;
	s.ca_file = ca_name ? in_dir(ca, ca_name) : NULL;
	client_start(&t.us, &s);
	run_until(mqtt_tried(t.us.mqtt));
	run_for(100 * USEC_PER_MSEC);
	assert_false(mqtt_online(t.us.mqtt));
	assert_int_equal(t.us.connected, 0);
	assert_true(is_logged(why));
	t.us.mqtt = mqtt_free(t.us.mqtt);
}

static void checks_the_broker_s_certificate(void **state)
{
	start_tls_broker("");
	distrusts("localhost", "other.pem", "certificate verify failed");
	distrusts("localhost", NULL, "certificate verify failed");
	distrusts("127.0.0.1", "ca.pem", "host name verification failed");
	distrusts("localhost", "none.pem", "mqtt.ca_file");
}

static void needs_the_right_password(void **state)
{
	struct mqtt_settings s;
	char extra[256];

	broker_shell(&t.broker, "touch \"$DIR/users\"; mosquitto_passwd -b \"$DIR/users\" me "
				"secret-word 2>&1 >/dev/null");
	(void)snprintf(extra, sizeof(extra), "password_file %s/users", t.broker.dir);
	broker_start(&t.broker, extra);
	s = settings_of_port();
	s.username = "me";
	for (s.version = 3; s.version <= 5; s.version += 2) {
		s.password = "secret-word";
		client_connect(&t.us, &s);
		t.us.mqtt = mqtt_free(t.us.mqtt);
		s.password = "wrong-word";
		client_start(&t.us, &s);
		run_until(mqtt_tried(t.us.mqtt));
		run_for(1500 * USEC_PER_MSEC);
		assert_true(is_logged("The broker refuses us"));
		assert_true(is_logged("check mqtt.username"));
		assert_false(mqtt_online(t.us.mqtt));
		t.us.mqtt = mqtt_free(t.us.mqtt);
	}
	broker_shell(&t.broker, "test $(grep -c 'refuses us' \"$DIR/log\") = 2");
	assert_false(is_logged("secret-word") || is_logged("wrong-word"));
}

/* The will. */

static void leaves_its_will_when_killed(void **state)
{
	struct mqtt_settings s = settings_of_us();
	pid_t pid;

	broker_start(&t.broker, "");
	watch(STATE);
	pid = fork();
	if (pid == 0) {
		struct client c = {0};

		t.event = NULL;
		if (sd_event_new(&t.event) < 0)
			_exit(1);
		client_start(&c, &s);
		(void)sd_event_loop(t.event);
		_exit(1);
	}
	run_until(t.watcher.messages == 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	run_until(t.watcher.messages == 2);
	assert_string_equal(t.watcher.log, STATE "=online;" STATE "=offline;");
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void leaves_its_will_when_freed(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	watch(STATE);
	client_connect(&t.us, &s);
	t.us.mqtt = mqtt_free(t.us.mqtt);
	run_until(t.watcher.messages == 2);
	assert_string_equal(t.watcher.log, STATE "=online;" STATE "=offline;");
	/* And for those who come later. */
	mqtt_free(t.watcher.mqtt);
	watch(STATE);
	run_until(t.watcher.messages == 3);
	assert_non_null(strstr(t.watcher.log, "!" STATE "=offline;"));
}

static void says_offline_when_stopped(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	watch(STATE);
	t.is_patient = true;
	for (s.version = 3; s.version <= 5; s.version += 2) {
		t.watcher.messages = t.us.stopped = 0;
		t.watcher.log[0] = '\0';
		client_connect(&t.us, &s);
		/* More than the broker lets be on their way at a time. */
		for (int i = 0, id; i < 100; i++)
			assert_int_equal(publish(&t.us, "a", "b", &id), 0);
		mqtt_stop(t.us.mqtt, client_stopped);
		mqtt_stop(t.us.mqtt, client_stopped);
		assert_int_equal(t.us.stopped, 0);
		assert_false(mqtt_online(t.us.mqtt));
		assert_int_equal(publish(&t.us, "a", "b", NULL), MQTT_OFFLINE);
		run_until(t.us.stopped);
		run_until(t.watcher.messages == 2);
		/* A will would be a third. */
		run_for(100 * USEC_PER_MSEC);
		assert_string_equal(t.watcher.log, STATE "=online;" STATE "=offline;");
		assert_int_equal(t.us.stopped, 1);
		assert_int_equal(t.us.lost, 0);
		assert_int_equal(t.us.acknowledged, 100);
		t.us.acknowledged = 0;
		mqtt_free(t.us.mqtt);
	}
	t.us.mqtt = NULL;
}

static void stops_without_a_connection(void **state)
{
	struct mqtt_settings s = settings_of_us();

	client_start(&t.us, &s);
	mqtt_stop(t.us.mqtt, client_stopped);
	run_until(t.us.stopped == 1);
	assert_int_equal(mqtt_start(t.us.mqtt), 0);
	run_until(mqtt_tried(t.us.mqtt));
	mqtt_stop(t.us.mqtt, client_stopped);
	run_until(t.us.stopped == 2);
	broker_start(&t.broker, "");
	assert_int_equal(mqtt_start(t.us.mqtt), 0);
	run_until(t.us.connected);
}

static void does_not_wait_long_for_a_frozen_broker(void **state)
{
	struct mqtt_settings s = settings_of_us();
	uint64_t start;

	broker_start(&t.broker, "");
	client_connect(&t.us, &s);
	watch(STATE);
	run_until(t.watcher.messages == 1 && mqtt_unacknowledged(t.us.mqtt) == 0);
	broker_signal(&t.broker, SIGSTOP);
	start = clock_boot_usec();
	mqtt_stop(t.us.mqtt, client_stopped);
	run_until(t.us.stopped);
	assert_in_range(clock_boot_usec() - start, 500 * USEC_PER_MSEC, 10 * USEC_PER_SEC);
	broker_signal(&t.broker, SIGCONT);
	run_until(strstr(t.watcher.log, STATE "=offline;"));
}

static void comes_back_after_the_broker(void **state)
{
	struct mqtt_settings s = settings_of_us();
	struct stat before, after;
	int id;

	broker_start(&t.broker, "");
	t.us.subscription = "cmd/#";
	client_connect(&t.us, &s);
	run_until(mqtt_unacknowledged(t.us.mqtt) == 0);
	/* Sent, never acknowledged: must not be sent again by the library. */
	broker_signal(&t.broker, SIGSTOP);
	for (int i = 0; i < 30; i++)
		assert_int_equal(publish(&t.us, "old", "in flight", NULL), 0);
	broker_kill(&t.broker);
	run_until(t.us.lost == 1);
	assert_false(mqtt_online(t.us.mqtt));
	assert_int_equal(mqtt_unacknowledged(t.us.mqtt), 0);
	assert_int_equal(mqtt_room(t.us.mqtt), 0);
	assert_int_equal(publish(&t.us, "old", "offline", NULL), MQTT_OFFLINE);
	assert_int_equal(
		mqtt_subscribe(t.us.mqtt, &t.us.subscription, 1, MQTT_COMMANDS), MQTT_OFFLINE);
	run_for(300 * USEC_PER_MSEC);
	broker_restart(&t.broker);
	watch("old");
	run_until(t.us.connected == 2);
	assert_int_equal(publish(&t.us, "old", "new", &id), 0);
	run_until(t.watcher.messages);
	assert_string_equal(t.watcher.log, "old=new;");
	broker_shell(&t.broker, "mosquitto_pub --unix $SOCKET -t cmd/open -m PRESS");
	run_until(t.us.messages);
	assert_string_equal(t.us.log, "cmd/open=PRESS;");
	assert_int_equal(t.us.acknowledged, 1);
	broker_shell(&t.broker, "test $(grep -c 'broker is away' \"$DIR/log\") = 1");
	broker_shell(&t.broker, "test $(grep -c 'broker is back' \"$DIR/log\") = 1");
	assert_int_equal(fstat(STDERR_FILENO, &before), 0);
	run_for(50 * USEC_PER_MSEC);
	assert_int_equal(fstat(STDERR_FILENO, &after), 0);
	assert_int_equal(before.st_size, after.st_size);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(connects_by_unix_socket_and_says_online),
		TEST(a_connection_is_told_while_the_loop_is_busy),
		TEST(connects_by_tcp_with_both_versions),
		TEST(connects_by_tls),
		TEST(shows_its_certificate),
		TEST(checks_the_broker_s_certificate),
		TEST(needs_the_right_password),
		TEST(leaves_its_will_when_killed),
		TEST(leaves_its_will_when_freed),
		TEST(says_offline_when_stopped),
		TEST(stops_without_a_connection),
		TEST(does_not_wait_long_for_a_frozen_broker),
		TEST(comes_back_after_the_broker),
	};

	return cmocka_run_group_tests_name("mqtt", tests, NULL, NULL);
}
