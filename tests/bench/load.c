/* bench-load: asks by MQTT as a dashboard would, and measures from outside: the time until the
 * answer, and what the one who answers took of the processor. Each call prints one JSON line. */

#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mosquitto.h>

#define SAMPLES_MAX 200000
#define WARM_UP     200
#define PATIENCE_NS (30 * INT64_C(1000000000))

/* How often one asks who has just been started: more often would be work that delays it. */
#define ASK_AGAIN_NS 1000000

struct load {
	struct mosquitto *mosq;
	unsigned long answers, bad, subscribed;
	bool counts_only; /* what the messages say is no matter */
	int64_t answered_ns;
	unsigned long next, doors_of_home;
	char expected[128]; /* the topic of the answer that counts; "": any */
};

static int64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void fail(const char *why)
{
	(void)fprintf(stderr, "bench-load: %s\n", why);
	exit(1);
}

/* The sum of one number over the threads of a process: schedstat's first is time on a processor. */
static int64_t cpu_ns(const char *pid)
{
	char pattern[64];
	int64_t sum = 0;
	glob_t found;

	(void)snprintf(pattern, sizeof(pattern), "/proc/%s/task/*/schedstat", pid);
	if (glob(pattern, 0, NULL, &found) != 0)
		fail("the process is gone");
	for (size_t i = 0; i < found.gl_pathc; i++) {
		FILE *f = fopen(found.gl_pathv[i], "re");
		int64_t one = 0;

		if (f && fscanf(f, "%" SCNi64, &one) == 1)
			sum += one;
		if (f)
			(void)fclose(f);
	}
	globfree(&found);
	return sum;
}

/* A number of /proc/PID/status, over all threads. */
static int64_t status_number(const char *pid, const char *name, bool threads)
{
	char pattern[64], line[256];
	int64_t sum = 0;
	glob_t found;

	(void)snprintf(pattern, sizeof(pattern),
		threads ? "/proc/%s/task/*/status" : "/proc/%s/status", pid);
	if (glob(pattern, 0, NULL, &found) != 0)
		fail("the process is gone");
	for (size_t i = 0; i < found.gl_pathc; i++) {
		FILE *f = fopen(found.gl_pathv[i], "re");

		while (f && fgets(line, sizeof(line), f))
			if (strncmp(line, name, strlen(name)) == 0)
				sum += strtoll(line + strlen(name) + 1, NULL, 10);
		if (f)
			(void)fclose(f);
	}
	globfree(&found);
	return sum;
}

static void on_message(struct mosquitto *mosq, void *userdata, const struct mosquitto_message *m)
{
	struct load *l = userdata;

	if (*l->expected && strcmp(m->topic, l->expected) != 0)
		return;
	l->answered_ns = now_ns();
	l->answers++;
	if (!l->counts_only && !memmem(m->payload, (size_t)m->payloadlen, "\"success\":true", 14)) {
		if (l->bad++ == 0)
			(void)fprintf(stderr, "bench-load: %.*s\n", m->payloadlen,
				(const char *)m->payload);
	}
}

static void on_subscribe(struct mosquitto *mosq, void *userdata, int mid, int n, const int *qos)
{
	struct load *l = userdata;

	l->subscribed++;
}

static void turn(struct load *l, int msec)
{
	if (mosquitto_loop(l->mosq, msec, 1) != MOSQ_ERR_SUCCESS)
		fail("the broker is gone");
}

static void connect_to(struct load *l, const char *port, const char *pattern)
{
	(void)mosquitto_lib_init();
	l->mosq = mosquitto_new(NULL, true, l);
	(void)mosquitto_int_option(l->mosq, MOSQ_OPT_PROTOCOL_VERSION, MQTT_PROTOCOL_V5);
	(void)mosquitto_int_option(l->mosq, MOSQ_OPT_TCP_NODELAY, 1);
	mosquitto_message_callback_set(l->mosq, on_message);
	mosquitto_subscribe_callback_set(l->mosq, on_subscribe);
	if (mosquitto_connect(l->mosq, "127.0.0.1", atoi(port), 60) != MOSQ_ERR_SUCCESS)
		fail("no broker");
	(void)mosquitto_subscribe(l->mosq, NULL, pattern, 1);
	while (!l->subscribed)
		turn(l, 100);
}

static void ask(struct load *l, const char *topic)
{
	char payload[64];
	int n = snprintf(payload, sizeof(payload), "{\"id\":\"%d-%lu\"}", (int)getpid(), ++l->next);

	if (mosquitto_publish(l->mosq, NULL, topic, n, payload, 1, false) != MOSQ_ERR_SUCCESS)
		fail("cannot publish");
}

/* The next of so many doors, of homes with few doors each, as homes are. */
static void door_topic(const struct load *l, unsigned doors, const char *leaf, char topic[128])
{
	unsigned long door = l->next % doors;

	(void)snprintf(topic, 128, "home/h%lu/door/r%lu/%s", door / l->doors_of_home,
		door % l->doors_of_home, leaf);
}

static void open_door(struct load *l, unsigned doors)
{
	char topic[128];

	door_topic(l, doors, "open", topic);
	ask(l, topic);
}

