#include <errno.h>
#include <string.h>

#include "daemon/config_keys.h"
#include "daemon/config_value.h"
#include "daemon/roff.h"

#define LINE_LENGTH 78
#define LIMITS_MAX  (CONFIG_WHY_MAX + 16)

/* Writes text as comment lines, broken at spaces. */
static void write_comment(FILE *f, const char *text)
{
	while (*text) {
		size_t n = strlen(text);

		if (n > LINE_LENGTH - 2)
			for (n = LINE_LENGTH - 2; text[n] != ' '; n--)
				;
		(void)fprintf(f, "# %.*s\n", (int)n, text);
		text += n;
		text += *text == ' ';
	}
}

/* Writes "Takes one of a b." or the like. Empty if the help says it all. */
static void write_limits(const struct config_key *key, char text[static LIMITS_MAX])
{
	char limits[CONFIG_WHY_MAX];

	*text = '\0';
	/* The help of lists names what may be in them; the least of a poll is not in the table. */
	if (key->type == CONFIG_COMMANDS || key->flags & CONFIG_ZERO)
		return;
	config_value_limits(key, limits);
	if (*limits)
		(void)snprintf(text, LIMITS_MAX, "Takes %s.", limits);
}

static void write_key(FILE *f, const struct config_section *section, const struct config_key *key)
{
	const char *value = key->standard ?: key->shown ?: "";
	char limits[LIMITS_MAX];

	(void)fputc('\n', f);
	write_comment(f, key->help);
	write_limits(key, limits);
	write_comment(f, limits);
	(void)fprintf(f, "#%s =%s%s\n", key->name, *value ? " " : "", value);
}

/* Writes a file in which every key stands as a comment, with its help and its default. -EIO: f
 * takes no more. */
int config_write_example(FILE *f)
{
	write_comment(f, "Configuration of akuvox2mqtt, see akuvox2mqtt.conf(5).");
	(void)fputs("#\n", f);
	write_comment(f,
		"Set the cloud's region and a way to a token, then try \"akuvox2mqtt check\". "
		"A key behind '#' has the default shown; one without a default is empty here, "
		"or shows an example. Durations are seconds, or take s, m, h or d: 90, "
		"90 s, 1.5 m. Text behind \" ;\" is a comment. Secrets are read from files "
		"that others cannot read, or from systemd credentials.");
	for (const struct config_section *s = config_sections; s->name; s++) {
		(void)fputc('\n', f);
		write_comment(f, s->help);
		if (s->id)
			(void)fprintf(f, "#[%s %s]\n", s->name, s->id);
		else
			(void)fprintf(f, "[%s]\n", s->name);
		for (const struct config_key *k = s->keys; k->name; k++)
			write_key(f, s, k);
	}
	return fflush(f) != 0 || ferror(f) ? -EIO : 0;
}

static void write_man_key(FILE *f, const struct config_key *key)
{
	char text[LIMITS_MAX];

	(void)fprintf(f, ".It Cm %s\n", key->name);
	roff_write(f, key->help);
	write_limits(key, text);
	roff_write(f, text);
	if (key->standard) {
		(void)snprintf(text, sizeof(text), "Default: %s.", key->standard);
		roff_write(f, text);
	}
}

/* Writes the sections and keys in mdoc, for akuvox2mqtt.conf(5). -EIO: f takes no more. */
int config_write_man(FILE *f)
{
	for (const struct config_section *s = config_sections; s->name; s++) {
		(void)fprintf(f, ".Ss [%s%s%s]\n", s->name, s->id ? " " : "", s->id ?: "");
		roff_write(f, s->help);
		(void)fputs(".Bl -tag -width Ds\n", f);
		for (const struct config_key *k = s->keys; k->name; k++)
			write_man_key(f, k);
		(void)fputs(".El\n", f);
	}
	return fflush(f) != 0 || ferror(f) ? -EIO : 0;
}
