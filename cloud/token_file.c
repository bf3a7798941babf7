#include "cloud/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/json.h"
#include "util/secret.h"

#define FILE_SIZE_MAX (4 * SECRET_SIZE_MAX)

static int copy_member(char **ret, struct json_object *object, const char *key)
{
	const char *text = json_text(object, key);

	return text ? secret_new(ret, text, strlen(text)) : 0;
}

/* Reads what token_file_write() wrote; texts that are missing stay NULL. token_file_done() after
 * success. -ENOENT: there is none; -EINVAL: it is something else, which counts as none. */
int token_file_read(struct token_file *ret, const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_(json_freep) struct json_object *object = NULL;
	struct token_file file = {0};
	char buffer[FILE_SIZE_MAX];
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	n = read(fd, buffer, sizeof(buffer));
	if (n < 0)
		return -errno;
	r = json_parse(&object, buffer, (size_t)n);
	explicit_bzero(buffer, sizeof(buffer));
	if (r < 0 || !json_object_is_type(object, json_type_object))
		return -EINVAL;
	file.expires = json_object_get_int64(json_get(object, "expires"));
	if (copy_member(&file.access_token, object, "access_token") < 0 ||
		copy_member(&file.refresh_token, object, "refresh_token") < 0 ||
		copy_member(&file.origin, object, "origin") < 0) {
		token_file_done(&file);
		return -ENOMEM;
	}
	*ret = file;
	return 0;
}

void token_file_done(struct token_file *file)
{
	(void)secret_free(file->access_token);
	(void)secret_free(file->refresh_token);
	(void)secret_free(file->origin);
	*file = (struct token_file){0};
}

static struct json_object *to_json(const struct token_file *file)
{
	_cleanup_(json_freep) struct json_object *object = json_object_new_object();

	if ((file->access_token && json_set(object, "access_token",
					   json_object_new_string(file->access_token)) < 0) ||
		(file->refresh_token && json_set(object, "refresh_token",
						json_object_new_string(file->refresh_token)) < 0) ||
		json_set(object, "origin", json_optional_text(file->origin)) < 0 ||
		json_set(object, "expires", json_object_new_int64(file->expires)) < 0)
		return NULL;
	return TAKE_PTR(object);
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, text, size);

		if (n < 0)
			return -errno;
		text += n;
		size -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* The folder too must be on disk, or the new name may be lost with the power. */
static int sync_folder(const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	_cleanup_close_ int fd = -1;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

/* A root shell must not lock the service out of its own file. */
static void keep_owner(int fd, const char *path)
{
	_cleanup_free_ char *copy = strdup(path);
	struct stat st;

	if (copy && stat(dirname(copy), &st) == 0)
		(void)!fchown(fd, st.st_uid, st.st_gid);
}

static int write_and_rename(const char *text, const char *temporary, const char *path)
{
	_cleanup_close_ int fd =
		open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r;

	if (fd < 0)
		return -errno;
	if (fchmod(fd, 0600) < 0)
		return -errno;
	keep_owner(fd, path);
	r = write_all(fd, text, strlen(text));
	if (r < 0)
		return r;
	if (rename(temporary, path) < 0)
		return -errno;
	return sync_folder(path);
}

/* Puts the tokens on disk, mode 0600: after 0 they survive kill -9 and a power cut, after a failure
 * the old file is still there. */
int token_file_write(const struct token_file *file, const char *path)
{
	_cleanup_(json_freep) struct json_object *object = to_json(file);
	_cleanup_free_ char *temporary = NULL;
	const char *text;
	int r;

	text = object ? json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN) : NULL;
	if (!text)
		return -ENOMEM;
	if (asprintf(&temporary, "%s.new", path) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	r = write_and_rename(text, temporary, path);
	if (r < 0)
		(void)unlink(temporary);
	return r;
}
