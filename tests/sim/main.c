/* akuvox-cloud-sim: a small akubela cloud for demonstrations and tests. */

#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "tests/sim/must.h"
#include "tests/sim/sim.h"
#include "util/cleanup.h"

/* Limits of the arguments. */
#define HOMES_MAX   10000
#define DEVICES_MAX 1000
#define MSEC_MAX    3600000
#define PEM_MAX     65536

struct options {
	const char *listen, *control, *url, *token, *cert, *key;
	uint64_t homes, devices, seed, life, latency;
	bool quiet;
};

enum option_kind { OPTION_TEXT, OPTION_NUMBER, OPTION_SWITCH, OPTION_HELP, OPTION_VERSION };

static const struct {
	const char *name, *argument, *help;
	enum option_kind kind;
	size_t offset;
	uint64_t most;
} known[] = {
	{"listen", "ADDR:PORT", "where the cloud listens [127.0.0.1:0, a free port]", OPTION_TEXT,
		offsetof(struct options, listen), 0},
	{"control", "ADDR:PORT", "where the control side listens, loopback only [127.0.0.1:0]",
		OPTION_TEXT, offsetof(struct options, control), 0},
	{"url", "URL", "how others reach it, in addresses of pictures [as listened]", OPTION_TEXT,
		offsetof(struct options, url), 0},
	{"homes", "N", "homes of the account [2]", OPTION_NUMBER, offsetof(struct options, homes),
		HOMES_MAX},
	{"devices", "N", "devices of each home [3]", OPTION_NUMBER,
		offsetof(struct options, devices), DEVICES_MAX},
	{"seed", "N", "all ids and names follow from it [1]", OPTION_NUMBER,
		offsetof(struct options, seed), UINT64_MAX},
	{"life", "SECONDS", "something happens by itself about that often [never]", OPTION_NUMBER,
		offsetof(struct options, life), MSEC_MAX},
	{"latency", "MS", "time each answer takes [0]", OPTION_NUMBER,
		offsetof(struct options, latency), MSEC_MAX},
	{"token", "TEXT", "an access token that is valid from the start [sim-token]", OPTION_TEXT,
		offsetof(struct options, token), 0},
	{"tls-cert", "FILE", "certificate (PEM): the cloud then speaks https", OPTION_TEXT,
		offsetof(struct options, cert), 0},
	{"tls-key", "FILE", "its key (PEM)", OPTION_TEXT, offsetof(struct options, key), 0},
	{"quiet", NULL, "do not print the requests", OPTION_SWITCH, offsetof(struct options, quiet),
		0},
	{"help", NULL, "print this", OPTION_HELP, 0, 0},
	{"version", NULL, "print the version", OPTION_VERSION, 0, 0},
};

static void print_help(void)
{
	printf("Usage: akuvox-cloud-sim [OPTION]...\n"
	       "A simulated akubela cloud with homes, doors and a control side for tests.\n\n");
	for (size_t i = 0; i < ELEMENTS(known); i++) {
		char left[40];

		(void)snprintf(left, sizeof(left), "--%s %s", known[i].name,
			known[i].argument ? known[i].argument : "");
		printf("  %-22s %s\n", left, known[i].help);
	}
}

static bool set_option(struct options *options, size_t i, const char *value)
{
	void *field = (char *)options + known[i].offset;
	char *end;

	switch (known[i].kind) {
	case OPTION_TEXT:
		*(const char **)field = value;
		return true;
	case OPTION_NUMBER:
		errno = 0;
		*(uint64_t *)field = strtoull(value, &end, 10);
		if (errno || *end || *value < '0' || *value > '9' ||
			*(uint64_t *)field > known[i].most) {
			(void)fprintf(stderr, "--%s: not a number, or too large\n", known[i].name);
			return false;
		}
		return true;
	case OPTION_SWITCH:
		*(bool *)field = true;
		return true;
	case OPTION_HELP:
	case OPTION_VERSION:
		return true;
	}
	return false;
}

/* 0: go on; 1: all was said; 2: usage. */
static int read_options(int argc, char **argv, struct options *ret)
{
	struct option table[ELEMENTS(known) + 1] = {0};
	int i = 0, r;

	for (size_t k = 0; k < ELEMENTS(known); k++) {
		table[k].name = known[k].name;
		table[k].has_arg = known[k].argument ? required_argument : no_argument;
	}
	while ((r = getopt_long(argc, argv, "", table, &i)) == 0) {
		if (known[i].kind == OPTION_HELP) {
			print_help();
			return 1;
		}
		if (known[i].kind == OPTION_VERSION) {
			printf("akuvox-cloud-sim %s\n", PACKAGE_VERSION);
			return 1;
		}
		if (!set_option(ret, (size_t)i, optarg))
			return 2;
	}
	/* What an option lacks, getopt_long has said already. */
	if (r == -1 && optind == argc)
		return 0;
	if (r == -1)
		(void)fprintf(stderr, "unexpected argument: %s\n", argv[optind]);
	return 2;
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *content;
	size_t size;

	if (!f)
		return NULL;
	content = must(malloc(PEM_MAX));
	size = fread(content, 1, PEM_MAX - 1, f);
	content[size] = '\0';
	(void)fclose(f);
	return content;
}