/* One opening, from the publication to its answer; a lost one is a failure. */
static int64_t one_opening(struct load *l, unsigned doors)
{
	unsigned long before = l->answers;
	int64_t start = now_ns();

	door_topic(l, doors, "result", l->expected);
	open_door(l, doors);
	while (l->answers == before) {
		if (now_ns() - start > PATIENCE_NS)
			fail("an opening was not answered");
		turn(l, 1000);
	}
	*l->expected = '\0';
	return l->answered_ns - start;
}

static int by_size(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* Asks until there is an answer, each time for another door; then the line to the cloud is warm. */
static void warm_up(struct load *l, unsigned doors)
{
	int64_t start = now_ns(), asked = 0;

	while (l->answers == l->bad) {
		if (now_ns() - start > PATIENCE_NS)
			fail("nobody answers");
		if (now_ns() - asked > 200000000) {
			asked = now_ns();
			open_door(l, doors);
		}
		turn(l, 100);
	}
	while (now_ns() - l->answered_ns < 1000000000)
		turn(l, 50);
	l->bad = 0;
}

/* row PORT DOORS COUNT PID: openings in a row, each when the one before is answered. */
static int verb_row(struct load *l, char **argv)
{
	static int64_t samples[SAMPLES_MAX];
	unsigned doors = (unsigned)atoi(argv[1]), count = (unsigned)atoi(argv[2]);
	int64_t cpu;

	if (count > SAMPLES_MAX || doors == 0)
		fail("too many");
	connect_to(l, argv[0], "home/+/door/+/result");
	l->next = (unsigned long)now_ns() % doors;
	warm_up(l, doors);
	for (unsigned i = 0; i < WARM_UP && i < count; i++)
		(void)one_opening(l, doors);
	cpu = cpu_ns(argv[3]);
	for (unsigned i = 0; i < count; i++)
		samples[i] = one_opening(l, doors);
	cpu = cpu_ns(argv[3]) - cpu;
	qsort(samples, count, sizeof(*samples), by_size);
	(void)printf(
		"{\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f,\"cpu_us\":%.1f,\"bad\":%lu}\n",
		(double)samples[count / 2] / 1e3, (double)samples[count * 99 / 100] / 1e3,
		(double)samples[count - 1] / 1e3, (double)cpu / 1e3 / count, l->bad);
	return 0;
}

/* many PORT DOORS COUNT OUTSTANDING PID: requests that read, so many at a time. */
static int verb_many(struct load *l, char **argv)
{
	const char *topic = "home/h0/request/get_akuvox_open_door_nfc_config";
	unsigned long count = strtoul(argv[2], NULL, 10), outstanding = strtoul(argv[3], NULL, 10);
	unsigned long sent = 0, before;
	int64_t start, cpu;

	connect_to(l, argv[0], "home/+/door/+/result");
	warm_up(l, (unsigned)atoi(argv[1]));
	(void)mosquitto_subscribe(l->mosq, NULL, "home/+/response/+", 1);
	while (l->subscribed < 2)
		turn(l, 100);
	before = l->answers;
	cpu = cpu_ns(argv[4]);
	start = now_ns();
	while (l->answers - before < count) {
		if (now_ns() - start > 4 * PATIENCE_NS)
			fail("requests were not answered");
		while (sent < count && sent - (l->answers - before) < outstanding) {
			ask(l, topic);
			sent++;
		}
		turn(l, 1000);
	}
	start = now_ns() - start;
	cpu = cpu_ns(argv[4]) - cpu;
	(void)printf("{\"per_s\":%.1f,\"cpu_us\":%.1f,\"bad\":%lu}\n",
		(double)count * 1e9 / (double)start, (double)cpu / 1e3 / (double)count, l->bad);
	return 0;
}

static pid_t launch(char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
		(void)execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	return pid;
}

/* start PORT DOORS COMMAND...: from exec to the answer of the first opening, asked for until there
 * is one. */
static int verb_start(struct load *l, char **argv)
{
	int64_t start, asked;
	pid_t pid;

	connect_to(l, argv[0], "home/+/door/+/result");
	start = now_ns();
	pid = launch(argv + 2);
	/* At another moment with each start, lest all results fall on the same few. */
	asked = start - start % ASK_AGAIN_NS;
	while (l->answers == l->bad) {
		if (now_ns() - start > PATIENCE_NS)
			fail("nobody answers");
		if (now_ns() - asked > ASK_AGAIN_NS) {
			asked = now_ns();
			open_door(l, (unsigned)atoi(argv[1]));
		}
		turn(l, 1);
	}
	(void)printf("{\"start_ms\":%.2f}\n", (double)(l->answered_ns - start) / 1e6);
	(void)kill(pid, SIGTERM);
	return waitpid(pid, NULL, 0) == pid ? 0 : 1;
}

/* state PORT TOPIC COMMAND...: from exec to the first message on the topic. */
static int verb_state(struct load *l, char **argv)
{
	int64_t start;
	pid_t pid;

	connect_to(l, argv[0], argv[1]);
	for (int64_t quiet = now_ns(); now_ns() - quiet < 200000000;)
		turn(l, 50);
	l->answers = 0;
	start = now_ns();
	pid = launch(argv + 2);
	while (!l->answers) {
		if (now_ns() - start > PATIENCE_NS)
			fail("nothing is published");
		turn(l, 10);
	}
	(void)printf("{\"state_ms\":%.1f}\n", (double)(l->answered_ns - start) / 1e6);
	(void)kill(pid, SIGTERM);
	return waitpid(pid, NULL, 0) == pid ? 0 : 1;
}

/* all PORT PATTERN COUNT COMMAND...: from exec to the first and to the last of so many messages, and
 * what it took until then. */
static int verb_all(struct load *l, char **argv)
{
	unsigned long count = strtoul(argv[2], NULL, 10), quiet;
	int64_t start, first = 0, cpu;
	char text[16];
	pid_t pid;

	l->counts_only = true;
	connect_to(l, argv[0], argv[1]);
	/* What the broker has kept comes before. */
	do {
		quiet = l->answers;
		for (int64_t until = now_ns() + 1000000000; now_ns() < until;)
			turn(l, 50);
	} while (l->answers != quiet);
	l->answers = 0;
	start = now_ns();
	pid = launch(argv + 3);
	while (l->answers < count) {
		if (now_ns() - start > PATIENCE_NS)
			fail("not all is published");
		turn(l, 10);
		if (first == 0 && l->answers > 0)
			first = now_ns();
	}
	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	cpu = cpu_ns(text);
	(void)printf("{\"first_ms\":%.1f,\"all_ms\":%.1f,\"start_cpu_ms\":%.1f}\n",
		(double)(first - start) / 1e6, (double)(l->answered_ns - start) / 1e6,
		(double)cpu / 1e6);
	(void)kill(pid, SIGTERM);
	return waitpid(pid, NULL, 0) == pid ? 0 : 1;
}

/* closed PORT DOORS COUNT CLOUD_PID MS: openings, each so long after the cloud has closed the idle
 * connections. */
static int verb_closed(struct load *l, char **argv)
{
	static int64_t samples[SAMPLES_MAX];
	unsigned doors = (unsigned)atoi(argv[1]), count = (unsigned)atoi(argv[2]);
	int64_t pause_ns = atoi(argv[4]) * INT64_C(1000000);

	if (count > SAMPLES_MAX || doors == 0)
		fail("too many");
	connect_to(l, argv[0], "home/+/door/+/result");
	warm_up(l, doors);
	for (unsigned i = 0; i < count; i++) {
		(void)kill(atoi(argv[3]), SIGUSR2);
		for (int64_t quiet = now_ns(); now_ns() - quiet < pause_ns;)
			turn(l, 10);
		samples[i] = one_opening(l, doors);
	}
	qsort(samples, count, sizeof(*samples), by_size);
	(void)printf("{\"p50_us\":%.1f,\"max_us\":%.1f,\"bad\":%lu}\n",
		(double)samples[count / 2] / 1e3, (double)samples[count - 1] / 1e3, l->bad);
	return 0;
}

/* idle SECONDS PID: what it takes when nobody asks. */
static int verb_idle(struct load *l, char **argv)
{
	int64_t seconds = atoi(argv[0]), cpu = cpu_ns(argv[1]);
	int64_t woken = status_number(argv[1], "voluntary_ctxt_switches", true);

	(void)sleep((unsigned)seconds);
	cpu = cpu_ns(argv[1]) - cpu;
	woken = status_number(argv[1], "voluntary_ctxt_switches", true) - woken;
	(void)printf("{\"wakeups_s\":%.2f,\"cpu_ms_min\":%.2f,\"rss_kb\":%" PRIi64
		     ",\"anon_kb\":%" PRIi64 ",\"threads\":%" PRIi64 "}\n",
		(double)woken / (double)seconds, (double)cpu / 1e6 * 60 / (double)seconds,
		status_number(argv[1], "VmRSS", false), status_number(argv[1], "RssAnon", false),
		status_number(argv[1], "Threads", false));
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name, *usage;
		int least;
		int (*run)(struct load *l, char **argv);
	} verbs[] = {
		{"row", "PORT DOORS COUNT PID", 4, verb_row},
		{"many", "PORT DOORS COUNT OUTSTANDING PID", 5, verb_many},
		{"start", "PORT DOORS COMMAND...", 3, verb_start},
		{"state", "PORT TOPIC COMMAND...", 3, verb_state},
		{"all", "PORT PATTERN COUNT COMMAND...", 4, verb_all},
		{"closed", "PORT DOORS COUNT CLOUD_PID MS", 5, verb_closed},
		{"idle", "SECONDS PID", 2, verb_idle},
	};
	const char *doors_of_home = getenv("BENCH_DOORS_OF_HOME");
	static struct load l;

	l.doors_of_home = doors_of_home ? strtoul(doors_of_home, NULL, 10) : 32;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		if (argc >= 2 + verbs[i].least && strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(&l, argv + 2);
	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++)
		(void)fprintf(stderr, "usage: bench-load %s %s\n", verbs[i].name, verbs[i].usage);
	return 2;
}
