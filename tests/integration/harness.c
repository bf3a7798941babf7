#include "tests/integration/harness.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "util/cleanup.h"

#define SETTINGS_MAX    64
#define BROKER_MAX      4096
#define OPTIONS_MAX     512
#define ARGUMENTS_MAX   48
#define PORTS_MAX       4
#define ROOM_FOR_SOCKET 30 /* of a path in a socket address, behind the scratch folder */
#define MQTT_V5         5

struct setting {
	char *section, *key, *value;
};

struct harness_private {
	struct setting settings[SETTINGS_MAX];
	size_t settings_count;
	char broker[BROKER_MAX]; /* more lines of mosquitto.conf */
	char sim[OPTIONS_MAX];   /* more options of the simulator */
	int reserved[PORTS_MAX]; /* sockets, see reserve_port() */
	size_t reserved_count;
	bool broker_tls;
	unsigned cloud_port, control_port; /* the simulator's, 0 before its first start */
	struct process *tool;
	struct json_object *kept; /* an array: what the harness owns */
	bool finished;
};

static const struct {
	const char *key, *value;
} default_settings[] = {
	{"log.level", "debug"},
	{"poll.devices", "0.3"},
	{"poll.history", "0.3"},
	{"poll.access", "1"},
	{"poll.family", "1"},
	{"door.hold_time", "0.3"},
	/* What is not about deadlines does not depend on how fast the machine is. */
	{"door.deadline", "60"},
};

/* make check names it; by hand the test is started there. */
static const char *build_directory(void)
{
	const char *directory = getenv("TOP_BUILDDIR");

	return directory ? directory : ".";
}

/* Takes over the reference. */
void harness_keep_json(struct harness *h, struct json_object *json)
{
	assert_int_equal(json_object_array_add(h->private->kept, json), 0);
}

static const char *keep(struct harness *h, const char *text)
{
	struct json_object *json = json_object_new_string(text);

	assert_non_null(json);
	harness_keep_json(h, json);
	return json_object_get_string(json);
}

const char *harness_text(struct harness *h, const char *format, ...)
{
	_cleanup_free_ char *text = NULL;
	va_list arguments;
	int r;

	va_start(arguments, format);
	r = vasprintf(&text, format, arguments);
	va_end(arguments);
	assert_true(r >= 0);
	return keep(h, text);
}

/* Writes a file into the scratch folder; returns its path. */
const char *harness_file(struct harness *h, const char *name, const char *text, unsigned mode)
{
	const char *path = harness_text(h, "%s/%s", h->dir, name);
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	assert_true(fd >= 0);
	assert_return_code(fchmod(fd, mode), errno);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return path;
}

void harness_set(struct harness *h, const char *key, const char *value)
{
	struct harness_private *p = h->private;
	const char *dot = strrchr(key, '.');
	struct setting *s = p->settings;
	_cleanup_free_ char *section = NULL;

	assert_non_null(dot);
	section = strndup(key, (size_t)(dot - key));
	assert_non_null(section);
	while (s < p->settings + p->settings_count &&
		(strcmp(s->section, section) != 0 || strcmp(s->key, dot + 1) != 0))
		s++;
	if (s == p->settings + p->settings_count) {
		assert_true(p->settings_count < SETTINGS_MAX);
		p->settings_count++;
		s->section = TAKE_PTR(section);
		s->key = strdup(dot + 1);
		assert_non_null(s->key);
	}
	free(s->value);
	s->value = value ? strdup(value) : NULL;
	if (strcmp(key, "mqtt.protocol") == 0)
		h->is_mqtt3 = value && strcmp(value, "3.1.1") == 0;
	if (strcmp(key, "mqtt.base_topic") == 0)
		(void)snprintf(h->base, sizeof(h->base), "%s", value ? value : "home");
}

/* Writes the configuration as set so far; returns its path. The gateway's start does so too. */
const char *harness_write_config(struct harness *h)
{
	struct harness_private *p = h->private;
	_cleanup_free_ char *text = NULL;
	const char *path;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	for (size_t i = 0; i < p->settings_count; i++) {
		const char *section = p->settings[i].section;
		size_t first = 0;

		while (strcmp(p->settings[first].section, section) != 0)
			first++;
		if (first < i)
			continue;
		(void)fprintf(file, "[%s]\n", section);
		for (size_t j = i; j < p->settings_count; j++)
			if (p->settings[j].value && strcmp(p->settings[j].section, section) == 0)
				(void)fprintf(file, "%s = %s\n", p->settings[j].key,
					p->settings[j].value);
	}
	assert_int_equal(fclose(file), 0);
	path = harness_file(h, "akuvox2mqtt.conf", text, 0600);
	return path;
}

