#include "daemon/unit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "util/cleanup.h"

#define FOLDER "/etc/akuvox2mqtt/"
#define SUFFIX ".conf"
#define UNIT   "akuvox2mqtt"
#define STATE  "/var/lib/akuvox2mqtt"

/* The NAME of an instance and its length; NULL: it is the unit without a name. */
static const char *instance_of(const char *path, size_t *ret_size)
{
	const char *name;
	size_t size;

	if (strncmp(path, FOLDER, strlen(FOLDER)) != 0)
		return NULL;
	name = path + strlen(FOLDER);
	size = strlen(name);
	if (strchr(name, '/') || size <= strlen(SUFFIX) ||
		strcmp(name + size - strlen(SUFFIX), SUFFIX) != 0)
		return NULL;
	if (strcmp(name, UNIT SUFFIX) == 0)
		return NULL;
	*ret_size = size - strlen(SUFFIX);
	return name;
}

/* The unit without ".service", and its StateDirectory=, as in systemd/akuvox2mqtt.service.in. The
 * caller frees both. -ENOMEM */
int unit_find(const char *config_path, char **ret_name, char **ret_state_directory)
{
	_cleanup_free_ char *name = NULL, *state = NULL;
	const char *instance;
	size_t size = 0;

	instance = instance_of(config_path, &size);
	if (asprintf(&name, UNIT "%s%.*s", instance ? "@" : "", (int)size, instance ?: "") < 0) {
		name = NULL;
		return -ENOMEM;
	}
	if (asprintf(&state, STATE "%s%.*s", instance ? "/" : "", (int)size, instance ?: "") < 0) {
		state = NULL;
		return -ENOMEM;
	}
	*ret_name = TAKE_PTR(name);
	*ret_state_directory = TAKE_PTR(state);
	return 0;
}
