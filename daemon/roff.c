#include "daemon/roff.h"

/* Writes text for mdoc: each sentence on its own line, and nothing in it is a request or an
 * escape. */
void roff_write(FILE *f, const char *text)
{
	if (!*text)
		return;
	if (*text == '.' || *text == '\'')
		(void)fputs("\\&", f);
	for (; *text; text++)
		if (*text == '\\')
			(void)fputs("\\e", f);
		else if (*text == '-')
			(void)fputs("\\-", f);
		else if (*text == ' ' && text[-1] == '.')
			(void)fputc('\n', f);
		else
			(void)fputc(*text, f);
	(void)fputc('\n', f);
}
