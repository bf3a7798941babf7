#include "daemon/config_read.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/config_keys.h"
#include "daemon/config_text.h"
#include "daemon/config_value.h"

/* What the released library does not do is done in the reader that hands it the lines: it tells its
 * handler no line number, cuts lines at 199 bytes and names of sections at 49 without a word,
 * takes what stands behind a header for nothing, and an indented key for more of the value
 * before. */

struct read {
	struct config *config;
	struct config_errors *errors;
	FILE *file;
	unsigned line;
	bool more;                            /* this line goes on with the value before */
	const struct config_section *section; /* NULL: none, or an unknown one */
	void *base;                           /* where values of the section go */
	char id[CONFIG_ID_MAX + 1];           /* of the section, empty if it does not repeat */
	bool headed;                          /* a header was seen, even a wrong one */
	const struct config_key *key;         /* the one before */
	unsigned lines[CONFIG_KEYS_MAX];      /* of the keys, in a section that repeats */
	size_t room[2];                       /* of config->residences, config->doors */
	int error;
};

static struct config_place place(const struct read *read, const char *key)
{
	return (struct config_place){
		.path = read->config->path,
		.line = read->line,
		.section = read->section ? read->section->name : NULL,
		.id = read->id[0] ? read->id : NULL,
		.key = key,
	};
}

#define complain(read, key, ...)                                         \
	do {                                                             \
		struct config_place _place = place(read, key);           \
		config_errors_add((read)->errors, &_place, __VA_ARGS__); \
	} while (0)

/* Room for one more [residence] or [door], with its defaults. NULL: out of memory, or too many. */
static struct config_instance *add_instance(struct read *read, const struct config_section *section)
{
	struct config_instances *all = (void *)((char *)read->config + section->offset);
	size_t *room = &read->room[all == &read->config->doors];
	struct config_instance *instance;

	if (all->n == CONFIG_INSTANCES_MAX) {
		complain(read, NULL, "there are more than %d [%s] sections", CONFIG_INSTANCES_MAX,
			section->name);
		return NULL;
	}
	if (all->n == *room) {
		size_t more = *room ? *room * 2 : 8;
		struct config_instance *items =
			reallocarray(all->items, more, sizeof(all->items[0]));

		if (!items) {
			read->error = -ENOMEM;
			return NULL;
		}
		all->items = items;
		*room = more;
	}
	instance = &all->items[all->n];
	*instance = (struct config_instance){.line = read->line, .id = strdup(read->id)};
	if (!instance->id) {
		read->error = -ENOMEM;
		return NULL;
	}
	all->n++;
	read->error = config_values_default(section, instance);
	return instance;
}

static void start_section(struct read *read, const char *name, const char *id)
{
	const struct config_section *section = config_section_find(name, *id);

	memset(read->lines, 0, sizeof(read->lines));
	if (!section) {
		if (config_section_find(name, !*id))
			complain(read, NULL, "[%s] %s", name,
				*id ? "takes no id" : "needs an id behind its name");
		else
			complain(read, NULL, "there is no section [%.*s]", 40, name);
		return;
	}
	if (strlen(id) > CONFIG_ID_MAX) {
		complain(read, NULL, "the id of [%s] is longer than %d bytes", name, CONFIG_ID_MAX);
		return;
	}
	if (config_text_id(id)) {
		complain(read, NULL, "the id \"%s\" of [%s] %s", id, name, config_text_id(id));
		return;
	}
	(void)strcpy(read->id, id);
	read->base = section->id ? (void *)add_instance(read, section) : (void *)read->config;
	if (read->base)
		read->section = section;
}

/* line: from its '[' on. */
static void read_header(struct read *read, char *line)
{
	char *end = strchr(line, ']'), *name = line + 1, *id;

	read->headed = true;
	read->section = NULL;
	read->key = NULL;
	read->id[0] = '\0';
	if (!end || !strchr(";#", end[1 + strspn(end + 1, " \t")])) {
		complain(read, NULL, "a section is a line like [mqtt], with nothing behind it");
		return;
	}
	*end = '\0';
	name += strspn(name, " \t");
	id = name + strcspn(name, " \t");
	if (*id) {
		*id++ = '\0';
		id += strspn(id, " \t");
		for (end = id + strlen(id); end > id && strchr(" \t", end[-1]); end--)
			end[-1] = '\0';
	}
	start_section(read, name, id);
}

static bool is_text(const char *line, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (iscntrl((unsigned char)line[i]) && line[i] != '\t')
			return false;
	return config_text_is_utf8(line);
}

/* Gives inih the next line, in a buffer of size bytes, or an empty one in its place. */
static char *next_line(char *buffer, int size, void *userdata)
{
	struct read *read = userdata;
	_cleanup_free_ char *whole = NULL;
	char *line;
	size_t room = 0;
	ssize_t n;

	if (read->error < 0)
		return NULL;
	errno = 0;
	n = getline(&whole, &room, read->file);
	if (n < 0) {
		if (!feof(read->file))
			read->error = errno > 0 ? -errno : -EIO;
		return NULL;
	}
	read->line++;
	while (n > 0 && (whole[n - 1] == '\n' || whole[n - 1] == '\r'))
		whole[--n] = '\0';
	line = whole;
	if (read->line == 1 && strncmp(line, "\xef\xbb\xbf", 3) == 0) {
		line += 3;
		n -= 3;
	}
	if (!is_text(line, (size_t)n)) {
		complain(read, NULL, "this line is not text in UTF-8");
		read->error = -EINVAL;
		return NULL;
	}
	read->more = read->key && read->key->type == CONFIG_COMMANDS && strchr(" \t", *line);
	if (!read->more)
		line += strspn(line, " \t");
	if (*line == '[') {
		read_header(read, line);
		*line = '\0';
	} else if (strchr(";#", *line)) {
		*line = '\0';
	} else if (strlen(line) + 3 > (size_t)size) {
		complain(read, NULL, "this line is longer than %d bytes", size - 3);
		*line = '\0';
	}
	(void)strcpy(buffer, line);
	return strcat(buffer, "\n");
}

