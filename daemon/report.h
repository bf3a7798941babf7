#pragma once

#include <stdbool.h>
#include <stdio.h>

/* What a verb for people says: marked lines, in colours on a terminal. A value. */
struct report {
	FILE *to;
	bool colours;
	unsigned bad; /* lines so far */
};

struct report report_to(FILE *to);

void report_good(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void report_bad(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void report_note(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void report_todo(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void report_plain(struct report *report, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
