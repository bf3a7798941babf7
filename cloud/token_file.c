#include "cloud/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "util/json.h"
#include "util/secret.h"
#include "util/text.h"

#define FILE_SIZE_MAX 65536

/* What the tokens belong to: with other settings than these they are another account's. The refresh
 * token is the one of the configuration, from which a rotated one descends: who writes a new one
 * there means it to count. */
static const struct {
	const char *key;
	size_t offset;
} owner[] = {
	{"url", offsetof(struct token_settings, url)},
	{"client_id", offsetof(struct token_settings, client_id)},
	{"username", offsetof(struct token_settings, username)},
	{"scope", offsetof(struct token_settings, scope)},
	{"configured_refresh_token", offsetof(struct token_settings, refresh_token)},
};

static const char *const grants[TOKEN_GRANT_MAX] = {
	[TOKEN_GRANT_TOKEN] = "token",
	[TOKEN_GRANT_REFRESH_TOKEN] = "refresh_token",
	[TOKEN_GRANT_PASSWORD] = "password",
	[TOKEN_GRANT_AUTHORIZATION_CODE] = "authorization_code",
	[TOKEN_GRANT_CLIENT_CREDENTIALS] = "client_credentials",
};

static const char *owner_text(const struct token_settings *settings, size_t i)
{
	const char *text = *(const char *const *)((const char *)settings + owner[i].offset);

	return text ? text : "";
}

void token_store_done(struct token_store *store)
{
	store->access_token = secret_free(store->access_token);
	store->refresh_token = secret_free(store->refresh_token);
}

static bool is_ours(struct json_object *document, const struct token_settings *settings)
{
	const char *text = json_text(document, "grant");

	if (!text || strcmp(text, grants[settings->grant]) != 0)
		return false;
	for (size_t i = 0; i < ELEMENTS(owner); i++) {
		text = json_text(document, owner[i].key);
		if (!text || strcmp(text, owner_text(settings, i)) != 0)
			return false;
	}
	return true;
}

static int copy_token(char **ret, struct json_object *document, const char *key)
{
	const char *text = json_text(document, key);

	if (!text || !text_is_visible(text, strlen(text)))
		return 0;
	return secret_new(ret, text, strlen(text));
}

static void wipe_texts(struct json_object *document)
{
	struct json_object_iterator i = json_object_iter_begin(document);
	struct json_object_iterator end = json_object_iter_end(document);

	for (; !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
		struct json_object *value = json_object_iter_peek_value(&i);

		if (json_object_is_type(value, json_type_string))
			explicit_bzero((char *)json_object_get_string(value),
				(size_t)json_object_get_string_len(value));
	}
}

static int parse(struct token_store *ret, const char *text, size_t size,
	const struct token_settings *settings)
{
	_cleanup_(json_freep) struct json_object *document = NULL;
	struct token_store store = {0};
	int r = json_parse(&document, text, size);

	if (r < 0)
		return r;
	if (!json_object_is_type(document, json_type_object))
		return -EINVAL;
	r = -ESTALE;
	if (is_ours(document, settings)) {
		store.expires = json_object_get_int64(json_get(document, "expires"));
		r = copy_token(&store.access_token, document, "access_token");
		if (r >= 0)
			r = copy_token(&store.refresh_token, document, "refresh_token");
	}
	wipe_texts(document);
	if (r < 0)
		token_store_done(&store);
	else
		*ret = store;
	return r;
}

/* Reads settings->state_file. -ENOENT: there is none yet; -ESTALE: its tokens belong to other
 * settings; -EINVAL: it is damaged. */
int token_file_read(struct token_store *ret, const struct token_settings *settings)
{
	_cleanup_close_ int fd = open(settings->state_file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	_cleanup_free_ char *text = NULL;
	size_t size = 0;
	ssize_t n;
	int r;

	if (fd < 0)
		return -errno;
	text = malloc(FILE_SIZE_MAX);
	if (!text)
		return -ENOMEM;
	do {
		n = read(fd, text + size, FILE_SIZE_MAX - size);
		if (n < 0) {
			r = -errno;
			break;
		}
		size += (size_t)n;
	} while (n > 0);
	if (n == 0)
		r = size < FILE_SIZE_MAX ? parse(ret, text, size, settings) : -EINVAL;
	explicit_bzero(text, size);
	return r;
}

static int set_text(struct json_object *document, const char *key, const char *text)
{
	return json_set(document, key, json_optional_text(text));
}

static int build(struct json_object **ret, const struct token_store *store,
	const struct token_settings *settings)
{
	_cleanup_(json_freep) struct json_object *document = json_object_new_object();
	int r = set_text(document, "grant", grants[settings->grant]);

	for (size_t i = 0; r >= 0 && i < ELEMENTS(owner); i++)
		r = set_text(document, owner[i].key, owner_text(settings, i));
	if (r >= 0)
		r = set_text(document, "access_token", store->access_token);
	if (r >= 0)
		r = set_text(document, "refresh_token", store->refresh_token);
	if (r >= 0)
		r = json_set(document, "expires", json_object_new_int64(store->expires));
	if (r < 0)
		return r;
	*ret = TAKE_PTR(document);
	return 0;
}

static int write_all(int fd, const char *text, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, text, size);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			size -= (size_t)n;
		}
	}
	return fsync(fd) < 0 ? -errno : 0;
}

static int sync_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *folder =
		slash ? strndup(path, (size_t)(slash - path) + 1) : strdup("./");
	_cleanup_close_ int fd = -1;

	if (!folder)
		return -ENOMEM;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0)
		return -errno;
	return 0;
}

/* A new file beside the old one, on the disk before it takes its name, and the name on the disk
 * before this returns. */
static int replace(const char *path, const char *text, size_t size)
{
	_cleanup_free_ char *temporary = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (asprintf(&temporary, "%s.new", path) < 0) {
		temporary = NULL;
		return -ENOMEM;
	}
	/* One that a crash left behind may have had another mode. */
	(void)unlink(temporary);
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_all(fd, text, size);
	if (r >= 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r >= 0)
		return sync_folder(path);
	(void)unlink(temporary);
	return r;
}

/* Writes settings->state_file so that either the old or the new one survives whatever happens, and
 * the new one once this returned 0. */
int token_file_write(const struct token_store *store, const struct token_settings *settings)
{
	_cleanup_(json_freep) struct json_object *document = NULL, *copy = NULL;
	const char *text;
	size_t size;
	int r = build(&document, store, settings);

	if (r < 0)
		return r;
	text = json_object_to_json_string_length(
		document, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
	/* As json_print(), but the copy is wiped too: half a token would lock us out. */
	if (!text || json_parse(&copy, text, size) < 0 || !json_object_equal(copy, document))
		r = -ENOMEM;
	else
		r = replace(settings->state_file, text, size);
	if (copy)
		wipe_texts(copy);
	if (text)
		explicit_bzero((char *)text, size);
	wipe_texts(document);
	return r;
}
