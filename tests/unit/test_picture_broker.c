#include "tests/unit/cmocka-all.h"

#include "tests/unit/picture_scene.h"

#include "util/log.h"

static void a_newer_one_meanwhile(void **state)
{
	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	/* While it is fetched. */
	ROWS("H2", scene_row("Hall", 40, "/b"));
	scene_news("H2");
	assert_int_equal(fake_http_open(), 1);
	scene_expect_call(0, "/b");
	scene_answer(0);
	scene_expect_picture(HALL);
	/* While the broker has not acknowledged it. */
	ROWS("H2", scene_row("Hall", 30, "/c"));
	scene_news("H2");
	scene_acknowledge();
	scene_expect_call(0, "/c");
	/* While it waits for the next try. */
	scene_answer_status(0, 404);
	ROWS("H2", scene_row("Hall", 20, "/d"));
	scene_news("H2");
	scene_expect_call(0, "/d");
	scene_answer(0);
	scene_expect_picture(HALL);
	scene_acknowledge();
	fake_mqtt_expect_nothing(s.w->mqtt);
}

/* Each connection may be to a new broker. */
static void published_again_from_memory(void **state)
{
	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	scene_answer(0);
	scene_acknowledge();
	for (unsigned i = 0; i < 3; i++) {
		scene_lose();
		scene_connect();
		scene_expect_picture(HALL);
		if (i > 0)
			scene_acknowledge();
		fake_mqtt_expect_nothing(s.w->mqtt);
	}
	assert_int_equal(fake_http_started(), 1);
}

static void the_broker_goes_while_it_is_fetched(void **state)
{
	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	scene_lose();
	scene_answer(0);
	fake_mqtt_expect_nothing(s.w->mqtt);
	scene_connect();
	scene_expect_picture(HALL);
	scene_acknowledge();
	assert_int_equal(fake_http_started(), 1);
}

static void nothing_is_fetched_without_a_broker(void **state)
{
	scene_start();
	scene_lose();
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	ROWS("H2", scene_row("Hall", 40, "/b"));
	scene_news("H2");
	assert_int_equal(fake_http_started(), 0);
	scene_connect();
	assert_int_equal(fake_http_started(), 1);
	scene_expect_call(0, "/b");
}

static void nothing_is_fetched_without_the_cloud(void **state)
{
	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	scene_answer(0);
	scene_acknowledge();
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_OFFLINE);
	ROWS("H1", scene_row("Front", 50, "/b"));
	scene_news("H1");
	time_pass(s.w->event, 60 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 1);
	/* What is kept needs no cloud. */
	scene_lose();
	scene_connect();
	scene_expect_picture(HALL);
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_ONLINE);
	pictures_go_on(s.pictures);
	scene_settle();
	scene_expect_call(0, "/b");
}

/* States and answers go before. */
static void the_broker_takes_no_more(void **state)
{
	const struct mqtt_message other = {.topic = "t", .payload = "", .qos = 1};

	scene_start();
	for (unsigned i = 0; i < MQTT_WINDOW; i++)
		assert_int_equal(mqtt_publish(s.w->mqtt, &other, NULL), 0);
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	assert_int_equal(fake_http_started(), 0);
	fake_mqtt_acknowledge(s.w->mqtt, 1);
	pictures_go_on(s.pictures);
	scene_settle();
	assert_int_equal(fake_http_started(), 1);
}

static void too_large_for_the_broker(void **state)
{
	scene_start();
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	fake_mqtt_fail(s.w->mqtt, MQTT_TOO_LARGE);
	scene_answer(0);
	fake_mqtt_fail(s.w->mqtt, 0);
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	scene_lose();
	scene_connect();
	assert_int_equal(fake_http_started(), 1);
	fake_mqtt_expect_nothing(s.w->mqtt);
}

/* The start knows of no picture: those of the archive are fetched once more, a home at a time. */
static void at_the_start(void **state)
{
	ROWS("H1", scene_row("Front", 50, "/front"), scene_row("Back", 40, "/back"));
	ROWS("H2", scene_row("Hall", 30, "/hall"));
	scene_start();
	assert_int_equal(fake_http_open(), 2);
	scene_expect_call(0, "/back");
	scene_expect_call(1, "/front");
	scene_answer(0);
	scene_answer(0);
	scene_acknowledge();
	scene_acknowledge();
	assert_int_equal(fake_http_open(), 0);
	time_pass(s.w->event, USEC_PER_SEC);
	scene_expect_call(0, "/hall");
	scene_answer(0);
	scene_acknowledge();
	scene_lose();
	scene_connect();
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 3);
}