/* How many letters must change, come or go to make one name of the other. */
static unsigned distance(const char *a, const char *b)
{
	unsigned row[33] = {0}, up, diagonal;
	size_t n = strnlen(b, ELEMENTS(row) - 1);

	for (size_t j = 1; j <= n; j++)
		row[j] = (unsigned)j;
	for (; *a; a++) {
		diagonal = row[0]++;
		for (size_t j = 1; j <= n; j++) {
			up = row[j];
			row[j] = diagonal + (*a != b[j - 1]);
			if (up + 1 < row[j])
				row[j] = up + 1;
			if (row[j - 1] + 1 < row[j])
				row[j] = row[j - 1] + 1;
			diagonal = up;
		}
	}
	return row[n];
}

static bool looks_like_a_key(const char *name)
{
	return strlen(name) <= 24 && strspn(name, "abcdefghijklmnopqrstuvwxyz_-.") == strlen(name);
}

/* A name may be anything, a piece of a secret too: it is shown only if it looks like a key. */
static void unknown_key(struct read *read, const char *name)
{
	const struct config_key *near = NULL;

	if (!looks_like_a_key(name)) {
		complain(read, NULL, "this line begins with no key of the section");
		return;
	}
	for (const struct config_key *k = read->section->keys; k->name; k++) {
		size_t n = strlen(name);

		if (k->flags & CONFIG_SECRET_FILE && strncmp(k->name, name, n) == 0 &&
			strcmp(k->name + n, "_file") == 0) {
			complain(read, NULL,
				"secrets are read from files: put it into one and set %s", k->name);
			return;
		}
		if (distance(name, k->name) <= 2)
			near = k;
	}
	if (near)
		complain(read, NULL, "unknown key \"%s\", did you mean \"%s\"?", name, near->name);
	else
		complain(read, NULL, "unknown key \"%s\"", name);
}

static int handle(void *userdata, const char *inih_section, const char *name, const char *value)
{
	struct read *read = userdata;
	char why[CONFIG_WHY_MAX];
	const struct config_key *key;
	unsigned *line;
	int r;

	if (read->error < 0)
		return 1;
	if (!read->section) {
		/* Keys of an unknown section were complained about with it. */
		if (!read->headed)
			complain(read, NULL,
				"there must be a line like [mqtt] before the first key");
		return 1;
	}
	key = read->more ? read->key : config_key_find(read->section, name);
	if (!key) {
		read->key = NULL;
		unknown_key(read, name);
		return 1;
	}
	if (!read->more) {
		line = read->section->id ? &read->lines[key - read->section->keys]
		                         : config_line(read->config, read->section, key);
		read->key = key;
		if (*line > 0) {
			complain(read, key->name, "it was set in line %u already", *line);
			return 1;
		}
		*line = read->line;
		if (key->type == CONFIG_COMMANDS)
			config_value_clear(key, read->base);
	}
	r = config_value_set(key, read->base, value, why);
	if (r == -EINVAL)
		complain(read, key->name, "%s", why);
	else if (r < 0)
		read->error = r;
	return 1;
}

static FILE *open_file(const struct config *config, struct config_errors *errors)
{
	const struct config_place place = {.path = config->path};
	_cleanup_close_ int fd = open(config->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;
	FILE *file;

	if (fd < 0 || fstat(fd, &st) < 0) {
		config_errors_add(errors, &place, "cannot be read: %m");
		return NULL;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > CONFIG_FILE_MAX) {
		config_errors_add(errors, &place,
			S_ISREG(st.st_mode) ? "is too large for a configuration" : "is not a file");
		errno = EINVAL;
		return NULL;
	}
	file = fdopen(fd, "re");
	if (file)
		(void)TAKE_FD(fd);
	return file;
}

/* Reads config->path into config, which holds the defaults. Values are checked one by one, see
 * config_check() for the rest. Mistakes in the file are added to errors, and are no error here.
 * -EINVAL, -ENOENT and so on: the file cannot be read, or not to its end; errors then says why. */
int config_read(struct config *config, struct config_errors *errors)
{
	struct read read = {.config = config, .errors = errors};
	int r;

	read.file = open_file(config, errors);
	if (!read.file)
		return -errno;
	r = ini_parse_stream(next_line, &read, handle, &read);
	(void)fclose(read.file);
	if (read.error < 0)
		return read.error;
	if (r < 0)
		return -ENOMEM;
	if (r > 0) {
		/* inih goes on behind such lines, but names only the first. */
		read.line = (unsigned)r;
		read.section = NULL;
		read.id[0] = '\0';
		complain(&read, NULL, "this line is neither [section] nor key = value");
	}
	return 0;
}
