#include "daemon/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

/* Takes the state directory for this process: until it ends, however it ends, or closes *ret_fd.
 * LOCK_TAKEN: another one has it. Negative errno: there is no such directory, or it cannot be
 * written. The file in it stays: removing it would let two gateways lock two files of one name. */
int lock_take(int *ret_fd, const char *directory)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;

	if (asprintf(&path, "%s/lock", directory) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? LOCK_TAKEN : -errno;
	*ret_fd = TAKE_FD(fd);
	return 0;
}
