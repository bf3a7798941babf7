#include "daemon/config_errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void write_place(FILE *f, const struct config_place *place)
{
	if (place->path)
		(void)fputs(place->path, f);
	if (place->line > 0)
		(void)fprintf(f, ":%u", place->line);
	if (place->path)
		(void)fputs(": ", f);
	if (place->section && *place->section)
		(void)fprintf(f, "[%s%s%s] ", place->section, place->id ? " " : "",
			place->id ? place->id : "");
	if (place->key)
		(void)fprintf(f, "%s: ", place->key);
}

/* Adds one line, "FILE:LINE: [SECTION] KEY: " before the text. It must not hold a secret. Control
 * characters, which might come out of the file, become '?'. Beyond CONFIG_ERRORS_MAX lines, and
 * when memory is out, it only counts. */
void config_errors_add(
	struct config_errors *errors, const struct config_place *place, const char *format, ...)
{
	char *text = NULL;
	size_t size;
	va_list ap;
	FILE *f;

	if (errors->n == CONFIG_ERRORS_MAX || !(f = open_memstream(&text, &size))) {
		errors->dropped++;
		return;
	}
	write_place(f, place);
	va_start(ap, format);
	(void)vfprintf(f, format, ap);
	va_end(ap);
	if (fclose(f) != 0) {
		free(text);
		errors->dropped++;
		return;
	}
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	errors->text[errors->n++] = text;
}

/* Frees the lines; errors may be used again. */
void config_errors_done(struct config_errors *errors)
{
	while (errors->n > 0)
		free(errors->text[--errors->n]);
	errors->dropped = 0;
}