/* Also when the cloud is reached much later. */
static void at_the_start_without_the_cloud(void **state)
{
	ROWS("H1", scene_row("Front", 50, "/front"), scene_row("Back", 40, "/back"));
	ROWS("H2", scene_row("Hall", 30, "/hall"));
	scene_make();
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_UNKNOWN);
	pictures_connected(s.pictures);
	time_pass(s.w->event, 60 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 0);
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_ONLINE);
	pictures_go_on(s.pictures);
	scene_settle();
	scene_answer(0);
	scene_answer(0);
	scene_acknowledge();
	scene_acknowledge();
	assert_int_equal(fake_http_open(), 0);
	time_pass(s.w->event, USEC_PER_SEC);
	scene_expect_call(0, "/hall");
}

/* Signed addresses end: that is no news. */
static void an_old_one_that_is_gone(void **state)
{
	struct capture log;

	ROWS("H2", scene_row("Hall", 30, "/hall"));
	log_set_level(LOG_INFO);
	scene_start();
	capture_begin(&log);
	scene_answer_status(0, 403);
	assert_string_equal(capture_end(&log), "");
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 1);
	/* Something else may be better tomorrow. */
	s.pictures = pictures_free(s.pictures);
	scene_start();
	scene_answer_status(0, 429);
	time_pass(s.w->event, 6 * USEC_PER_SEC);
	scene_answer_status(0, 500);
	time_pass(s.w->event, 16 * USEC_PER_SEC);
	assert_int_equal(fake_http_open(), 1);
}

/* News go before what is left of the start. */
static void news_go_first(void **state)
{
	ROWS("H1", scene_row("Front", 50, "/front"), scene_row("Back", 40, "/back"));
	scene_start();
	scene_answer_status(0, 500);
	scene_answer_status(0, 500);
	time_pass(s.w->event, 4 * USEC_PER_SEC);
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_OFFLINE);
	time_pass(s.w->event, 4 * USEC_PER_SEC);
	ROWS("H2", scene_row("Hall", 30, "/hall"));
	scene_news("H2");
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_ONLINE);
	pictures_go_on(s.pictures);
	scene_settle();
	assert_int_equal(fake_http_open(), 2);
	scene_expect_call(0, "/hall");
}

static void a_device_that_goes(void **state)
{
	struct home *home = world_home(s.w, "H2");
	struct device *hall = home_find_device(home, "0C1105CCCCCC");

	scene_start();
	fake_mqtt_hold_acknowledgements(s.w->mqtt, false);
	ROWS("H2", scene_row("Hall", 50, "/a"));
	scene_news("H2");
	assert_int_equal(fake_http_open(), 1);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		assert_int_equal(cache_merge_devices(s.w->cache, home, NULL, 0), 0);
	assert_true(hall->gone);
	scene_settle();
	/* Its topic is clear and stays so. */
	assert_int_equal(fake_http_open(), 0);
	assert_string_equal(fake_mqtt_last(s.w->mqtt, HALL)->text, "");
	scene_news("H2");
	assert_int_equal(fake_http_open(), 0);
	/* Its place is free. */
	ROWS("H1", scene_row("Front", 50, "/front"), scene_row("Back", 40, "/back"));
	scene_news("H1");
	assert_int_equal(fake_http_open(), 2);
	scene_answer(0);
	scene_acknowledge_by_topic(FRONT);
	scene_answer(0);
	scene_acknowledge_by_topic(BACK);
	/* And when it is back there is something to show again. */
	world_merge(s.w);
	scene_settle();
	scene_news("H2");
	scene_answer(0);
	assert_int_equal(fake_mqtt_last(s.w->mqtt, HALL)->size, sizeof(JPEG) - 1);
}

