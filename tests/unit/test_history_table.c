#include "tests/unit/cmocka-all.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/history_table.h"
#include "util/cleanup.h"

static char *text;

static const struct archive_row opened = {
	.kind = HISTORY_DOOR,
	.type = EVENT_OPENED,
	.epoch = 1772366405,
	.name = "Ann",
	.sip = "",
	.device = "Front Door",
	.door_type = "Face unlock",
};

static const struct archive_row ring = {
	.kind = HISTORY_CALL,
	.type = EVENT_RING,
	.epoch = 1772366405,
	.name = "Front",
	.sip = "101",
	.device = "",
	.door_type = "",
};

static const char *line(
	const struct history_table *table, const struct archive_row *row, const char *home)
{
	size_t size;
	FILE *f;

	free(text);
	f = open_memstream(&text, &size);
	assert_non_null(f);
	if (row)
		history_table_row(table, f, row, home);
	else
		history_table_head(table, f);
	assert_int_equal(fclose(f), 0);
	return text;
}

static void for_a_file(void **state)
{
	const struct history_table table = {.homes = true}, single = {.homes = false};
	struct archive_row row = opened;

	assert_string_equal(line(&table, NULL, NULL),
		"TIME                 HOME              EVENT   WHO                   DEVICE       "
		"         HOW\n");
	/* Local time: an hour ahead. */
	assert_string_equal(line(&table, &opened, "villa"),
		"2026-03-01 13:00:05  villa             opened  Ann                   Front Door   "
		"         Face unlock\n");
	assert_string_equal(line(&single, &ring, "villa"),
		"2026-03-01 13:00:05  ring    Front                                       101\n");
	/* Nothing is cut. */
	row.name = "A name that is longer than its column";
	row.type = EVENT_DENIED;
	assert_string_equal(line(&single, &row, ""),
		"2026-03-01 13:00:05  denied  A name that is longer than its column  Front Door    "
		"        Face unlock\n");
}

static void for_a_terminal(void **state)
{
	struct history_table table = {.homes = true, .width = 80};
	struct archive_row row = opened;

	row.name = "A name that is longer";
	row.door_type = "A way of opening";
	assert_string_equal(line(&table, &row, "villa at the lake"),
		"2026-03-01 13:00:05  villa at …  opened  A name that …  Front Door   A way of o…\n");
	/* What fits to the cell is not cut. */
	row.name = "Thirteen long";
	row.door_type = "11 cells...";
	assert_string_equal(line(&table, &row, "ten cells."),
		"2026-03-01 13:00:05  ten cells.  opened  Thirteen long  Front Door   11 cells...\n");
	table.width = 120;
	row.name = "A name that is longer";
	assert_string_equal(line(&table, &row, "villa at the lak"),
		"2026-03-01 13:00:05  villa at the lak  opened  A name that is long…  Front Door   "
		"         11 cells...\n");
	/* Of a terminal that is hardly one, a cell is left. */
	table.width = 10;
	assert_non_null(strstr(line(&table, &row, "v"), "Front Door   …\n"));
}

static void colours(void **state)
{
	const struct history_table table = {.colour = true};
	struct archive_row row = opened;

	assert_non_null(strstr(line(&table, &opened, ""), "\033[32mopened\033[0m  Ann"));
	assert_non_null(strstr(line(&table, &ring, ""), "\033[1;33mring\033[0m    Front"));
	row.type = EVENT_DENIED;
	assert_non_null(strstr(line(&table, &row, ""), "\033[31mdenied\033[0m  Ann"));
	row.type = EVENT_CALL;
	assert_non_null(strstr(line(&table, &row, ""), "\033[0m  call    Ann"));
	assert_non_null(strstr(line(&table, NULL, ""), "\033[1mWHO\033[0m   "));
}

/* Chinese characters have two cells, accents that follow their letter none. */
static void wide_names(void **state)
{
	const struct history_table table = {.width = 80};
	struct archive_row row = opened;

	row.name = "张伟";
	assert_string_equal(line(&table, &row, ""),
		"2026-03-01 13:00:05  opened  张伟           Front Door   Face unlock\n");
	row.name = "Zoe\u0308";
	assert_string_equal(line(&table, &row, ""),
		"2026-03-01 13:00:05  opened  Zoe\u0308            Front Door   Face unlock\n");
	/* A character is not cut in half: six, a cell that is left over, the ellipsis. */
	row.name = "一二三四五六七八";
	assert_string_equal(line(&table, &row, ""),
		"2026-03-01 13:00:05  opened  一二三四五六…  Front Door   Face unlock\n");
	row.name = "x一二三四五六七八";
	assert_string_equal(line(&table, &row, ""),
		"2026-03-01 13:00:05  opened  x一二三四五…   Front Door   Face unlock\n");
}

/* Names come from panels and phones. */
static void hostile_names(void **state)
{
	static const struct {
		const char *name, *shown;
	} names[] = {
		{"a\nb", "a?b"},
		{"a\rb", "a?b"},
		{"a\tb", "a?b"},
		{"\033[2Jb", "?[2Jb"},
		{"a\x7f", "a?"},
		{"a\xc2\x9b"
		 "2J",
			"a?2J"},
		{"a\u202eb\u2066c\u200fd", "a?b?c?d"},
		{"a\xff\xfe", "a??"},
		{"a\xe5\xbc", "a??"},
		{"\xc3", "?"},
		{"\xed\xa0\x80", "???"},
		{"\xf8\x90\x80\x80", "????"},
		{"\xc0\xaf", "??"},
	};
	const struct history_table table = {.width = 80};
	struct archive_row row = opened;
	char expected[200];

	for (size_t i = 0; i < ELEMENTS(names); i++) {
		row.name = row.door_type = names[i].name;
		(void)snprintf(expected, sizeof(expected),
			"2026-03-01 13:00:05  opened  %-13s  Front Door   %s\n", names[i].shown,
			names[i].shown);
		assert_string_equal(line(&table, &row, ""), expected);
	}
	row = opened;
	row.device = "\033]0;x\a";
	assert_null(strchr(line(&table, &row, "\033"), '\033'));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(for_a_file),
		cmocka_unit_test(for_a_terminal),
		cmocka_unit_test(colours),
		cmocka_unit_test(wide_names),
		cmocka_unit_test(hostile_names),
	};
	int r;

	if (setenv("TZ", "Europe/Berlin", 1) < 0 || !setlocale(LC_CTYPE, "C.UTF-8"))
		return 99;
	r = cmocka_run_group_tests_name("history table", tests, NULL, NULL);
	free(text);
	return r;
}
