#include "daemon/shown.h"

#include <stdio.h>

/* Names come from panels and phones: a line break or an escape sequence in them must not become a
 * line of its own, or a command to the terminal. Each byte of those becomes '?'. */
struct shown shown(const char *text)
{
	struct shown shown;

	(void)snprintf(shown.text, sizeof(shown.text), "%s", text);
	for (unsigned char *c = (unsigned char *)shown.text; *c; c++) {
		bool wide_control = *c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0;

		if (wide_control)
			c[0] = c[1] = '?';
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return shown;
}