static int start(struct sim *s, const struct options *options, char *cert, char *key)
{
	struct http_settings cloud = {
		.listen = options->listen,
		.cert = cert,
		.key = key,
		.serve = cloud_serve,
		.admit = cloud_admit,
		.userdata = s,
	};
	struct http_settings control = {
		.listen = options->control,
		.loopback_only = true,
		.serve = control_serve,
		.userdata = s,
	};
	const char *why;
	int r;

	/* No request is looked at before the addresses of the pictures are known. */
	(void)pthread_mutex_lock(&s->lock);
	r = http_new(&s->cloud, &cloud, &why);
	if (r < 0) {
		(void)fprintf(stderr, "--listen %s: %s: %s\n", options->listen, why, strerror(-r));
	} else {
		world_set(&s->world->base_url, options->url ?: http_url(s->cloud));
		r = http_new(&s->control, &control, &why);
		if (r < 0)
			(void)fprintf(stderr, "--control %s: %s: %s\n", options->control, why,
				strerror(-r));
	}
	(void)pthread_mutex_unlock(&s->lock);
	return r;
}

/* Lives until a signal says otherwise. */
static void live(struct sim *s, const sigset_t *signals, uint64_t life)
{
	for (;;) {
		struct timespec wait = {.tv_sec = (time_t)life};
		const char *what;

		if (life == 0) {
			/* Being stopped and continued ends the wait, too. */
			if (sigwaitinfo(signals, NULL) > 0)
				return;
			continue;
		}
		if (sigtimedwait(signals, NULL, &wait) > 0)
			return;
		if (errno != EAGAIN)
			continue;
		(void)pthread_mutex_lock(&s->lock);
		what = world_live(s->world);
		(void)pthread_mutex_unlock(&s->lock);
		if (!s->quiet)
			(void)fprintf(stderr, "life: %s\n", what);
	}
}

#ifdef __SANITIZE_ADDRESS__
/* LeakSanitizer stops all threads at the end to look round, and now and then waits for ever for one
 * that was just leaving: libmicrohttpd has one for each connection. Valgrind does the looking. */
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return 1;
}
#endif

int main(int argc, char **argv)
{
	struct options options = {
		.listen = "127.0.0.1:0",
		.control = "127.0.0.1:0",
		.token = "sim-token",
		.homes = 2,
		.devices = 3,
		.seed = 1,
	};
	_cleanup_free_ char *cert = NULL, *key = NULL;
	struct sim s = {.lock = PTHREAD_MUTEX_INITIALIZER};
	sigset_t signals;
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	(void)signal(SIGPIPE, SIG_IGN);
	/* Blocked before the first thread starts, so that all of them have it so. */
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);

	r = read_options(argc, argv, &options);
	if (r != 0)
		return r == 1 ? 0 : r;
	if (!options.cert != !options.key) {
		(void)fprintf(stderr, "--tls-cert and --tls-key go together\n");
		return 2;
	}
	if (options.cert) {
		cert = read_file(options.cert);
		key = read_file(options.key);
		if (!cert || !key) {
			(void)fprintf(stderr, "cannot read the certificate or its key: %m\n");
			return 1;
		}
	}
	s.quiet = options.quiet;
	s.latency_msec = (unsigned)options.latency;
	s.world = world_new((unsigned)options.homes, (unsigned)options.devices, options.seed);
	s.tokens = tokens_new(options.token);
	s.faults = faults_new();
	s.record = record_new();

	r = start(&s, &options, cert, key);
	if (r == 0) {
		printf("cloud %s\ncontrol %s\n", http_url(s.cloud), http_url(s.control));
		(void)fflush(stdout);
		live(&s, &signals, options.life);
	}
	/* The control side looks at the cloud's connections, so its threads end first. */
	http_stop(s.control);
	http_stop(s.cloud);
	s.cloud = http_free(s.cloud);
	s.control = http_free(s.control);
	s.record = record_free(s.record);
	s.faults = faults_free(s.faults);
	s.tokens = tokens_free(s.tokens);
	s.world = world_free(s.world);
	return r < 0 ? 1 : 0;
}
