#include "daemon/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util/cleanup.h"

static void name_of(char text[static 64], const char *name, unsigned id)
{
	if (name)
		(void)snprintf(text, 64, "%s", name);
	else
		(void)snprintf(text, 64, "%u", id);
}

static void fill(struct owner *owner, const struct passwd *user)
{
	const struct group *group;

	if (user) {
		owner->uid = user->pw_uid;
		owner->gid = user->pw_gid;
	}
	name_of(owner->name, user ? user->pw_name : NULL, owner->uid);
	group = getgrgid(owner->gid);
	name_of(owner->group, group ? group->gr_name : NULL, owner->gid);
}

/* systemd gives the state directory to the unit's user; before the first start there is none, and
 * the user is the one of the unit that comes with the program. Negative errno: the directory cannot
 * be looked at. */
int owner_find(struct owner *ret, const char *state_directory)
{
	const struct passwd *user;
	struct stat st;

	if (stat(state_directory, &st) == 0) {
		ret->uid = st.st_uid;
		ret->gid = st.st_gid;
		fill(ret, getpwuid(st.st_uid));
		return 0;
	}
	if (errno != ENOENT)
		return -errno;
	user = getpwnam(OWNER_USER);
	if (!user)
		return OWNER_UNKNOWN;
	fill(ret, user);
	return 0;
}

/* For good. -EPERM: we are neither the owner nor root. */
int owner_become(const struct owner *owner)
{
	if (geteuid() == owner->uid)
		return 0;
	if (geteuid() != 0)
		return -EPERM;
	/* Without a name, as for a user of systemd's own making, there are no other groups. */
	if ((initgroups(owner->name, owner->gid) < 0 && setgroups(0, NULL) < 0) ||
		setgid(owner->gid) < 0 || setuid(owner->uid) < 0)
		return -errno;
	return 0;
}

/* Whether the owner may do that (R_OK, X_OK ...) with the file: 0, or a negative errno that says why
 * not. If we are neither the owner nor root, whether we may. */
int owner_access(const struct owner *owner, const char *path, int mode)
{
	siginfo_t end = {0};
	pid_t child;

	if (geteuid() == owner->uid || geteuid() != 0)
		return faccessat(AT_FDCWD, path, mode, AT_EACCESS) < 0 ? -errno : 0;
	child = fork();
	if (child < 0)
		return -errno;
	if (child == 0) {
		int r = owner_become(owner);

		if (r == 0 && faccessat(AT_FDCWD, path, mode, AT_EACCESS) < 0)
			r = -errno;
		_exit(-r);
	}
	while (waitid(P_PID, (id_t)child, &end, WEXITED) < 0)
		if (errno != EINTR)
			return -errno;
	return end.si_code == CLD_EXITED ? -end.si_status : -EIO;
}

/* What keeps the owner from a file: the first folder on the way that may not be entered, which the
 * caller frees, or NULL if it is the file itself. -ENOMEM */
int owner_blame(const struct owner *owner, const char *path, char **ret_folder)
{
	for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		_cleanup_free_ char *folder = strndup(path, (size_t)(slash - path));

		if (!folder)
			return -ENOMEM;
		if (owner_access(owner, folder, X_OK) == -EACCES) {
			*ret_folder = TAKE_PTR(folder);
			return 0;
		}
	}
	*ret_folder = NULL;
	return 0;
}
