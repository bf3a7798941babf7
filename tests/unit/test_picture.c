#include "tests/unit/cmocka-all.h"

#include "tests/unit/picture_scene.h"

#include <errno.h>
#include <string.h>

#include "util/log.h"

static void the_newest_of_each_device(void **state)
{
	const struct http_call *call;

	scene_start();
	ROWS("H1", scene_row("Front", 50, "/old"), scene_row("Front", 40, "/new?sign=1"),
		scene_row("Back", 60, "/back"), scene_row("Front", 10, NULL),
		scene_row("Nobody", 1, "/nobody"));
	scene_news("H1");
	assert_int_equal(fake_http_open(), 2);
	/* Two devices, of which the one with the newer row was found first and so comes last. */
	scene_expect_call(0, "/back");
	call = fake_http_call(1);
	scene_expect_call(1, "/new?sign=1");
	assert_null(call->bearer);
	assert_null(call->content_type);
	assert_string_equal(call->accept, "image/jpeg");
	assert_true(call->apart);
	assert_false(call->door);
	assert_in_range(call->answer_max, 1000000, 1900000);
	assert_true(call->timeout_usec > 0);
	scene_answer(1);
	scene_expect_picture(FRONT);
	scene_answer(0);
	scene_expect_picture(BACK);
	scene_acknowledge();
	scene_acknowledge();
	/* Once. */
	scene_news("H1");
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 2);
	fake_mqtt_expect_nothing(s.w->mqtt);
}

static void of_which_event(void **state)
{
	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	scene_answer(0);
	assert_string_equal(fake_mqtt_last(s.w->mqtt, HALL)->event_id, scene_newest_id("H2"));
}

static void a_picture_that_comes_later(void **state)
{
	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/old"));
	scene_news("H2");
	scene_answer(0);
	scene_acknowledge();
	ROWS("H2", scene_row("Hall", 50, "/old"), scene_row("Hall", 10, NULL));
	scene_news("H2");
	assert_int_equal(fake_http_open(), 0);
	ROWS("H2", scene_row("Hall", 50, "/old"), scene_row("Hall", 10, "/new"));
	scene_news("H2");
	scene_expect_call(0, "/new");
	scene_answer(0);
	scene_expect_picture(HALL);
	scene_expect_picture(HALL);
	scene_acknowledge();
	/* That of an older row, which comes still later, is not the newest. */
	ROWS("H2", scene_row("Hall", 30, "/middle"));
	scene_news("H2");
	assert_int_equal(fake_http_open(), 0);
}

static void calls_have_none(void **state)
{
	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/a"));
	pictures_news(s.pictures, world_home(s.w, "H2"), HISTORY_CALL);
	scene_settle();
	assert_int_equal(fake_http_open(), 0);
}

static void two_at_a_time(void **state)
{
	scene_start();
	ROWS("H1", scene_row("Front", 50, "/front"), scene_row("Back", 40, "/back"));
	ROWS("H2", scene_row("Hall", 30, "/hall"));
	scene_news("H1");
	scene_news("H2");
	assert_int_equal(fake_http_open(), 2);
	/* What waits for the broker is still on its way. */
	scene_answer(0);
	pictures_acknowledged(s.pictures, 4711);
	scene_settle();
	assert_int_equal(fake_http_open(), 1);
	scene_acknowledge();
	assert_int_equal(fake_http_open(), 2);
	scene_expect_call(1, "/hall");
	/* One that fails leaves its place. */
	scene_answer_status(0, 500);
	scene_answer_status(0, 500);
	assert_int_equal(fake_http_open(), 0);
	time_pass(s.w->event, 6 * USEC_PER_SEC);
	assert_int_equal(fake_http_open(), 2);
}

/* The cloud may name a picture before it can be had. */
static void tried_again(void **state)
{
	struct capture log;
	const char *text;

	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/a?sign=secret"));
	scene_news("H2");
	log_set_level(LOG_INFO);
	capture_begin(&log);
	for (unsigned i = 0; i < TRIES - 1; i++) {
		assert_int_equal(fake_http_open(), 1);
		scene_answer_status(0, i % 2 ? 404 : 403);
		time_pass(s.w->event, waits[i] * USEC_PER_SEC - 1);
		assert_int_equal(fake_http_open(), 0);
		time_pass(s.w->event, 1);
	}
	assert_int_equal(fake_http_open(), 1);
	scene_answer_status(0, 404);
	text = capture_end(&log);
	/* It is over, and that is said once, without the address. */
	assert_int_equal(capture_count(text, "cloud.example.com answered with HTTP status 404"), 1);
	assert_int_equal(capture_count(text, "\n"), 1);
	assert_null(strstr(text, "secret"));
	assert_null(strstr(text, "/a"));
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	scene_news("H2");
	assert_int_equal(fake_http_open(), 0);
	fake_mqtt_expect_nothing(s.w->mqtt);
	/* A newer one is another matter. */
	ROWS("H2", scene_row("Hall", 10, "/b"));
	scene_news("H2");
	scene_answer(0);
	scene_expect_picture(HALL);
}

