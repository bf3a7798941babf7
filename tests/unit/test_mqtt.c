#include "tests/unit/cmocka-all.h"
#include "tests/unit/broker.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "bridge/mqtt.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/timer.h"

#define WAIT_USEC (10 * USEC_PER_SEC)
#define STATE     "home/bridge/state"

/* A client and what it was told. */
struct client {
	struct mqtt *mqtt;
	int connected;
	int lost;
	int stopped;
	int room;
	int acknowledged;
	int last_id;
	int messages;
	char log[512]; /* "topic=payload;" of each message, "!" before it if retained */
	size_t size;
	bool has_payload;
	char response_topic[64];
	char correlation[64];
	int64_t expiry_sec;
	const char *subscription;
	void (*on_message)(struct client *c);
};

static struct {
	sd_event *event;
	struct broker broker;
	int stderr_fd;
	char log_path[96];
	struct client us;
	struct client watcher; /* by 3.1.1: sees what is retained */
} t;

/* Look-ups of slow.test wait until the gate is open; nowhere.test does not exist. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t opened;
	bool is_open;
	int waiting;
} gate = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0};

/* Stands before the C library's for the whole program, libmosquitto included. */
int getaddrinfo(
	const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (node && strcmp(node, "nowhere.test") == 0)
		return EAI_NONAME;
	if (!node || strcmp(node, "slow.test") != 0)
		return real(node, service, hints, ret);
	pthread_mutex_lock(&gate.lock);
	gate.waiting++;
	while (!gate.is_open)
		pthread_cond_wait(&gate.opened, &gate.lock);
	gate.waiting--;
	pthread_mutex_unlock(&gate.lock);
	return real("127.0.0.1", service, hints, ret);
}

static int gate_waiting(void)
{
	int n;

	pthread_mutex_lock(&gate.lock);
	n = gate.waiting;
	pthread_mutex_unlock(&gate.lock);
	return n;
}

static void gate_set(bool is_open)
{
	pthread_mutex_lock(&gate.lock);
	gate.is_open = is_open;
	pthread_cond_broadcast(&gate.opened);
	pthread_mutex_unlock(&gate.lock);
}

static void turn(void)
{
	assert_true(sd_event_run(t.event, 20 * USEC_PER_MSEC) >= 0);
}

