#include "daemon/shown.h"

#include <stdio.h>
#include <string.h>

#include "util/text.h"

/* What a terminal, an editor or a reader of YAML takes for a command, a line break, a change of
 * direction or a mistake. In UTF-8 characters of equal length are in the order of their bytes. */
static const struct {
	const char *first, *last;
} commands[] = {
	{"\x01", "\x1f"},
	{"\x7f", "\x7f"},
	{"\xc2\x80", "\xc2\x9f"},
	{"\u2028", "\u202e"},
	{"\u2066", "\u2069"},
	{"\ufeff", "\ufeff"},
	{"\ufffe", "\uffff"},
};

/* The bytes of such a character that stands here, 0: it is another one. */
static size_t commanding(const char *c)
{
	for (size_t i = 0; i < ELEMENTS(commands); i++) {
		size_t n = strlen(commands[i].first);

		if (strncmp(c, commands[i].first, n) >= 0 && strncmp(c, commands[i].last, n) <= 0)
			return n;
	}
	return 0;
}

/* Names come from panels and phones: a line break or an escape sequence in them must not become a
 * line of its own, or a command to the terminal. Each byte of those becomes '?'. */
struct shown shown(const char *text)
{
	struct shown shown;
	int size = snprintf(shown.text, sizeof(shown.text), "%s", text);

	if ((size_t)size >= sizeof(shown.text))
		shown.text[text_whole(shown.text, sizeof(shown.text) - 1)] = '\0';
	for (char *c = shown.text; *c; c++)
		(void)memset(c, '?', commanding(c));
	return shown;
}
