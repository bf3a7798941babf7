#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/answer.h"
#include "cloud/catalog.h"
#include "cloud/client.h"
#include "daemon/commands_write.h"
#include "util/cleanup.h"

#define COLUMNS 79

static char *written_by(int (*write)(FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	assert_int_equal(write(f), 0);
	assert_int_equal(fclose(f), 0);
	return text;
}

static char *read_file(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = NULL;
	size_t room = 0;

	assert_non_null(f);
	assert_true(getdelim(&text, &room, '\0', f) > 0);
	(void)fclose(f);
	return text;
}

static size_t count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

/* Takes white space out, as text is broken into lines. */
static char *squeezed(const char *text)
{
	char *copy = strdup(text), *to = copy;

	assert_non_null(copy);
	for (; *text; text++)
		if (!strchr(" \n", *text))
			*to++ = *text;
	*to = '\0';
	return copy;
}

/* What is told of a command: up to the empty line. */
static char *block_of(const char *text, const char *command)
{
	char heading[80];
	const char *start, *end;

	(void)snprintf(heading, sizeof(heading), "\n  %s\n", command);
	start = strstr(text, heading);
	assert_non_null(start);
	assert_int_equal(count(text, heading), 1);
	end = strstr(start + 1, "\n\n");
	return end ? strndup(start, (size_t)(end - start)) : strdup(start);
}

static void expect_fields(const char *block, const struct field *fields)
{
	for (; fields->type != FIELD_END; fields++) {
		if (strcmp(fields->name, "residence_id") == 0) {
			assert_null(strstr(block, fields->name));
			continue;
		}
		assert_non_null(strstr(block, fields->name));
		assert_non_null(strstr(block, fields->help));
		if (fields->members)
			expect_fields(block, fields->members);
	}
}

/* Every command with its group, its parameters and its example. */
static void a_person_finds_all(void **state)
{
	_cleanup_free_ char *text = written_by(commands_write_text);
	const struct command *command;

	for (size_t i = 0; (command = catalog_at(i)); i++) {
		_cleanup_free_ char *block = block_of(text, command->name);
		_cleanup_free_ char *plain = squeezed(block), *example = squeezed(command->example);
		const char *group = text, *next;

		while ((next = strstr(group + 1, "\nGroup ")) && next < strstr(text, block))
			group = next;
		assert_int_equal(
			strncmp(group + strlen("\nGroup "), command_group_name(command->group),
				strlen(command_group_name(command->group))),
			0);
		expect_fields(block, command->params);
		assert_non_null(strstr(plain, example));
	}
	assert_int_equal(count(text, "Example  "), 30);
}

static void it_fits_on_a_terminal(void **state)
{
	_cleanup_free_ char *text = written_by(commands_write_text);
	char *rest = text, *line;

	while ((line = strsep(&rest, "\n"))) {
		if (strlen(line) > COLUMNS)
			fail_msg("too long: %s", line);
		assert_true(*line == '\0' || line[strlen(line) - 1] != ' ');
	}
}

static void the_kept_file_is_up_to_date(void **state)
{
	_cleanup_free_ char *now = written_by(commands_write_man);
	_cleanup_free_ char *kept = read_file(COMMANDS_FILE);

	if (strcmp(now, kept) != 0)
		fail_msg("%s is out of date: make update-config", COMMANDS_FILE);
}

/* What is written by hand must have all that programs may meet. */
static void the_page_has_every_error(void **state)
{
	_cleanup_free_ char *page = read_file(PAGE_FILE);
	char item[64];

	for (int i = 0; i < REFUSAL_MAX; i++) {
		(void)snprintf(item, sizeof(item), "\n.It Cm %s\n", refusal_name((enum refusal)i));
		assert_non_null(strstr(page, item));
	}
	for (int i = CLOUD_OK + 1; i < CLOUD_ERROR_MAX; i++) {
		(void)snprintf(
			item, sizeof(item), "\n.It Cm %s\n", cloud_error_name((enum cloud_error)i));
		assert_non_null(strstr(page, item));
	}
}

static void a_full_disk_is_told(void **state)
{
	FILE *f = fopen("/dev/full", "we");

	assert_non_null(f);
	assert_int_equal(commands_write_text(f), -EIO);
	assert_int_equal(commands_write_man(f), -EIO);
	(void)fclose(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_person_finds_all),
		cmocka_unit_test(it_fits_on_a_terminal),
		cmocka_unit_test(the_kept_file_is_up_to_date),
		cmocka_unit_test(the_page_has_every_error),
		cmocka_unit_test(a_full_disk_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