/* Turns the loop until the condition holds; fails after WAIT_USEC. */
#define run_until(condition)                                                   \
	do {                                                                   \
		uint64_t deadline = clock_boot_usec() + WAIT_USEC;             \
		while (!(condition)) {                                         \
			if (clock_boot_usec() > deadline)                      \
				fail_msg("waited in vain for %s", #condition); \
			turn();                                                \
		}                                                              \
	} while (0)

static void run_for(uint64_t usec)
{
	uint64_t end = clock_boot_usec() + usec;

	while (clock_boot_usec() < end)
		turn();
}

static void on_connected(void *userdata)
{
	struct client *c = userdata;

	c->connected++;
	if (c->subscription)
		assert_int_equal(mqtt_subscribe(c->mqtt, &c->subscription, 1), 0);
}

static void on_lost(const char *why, void *userdata)
{
	struct client *c = userdata;

	assert_true(*why);
	c->lost++;
}

static void on_message(const struct mqtt_message *m, void *userdata)
{
	struct client *c = userdata;
	size_t used = strlen(c->log);

	c->messages++;
	c->size = m->size;
	c->has_payload = m->payload;
	c->expiry_sec = m->expiry_sec;
	(void)snprintf(c->response_topic, sizeof(c->response_topic), "%s",
		m->response_topic ? m->response_topic : "-");
	(void)snprintf(c->correlation, sizeof(c->correlation), "%.*s", (int)m->correlation_size,
		m->correlation ? (const char *)m->correlation : "-");
	(void)snprintf(c->log + used, sizeof(c->log) - used, "%s%s=%.20s;", m->retain ? "!" : "",
		m->topic, m->payload ? (const char *)m->payload : "-");
	if (c->on_message)
		c->on_message(c);
}

static void on_acknowledged(int id, void *userdata)
{
	struct client *c = userdata;

	c->acknowledged++;
	c->last_id = id;
}

static void on_room(void *userdata)
{
	struct client *c = userdata;

	c->room++;
	assert_true(mqtt_room(c->mqtt) > 0);
}

static void on_stopped(void *userdata)
{
	struct client *c = userdata;

	c->stopped++;
}

static struct mqtt_settings settings_of_us(void)
{
	return (struct mqtt_settings){
		.socket = t.broker.socket,
		.version = 5,
		.client_id = "us",
		.state_topic = STATE,
		.patience_msec = 5000,
	};
}

static struct mqtt_settings settings_of_port(void)
{
	struct mqtt_settings s = settings_of_us();

	s.socket = NULL;
	s.host = "127.0.0.1";
	s.port = t.broker.port;
	return s;
}

static void client_start(struct client *c, const struct mqtt_settings *settings)
{
	static const struct mqtt_handlers handlers = {
		.connected = on_connected,
		.lost = on_lost,
		.message = on_message,
		.acknowledged = on_acknowledged,
		.room = on_room,
	};

	assert_int_equal(mqtt_new(&c->mqtt, t.event, settings, &handlers, c), 0);
	assert_int_equal(mqtt_start(c->mqtt), 0);
}

static void client_connect(struct client *c, const struct mqtt_settings *settings)
{
	int before = c->connected;

	client_start(c, settings);
	run_until(c->connected > before);
	assert_true(mqtt_online(c->mqtt));
	assert_true(mqtt_tried(c->mqtt));
}

static void watch(const char *topic)
{
	struct mqtt_settings s = settings_of_us();

	s.version = 3;
	s.client_id = "watcher";
	s.state_topic = "watcher/state";
	t.watcher.subscription = topic;
	client_connect(&t.watcher, &s);
}

static bool is_logged(const char *text)
{
	char log[65536] = "";
	int fd = open(t.log_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, log, sizeof(log) - 1);

	close(fd);
	assert_true(n >= 0);
	return strstr(log, text);
}

static int publish(struct client *c, const char *topic, const char *payload, int *id)
{
	const struct mqtt_message m = {
		.topic = topic, .payload = payload, .size = strlen(payload), .qos = 1};

	return mqtt_publish(c->mqtt, &m, id);
}

/* The library's lines go to a file, to be looked at. */
static int setup(void **state)
{
	int fd;

	memset(&t, 0, sizeof(t));
	log_open();
	gate_set(false);
	assert_int_equal(sd_event_new(&t.event), 0);
	broker_new(&t.broker);
	(void)snprintf(t.log_path, sizeof(t.log_path), "%s/log", t.broker.dir);
	fd = open(t.log_path, O_CREAT | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
	t.stderr_fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
	assert_true(fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
	close(fd);
	return 0;
}

static int teardown(void **state)
{
	gate_set(true);
	t.us.mqtt = mqtt_free(t.us.mqtt);
	t.watcher.mqtt = mqtt_free(t.watcher.mqtt);
	t.event = sd_event_unref(t.event);
	while (gate_waiting() > 0)
		sched_yield();
	(void)dup2(t.stderr_fd, STDERR_FILENO);
	close(t.stderr_fd);
	broker_free(&t.broker);
	return 0;
}

static void connects_by_unix_socket_and_says_online(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	client_connect(&t.us, &s);
	watch(STATE);
	run_until(t.watcher.messages);
	assert_string_equal(t.watcher.log, "!" STATE "=online;");
	assert_int_equal(t.us.connected, 1);
	run_until(mqtt_unacknowledged(t.us.mqtt) == 0);
	/* Our own "online" is not the user's to know of. */
	assert_int_equal(t.us.acknowledged, 0);
	assert_int_equal(mqtt_start(t.us.mqtt), -EALREADY);
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
}

static void says_offline_when_stopped(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	watch(STATE);
	for (s.version = 3; s.version <= 5; s.version += 2) {
		t.watcher.messages = t.us.stopped = 0;
		t.watcher.log[0] = '\0';
		client_connect(&t.us, &s);
		/* More than the broker lets be on their way at a time. */
		for (int i = 0, id; i < 100; i++)
			assert_int_equal(publish(&t.us, "a", "b", &id), 0);
		mqtt_stop(t.us.mqtt, on_stopped);
		mqtt_stop(t.us.mqtt, on_stopped);
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
	mqtt_stop(t.us.mqtt, on_stopped);
	run_until(t.us.stopped == 1);
	assert_int_equal(mqtt_start(t.us.mqtt), 0);
	run_until(mqtt_tried(t.us.mqtt));
	mqtt_stop(t.us.mqtt, on_stopped);
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
	mqtt_stop(t.us.mqtt, on_stopped);
	run_until(t.us.stopped);
	assert_in_range(clock_boot_usec() - start, 450 * USEC_PER_MSEC, 900 * USEC_PER_MSEC);
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
	assert_int_equal(mqtt_subscribe(t.us.mqtt, &t.us.subscription, 1), MQTT_OFFLINE);
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

/* Messages to us. */

static void sees_no_retained_message_of_before(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	broker_shell(&t.broker, "mosquitto_pub --unix $SOCKET -r -q 1 -t cmd/open -m OLD");
	t.us.subscription = "cmd/#";
	client_connect(&t.us, &s);
	watch("cmd/#");
	/* 3.1.1 cannot refuse them, but sees the flag. */
	run_until(t.watcher.messages == 1);
	assert_string_equal(t.watcher.log, "!cmd/open=OLD;");
	broker_shell(&t.broker, "mosquitto_pub --unix $SOCKET -r -q 1 -t cmd/open -m LIVE");
	run_until(t.us.messages == 1 && t.watcher.messages == 2);
	assert_string_equal(t.us.log, "!cmd/open=LIVE;");
	assert_string_equal(t.watcher.log, "!cmd/open=OLD;cmd/open=LIVE;");
}

static void gets_the_properties(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	t.us.subscription = "cmd/#";
	client_connect(&t.us, &s);
	broker_shell(&t.broker,
		"mosquitto_pub --unix $SOCKET -V 5 -q 1 -t cmd/a -m x -D publish response-topic "
		"re/us "
		"-D publish correlation-data no-7 -D publish message-expiry-interval 60");
	run_until(t.us.messages == 1);
	assert_string_equal(t.us.response_topic, "re/us");
	assert_string_equal(t.us.correlation, "no-7");
	assert_in_range(t.us.expiry_sec, 59, 60);
	broker_shell(&t.broker, "mosquitto_pub --unix $SOCKET -V 5 -q 1 -t cmd/a -n");
	run_until(t.us.messages == 2);
	assert_string_equal(t.us.response_topic, "-");
	assert_string_equal(t.us.correlation, "");
	assert_true(t.us.expiry_sec == -1);
	assert_true(t.us.has_payload);
	assert_int_equal(t.us.size, 0);
}

static void answer_it(struct client *c)
{
	const struct mqtt_message m = {
		.topic = c->response_topic,
		.payload = "done",
		.size = 4,
		.qos = 1,
		.correlation = c->correlation,
		.correlation_size = strlen(c->correlation),
	};

	assert_int_equal(mqtt_publish(c->mqtt, &m, NULL), 0);
}

static void answers_with_correlation(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	t.us.subscription = "cmd/#";
	t.us.on_message = answer_it;
	client_connect(&t.us, &s);
	broker_shell(&t.broker,
		"{ mosquitto_rr --unix $SOCKET -V 5 -q 1 -W 5 -t cmd/a -e re/rr -m x -F '%p %D' -D "
		"publish correlation-data no-8 >$DIR/rr; echo end >>$DIR/rr; } &");
	run_until(t.us.messages == 1);
	run_until(mqtt_unacknowledged(t.us.mqtt) == 0);
	broker_shell(&t.broker,
		"n=0; until grep -q end $DIR/rr || [ $n = 300 ]; do n=$((n+1)); sleep 0.02; done; "
		"grep -q '^done no-8' $DIR/rr");
}

static void takes_big_messages_as_size(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	t.us.subscription = "cmd/#";
	client_connect(&t.us, &s);
	broker_shell(&t.broker,
		"head -c 65536 /dev/zero | tr '\\0' a | mosquitto_pub --unix $SOCKET "
		"-q 1 -t cmd/a -s");
	run_until(t.us.messages == 1);
	assert_true(t.us.has_payload);
	assert_int_equal(t.us.size, MQTT_PAYLOAD_MAX);
	broker_shell(&t.broker, "head -c 65537 /dev/zero | mosquitto_pub --unix $SOCKET -q 1 -t "
				"cmd/a -s");
	run_until(t.us.messages == 2);
	assert_false(t.us.has_payload);
	assert_int_equal(t.us.size, MQTT_PAYLOAD_MAX + 1);
	/* The broker keeps what would fill our memory; the line stays. */
	broker_shell(&t.broker, "head -c 2000000 /dev/zero | mosquitto_pub --unix $SOCKET -q 1 -t "
				"cmd/a -s; mosquitto_pub --unix $SOCKET -q 1 -t cmd/b -m end");
	run_until(t.us.messages == 3);
	assert_non_null(strstr(t.us.log, "cmd/b=end;"));
	assert_int_equal(t.us.lost, 0);
}

static void drops_what_has_too_long_a_topic(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	t.us.subscription = "#";
	client_connect(&t.us, &s);
	broker_shell(&t.broker,
		"long=$(head -c 513 /dev/zero | tr '\\0' a); for topic in $long ${long%a}; do "
		"mosquitto_pub --unix $SOCKET -t $topic -m x; done");
	run_until(t.us.messages == 1);
	run_for(100 * USEC_PER_MSEC);
	assert_int_equal(t.us.messages, 1);
}

static void count_in_order(struct client *c)
{
	char expected[32];

	(void)snprintf(expected, sizeof(expected), "cmd/n=%d;", c->messages);
	assert_string_equal(c->log, expected);
	c->log[0] = '\0';
}

static void loses_nothing_in_a_flood(void **state)
{
	struct mqtt_settings s = settings_of_us();

	broker_start(&t.broker, "");
	t.us.subscription = "cmd/#";
	t.us.on_message = count_in_order;
	client_connect(&t.us, &s);
	broker_shell(&t.broker, "seq 5000 | mosquitto_pub --unix $SOCKET -q 1 -t cmd/n -l");
	run_until(t.us.messages == 5000);
	assert_false(is_logged("lost"));
}

/* Messages from us. */

static void publishes_pictures(void **state)
{
	static char picture[MQTT_PUBLISH_MAX + 1];
	struct mqtt_settings s = settings_of_us();
	struct mqtt_message m = {
		.topic = "picture", .payload = picture, .size = MQTT_PUBLISH_MAX, .qos = 1};
	int id;

	broker_start(&t.broker, "");
	client_connect(&t.us, &s);
	watch("picture");
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, &id), 0);
	run_until(t.watcher.messages == 1 && t.us.acknowledged == 1);
	assert_int_equal(t.watcher.size, MQTT_PUBLISH_MAX);
	m.size++;
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, NULL), MQTT_TOO_LARGE);
	m.size = 1;
	m.topic = "a/#";
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, NULL), -EINVAL);
	m.topic = "a";
	m.qos = 2;
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, NULL), -EINVAL);
	m.qos = 0;
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, NULL), 0);
	assert_int_equal(mqtt_unacknowledged(t.us.mqtt), 0);
	assert_true(mqtt_online(t.us.mqtt));
}

