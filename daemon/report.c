#include "daemon/report.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define GREEN  "\x1b[32m"
#define RED    "\x1b[1;31m"
#define YELLOW "\x1b[33m"
#define BOLD   "\x1b[1m"
#define PLAIN  "\x1b[0m"

/* Colours by https://no-color.org: on a terminal, unless $NO_COLOR is set. */
struct report report_to(FILE *to)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	bool terminal = isatty(fileno(to)) && !(term && strcmp(term, "dumb") == 0);

	return (struct report){.to = to, .colours = terminal && !(no_color && *no_color)};
}

/* At once, so that what others write to stderr stands in its place. */
__attribute__((format(printf, 5, 0))) static void line(struct report *report, const char *mark,
	const char *colour, bool whole, const char *format, va_list ap)
{
	const char *on = report->colours ? colour : "", *off = *on ? PLAIN : "";

	(void)fprintf(report->to, "%s%s%s", on, mark, whole ? "" : off);
	(void)vfprintf(report->to, format, ap);
	(void)fprintf(report->to, "%s\n", whole ? off : "");
	(void)fflush(report->to);
}

#define LINE(mark, colour, whole)                              \
	do {                                                   \
		va_list ap;                                    \
		va_start(ap, format);                          \
		line(report, mark, colour, whole, format, ap); \
		va_end(ap);                                    \
	} while (0)

void report_good(struct report *report, const char *format, ...)
{
	LINE("✓ ", GREEN, false);
}

/* report_todo() says what to do about it. */
void report_bad(struct report *report, const char *format, ...)
{
	report->bad++;
	LINE("✗ ", RED, false);
}

/* Neither good nor bad, but to be known. */
void report_note(struct report *report, const char *format, ...)
{
	LINE("! ", YELLOW, false);
}

/* The one thing to do about the line before. */
void report_todo(struct report *report, const char *format, ...)
{
	LINE("    → ", BOLD, true);
}

void report_plain(struct report *report, const char *format, ...)
{
	LINE("", "", false);
}
