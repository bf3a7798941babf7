#include "daemon/start.h"

#include <stdio.h>

#include "daemon/exits.h"
#include "daemon/secrets.h"
#include "util/log.h"

/* A line on stderr for each mistake. error: a negative errno, told if no mistake explains it. */
void start_complain(const char *path, int error, const struct config_errors *errors)
{
	for (size_t i = 0; i < errors->n; i++)
		log_error("%s", errors->text[i]);
	if (errors->dropped > 0)
		log_error("%s: and %zu more mistakes", path, errors->dropped);
	if (errors->n == 0)
		(void)log_error_errno(error, "%s: %m", path);
}

static int start(struct config **ret, const char *path,
	int (*secrets)(struct config *config, struct config_errors *errors))
{
	_cleanup_(config_freep) struct config *config = NULL;
	struct config_errors errors = {0};
	int r;

	r = config_load(&config, path, &errors);
	if (r == 0 && secrets)
		r = secrets(config, &errors);
	if (r < 0)
		start_complain(path, r, &errors);
	config_errors_done(&errors);
	if (r != 0)
		return EXIT_CONFIG;
	log_set_level(config->log_level);
	*ret = TAKE_PTR(config);
	return EXIT_DONE;
}

/* EXIT_DONE and *ret, or EXIT_CONFIG after a line on stderr for each thing that is wrong. */
int start_config(struct config **ret, const char *path)
{
	return start(ret, path, secrets_load);
}

/* The same without secrets, for who has no use for them and perhaps no right to read them. */
int start_plain(struct config **ret, const char *path)
{
	return start(ret, path, NULL);
}

/* The same, but what a login asks for may be missing. */
int start_login(struct config **ret, const char *path)
{
	return start(ret, path, secrets_load_for_login);
}
