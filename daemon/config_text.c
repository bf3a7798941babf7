#include "daemon/config_text.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "util/cleanup.h"

#define ZONES "/usr/share/zoneinfo"

static bool is_ascii(const char *text)
{
	while (*text && (unsigned char)*text < 0x80)
		text++;
	return !*text;
}

/* True if the text is UTF-8 and each character is a letter, a digit or one of extra; with NULL for
 * extra, any. The daemon never calls setlocale(), so this brings its own locale, which is a third of
 * a megabyte, for what needs it; where there is none, only ASCII is taken. */
static bool has_only(const char *text, const char *extra)
{
	locale_t utf8 =
		is_ascii(text) ? (locale_t)0 : newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
	locale_t old = utf8 ? uselocale(utf8) : (locale_t)0;
	mbstate_t state = {0};
	bool right = true;

	while (right && *text) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, strlen(text), &state);

		right = n < (size_t)-2 &&
		        (!extra || iswalnum((wint_t)c) || (c < 0x80 && strchr(extra, (int)c)));
		text += right ? n : 0;
	}
	if (utf8) {
		(void)uselocale(old);
		freelocale(utf8);
	}
	return right;
}

bool config_text_is_utf8(const char *text)
{
	return is_ascii(text) || has_only(text, NULL);
}

/* An alias is one level of a topic, beside <base>/bridge. */
const char *config_text_alias(const char *text)
{
	if (strcmp(text, "bridge") == 0)
		return "is a name of the gateway's own";
	if (!has_only(text, "-_."))
		return "is not made of letters, digits, '-', '_' and '.'";
	return NULL;
}

/* An id of the cloud is a level of a topic too, but its look is the cloud's business. */
const char *config_text_id(const char *text)
{
	if (strpbrk(text, "/+#"))
		return "holds a character that no id has";
	return NULL;
}

/* Anything on one line. */
const char *config_text_line(const char *text)
{
	return NULL;
}

const char *config_text_path(const char *text)
{
	return *text == '/' ? NULL : "is not an absolute path";
}

/* A path, or one below the state directory, whatever that is for this service. */
const char *config_text_state_path(const char *text)
{
	if (strncmp(text, CONFIG_STATE_PREFIX, strlen(CONFIG_STATE_PREFIX)) == 0)
		text += strlen(CONFIG_STATE_PREFIX) - 1;
	return config_text_path(text);
}

/* The beginning of a topic: one level or more, and no wildcard among them. */
const char *config_text_topic(const char *text)
{
	if (*text == '$')
		return "begins with '$', which is for the broker";
	if (*text == '/' || text[strlen(text) - 1] == '/' || strstr(text, "//"))
		return "has an empty level: no '/' at its ends and no two in a row";
	if (strpbrk(text, "+#"))
		return "holds a wildcard of MQTT, '+' or '#'";
	if (!has_only(text, "-_./"))
		return "is not made of letters, digits, '-', '_', '.' and '/'";
	return NULL;
}

static bool is_zone_file(const char *directory, const char *name)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	char magic[4];

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	return fd >= 0 && read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       memcmp(magic, "TZif", sizeof(magic)) == 0;
}

/* An IANA zone. glibc takes a name it does not find for UTC without a word, so look for the file
 * it would read. */
const char *config_text_zone(const char *text)
{
	const char *directory = getenv("TZDIR");

	if (strcmp(text, "UTC") == 0)
		return NULL;
	if (!directory || !*directory)
		directory = ZONES;
	if (access(directory, X_OK) < 0)
		return "cannot be looked up: install the package tzdata";
	if (*text == '/' || strstr(text, "..") || !is_zone_file(directory, text))
		return "is not a time zone like Europe/Berlin";
	return NULL;
}
