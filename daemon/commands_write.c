#include "daemon/commands_write.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "cloud/catalog.h"
#include "daemon/roff.h"

#define LINE_LENGTH 79
#define NAME_INDENT 4
#define TEXT_INDENT 18
#define HELP_MAX    256

/* The topic, or residence_id= on the command line, says it for every command. */
static bool is_own(const struct field *field)
{
	return strcmp(field->name, "residence_id") != 0;
}

/* What the parameter is and which values it takes. */
static void describe(const struct field *field, char text[static HELP_MAX])
{
	(void)snprintf(text, HELP_MAX, "%s: %s%s", field->help, field_type_name(field->type),
		field->optional ? "; may be left out" : "");
}

/* The last space up to length with one of those characters before it; 0: there is none. */
static size_t space_behind(const char *text, size_t length, const char *before)
{
	for (size_t i = length; i > 0; i--)
		if (text[i] == ' ' && (!before || strchr(before, text[i - 1])))
			return i;
	return 0;
}

/* How much of text goes on a line of that length: up to a space, in JSON one that is not within a
 * text. All of it where there is none. */
static size_t line_of(const char *text, size_t length, bool json)
{
	size_t n = strlen(text), space;

	if (n <= length)
		return n;
	space = json ? space_behind(text, length, ",") ?: space_behind(text, length, ":")
	             : space_behind(text, length, NULL);
	return space ? space : n;
}

/* A name, and beside it a text that goes on below itself. */
static void write_beside(FILE *f, const char *prefix, const char *name, const char *text, bool json)
{
	(void)fprintf(f, "%*s%s%-*s", NAME_INDENT, "", prefix,
		TEXT_INDENT - NAME_INDENT - (int)strlen(prefix), name);
	for (;;) {
		size_t n = line_of(text, LINE_LENGTH - TEXT_INDENT, json);

		(void)fprintf(f, "%.*s\n", (int)n, text);
		text += n;
		if (!*text)
			return;
		text++;
		(void)fprintf(f, "%*s", TEXT_INDENT, "");
	}
}

static void write_fields(FILE *f, const struct field *fields, const char *prefix)
{
	char text[HELP_MAX];

	for (const struct field *field = fields; field->type != FIELD_END; field++) {
		if (!is_own(field))
			continue;
		describe(field, text);
		write_beside(f, prefix, field->name, text, false);
		if (field->members)
			write_fields(f, field->members, " .");
	}
}

static void write_command(FILE *f, const struct command *command)
{
	(void)fprintf(f, "\n  %s\n%*s%s\n", command->name, NAME_INDENT, "", command->help);
	write_fields(f, command->params, "");
	write_beside(f, "", "Example", command->example, true);
}

/* Writes the table for a terminal of 80 columns. -EIO: f takes no more. */
int commands_write_text(FILE *f)
{
	const struct command *command;

	(void)fputs(
		"Over MQTT, publish a command's parameters as a JSON object to\n"
		"    <base>/<residence>/request/<command>\n"
		"or, where no home is needed, to <base>/bridge/request/<command>. In a shell:\n"
		"    akuvox2mqtt call <command> [residence_id=ID] [key=value...]\n"
		"The key commands.allow names the groups, or single commands, that are allowed\n"
		"over MQTT.\n",
		f);
	for (int group = 0; group < COMMAND_GROUP_MAX; group++) {
		(void)fprintf(f, "\nGroup %s: %s\n", command_group_name((enum command_group)group),
			command_group_help((enum command_group)group));
		for (size_t i = 0; (command = catalog_at(i)); i++)
			if ((int)command->group == group)
				write_command(f, command);
	}
	return fflush(f) != 0 || ferror(f) ? -EIO : 0;
}

static void write_man_fields(FILE *f, const struct field *fields, const char *list)
{
	char text[HELP_MAX];

	for (const struct field *field = fields; field->type != FIELD_END; field++) {
		if (!is_own(field))
			continue;
		(void)fprintf(f, ".It Cm %s%s%s\n", list, *list ? "[]." : "", field->name);
		describe(field, text);
		roff_write(f, text);
		if (field->members)
			write_man_fields(f, field->members, field->name);
	}
}

static bool has_own(const struct field *fields)
{
	for (; fields->type != FIELD_END; fields++)
		if (is_own(fields))
			return true;
	return false;
}

static void write_man_command(FILE *f, const struct command *command)
{
	(void)fprintf(f, ".It Cm %s\n", command->name);
	roff_write(f, command->help);
	if (has_own(command->params)) {
		(void)fputs(".Bl -tag -width Ds -compact\n", f);
		write_man_fields(f, command->params, "");
		(void)fputs(".El\n", f);
	}
	(void)fputs(".Bd -literal -compact\n", f);
	for (const char *text = command->example; *text;) {
		char line[LINE_LENGTH];
		size_t n = line_of(text, LINE_LENGTH - TEXT_INDENT, true);

		(void)snprintf(line, sizeof(line), "%.*s", (int)n, text);
		roff_write(f, line);
		text += n;
		text += *text == ' ';
	}
	(void)fputs(".Ed\n", f);
}

/* Writes the table in mdoc. -EIO: f takes no more. */
int commands_write_man(FILE *f)
{
	const struct command *command;

	for (int group = 0; group < COMMAND_GROUP_MAX; group++) {
		(void)fprintf(f, ".Ss Group %s\n", command_group_name((enum command_group)group));
		roff_write(f, command_group_help((enum command_group)group));
		(void)fputs(".Bl -tag -width Ds\n", f);
		for (size_t i = 0; (command = catalog_at(i)); i++)
			if ((int)command->group == group)
				write_man_command(f, command);
		(void)fputs(".El\n", f);
	}
	return fflush(f) != 0 || ferror(f) ? -EIO : 0;
}
