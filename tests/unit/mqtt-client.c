#include "tests/unit/mqtt-client.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <pthread.h>

#include "util/log.h"
#include "util/timer.h"

struct mqtt_fixture t;

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

int __wrap_timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec,
	uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata, const char *name);
int __real_timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec,
	uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata, const char *name);
int __wrap_timer_arm(sd_event *event, sd_event_source **source, uint64_t wait_usec,
	uint64_t accuracy_usec, sd_event_time_handler_t handler, void *userdata, const char *name)
{
	if (t.is_patient && strcmp(name, "mqtt-patience") == 0)
		wait_usec = WAIT_USEC;
	if (strcmp(name, "mqtt-tick") == 0)
		t.look_usec = wait_usec + accuracy_usec;
	return __real_timer_arm(event, source, wait_usec, accuracy_usec, handler, userdata, name);
}

int gate_waiting(void)
{
	int n;

	pthread_mutex_lock(&gate.lock);
	n = gate.waiting;
	pthread_mutex_unlock(&gate.lock);
	return n;
}

void gate_set(bool is_open)
{
	pthread_mutex_lock(&gate.lock);
	gate.is_open = is_open;
	pthread_cond_broadcast(&gate.opened);
	pthread_mutex_unlock(&gate.lock);
}

void turn(void)
{
	assert_true(sd_event_run(t.event, 20 * USEC_PER_MSEC) >= 0);
}

/* Lets the loop do what it can do now. */
void settle(void)
{
	while (sd_event_run(t.event, 0) > 0)
		;
}

/* For what must not happen. */
void run_for(uint64_t usec)
{
	uint64_t end = clock_boot_usec() + usec;

	while (clock_boot_usec() < end)
		turn();
	settle();
}

static void on_connected(void *userdata)
{
	struct client *c = userdata;

	c->connected++;
	if (c->subscription)
		assert_int_equal(mqtt_subscribe(c->mqtt, &c->subscription, 1, MQTT_COMMANDS), 0);
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

void client_stopped(void *userdata)
{
	struct client *c = userdata;

	c->stopped++;
}

struct mqtt_settings settings_of_us(void)
{
	return (struct mqtt_settings){
		.socket = t.broker.socket,
		.version = 5,
		.client_id = "us",
		.state_topic = STATE,
		.patience_msec = 30000,
	};
}

struct mqtt_settings settings_of_port(void)
{
	struct mqtt_settings s = settings_of_us();

	s.socket = NULL;
	s.host = "127.0.0.1";
	s.port = t.broker.port;
	return s;
}

void client_start(struct client *c, const struct mqtt_settings *settings)
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

void client_connect(struct client *c, const struct mqtt_settings *settings)
{
	int before = c->connected;

	client_start(c, settings);
	run_until(c->connected > before);
	assert_true(mqtt_online(c->mqtt));
	assert_true(mqtt_tried(c->mqtt));
}

void watch(const char *topic)
{
	struct mqtt_settings s = settings_of_us();

	s.version = 3;
	s.client_id = "watcher";
	s.state_topic = "watcher/state";
	t.watcher.subscription = topic;
	client_connect(&t.watcher, &s);
}

bool is_logged(const char *text)
{
	char log[65536] = "";
	int fd = open(t.log_path, O_RDONLY | O_CLOEXEC);
	ssize_t n = read(fd, log, sizeof(log) - 1);

	close(fd);
	assert_true(n >= 0);
	return strstr(log, text);
}

int publish(struct client *c, const char *topic, const char *payload, int *id)
{
	const struct mqtt_message m = {
		.topic = topic, .payload = payload, .size = strlen(payload), .qos = 1};

	return mqtt_publish(c->mqtt, &m, id);
}

/* The library's lines go to a file, to be looked at. */
int setup(void **state)
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

int teardown(void **state)
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
