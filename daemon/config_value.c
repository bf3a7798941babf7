#include "daemon/config_value.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"
#include "util/text.h"

/* What a wrong value is quoted with. Longer ones are cut, and those of keys that lead to secrets
 * are not shown at all: a token may have been put where its file belongs. */
#define QUOTE_MAX 64

static void *at(const struct config_key *key, void *base)
{
	return (char *)base + key->offset;
}

static const void *at_const(const struct config_key *key, const void *base)
{
	return (const char *)base + key->offset;
}

__attribute__((format(printf, 4, 5))) static int refuse(
	const struct config_key *key, char *why, const char *text, const char *format, ...)
{
	va_list ap;
	int n = 0;

	if (key->flags & CONFIG_SECRET_FILE)
		n = snprintf(why, CONFIG_WHY_MAX, "its value ");
	else
		n = snprintf(why, CONFIG_WHY_MAX, "\"%.*s%s\" ", QUOTE_MAX, text,
			strlen(text) > QUOTE_MAX ? "..." : "");
	va_start(ap, format);
	(void)vsnprintf(why + n, CONFIG_WHY_MAX - (size_t)n, format, ap);
	va_end(ap);
	return -EINVAL;
}

static int refuse_limits(const struct config_key *key, char *why, const char *text)
{
	char limits[CONFIG_WHY_MAX];

	config_value_limits(key, limits);
	return refuse(key, why, text, "is not %s", limits);
}

static int set_text(const struct config_key *key, const char **value, const char *text, char *why)
{
	const char *wrong;
	char *copy;

	if (strlen(text) > (size_t)key->max)
		return refuse(key, why, text, "is longer than %.0f bytes", key->max);
	wrong = key->check(text);
	if (wrong)
		return refuse(key, why, text, "%s", wrong);
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free((char *)*value);
	*value = copy;
	return 0;
}

static int set_number(const struct config_key *key, unsigned *value, const char *text, char *why)
{
	unsigned long number;

	/* strtoul() takes signs and spaces too. Of too many digits it makes its largest number. */
	if (strspn(text, "0123456789") != strlen(text))
		return refuse_limits(key, why, text);
	number = strtoul(text, NULL, 10);
	if ((double)number < key->min || (double)number > key->max)
		return refuse_limits(key, why, text);
	*value = (unsigned)number;
	return 0;
}

static int set_duration(const struct config_key *key, uint64_t *value, const char *text, char *why)
{
	uint64_t usec;

	if (clock_parse_duration(text, &usec) < 0)
		return refuse_limits(key, why, text);
	if (!(usec == 0 && key->flags & CONFIG_ZERO) &&
		(usec < (uint64_t)(key->min * 1e6) || usec > (uint64_t)(key->max * 1e6)))
		return refuse_limits(key, why, text);
	*value = usec;
	return 0;
}

static int set_choice(const struct config_key *key, int *value, const char *text, char *why)
{
	for (const struct config_word *w = key->words; w->word; w++)
		if (strcmp(w->word, text) == 0) {
			*value = w->value;
			return 0;
		}
	return refuse_limits(key, why, text);
}

static int add_command(
	const struct config_key *key, struct config_commands *value, const char *word, char *why)
{
	int group = command_group_from_text(word);
	const struct command *command;

	if (group >= 0) {
		value->groups |= 1U << group;
		return 0;
	}
	command = catalog_find(word);
	if (!command)
		return refuse_limits(key, why, word);
	if (value->n == CONFIG_COMMANDS_MAX)
		return refuse(key, why, word, "is one more than %d commands", CONFIG_COMMANDS_MAX);
	value->commands[value->n++] = command;
	return 0;
}

/* Words between spaces and commas. A line may end with a comment, which inih leaves in lines that
 * continue another. */
