#include "util/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/text.h"

#define LOG_LINE_MAX 1024

static int max_level = LOG_INFO;
static const char *debug_tokens;
static bool to_journal;

/* Children of a service inherit the variable, but perhaps another stderr. Source: systemd.exec(5). */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uintmax_t device, inode;
	struct stat st;

	return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

/* Reads $AKUVOX2MQTT_DEBUG and finds out whether stderr is the journal, which wants its priority
 * as a prefix. Call once, first thing in main(). */
void log_open(void)
{
	to_journal = stderr_is_journal();
	debug_tokens = getenv("AKUVOX2MQTT_DEBUG");
}

/* level: a syslog priority; less urgent lines are not written. */
void log_set_level(int level)
{
	max_level = level;
}

/* Returns the syslog priority that text names, or -EINVAL. */
int log_level_from_text(const char *text)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = {
		{"error", LOG_ERR},
		{"warning", LOG_WARNING},
		{"notice", LOG_NOTICE},
		{"info", LOG_INFO},
		{"debug", LOG_DEBUG},
	};

	for (size_t i = 0; i < ELEMENTS(levels); i++)
		if (strcmp(text, levels[i].name) == 0)
			return levels[i].level;
	return -EINVAL;
}

static bool token_wanted(const char *token)
{
	size_t n = strlen(token);

	if (!debug_tokens)
		return false;
	for (const char *p = debug_tokens; *p; p += strcspn(p, ",")) {
		p += *p == ',';
		if (strcspn(p, ",") == n && strncmp(p, token, n) == 0)
			return true;
	}
	return strcmp(debug_tokens, "all") == 0;
}

/* True if a line of this level and token would be written. */
bool log_wants(int level, const char *token)
{
	return level <= max_level || token_wanted(token);
}

/* Writes one line to stderr in one write. error: 0, or a negative errno that "%m" in the format
 * then explains. Returns error, so that callers log and return in one statement. Lines are cut at
 * LOG_LINE_MAX bytes, and control characters, which might come from outside, become '?'. */
int log_line(int level, int error, const char *token, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	int saved = errno, n = 0, room, m;
	va_list ap;

	if (!log_wants(level, token))
		return error;
	if (to_journal)
		n = snprintf(line, sizeof(line), "<%d>", level);
	if (level == LOG_DEBUG && *token)
		n += snprintf(line + n, sizeof(line) - n, "%s: ", token);
	/* The end of the line needs a place, too. */
	room = LOG_LINE_MAX - n - 1;
	va_start(ap, format);
	errno = -error;
	m = vsnprintf(line + n, (size_t)room, format, ap);
	va_end(ap);
	if (m >= room)
		m = (int)text_whole(line + n, (size_t)room - 1);
	if (m > 0)
		n += m;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	(void)!write(STDERR_FILENO, line, (size_t)n);
	errno = saved;
	return error;
}