/* Of the gateway, and of harness_verb(). */
void harness_setenv(struct harness *h, const char *name, const char *value)
{
	process_setenv(h->gateway, name, value);
	process_setenv(h->private->tool, name, value);
}

static void append(char *text, size_t size, const char *more, const char *end)
{
	size_t used = strlen(text);

	assert_true(snprintf(text + used, size - used, "%s%s", more, end) < (int)(size - used));
}

/* More options of the simulator: "--homes 3 --latency 20". */
void harness_sim_options(struct harness *h, const char *options)
{
	append(h->private->sim, sizeof(h->private->sim), options, " ");
}

/* A line of mosquitto.conf: "max_packet_size 100000". */
void harness_broker_line(struct harness *h, const char *line)
{
	append(h->private->broker, sizeof(h->private->broker), line, "\n");
}

/* Runs a program to its end; returns its exit status. */
static int run_tool(struct harness *h, const char *const argv[])
{
	process_start(h->private->tool, argv);
	return process_wait(h->private->tool);
}

/* A free TCP port that stays ours: a socket that is bound but does not listen keeps the kernel from
 * giving the port to others, while a program that sets SO_REUSEADDR too can still listen on it. */
static unsigned reserve_port(struct harness *h)
{
	struct harness_private *p = h->private;
	struct sockaddr_in address = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	assert_true(fd >= 0 && p->reserved_count < PORTS_MAX);
	p->reserved[p->reserved_count++] = fd;
	assert_return_code(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), errno);
	assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof(address)), errno);
	assert_return_code(getsockname(fd, (struct sockaddr *)&address, &size), errno);
	return ntohs(address.sin_port);
}

/* The broker listens on 127.0.0.1, at h->port, too, and the gateway uses that. */
void harness_broker_tcp(struct harness *h)
{
	h->port = reserve_port(h);
	harness_set(h, "mqtt.socket", NULL);
	harness_set(h, "mqtt.host", "127.0.0.1");
	harness_set(h, "mqtt.port", harness_text(h, "%u", h->port));
}

/* Makes h->certificate for localhost, which is its own authority, with dir/tls.key. */
static void make_certificate(struct harness *h)
{
	if (h->certificate)
		return;
	h->certificate = strdup(harness_text(h, "%s/tls.crt", h->dir));
	assert_non_null(h->certificate);
	assert_int_equal(run_tool(h, (const char *const[]){"openssl", "req", "-x509", "-newkey",
					     "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
					     "-nodes", "-days", "2", "-subj", "/CN=localhost",
					     "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
					     "-keyout", harness_text(h, "%s/tls.key", h->dir),
					     "-out", h->certificate, NULL}),
		0);
}

/* The same with TLS, for the name localhost. */
void harness_broker_tls(struct harness *h)
{
	make_certificate(h);
	harness_broker_tcp(h);
	h->private->broker_tls = true;
	harness_set(h, "mqtt.host", "localhost");
	harness_set(h, "mqtt.tls", "yes");
	harness_set(h, "mqtt.ca_file", h->certificate);
}

/* The simulator's cloud side speaks TLS. */
void harness_sim_tls(struct harness *h)
{
	make_certificate(h);
	harness_sim_options(
		h, harness_text(h, "--tls-cert %s --tls-key %s/tls.key", h->certificate, h->dir));
	harness_set(h, "cloud.ca_file", h->certificate);
}

/* The broker asks for a name and password; the gateway gives these. */
void harness_broker_user(struct harness *h, const char *user, const char *password)
{
	const char *path = harness_text(h, "%s/passwords", h->dir);

	h->user = strdup(user);
	assert_non_null(h->user);
	assert_int_equal(run_tool(h, (const char *const[]){"mosquitto_passwd", "-c", "-b", path,
					     HARNESS_TESTER, HARNESS_TESTER_PASSWORD, NULL}),
		0);
	assert_int_equal(run_tool(h, (const char *const[]){"mosquitto_passwd", "-b", path, user,
					     password, NULL}),
		0);
	harness_broker_line(h, harness_text(h, "password_file %s", path));
	harness_set(h, "mqtt.username", user);
	harness_set(h, "mqtt.password_file", harness_file(h, "mqtt-password", password, 0600));
}

