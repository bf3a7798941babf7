#include "daemon/start.h"

#include <stdio.h>

#include "daemon/exits.h"
#include "daemon/secrets.h"
#include "util/log.h"

/* EXIT_DONE and *ret, or EXIT_CONFIG after a line on stderr for each thing that is wrong. */
int start_config(struct config **ret, const char *path)
{
	_cleanup_(config_freep) struct config *config = NULL;
	struct config_errors errors = {0};
	int r;

	r = config_load(&config, path, &errors);
	if (r == 0)
		r = secrets_load(config, &errors);
	for (size_t i = 0; i < errors.n; i++)
		log_error("%s", errors.text[i]);
	if (errors.dropped > 0)
		log_error("%s: and %zu more mistakes", path, errors.dropped);
	if (r < 0 && errors.n == 0)
		(void)log_error_errno(r, "%s: %m", path);
	config_errors_done(&errors);
	if (r != 0)
		return EXIT_CONFIG;
	log_set_level(config->log_level);
	*ret = TAKE_PTR(config);
	return EXIT_DONE;
}