static void knows_the_broker_s_limit(void **state)
{
	static char text[2000];
	struct mqtt_settings s;
	struct mqtt_message m = {.topic = "a", .payload = text, .size = sizeof(text), .qos = 1};
	int id;

	broker_start(&t.broker, "allow_anonymous true\nmax_packet_size 1000");
	s = settings_of_port();
	client_connect(&t.us, &s);
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, NULL), MQTT_TOO_LARGE);
	m.size = 100;
	assert_int_equal(mqtt_publish(t.us.mqtt, &m, &id), 0);
	run_until(t.us.acknowledged == 1);
	assert_int_equal(t.us.lost, 0);
}

static void counts_its_window(void **state)
{
	struct mqtt_settings s = settings_of_us();
	int id = 0, n = 0, ids[2 * MQTT_WINDOW];

	broker_start(&t.broker, "");
	client_connect(&t.us, &s);
	run_until(mqtt_unacknowledged(t.us.mqtt) == 0);
	assert_int_equal(mqtt_room(t.us.mqtt), MQTT_WINDOW);
	broker_signal(&t.broker, SIGSTOP);
	while (mqtt_room(t.us.mqtt) > 0) {
		assert_int_equal(publish(&t.us, "a", "b", &id), 0);
		ids[n++] = id;
	}
	assert_int_equal(n, MQTT_WINDOW);
	/* One may always be more important than the window. */
	assert_int_equal(publish(&t.us, "a", "b", &id), 0);
	assert_int_equal(mqtt_unacknowledged(t.us.mqtt), MQTT_WINDOW + 1);
	run_for(50 * USEC_PER_MSEC);
	assert_int_equal(t.us.acknowledged, 0);
	assert_int_equal(t.us.room, 0);
	broker_signal(&t.broker, SIGCONT);
	run_until(t.us.acknowledged == MQTT_WINDOW + 1);
	assert_int_equal(t.us.last_id, id);
	assert_int_not_equal(id, ids[n - 1]);
	assert_int_equal(t.us.room, 1);
	assert_int_equal(mqtt_room(t.us.mqtt), MQTT_WINDOW);
}