void harness_start_broker(struct harness *h)
{
	struct harness_private *p = h->private;
	char text[BROKER_MAX + 1024];
	const char *path;

	/* As root it would give up its rights, and then not reach the scratch folder. Without a limit
	 * of messages Mosquitto 2.0.11 ends each connection on which it forbids one. */
	(void)snprintf(text, sizeof(text),
		"user root\nlog_dest stderr\nlog_type all\nallow_anonymous %s\n"
		"max_queued_messages 100000\n%slistener 0 %s\n",
		h->user ? "false" : "true", p->broker, h->socket);
	if (h->port > 0)
		append(text, sizeof(text), harness_text(h, "listener %u 127.0.0.1", h->port), "\n");
	if (p->broker_tls)
		append(text, sizeof(text),
			harness_text(h, "certfile %s\nkeyfile %s/tls.key", h->certificate, h->dir),
			"\n");
	path = harness_file(h, "mosquitto.conf", text, 0600);
	(void)unlink(h->socket);
	process_exec(h->broker, "mosquitto", "-c", path);
	process_await_notify(h->broker, "READY=1");
	if (h->client)
		client_resume(h->client);
}

/* Adds words to argv, which has room for ARGUMENTS_MAX and a NULL. */
static void add_words(struct harness *h, const char **argv, const char *words)
{
	_cleanup_free_ char *copy = strdup(words);
	char *rest = copy, *word;
	size_t n = 0;

	assert_non_null(copy);
	while (argv[n])
		n++;
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		assert_true(n < ARGUMENTS_MAX);
		argv[n++] = keep(h, word);
	}
}

static void read_url(struct harness *h, char *ret, size_t size, const char *what)
{
	const char *line = process_line(h->sim);
	size_t n = strlen(what);

	if (strncmp(line, what, n) != 0 || line[n] != ' ')
		fail_msg("the simulator says \"%s\", not its %s address", line, what);
	(void)snprintf(ret, size, "%s", line + n + 1);
}

void harness_start_sim(struct harness *h)
{
	const char *argv[ARGUMENTS_MAX + 1] = {
		harness_text(h, "%s/tests/sim/akuvox-cloud-sim", build_directory())};
	struct harness_private *p = h->private;

	if (!p->cloud_port) {
		p->cloud_port = reserve_port(h);
		p->control_port = reserve_port(h);
	}
	add_words(h, argv,
		harness_text(h, "--listen 127.0.0.1:%u --control 127.0.0.1:%u %s", p->cloud_port,
			p->control_port, p->sim));
	process_start(h->sim, argv);
	read_url(h, h->cloud_url, sizeof(h->cloud_url), "cloud");
	read_url(h, h->control_url, sizeof(h->control_url), "control");
	harness_set(h, "cloud.url", h->cloud_url);
}

void harness_start_client(struct harness *h)
{
	h->client = client_new(h, NULL, MQTT_V5);
	client_subscribe(h->client, "#");
}

/* "akuvox2mqtt" as built, behind HARNESS_WRAP. */
static void add_gateway(struct harness *h, const char **argv)
{
	const char *wrap = getenv("HARNESS_WRAP");

	if (wrap)
		add_words(h, argv, wrap);
	add_words(h, argv, harness_text(h, "%s/akuvox2mqtt", build_directory()));
}

void harness_launch_gateway(struct harness *h)
{
	const char *argv[ARGUMENTS_MAX + 1] = {0};

	add_gateway(h, argv);
	add_words(h, argv, harness_text(h, "run -c %s", harness_write_config(h)));
	process_start(h->gateway, argv);
}

void harness_start_gateway(struct harness *h)
{
	harness_launch_gateway(h);
	process_await_notify(h->gateway, "READY=1");
}

void harness_start(struct harness *h)
{
	harness_start_broker(h);
	harness_start_sim(h);
	harness_start_client(h);
	harness_start_gateway(h);
}

/* Runs "akuvox2mqtt" with the arguments up to a NULL, in the gateway's environment, to its end, and
 * returns its exit status. Either result pointer may be NULL. Errors are those of all calls so far. */
int harness_verb(struct harness *h, const char **ret_output, const char **ret_errors, ...)
{
	const char *argv[ARGUMENTS_MAX + 1] = {0};
	va_list arguments;
	const char *word;
	size_t n = 0;
	int status;

	add_gateway(h, argv);
	while (argv[n])
		n++;
	va_start(arguments, ret_errors);
	while ((word = va_arg(arguments, const char *))) {
		assert_true(n < ARGUMENTS_MAX);
		argv[n++] = keep(h, word);
	}
	va_end(arguments);
	status = run_tool(h, argv);
	if (ret_output)
		*ret_output = keep(h, process_output(h->private->tool));
	if (ret_errors)
		*ret_errors = keep(h, process_log(h->private->tool));
	return status;
}

