#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <string.h>

#include <config.h>
#include "daemon/exits.h"
#include "daemon/gateway.h"
#include "daemon/lock.h"
#include "daemon/start.h"
#include "daemon/verbs.h"
#include "util/cleanup.h"
#include "util/log.h"

/* Blocks of this size and more go back to the kernel when they are freed. glibc begins with the same
 * size, but raises it to that of the largest that was ever freed: after one long answer of the cloud
 * all that it took would stay with us. */
#define LARGE_BLOCK (128 * 1024)

/* Two gateways would fight over one token and publish over each other. Where there is no state
 * directory there is nothing to share. */
static int lock_state(int *ret_fd, const struct config *config)
{
	int r;

	if (!config->state_directory)
		return EXIT_DONE;
	r = lock_take(ret_fd, config->state_directory);
	if (r == LOCK_TAKEN) {
		log_error("Another gateway is running on %s: stop it, or give this one a state "
			  "directory of its own",
			config->state_directory);
		return EXIT_FAILED;
	}
	if (r < 0)
		log_errno(LOG_WARNING, r,
			"Cannot use %s, so nothing is remembered over a restart: %m",
			config->state_directory);
	return EXIT_DONE;
}

static void log_warnings(const struct config *config)
{
	struct config_errors warnings = {0};

	config_warnings(config, &warnings);
	for (size_t i = 0; i < warnings.n; i++)
		log_warning("%s", warnings.text[i]);
	config_errors_done(&warnings);
}

/* akuvox2mqtt run: the service, until SIGTERM or SIGINT. */
int verb_run(const struct options *options)
{
	_cleanup_(gateway_freep) struct gateway *gateway = NULL;
	struct config *config = NULL;
	_cleanup_close_ int lock = -1;
	sigset_t signals;
	int r;

	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK);
	r = start_config(&config, options->config);
	if (r != EXIT_DONE)
		return r;
	r = lock_state(&lock, config);
	if (r != EXIT_DONE) {
		(void)config_free(config);
		return r;
	}
	/* Before any thread, so that all inherit it: the event loop takes them. */
	(void)sigemptyset(&signals);
	(void)sigaddset(&signals, SIGTERM);
	(void)sigaddset(&signals, SIGINT);
	(void)sigaddset(&signals, SIGHUP);
	(void)sigprocmask(SIG_BLOCK, &signals, NULL);
	log_info("akuvox2mqtt " PACKAGE_VERSION " starts with %s", options->config);
	log_warnings(config);
	r = gateway_new(&gateway, options->config, config);
	if (r >= 0)
		r = gateway_run(gateway);
	if (r < 0) {
		(void)log_error_errno(r, "The gateway cannot go on: %m");
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}