static int add_commands(
	const struct config_key *key, struct config_commands *value, const char *text, char *why)
{
	_cleanup_free_ char *copy = strdup(text);
	char *rest = copy, *word;
	int r;

	if (!copy)
		return -ENOMEM;
	while ((word = strsep(&rest, " \t,"))) {
		if (*word == ';' || *word == '#')
			break;
		r = *word ? add_command(key, value, word, why) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Reads text into the member of base that key names. A list grows, anything else is replaced.
 * -EINVAL: why says what is wrong, without secrets; base is as before, but for a list. */
int config_value_set(
	const struct config_key *key, void *base, const char *text, char why[static CONFIG_WHY_MAX])
{
	bool flag;

	if (!*text && key->type != CONFIG_COMMANDS) {
		(void)snprintf(why, CONFIG_WHY_MAX, "there is no value behind the '='");
		return -EINVAL;
	}
	switch (key->type) {
	case CONFIG_TEXT:
		return set_text(key, at(key, base), text, why);
	case CONFIG_FLAG:
		if (!text_flag(text, &flag))
			return refuse_limits(key, why, text);
		*(bool *)at(key, base) = flag;
		return 0;
	case CONFIG_NUMBER:
		return set_number(key, at(key, base), text, why);
	case CONFIG_DURATION:
		return set_duration(key, at(key, base), text, why);
	case CONFIG_CHOICE:
		return set_choice(key, at(key, base), text, why);
	case CONFIG_COMMANDS:
		return add_commands(key, at(key, base), text, why);
	}
	return -EINVAL;
}

/* Back to nothing, the default forgotten. */
void config_value_clear(const struct config_key *key, void *base)
{
	switch (key->type) {
	case CONFIG_TEXT:
		free((char *)*(const char **)at(key, base));
		*(const char **)at(key, base) = NULL;
		break;
	case CONFIG_FLAG:
		*(bool *)at(key, base) = false;
		break;
	case CONFIG_NUMBER:
		*(unsigned *)at(key, base) = 0;
		break;
	case CONFIG_DURATION:
		*(uint64_t *)at(key, base) = 0;
		break;
	case CONFIG_CHOICE:
		*(int *)at(key, base) = -1;
		break;
	case CONFIG_COMMANDS:
		*(struct config_commands *)at(key, base) = (struct config_commands){0};
		break;
	}
}

static bool text_equal(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

bool config_value_equal(const struct config_key *key, const void *a, const void *b)
{
	const struct config_commands *x, *y;

	a = at_const(key, a);
	b = at_const(key, b);
	switch (key->type) {
	case CONFIG_TEXT:
		return text_equal(*(const char *const *)a, *(const char *const *)b);
	case CONFIG_FLAG:
		return *(const bool *)a == *(const bool *)b;
	case CONFIG_NUMBER:
		return *(const unsigned *)a == *(const unsigned *)b;
	case CONFIG_DURATION:
		return *(const uint64_t *)a == *(const uint64_t *)b;
	case CONFIG_CHOICE:
		return *(const int *)a == *(const int *)b;
	case CONFIG_COMMANDS:
		x = a;
		y = b;
		return x->groups == y->groups && x->n == y->n &&
		       memcmp(x->commands, y->commands, x->n * sizeof(x->commands[0])) == 0;
	}
	return false;
}

static int print_duration(char *text, size_t size, double seconds)
{
	static const struct {
		double seconds;
		const char *unit;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {0, "s"}};
	size_t i = 0;

	while (units[i].seconds > seconds)
		i++;
	return snprintf(text, size, "%g %s",
		units[i].seconds > 0 ? seconds / units[i].seconds : seconds, units[i].unit);
}

/* Writes what a value of key is: "a number from 1 to 65535". Empty for a text. */
void config_value_limits(const struct config_key *key, char text[static CONFIG_WHY_MAX])
{
	char min[32], max[32];
	int n;

	*text = '\0';
	switch (key->type) {
	case CONFIG_TEXT:
		break;
	case CONFIG_FLAG:
		(void)snprintf(text, CONFIG_WHY_MAX, "yes or no");
		break;
	case CONFIG_NUMBER:
		(void)snprintf(
			text, CONFIG_WHY_MAX, "a number from %.0f to %.0f", key->min, key->max);
		break;
	case CONFIG_DURATION:
		(void)print_duration(min, sizeof(min), key->min);
		(void)print_duration(max, sizeof(max), key->max);
		(void)snprintf(text, CONFIG_WHY_MAX, "a duration from %s to %s%s", min, max,
			key->flags & CONFIG_ZERO ? ", or 0" : "");
		break;
	case CONFIG_CHOICE:
		n = snprintf(text, CONFIG_WHY_MAX, "one of");
		for (const struct config_word *w = key->words; w->word; w++)
			n += snprintf(text + n, CONFIG_WHY_MAX - (size_t)n, " %s", w->word);
		break;
	case CONFIG_COMMANDS:
		n = snprintf(text, CONFIG_WHY_MAX, "a command or one of");
		for (int group = 0; group < COMMAND_GROUP_MAX; group++)
			n += snprintf(text + n, CONFIG_WHY_MAX - (size_t)n, " %s",
				command_group_name((enum command_group)group));
		break;
	}
}

/* Gives all keys of a section in base their defaults, or nothing where there is none. -EINVAL
 * would be a mistake in the table. */
int config_values_default(const struct config_section *section, void *base)
{
	char why[CONFIG_WHY_MAX];
	int r;

	for (const struct config_key *k = section->keys; k->name; k++) {
		config_value_clear(k, base);
		r = k->standard ? config_value_set(k, base, k->standard, why) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

/* Frees what the keys of a section hold in base. */
void config_values_clear(const struct config_section *section, void *base)
{
	for (const struct config_key *k = section->keys; k->name; k++)
		config_value_clear(k, base);
}