/* "home/RESIDENCE/leaf" of the simulator's first home. */
const char *harness_home(struct harness *h, const char *leaf)
{
	return harness_text(h, "%s/%s/%s", h->base, control_text(h, "homes.0.residence_id"), leaf);
}

/* "home/RESIDENCE/door/RELAY/leaf" of its first relay. */
const char *harness_door(struct harness *h, const char *leaf)
{
	return harness_home(
		h, harness_text(h, "door/%s/%s",
			   control_text(h, "homes.0.devices.0.relays.0.relay_id"), leaf));
}

/* A scratch folder and the settings that every test needs. */
int harness_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct harness *h = calloc(1, sizeof(*h));
	struct harness_private *p = calloc(1, sizeof(*p));
	const char *state_directory;

	assert_true(h && p);
	h->private = p;
	p->kept = json_object_new_array();
	assert_non_null(p->kept);
	if (!tmp || strlen(tmp) > sizeof(h->dir) - ROOM_FOR_SOCKET)
		tmp = "/tmp";
	(void)snprintf(h->dir, sizeof(h->dir), "%s/akuvox2mqtt-XXXXXX", tmp);
	assert_non_null(mkdtemp(h->dir));
	(void)snprintf(h->socket, sizeof(h->socket), "%s/mqtt.sock", h->dir);
	(void)snprintf(h->base, sizeof(h->base), "home");
	h->broker = process_new(h->dir, "mosquitto");
	h->sim = process_new(h->dir, "sim");
	h->gateway = process_new(h->dir, "gateway");
	p->tool = process_new(h->dir, "tool");
	process_setenv(h->broker, "PATH", harness_text(h, "%s:/usr/sbin", getenv("PATH")));
	state_directory = harness_text(h, "%s/state", h->dir);
	assert_return_code(mkdir(state_directory, 0700), errno);
	harness_setenv(h, "STATE_DIRECTORY", state_directory);
	for (size_t i = 0; i < ELEMENTS(default_settings); i++)
		harness_set(h, default_settings[i].key, default_settings[i].value);
	harness_set(h, "mqtt.socket", h->socket);
	harness_set(
		h, "cloud.access_token_file", harness_file(h, "access_token", "sim-token\n", 0600));
	*state = h;
	return 0;
}

/* The end of a test that did not fail: everything must end well. */
void harness_finish(struct harness *h)
{
	if (process_vanished(h->gateway) || process_vanished(h->sim) || process_vanished(h->broker))
		fail_msg("a process ended unseen");
	if (process_running(h->gateway) && process_stop(h->gateway) != 0)
		fail_msg("the gateway ends with status %d", process_wait(h->gateway));
	if (process_running(h->sim)) {
		struct json_object *state = control_get(h, "/state");

		if (!h->wrong_requests_allowed && json_object_array_length(json_object_object_get(
							  state, "wrong_requests")) > 0)
			fail_msg("wrong requests: %s", json_at(state, "wrong_requests"));
		assert_int_equal(process_stop(h->sim), 0);
	}
	h->private->finished = true;
}

static int remove_entry(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)remove(path);
	return 0;
}

/* Ends everything, shows the logs if the test has failed, removes the scratch folder. */
int harness_teardown(void **state)
{
	struct harness *h = *state;
	struct harness_private *p = h->private;

	if (!p->finished) {
		process_print_log(h->broker);
		process_print_log(h->sim);
		process_print_log(h->gateway);
	}
	h->client = client_free(h->client);
	h->gateway = process_free(h->gateway);
	h->sim = process_free(h->sim);
	h->broker = process_free(h->broker);
	p->tool = process_free(p->tool);
	if (getenv("KEEP"))
		(void)fprintf(stderr, "kept: %s\n", h->dir);
	else
		(void)nftw(h->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	for (size_t i = 0; i < p->settings_count; i++) {
		free(p->settings[i].section);
		free(p->settings[i].key);
		free(p->settings[i].value);
	}
	for (size_t i = 0; i < p->reserved_count; i++)
		(void)close(p->reserved[i]);
	(void)json_object_put(p->kept);
	free(h->user);
	free(h->certificate);
	free(p);
	free(h);
	return 0;
}