static void a_home_that_goes(void **state)
{
	struct home *first = world_home(s.w, "H1");

	ROWS("H1", scene_row("Front", 50, "/front"));
	ROWS("H2", scene_row("Hall", 50, "/hall"));
	scene_start();
	/* The next to be looked at. */
	pictures_forget_home(s.pictures, first->next);
	scene_answer(0);
	time_pass(s.w->event, 60 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 1);
}

/* Memory has a limit: then the oldest are not there for the next connection. */
static void the_newest_are_kept(void **state)
{
	scene_start();
	ROWS("H1", scene_row("Front", 50, "/front"), scene_row("Back", 40, "/back"));
	ROWS("H2", scene_row("Hall", 30, "/hall"));
	scene_news("H1");
	scene_answer_large(0);
	scene_acknowledge();
	scene_answer_large(0);
	scene_acknowledge();
	scene_news("H2");
	scene_answer_large(0);
	scene_acknowledge();
	scene_lose();
	scene_connect();
	assert_null(fake_mqtt_last(s.w->mqtt, FRONT));
	assert_int_equal(fake_mqtt_last(s.w->mqtt, BACK)->size, PICTURE_SIZE_MAX);
	assert_int_equal(fake_mqtt_last(s.w->mqtt, HALL)->size, PICTURE_SIZE_MAX);
	assert_int_equal(fake_http_started(), 3);
	/* One that is replaced costs no other its place. */
	scene_acknowledge();
	scene_acknowledge();
	ROWS("H2", scene_row("Hall", 20, "/hall"));
	scene_news("H2");
	scene_answer_large(0);
	scene_acknowledge();
	scene_lose();
	scene_connect();
	assert_int_equal(fake_mqtt_last(s.w->mqtt, BACK)->size, PICTURE_SIZE_MAX);
	assert_int_equal(fake_mqtt_last(s.w->mqtt, HALL)->size, PICTURE_SIZE_MAX);
}

/* What the broker may not have yet has to be kept, however old. */
static void what_is_on_its_way_is_kept(void **state)
{
	scene_start();
	ROWS("H1", scene_row("Front", 50, "/front"), scene_row("Back", 40, "/back"));
	ROWS("H2", scene_row("Hall", 30, "/hall"));
	scene_news("H1");
	scene_answer_large(0);
	scene_answer_large(0);
	scene_acknowledge_by_topic(BACK);
	scene_news("H2");
	scene_answer_large(0);
	scene_lose();
	scene_connect();
	assert_int_equal(fake_mqtt_last(s.w->mqtt, FRONT)->size, PICTURE_SIZE_MAX);
	assert_int_equal(fake_mqtt_last(s.w->mqtt, HALL)->size, PICTURE_SIZE_MAX);
	assert_null(fake_mqtt_last(s.w->mqtt, BACK));
}

static void ended_in_the_midst(void **state)
{
	scene_start();
	ROWS("H1", scene_row("Front", 50, "/front"), scene_row("Back", 40, "/back"));
	scene_news("H1");
	scene_answer(0);
	assert_int_equal(fake_http_open(), 1);
}

/* history.pictures says that there are to be none. */
static void none_at_all(void **state)
{
	struct home *home = world_home(s.w, "H1");

	pictures_connected(NULL);
	pictures_lost(NULL);
	pictures_acknowledged(NULL, 1);
	pictures_go_on(NULL);
	pictures_news(NULL, home, HISTORY_DOOR);
	pictures_forget_home(NULL, home);
	picture_forget(home->devices);
	assert_null(pictures_free(NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_setup, scene_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_newer_one_meanwhile),
		TEST(published_again_from_memory),
		TEST(the_broker_goes_while_it_is_fetched),
		TEST(nothing_is_fetched_without_a_broker),
		TEST(nothing_is_fetched_without_the_cloud),
		TEST(the_broker_takes_no_more),
		TEST(too_large_for_the_broker),
		TEST(at_the_start),
		TEST(at_the_start_without_the_cloud),
		TEST(an_old_one_that_is_gone),
		TEST(news_go_first),
		TEST(a_device_that_goes),
		TEST(a_home_that_goes),
		TEST(the_newest_are_kept),
		TEST(what_is_on_its_way_is_kept),
		TEST(ended_in_the_midst),
		TEST(none_at_all),
	};

	return cmocka_run_group_tests_name("picture_broker", tests, NULL, NULL);
}
