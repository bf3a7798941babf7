#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include <config.h>
#include "bridge/errand.h"
#include "daemon/config.h"
#include "daemon/exits.h"
#include "daemon/verbs.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Columns of --help. */
#define USAGE_WIDTH 33
#define HELP_INDENT "                                                      "

enum {
	TAKES_CONFIG = 1 << 0,
	TAKES_OFFLINE = 1 << 1,
	TAKES_JSON = 1 << 2,
	TAKES_RTSP = 1 << 3,
	TAKES_ARGS = 1 << 4,
	TAKES_FILTER = 1 << 5,
};

static const struct {
	const char *name;
	const char *usage;
	const char *help;
	unsigned takes;
	int (*run)(const struct options *);
} verbs[] = {
	{"run", "[-c FILE]", "the service, in the foreground", TAKES_CONFIG, verb_run},
	{"check", "[-c FILE] [--offline]", "checks configuration, token, cloud and broker",
		TAKES_CONFIG | TAKES_OFFLINE, verb_check},
	{"login", "[-c FILE]", "gets the first tokens of an account", TAKES_CONFIG, verb_login},
	{"topics", "[-c FILE] [--rtsp]", "each home and door with lines to paste",
		TAKES_CONFIG | TAKES_RTSP, verb_topics},
	{"call", "[-c FILE] COMMAND [key=value...]", "one cloud command, its result as JSON",
		TAKES_CONFIG | TAKES_ARGS, verb_call},
	{"commands", "[--json]", "all commands of the cloud", TAKES_JSON, verb_commands},
	{"history",
		"[-c FILE] [--residence R] [--kind K] [--since T] [--until T] [--follow] [--json]",
		"calls and openings in the archive, also while the service runs",
		TAKES_CONFIG | TAKES_JSON | TAKES_FILTER, verb_history},
};

static const struct {
	char letter;
	unsigned takes;
} letters[] = {
	{'c', TAKES_CONFIG},
	{'o', TAKES_OFFLINE},
	{'j', TAKES_JSON},
	{'r', TAKES_RTSP},
	{'R', TAKES_FILTER},
	{'k', TAKES_FILTER},
	{'s', TAKES_FILTER},
	{'u', TAKES_FILTER},
	{'f', TAKES_FILTER},
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"offline", no_argument, NULL, 'o'},
	{"json", no_argument, NULL, 'j'},
	{"rtsp", no_argument, NULL, 'r'},
	{"residence", required_argument, NULL, 'R'},
	{"kind", required_argument, NULL, 'k'},
	{"since", required_argument, NULL, 's'},
	{"until", required_argument, NULL, 'u'},
	{"follow", no_argument, NULL, 'f'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{0},
};

static int help(void)
{
	(void)printf("akuvox2mqtt " PACKAGE_VERSION " - Akuvox door phones on MQTT\n\n");
	for (size_t i = 0; i < ELEMENTS(verbs); i++) {
		const char *gap = strlen(verbs[i].usage) > USAGE_WIDTH ? "\n  " HELP_INDENT : "";

		(void)printf("  akuvox2mqtt %-8s %-*s%s %s\n", verbs[i].name, USAGE_WIDTH,
			verbs[i].usage, gap, verbs[i].help);
	}
	(void)printf("\nFILE is " CONFIG_FILE " if not given. More: man akuvox2mqtt\n");
	return EXIT_DONE;
}

static int version(void)
{
	(void)printf("akuvox2mqtt " PACKAGE_VERSION "\n");
	return EXIT_DONE;
}

static int usage(const char *what, const char *which)
{
	(void)fprintf(stderr, "akuvox2mqtt: %s%s%s; see akuvox2mqtt --help\n", what,
		*which ? ": " : "", which);
	return EXIT_USAGE;
}

static bool takes(size_t verb, int letter)
{
	for (size_t i = 0; i < ELEMENTS(letters); i++)
		if (letters[i].letter == letter)
			return verbs[verb].takes & letters[i].takes;
	return false;
}

/* A look-up of the broker's name may still be out on its thread. */
static int leave(int exit_code)
{
	if (errands_out() > 0) {
		(void)fflush(NULL);
		_exit(exit_code);
	}
	return exit_code;
}

static int run_verb(size_t verb, int argc, char **argv)
{
	struct options options = {.config = CONFIG_FILE};
	int letter;

	opterr = 0;
	/* "+": what stands behind the first word belongs to it. */
	while ((letter = getopt_long(argc, argv, "+c:h", long_options, NULL)) != -1) {
		if (letter == 'h')
			return help();
		if (letter == 'V')
			return version();
		if (!takes(verb, letter))
			return usage("unknown option or missing value", argv[optind - 1]);
		switch (letter) {
		case 'c':
			options.config = optarg;
			break;
		case 'o':
			options.offline = true;
			break;
		case 'j':
			options.json = true;
			break;
		case 'r':
			options.rtsp = true;
			break;
		case 'R':
			options.residence = optarg;
			break;
		case 'k':
			options.kind = optarg;
			break;
		case 's':
			options.since = optarg;
			break;
		case 'u':
			options.until = optarg;
			break;
		case 'f':
			options.follow = true;
			break;
		}
	}
	options.args = argv + optind;
	options.n_args = argc - optind;
	if (options.n_args > 0 && !(verbs[verb].takes & TAKES_ARGS))
		return usage("too many arguments", argv[optind]);
	return leave(verbs[verb].run(&options));
}

int main(int argc, char **argv)
{
	log_open();
	/* Tokens and PINs pass through our memory: no core dumps, no looking in. */
	(void)prctl(PR_SET_DUMPABLE, 0);
	(void)signal(SIGPIPE, SIG_IGN);
	if (argc < 2)
		return usage("a verb is missing", "");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return help();
	if (strcmp(argv[1], "--version") == 0)
		return version();
	for (size_t i = 0; i < ELEMENTS(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return run_verb(i, argc - 1, argv + 1);
	return usage("unknown verb", argv[1]);
}