/* The first of a row of failures is worth a line, as is the first after a success. */
static void failures_are_told_once(void **state)
{
	const struct http_answer large = {.end = HTTP_BAD_ANSWER, .body = "", .why = "too large"};
	struct capture log;

	scene_start();
	log_set_level(LOG_INFO);
	capture_begin(&log);
	for (unsigned i = 0; i < 3; i++) {
		ROWS("H2", scene_row("Hall", 50 - i, "/a"));
		scene_news("H2");
		fake_http_answer(0, &large);
		scene_settle();
	}
	ROWS("H2", scene_row("Hall", 40, "/a"));
	scene_news("H2");
	scene_answer(0);
	scene_acknowledge();
	ROWS("H2", scene_row("Hall", 30, "/a"));
	scene_news("H2");
	fake_http_answer(0, &large);
	assert_int_equal(capture_count(capture_end(&log), "is given up: too large\n"), 2);
}

static void comes_with_a_later_try(void **state)
{
	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	scene_answer_status(0, 404);
	time_pass(s.w->event, 5 * USEC_PER_SEC);
	scene_answer(0);
	scene_expect_picture(HALL);
}

static void what_is_no_picture(void **state)
{
	static const struct {
		struct http_answer answer;
		bool again;
	} rows[] = {
		{{HTTP_ANSWERED, 200, "<html></html>", 13, "text/html", 0, ""}, true},
		{{HTTP_ANSWERED, 200, JPEG, sizeof(JPEG) - 2, "image/jpeg", 0, ""}, true},
		{{HTTP_ANSWERED, 302, JPEG, sizeof(JPEG) - 1, "image/jpeg", 0, ""}, true},
		{{HTTP_ANSWERED, 200, "", 0, NULL, 0, ""}, true},
		{{HTTP_NO_ANSWER, 0, "", 0, NULL, 0, "silence"}, true},
		{{HTTP_NOT_SENT, 0, "", 0, NULL, 0, "no connection"}, true},
		{{HTTP_BAD_ANSWER, 200, "", 0, NULL, 0, "too large"}, false},
	};

	scene_start();
	for (unsigned i = 0; i < ELEMENTS(rows); i++) {
		ROWS("H2", scene_row("Hall", 50 - i, "/a"));
		scene_news("H2");
		assert_int_equal(fake_http_open(), 1);
		fake_http_answer(0, &rows[i].answer);
		time_pass(s.w->event, 5 * USEC_PER_SEC);
		assert_int_equal(fake_http_open(), rows[i].again);
	}
	fake_mqtt_expect_nothing(s.w->mqtt);
}

/* What somebody appended does not reach the broker. */
static void only_the_picture(void **state)
{
	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	scene_answer_with(0, JPEG "<script>", sizeof(JPEG "<script>") - 1);
	scene_expect_picture(HALL);
}

static void the_server_says_when(void **state)
{
	const struct http_answer answer = {.end = HTTP_ANSWERED,
		.status = 429,
		.body = "",
		.retry_after_usec = 30 * USEC_PER_SEC,
		.why = ""};

	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	fake_http_answer(0, &answer);
	time_pass(s.w->event, 29 * USEC_PER_SEC);
	assert_int_equal(fake_http_open(), 0);
	time_pass(s.w->event, USEC_PER_SEC);
	assert_int_equal(fake_http_open(), 1);
}

static void cannot_even_start(void **state)
{
	scene_start();
	fake_http_refuse(-ENOMEM);
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	fake_http_refuse(0);
	assert_int_equal(fake_http_open(), 0);
	time_pass(s.w->event, 5 * USEC_PER_SEC);
	assert_int_equal(fake_http_open(), 1);
}

static void other_hosts(void **state)
{
	struct capture log;
	const char *text;

	scene_start();
	log_set_level(LOG_INFO);
	capture_begin(&log);
	ROWS("H2", scene_row("Hall", 50, "https://192.168.1.1/a?sign=secret"));
	scene_news("H2");
	ROWS("H2", scene_row("Hall", 40, "http://cloud.example.com/b?sign=secret"));
	scene_news("H2");
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	text = capture_end(&log);
	assert_int_equal(fake_http_started(), 0);
	assert_int_equal(capture_count(text, "\n"), 1);
	assert_non_null(strstr(text, "192.168.1.1"));
	assert_null(strstr(text, "secret"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_newest_of_each_device),
		TEST(of_which_event),
		TEST(a_picture_that_comes_later),
		TEST(calls_have_none),
		TEST(two_at_a_time),
		TEST(tried_again),
		TEST(failures_are_told_once),
		TEST(comes_with_a_later_try),
		TEST(what_is_no_picture),
		TEST(only_the_picture),
		TEST(the_server_says_when),
		TEST(cannot_even_start),
		TEST(other_hosts),
	};

	return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
