#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "daemon/config.h"

/* What is asked of a configuration, and how it differs from one that says nothing. */
static void use(const struct config *config)
{
	_cleanup_(config_freep) struct config *standard = NULL;
	_cleanup_close_ int fd = memfd_create("conf", MFD_CLOEXEC);
	struct config_errors errors = {0};
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	free(config_token_file(config));
	(void)config_serves(config, "R1");
	if (config_load(&standard, path, &errors) == 0 &&
		config_changes(config, standard) != config_changes(standard, config))
		abort();
	config_errors_done(&errors);
}

/* Any file either loads or is refused with a word why. An odd number of bytes is read where systemd
 * has named the state directories. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(config_freep) struct config *config = NULL, *again = NULL;
	_cleanup_close_ int fd = memfd_create("conf", MFD_CLOEXEC);
	struct config_errors errors = {0};
	char path[64];
	int r;

	if (size % 2)
		(void)setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
	else
		(void)unsetenv("STATE_DIRECTORY");
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		return 0;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = config_load(&config, path, &errors);
	if (r < 0 ? config || errors.n == 0 : !config || errors.n > 0)
		abort();
	for (size_t i = 0; i < errors.n; i++)
		if (strncmp(errors.text[i], path, strlen(path)) != 0 ||
			strchr(errors.text[i], '\n'))
			abort();
	config_errors_done(&errors);
	if (r == 0) {
		config_warnings(config, &errors);
		config_errors_done(&errors);
		use(config);
		if (config_load(&again, path, &errors) < 0 || config_changes(config, again) != 0)
			abort();
	}
	return 0;
}
