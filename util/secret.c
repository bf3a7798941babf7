#include "util/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

/* Wipes a secret text before its memory goes back. Takes NULL, returns NULL. */
char *secret_free(char *secret)
{
	if (secret)
		explicit_bzero(secret, strlen(secret));
	free(secret);
	return NULL;
}

/* Copies size bytes of text, or up to a NUL in it. The caller frees *ret with secret_free(). */
int secret_new(char **ret, const char *text, size_t size)
{
	char *copy = strndup(text, size);

	if (!copy)
		return -ENOMEM;
	*ret = copy;
	return 0;
}

/* Reads a secret file: one line of text, at most SECRET_SIZE_MAX bytes; the end of the line is
 * dropped. The caller frees *ret with secret_free(). On failure *ret_why says what is wrong with
 * the file. -EPERM: others may read it; -EINVAL: empty, too long, or more than a line of text. */
int secret_read(char **ret, const char *path, const char **ret_why)
{
	/* A pipe without a writer must not hold up the start. */
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	/* Room for the end of the line, and to see that there is more. */
	char buffer[SECRET_SIZE_MAX + 4];
	struct stat st;
	bool too_long;
	ssize_t n;
	int r;

	*ret_why = "it cannot be read";
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode)) {
		*ret_why = "it is not a file";
		return -EINVAL;
	}
	if (st.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) {
		*ret_why = "others can read or change it: chmod 0600 it, or 0640 with the group of "
			   "the service";
		return -EPERM;
	}
	n = read(fd, buffer, sizeof(buffer) - 1);
	if (n < 0)
		return -errno;
	buffer[n] = '\0';
	too_long = n > SECRET_SIZE_MAX + 2;
	while (n > 0 && (buffer[n - 1] == '\n' || buffer[n - 1] == '\r'))
		buffer[--n] = '\0';
	r = -EINVAL;
	if (n == 0)
		*ret_why = "it is empty";
	else if (too_long || n > SECRET_SIZE_MAX)
		*ret_why = "it is longer than any secret";
	else if (strlen(buffer) != (size_t)n || strpbrk(buffer, "\r\n"))
		*ret_why = "it must hold one line of text";
	else
		r = secret_new(ret, buffer, (size_t)n);
	explicit_bzero(buffer, sizeof(buffer));
	return r;
}