/* A server of ours that answers as told, or not at all. */

struct server {
	int fd;
	unsigned port;
	sd_event_source *source;
	sd_event_source *peers[8];
	int accepted;
	size_t bytes; /* that clients sent */
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
	if (server->answers && in[0] == 0x10)
		assert_int_equal(write(fd, connack, sizeof(connack)), sizeof(connack));
	for (ssize_t i = 0; server->answers && i < n; i += 2 + in[i + 1]) {
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

	assert_true(peer >= 0 && server->accepted <= 8);
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
	s.patience_msec = 200;
	return s;
}

static void gives_a_silent_server_up(void **state)
{
	struct server server = {0};
	struct mqtt_settings s;

	server_start(&server);
	s = settings_of_server(&server);
	for (int tls = 0; tls < 2; tls++) {
		uint64_t start = clock_boot_usec();
		clock_t cpu = clock();

		s.tls = tls;
		client_start(&t.us, &s);
		run_until(mqtt_tried(t.us.mqtt));
		assert_in_range(clock_boot_usec() - start, 190 * USEC_PER_MSEC, 5 * USEC_PER_SEC);
		assert_true(is_logged("it does not answer"));
		/* It must not have spun in the handshake. */
		assert_in_range(clock() - cpu, 0, CLOCKS_PER_SEC / 10);
		/* And then again, by itself. */
		run_until(server.accepted == 2 * (tls + 1));
		t.us.mqtt = mqtt_free(t.us.mqtt);
	}
	assert_int_equal(t.us.connected + t.us.lost, 0);
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
	assert_int_equal(mqtt_subscribe(t.us.mqtt, topics, 3), 0);
	run_until(is_logged("subscribe"));
	assert_true(is_logged("does not let us subscribe to cmd/two: allow"));
	assert_int_equal(mqtt_subscribe(t.us.mqtt, topics, 0), -EINVAL);
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

struct metronome {
	sd_event_source *source;
	uint64_t last;
	uint64_t worst;
};

static int on_beat(sd_event_source *s, uint64_t due, void *userdata)
{
	struct metronome *m = userdata;
	uint64_t now = clock_boot_usec();

	if (m->last && now - m->last > m->worst)
		m->worst = now - m->last;
	m->last = now;
	return timer_arm(
		t.event, &m->source, 5 * USEC_PER_MSEC, TIMER_EXACT, on_beat, m, "metronome");
}

static void keeps_the_loop_free_while_the_resolver_hangs(void **state)
{
	struct server server = {.answers = true};
	struct metronome metronome = {0};
	struct mqtt_settings s;

	server_start(&server);
	s = settings_of_server(&server);
	s.host = "slow.test";
	assert_true(on_beat(NULL, 0, &metronome) >= 0);
	client_start(&t.us, &s);
	run_until(gate_waiting() == 1);
	run_until(mqtt_tried(t.us.mqtt));
	/* One is waited for, three have been given up; there is never a fifth. */
	run_until(gate_waiting() == 4);
	run_until(is_logged("away"));
	run_for(USEC_PER_SEC);
	assert_int_equal(gate_waiting(), 4);
	assert_int_equal(server.accepted, 0);
	assert_in_range(metronome.worst, 1, 100 * USEC_PER_MSEC);
	gate_set(true);
	run_until(t.us.connected == 1);
	run_until(server.accepted >= 4);
	sd_event_source_disable_unref(metronome.source);
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
	client_start(&t.us, &s);
	run_until(gate_waiting() == 1);
	run_until(mqtt_tried(t.us.mqtt));
	mqtt_stop(t.us.mqtt, on_stopped);
	run_until(t.us.stopped);
	gate_set(true);
	run_until(server.accepted == 1);
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
	mqtt_stop(t.us.mqtt, on_stopped);
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
	on_stopped(userdata);
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(connects_by_unix_socket_and_says_online),
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
		TEST(sees_no_retained_message_of_before),
		TEST(gets_the_properties),
		TEST(answers_with_correlation),
		TEST(takes_big_messages_as_size),
		TEST(drops_what_has_too_long_a_topic),
		TEST(loses_nothing_in_a_flood),
		TEST(publishes_pictures),
		TEST(knows_the_broker_s_limit),
		TEST(counts_its_window),
		TEST(gives_a_silent_server_up),
		TEST(names_what_it_may_not_subscribe),
		TEST(ignores_a_bad_response_topic),
		TEST(tries_a_busy_broker_again_soon),
		TEST(yields_to_another_client_of_its_name),
		TEST(reports_an_unknown_name),
		TEST(keeps_the_loop_free_while_the_resolver_hangs),
		TEST(given_up_tries_stay_silent),
		TEST(can_be_freed_in_any_state),
		TEST(can_be_freed_by_its_handlers),
	};

	if (getenv("ONLY"))
		cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("mqtt", tests, NULL, NULL);
}
