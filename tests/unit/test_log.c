#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOG_TOKEN "http"
#include "tests/unit/capture.h"
#include "util/cleanup.h"
#include "util/log.h"
#include "util/outage.h"
#include "util/text.h"

static int setup(void **state)
{
	static struct capture capture;

	*state = &capture;
	(void)unsetenv("JOURNAL_STREAM");
	(void)unsetenv("AKUVOX2MQTT_DEBUG");
	log_open();
	log_set_level(LOG_INFO);
	return 0;
}

static void writes_lines_of_its_level(void **state)
{
	capture_begin(*state);
	log_error("one");
	log_warning("two %d", 2);
	log_notice("three");
	log_info("four");
	log_debug("five");
	log_set_level(LOG_WARNING);
	log_error("six");
	log_notice("seven");
	log_set_level(LOG_DEBUG);
	log_debug("eight");
	assert_string_equal(capture_end(*state), "one\ntwo 2\nthree\nfour\nsix\nhttp: eight\n");
}

static void returns_the_error_it_explains(void **state)
{
	const char *text;

	capture_begin(*state);
	errno = EBUSY;
	assert_int_equal(log_error_errno(-ENOENT, "Cannot open it: %m"), -ENOENT);
	assert_int_equal(errno, EBUSY);
	assert_int_equal(log_warning_errno(-EACCES, "%m"), -EACCES);
	assert_int_equal(log_oom(), -ENOMEM);
	log_set_level(LOG_ERR);
	assert_int_equal(log_warning_errno(-EIO, "unwritten"), -EIO);
	text = capture_end(*state);
	assert_string_equal(text,
		"Cannot open it: No such file or directory\nPermission denied\nout of memory\n");
}

static void one_line_stays_one_line(void **state)
{
	capture_begin(*state);
	log_info("a%sb%cc%sd", "\n<3>", 0x1b, "\x7f\r");
	log_info("caf\xc3\xa9");
	assert_string_equal(capture_end(*state), "a?<3>b?c??d\ncaf\xc3\xa9\n");
}

static void long_lines_are_cut_between_characters(void **state)
{
	char text[5000];
	const char *line;
	size_t n;

	for (size_t shift = 0; shift < 4; shift++) {
		memset(text, 'x', shift);
		for (n = shift; n + 3 < sizeof(text); n += 3)
			memcpy(text + n, "\xe2\x82\xac", 3);
		text[n] = '\0';
		capture_begin(*state);
		log_info("%s", text);
		line = capture_end(*state);
		n = strlen(line);
		assert_in_range(n, 1000, 1024);
		assert_int_equal(line[n - 1], '\n');
		assert_int_equal((n - 1 - shift) % 3, 0);
		assert_memory_equal(line, text, n - 1);
	}
	/* Just what has room. */
	memset(text, 'x', 1023);
	text[1022] = '\0';
	capture_begin(*state);
	log_info("%s", text);
	assert_int_equal(strlen(capture_end(*state)), 1023);
}

static void debug_lines_by_token(void **state)
{
	static const struct {
		const char *tokens;
		bool wanted;
	} rows[] = {
		{"http", true},
		{"mqtt,http", true},
		{"http,mqtt", true},
		{",,http,", true},
		{"all", true},
		{"", false},
		{",", false},
		{"httpx", false},
		{"htt", false},
		{"mqtt,https", false},
		{"mqtt", false},
	};

	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		assert_int_equal(setenv("AKUVOX2MQTT_DEBUG", rows[i].tokens, 1), 0);
		log_open();
		if (log_wants(LOG_DEBUG, "http") != rows[i].wanted)
			fail_msg("%s", rows[i].tokens);
		capture_begin(*state);
		log_debug("line");
		assert_string_equal(capture_end(*state), rows[i].wanted ? "http: line\n" : "");
		assert_true(log_wants(LOG_INFO, "other"));
	}
}

static void tells_the_journal_the_priority(void **state)
{
	char stream[64];
	struct stat st;

	capture_begin(*state);
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(
		stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_open();
	log_set_level(LOG_DEBUG);
	log_error("one");
	log_debug("two");
	/* A child of a service, with its stderr elsewhere. */
	(void)snprintf(
		stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + 1);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
	log_open();
	log_error("three");
	assert_int_equal(setenv("JOURNAL_STREAM", "", 1), 0);
	log_open();
	log_error("four");
	assert_string_equal(capture_end(*state), "<3>one\n<7>http: two\nthree\nfour\n");
}

static void names_levels(void **state)
{
	assert_int_equal(log_level_from_text("error"), LOG_ERR);
	assert_int_equal(log_level_from_text("warning"), LOG_WARNING);
	assert_int_equal(log_level_from_text("notice"), LOG_NOTICE);
	assert_int_equal(log_level_from_text("info"), LOG_INFO);
	assert_int_equal(log_level_from_text("debug"), LOG_DEBUG);
	assert_int_equal(log_level_from_text("Info"), -EINVAL);
	assert_int_equal(log_level_from_text(""), -EINVAL);
}

static void an_outage_is_two_lines(void **state)
{
	struct outage outage = {.what = "The cloud"};
	const char *text;

	capture_begin(*state);
	outage_over(&outage);
	outage_failed(&outage, "no route");
	outage_failed(&outage, "time-out");
	outage_failed(&outage, "no route");
	outage_over(&outage);
	outage_over(&outage);
	text = capture_end(*state);
	assert_int_equal(capture_count(text, "\n"), 2);
	assert_int_equal(
		strncmp(text, "The cloud is away: no route\nThe cloud is back after ", 52), 0);
	assert_non_null(strstr(text, " s and 3 failed tries\n"));

	/* The next one is counted from its own beginning. */
	log_set_level(LOG_DEBUG);
	capture_begin(*state);
	outage_failed(&outage, "no name");
	outage_failed(&outage, "no route");
	outage_over(&outage);
	text = capture_end(*state);
	assert_int_equal(capture_count(text, "\n"), 3);
	assert_int_equal(capture_count(text, "is away: no name\n"), 1);
	assert_int_equal(capture_count(text, "still away: no route\n"), 1);
	assert_int_equal(capture_count(text, " and 2 failed tries\n"), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(writes_lines_of_its_level, setup),
		cmocka_unit_test_setup(returns_the_error_it_explains, setup),
		cmocka_unit_test_setup(one_line_stays_one_line, setup),
		cmocka_unit_test_setup(long_lines_are_cut_between_characters, setup),
		cmocka_unit_test_setup(debug_lines_by_token, setup),
		cmocka_unit_test_setup(tells_the_journal_the_priority, setup),
		cmocka_unit_test_setup(names_levels, setup),
		cmocka_unit_test_setup(an_outage_is_two_lines, setup),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
