#include "daemon/login_place.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/exits.h"
#include "daemon/lock.h"
#include "daemon/owner.h"
#include "util/log.h"

static const char *option_of(const struct config *config)
{
	return strcmp(config->path, CONFIG_FILE) == 0 ? "" : " -c ";
}

static const char *path_of(const struct config *config)
{
	return strcmp(config->path, CONFIG_FILE) == 0 ? "" : config->path;
}

static int as_root(const struct config *config)
{
	log_error("The tokens belong to the service in %s: sudo akuvox2mqtt login%s%s",
		config->state_directory, option_of(config), path_of(config));
	return EXIT_FAILED;
}

/* As systemd would make it at the first start. */
static int make_directory(const struct config *config, const struct owner *owner)
{
	const char *directory = config->state_directory;

	if (access(directory, F_OK) == 0)
		return EXIT_DONE;
	if (geteuid() != 0)
		return as_root(config);
	if (mkdir(directory, 0700) < 0 || chown(directory, owner->uid, owner->gid) < 0) {
		(void)log_error_errno(-errno, "Cannot make %s: %m", directory);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

static int become_owner(const struct config *config)
{
	struct owner owner;
	int r;

	r = owner_find(&owner, config->state_directory);
	if (r == OWNER_UNKNOWN) {
		log_error("There is neither %s nor the service's user %s: sudo systemd-sysusers",
			config->state_directory, OWNER_USER);
		return EXIT_FAILED;
	}
	if (r == 0) {
		r = make_directory(config, &owner);
		if (r != EXIT_DONE)
			return r;
		r = owner_become(&owner);
	}
	if (r == -EPERM)
		return as_root(config);
	if (r < 0) {
		(void)log_error_errno(r, "Cannot use %s: %m", config->state_directory);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

/* A gateway that runs would write its own tokens over the new ones. */
static int take_lock(int *ret_fd, const struct config *config)
{
	int r = lock_take(ret_fd, config->state_directory);

	if (r == LOCK_TAKEN) {
		log_error(
			"The service is running and keeps its own tokens: sudo systemctl stop %s, "
			"log in, sudo systemctl start %s",
			config->unit, config->unit);
		return EXIT_FAILED;
	}
	if (r == -EACCES)
		return as_root(config);
	if (r < 0) {
		(void)log_error_errno(r, "Cannot write into %s: %m", config->state_directory);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

/* Becomes the user that the service runs as, for good, and takes the state directory, which is made
 * if need be. An exit code, after a line on stderr that says what to do. */
int login_place(int *ret_lock, const struct config *config)
{
	int r = become_owner(config);

	return r == EXIT_DONE ? take_lock(ret_lock, config) : r;
}
