#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge/picture.h"
#include "tests/unit/capture.h"
#include "tests/unit/fake_http.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/world.h"
#include "util/clock.h"
#include "util/log.h"

#define CLOUD "https://cloud.example.com"
#define FRONT "home/H1/device/0C1105AAAAAA/picture"
#define BACK  "home/H1/device/0C1105BBBBBB/picture"
#define HALL  "home/flat/device/0C1105CCCCCC/picture"

#define JPEG_BEGIN                                                                             \
	"\xff\xd8\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00\xff\xda\x00\x08\x01\x01" \
	"\x00\x00\x3f\x00"
#define JPEG JPEG_BEGIN "\x12\xff\xd9"

/* Answers of a row of HTTP 404 come at these seconds after the first. */
#define TRIES 5
static const unsigned waits[TRIES - 1] = {5, 15, 60, 180};

static struct scene {
	struct world *w;
	struct pictures *pictures;
} s;

static void settle(void)
{
	time_settle(s.w->event);
}

static void make(void)
{
	/* It is the configuration's, which a reload frees. */
	char cloud_url[] = CLOUD;
	const struct pictures_parts parts = {
		.http = fake_http(),
		.cloud = s.w->cloud,
		.mqtt = s.w->mqtt,
		.names = s.w->names,
		.cache = s.w->cache,
		.history = s.w->history,
		.cloud_url = cloud_url,
	};

	assert_int_equal(pictures_new(&s.pictures, s.w->event, &parts), 0);
	cloud_url[0] = '\0';
}

static void start(void)
{
	make();
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_ONLINE);
	pictures_connected(s.pictures);
	settle();
}

static int setup(void **state)
{
	s = (struct scene){0};
	fake_http_begin();
	assert_int_equal(world_setup((void **)&s.w), 0);
	fake_mqtt_hold_acknowledgements(s.w->mqtt, true);
	for (int kind = 0; kind < HISTORY_KIND_MAX; kind++) {
		(void)world_rows(s.w, "H1", (enum history_kind)kind, NULL, 0);
		(void)world_rows(s.w, "H2", (enum history_kind)kind, NULL, 0);
	}
	return 0;
}

static int teardown(void **state)
{
	void *world = s.w;

	s.pictures = pictures_free(s.pictures);
	assert_int_equal(fake_http_open(), 0);
	return world_teardown(&world);
}

/* A row of the door history, so many seconds before the newest; path NULL: without a picture. */
static struct history_record row(const char *device, unsigned seconds, const char *path)
{
	static char texts[64][128];
	static unsigned next;
	char *time = texts[next++ % 64], *url = texts[next++ % 64];
	struct history_record record = {.time = time, .device = device, .opened = true};

	(void)snprintf(time, 128, "2030-03-17 17:%02u:%02u", 46 - seconds / 60, 59 - seconds % 60);
	(void)snprintf(url, 128, "%s%s", path && *path == '/' ? CLOUD : "", path ? path : "");
	record.picture = url;
	return record;
}

#define ROWS(home, ...) (void)WORLD_ROWS(s.w, home, HISTORY_DOOR, __VA_ARGS__)

static void news(const char *home)
{
	pictures_news(s.pictures, world_home(s.w, home), HISTORY_DOOR);
	settle();
}

static void expect_call(unsigned i, const char *path)
{
	assert_string_equal(fake_http_call(i)->url + strlen(CLOUD), path);
}

static void answer_with(unsigned i, const char *body, size_t size)
{
	const struct http_answer answer = {
		.end = HTTP_ANSWERED,
		.status = 200,
		.body = body,
		.size = size,
		.why = "",
	};

	fake_http_answer(i, &answer);
	settle();
}

static void answer(unsigned i)
{
	answer_with(i, JPEG, sizeof(JPEG) - 1);
}

/* The largest that is taken. */
static void answer_large(unsigned i)
{
	const size_t size = PICTURE_SIZE_MAX;
	_cleanup_free_ char *large = calloc(1, size);

	assert_non_null(large);
	memcpy(large, JPEG_BEGIN, sizeof(JPEG_BEGIN) - 1);
	memcpy(large + size - 2, "\xff\xd9", 2);
	answer_with(i, large, size);
}

static void answer_status(unsigned i, long status)
{
	const struct http_answer answer = {
		.end = HTTP_ANSWERED, .status = status, .body = "no", .size = 2, .why = ""};

	fake_http_answer(i, &answer);
	settle();
}

/* As the connection tells it. */
static void acknowledge(void)
{
	pictures_acknowledged(s.pictures, fake_mqtt_take(s.w->mqtt));
	pictures_go_on(s.pictures);
	settle();
}

static void acknowledge_by_topic(const char *topic)
{
	pictures_acknowledged(s.pictures, fake_mqtt_last(s.w->mqtt, topic)->id);
	settle();
}

static void lose(void)
{
	fake_mqtt_set_online(s.w->mqtt, false);
	pictures_lost(s.pictures);
	settle();
	fake_mqtt_forget(s.w->mqtt);
}

static void connect(void)
{
	fake_mqtt_set_online(s.w->mqtt, true);
	pictures_connected(s.pictures);
	settle();
}

static void expect_picture(const char *topic)
{
	const struct sent *sent = fake_mqtt_next(s.w->mqtt);

	if (!sent)
		fail_msg("nothing was published, instead of %s", topic);
	assert_string_equal(sent->topic, topic);
	assert_int_equal(sent->size, sizeof(JPEG) - 1);
	assert_memory_equal(sent->text, JPEG, sent->size);
	assert_true(sent->retain);
	assert_int_equal(sent->qos, 1);
	assert_string_equal(sent->content_type, "image/jpeg");
	assert_int_equal(strlen(sent->event_id), 32);
}

static int keep_id(const struct archive_row *row, void *userdata)
{
	(void)snprintf(userdata, 64, "%s", row->event_id);
	return -ECANCELED;
}

/* Of the newest row. */
static const char *newest_id(const char *home)
{
	static char id[64];
	const struct archive_query query = {
		.residence_id = home, .kind = HISTORY_DOOR, .until = INT64_MAX, .limit = 1};

	assert_int_equal(history_find(s.w->history, &query, keep_id, id), -ECANCELED);
	return id;
}

static void the_newest_of_each_device(void **state)
{
	const struct http_call *call;

	start();
	ROWS("H1", row("Front", 50, "/old"), row("Front", 40, "/new?sign=1"),
		row("Back", 60, "/back"), row("Front", 10, NULL), row("Nobody", 1, "/nobody"));
	news("H1");
	assert_int_equal(fake_http_open(), 2);
	/* Two devices, of which the one with the newer row was found first and so comes last. */
	expect_call(0, "/back");
	call = fake_http_call(1);
	expect_call(1, "/new?sign=1");
	assert_null(call->bearer);
	assert_null(call->content_type);
	assert_string_equal(call->accept, "image/jpeg");
	assert_true(call->apart);
	assert_false(call->door);
	assert_in_range(call->answer_max, 1000000, 1900000);
	assert_true(call->timeout_usec > 0);
	answer(1);
	expect_picture(FRONT);
	answer(0);
	expect_picture(BACK);
	acknowledge();
	acknowledge();
	/* Once. */
	news("H1");
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 2);
	fake_mqtt_expect_nothing(s.w->mqtt);
}

static void of_which_event(void **state)
{
	start();
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	answer(0);
	assert_string_equal(fake_mqtt_last(s.w->mqtt, HALL)->event_id, newest_id("H2"));
}

static void a_picture_that_comes_later(void **state)
{
	start();
	ROWS("H2", row("Hall", 50, "/old"));
	news("H2");
	answer(0);
	acknowledge();
	ROWS("H2", row("Hall", 50, "/old"), row("Hall", 10, NULL));
	news("H2");
	assert_int_equal(fake_http_open(), 0);
	ROWS("H2", row("Hall", 50, "/old"), row("Hall", 10, "/new"));
	news("H2");
	expect_call(0, "/new");
	answer(0);
	expect_picture(HALL);
	expect_picture(HALL);
	acknowledge();
	/* That of an older row, which comes still later, is not the newest. */
	ROWS("H2", row("Hall", 30, "/middle"));
	news("H2");
	assert_int_equal(fake_http_open(), 0);
}

static void calls_have_none(void **state)
{
	start();
	ROWS("H2", row("Hall", 50, "/a"));
	pictures_news(s.pictures, world_home(s.w, "H2"), HISTORY_CALL);
	settle();
	assert_int_equal(fake_http_open(), 0);
}

static void two_at_a_time(void **state)
{
	start();
	ROWS("H1", row("Front", 50, "/front"), row("Back", 40, "/back"));
	ROWS("H2", row("Hall", 30, "/hall"));
	news("H1");
	news("H2");
	assert_int_equal(fake_http_open(), 2);
	/* What waits for the broker is still on its way. */
	answer(0);
	pictures_acknowledged(s.pictures, 4711);
	settle();
	assert_int_equal(fake_http_open(), 1);
	acknowledge();
	assert_int_equal(fake_http_open(), 2);
	expect_call(1, "/hall");
	/* One that fails leaves its place. */
	answer_status(0, 500);
	answer_status(0, 500);
	assert_int_equal(fake_http_open(), 0);
	time_pass(s.w->event, 6 * USEC_PER_SEC);
	assert_int_equal(fake_http_open(), 2);
}

/* The cloud may name a picture before it can be had. */
static void tried_again(void **state)
{
	struct capture log;
	const char *text;

	start();
	ROWS("H2", row("Hall", 50, "/a?sign=secret"));
	news("H2");
	log_set_level(LOG_INFO);
	capture_begin(&log);
	for (unsigned i = 0; i < TRIES - 1; i++) {
		assert_int_equal(fake_http_open(), 1);
		answer_status(0, i % 2 ? 404 : 403);
		time_pass(s.w->event, waits[i] * USEC_PER_SEC - 1);
		assert_int_equal(fake_http_open(), 0);
		time_pass(s.w->event, 1);
	}
	assert_int_equal(fake_http_open(), 1);
	answer_status(0, 404);
	text = capture_end(&log);
	/* It is over, and that is said once, without the address. */
	assert_int_equal(capture_count(text, "cloud.example.com answered with HTTP status 404"), 1);
	assert_int_equal(capture_count(text, "\n"), 1);
	assert_null(strstr(text, "secret"));
	assert_null(strstr(text, "/a"));
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	news("H2");
	assert_int_equal(fake_http_open(), 0);
	fake_mqtt_expect_nothing(s.w->mqtt);
	/* A newer one is another matter. */
	ROWS("H2", row("Hall", 10, "/b"));
	news("H2");
	answer(0);
	expect_picture(HALL);
}

/* The first of a row of failures is worth a line, as is the first after a success. */
static void failures_are_told_once(void **state)
{
	const struct http_answer large = {.end = HTTP_BAD_ANSWER, .body = "", .why = "too large"};
	struct capture log;

	start();
	log_set_level(LOG_INFO);
	capture_begin(&log);
	for (unsigned i = 0; i < 3; i++) {
		ROWS("H2", row("Hall", 50 - i, "/a"));
		news("H2");
		fake_http_answer(0, &large);
		settle();
	}
	ROWS("H2", row("Hall", 40, "/a"));
	news("H2");
	answer(0);
	acknowledge();
	ROWS("H2", row("Hall", 30, "/a"));
	news("H2");
	fake_http_answer(0, &large);
	assert_int_equal(capture_count(capture_end(&log), "is given up: too large\n"), 2);
}

static void comes_with_a_later_try(void **state)
{
	start();
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	answer_status(0, 404);
	time_pass(s.w->event, 5 * USEC_PER_SEC);
	answer(0);
	expect_picture(HALL);
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

	start();
	for (unsigned i = 0; i < ELEMENTS(rows); i++) {
		ROWS("H2", row("Hall", 50 - i, "/a"));
		news("H2");
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
	start();
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	answer_with(0, JPEG "<script>", sizeof(JPEG "<script>") - 1);
	expect_picture(HALL);
}

static void the_server_says_when(void **state)
{
	const struct http_answer answer = {.end = HTTP_ANSWERED,
		.status = 429,
		.body = "",
		.retry_after_usec = 30 * USEC_PER_SEC,
		.why = ""};

	start();
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	fake_http_answer(0, &answer);
	time_pass(s.w->event, 29 * USEC_PER_SEC);
	assert_int_equal(fake_http_open(), 0);
	time_pass(s.w->event, USEC_PER_SEC);
	assert_int_equal(fake_http_open(), 1);
}

static void cannot_even_start(void **state)
{
	start();
	fake_http_refuse(-ENOMEM);
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	fake_http_refuse(0);
	assert_int_equal(fake_http_open(), 0);
	time_pass(s.w->event, 5 * USEC_PER_SEC);
	assert_int_equal(fake_http_open(), 1);
}

static void other_hosts(void **state)
{
	struct capture log;
	const char *text;

	start();
	log_set_level(LOG_INFO);
	capture_begin(&log);
	ROWS("H2", row("Hall", 50, "https://192.168.1.1/a?sign=secret"));
	news("H2");
	ROWS("H2", row("Hall", 40, "http://cloud.example.com/b?sign=secret"));
	news("H2");
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	text = capture_end(&log);
	assert_int_equal(fake_http_started(), 0);
	assert_int_equal(capture_count(text, "\n"), 1);
	assert_non_null(strstr(text, "192.168.1.1"));
	assert_null(strstr(text, "secret"));
}

static void a_newer_one_meanwhile(void **state)
{
	start();
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	/* While it is fetched. */
	ROWS("H2", row("Hall", 40, "/b"));
	news("H2");
	assert_int_equal(fake_http_open(), 1);
	expect_call(0, "/b");
	answer(0);
	expect_picture(HALL);
	/* While the broker has not acknowledged it. */
	ROWS("H2", row("Hall", 30, "/c"));
	news("H2");
	acknowledge();
	expect_call(0, "/c");
	/* While it waits for the next try. */
	answer_status(0, 404);
	ROWS("H2", row("Hall", 20, "/d"));
	news("H2");
	expect_call(0, "/d");
	answer(0);
	expect_picture(HALL);
	acknowledge();
	fake_mqtt_expect_nothing(s.w->mqtt);
}

/* Each connection may be to a new broker. */
static void published_again_from_memory(void **state)
{
	start();
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	answer(0);
	acknowledge();
	for (unsigned i = 0; i < 3; i++) {
		lose();
		connect();
		expect_picture(HALL);
		if (i > 0)
			acknowledge();
		fake_mqtt_expect_nothing(s.w->mqtt);
	}
	assert_int_equal(fake_http_started(), 1);
}

static void the_broker_goes_while_it_is_fetched(void **state)
{
	start();
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	lose();
	answer(0);
	fake_mqtt_expect_nothing(s.w->mqtt);
	connect();
	expect_picture(HALL);
	acknowledge();
	assert_int_equal(fake_http_started(), 1);
}

static void nothing_is_fetched_without_a_broker(void **state)
{
	start();
	lose();
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	ROWS("H2", row("Hall", 40, "/b"));
	news("H2");
	assert_int_equal(fake_http_started(), 0);
	connect();
	assert_int_equal(fake_http_started(), 1);
	expect_call(0, "/b");
}

static void nothing_is_fetched_without_the_cloud(void **state)
{
	start();
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	answer(0);
	acknowledge();
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_OFFLINE);
	ROWS("H1", row("Front", 50, "/b"));
	news("H1");
	time_pass(s.w->event, 60 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 1);
	/* What is kept needs no cloud. */
	lose();
	connect();
	expect_picture(HALL);
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_ONLINE);
	pictures_go_on(s.pictures);
	settle();
	expect_call(0, "/b");
}

/* States and answers go before. */
static void the_broker_takes_no_more(void **state)
{
	const struct mqtt_message other = {.topic = "t", .payload = "", .qos = 1};

	start();
	for (unsigned i = 0; i < MQTT_WINDOW; i++)
		assert_int_equal(mqtt_publish(s.w->mqtt, &other, NULL), 0);
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	assert_int_equal(fake_http_started(), 0);
	fake_mqtt_acknowledge(s.w->mqtt, 1);
	pictures_go_on(s.pictures);
	settle();
	assert_int_equal(fake_http_started(), 1);
}

static void too_large_for_the_broker(void **state)
{
	start();
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	fake_mqtt_fail(s.w->mqtt, MQTT_TOO_LARGE);
	answer(0);
	fake_mqtt_fail(s.w->mqtt, 0);
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	lose();
	connect();
	assert_int_equal(fake_http_started(), 1);
	fake_mqtt_expect_nothing(s.w->mqtt);
}

/* The start knows of no picture: those of the archive are fetched once more, a home at a time. */
static void at_the_start(void **state)
{
	ROWS("H1", row("Front", 50, "/front"), row("Back", 40, "/back"));
	ROWS("H2", row("Hall", 30, "/hall"));
	start();
	assert_int_equal(fake_http_open(), 2);
	expect_call(0, "/back");
	expect_call(1, "/front");
	answer(0);
	answer(0);
	acknowledge();
	acknowledge();
	assert_int_equal(fake_http_open(), 0);
	time_pass(s.w->event, USEC_PER_SEC);
	expect_call(0, "/hall");
	answer(0);
	acknowledge();
	lose();
	connect();
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 3);
}

/* Also when the cloud is reached much later. */
static void at_the_start_without_the_cloud(void **state)
{
	ROWS("H1", row("Front", 50, "/front"), row("Back", 40, "/back"));
	ROWS("H2", row("Hall", 30, "/hall"));
	make();
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_UNKNOWN);
	pictures_connected(s.pictures);
	time_pass(s.w->event, 60 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 0);
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_ONLINE);
	pictures_go_on(s.pictures);
	settle();
	answer(0);
	answer(0);
	acknowledge();
	acknowledge();
	assert_int_equal(fake_http_open(), 0);
	time_pass(s.w->event, USEC_PER_SEC);
	expect_call(0, "/hall");
}

/* Signed addresses end: that is no news. */
static void an_old_one_that_is_gone(void **state)
{
	struct capture log;

	ROWS("H2", row("Hall", 30, "/hall"));
	log_set_level(LOG_INFO);
	start();
	capture_begin(&log);
	answer_status(0, 403);
	assert_string_equal(capture_end(&log), "");
	time_pass(s.w->event, 3600 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 1);
	/* Something else may be better tomorrow. */
	s.pictures = pictures_free(s.pictures);
	start();
	answer_status(0, 429);
	time_pass(s.w->event, 6 * USEC_PER_SEC);
	answer_status(0, 500);
	time_pass(s.w->event, 16 * USEC_PER_SEC);
	assert_int_equal(fake_http_open(), 1);
}

/* News go before what is left of the start. */
static void news_go_first(void **state)
{
	ROWS("H1", row("Front", 50, "/front"), row("Back", 40, "/back"));
	start();
	answer_status(0, 500);
	answer_status(0, 500);
	time_pass(s.w->event, 4 * USEC_PER_SEC);
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_OFFLINE);
	time_pass(s.w->event, 4 * USEC_PER_SEC);
	ROWS("H2", row("Hall", 30, "/hall"));
	news("H2");
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_ONLINE);
	pictures_go_on(s.pictures);
	settle();
	assert_int_equal(fake_http_open(), 2);
	expect_call(0, "/hall");
}

static void a_device_that_goes(void **state)
{
	struct home *home = world_home(s.w, "H2");
	struct device *hall = home_find_device(home, "0C1105CCCCCC");

	start();
	fake_mqtt_hold_acknowledgements(s.w->mqtt, false);
	ROWS("H2", row("Hall", 50, "/a"));
	news("H2");
	assert_int_equal(fake_http_open(), 1);
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		assert_int_equal(cache_merge_devices(s.w->cache, home, NULL, 0), 0);
	assert_true(hall->gone);
	settle();
	/* Its topic is clear and stays so. */
	assert_int_equal(fake_http_open(), 0);
	assert_string_equal(fake_mqtt_last(s.w->mqtt, HALL)->text, "");
	news("H2");
	assert_int_equal(fake_http_open(), 0);
	/* Its place is free. */
	ROWS("H1", row("Front", 50, "/front"), row("Back", 40, "/back"));
	news("H1");
	assert_int_equal(fake_http_open(), 2);
	answer(0);
	acknowledge_by_topic(FRONT);
	answer(0);
	acknowledge_by_topic(BACK);
	/* And when it is back there is something to show again. */
	world_merge(s.w);
	settle();
	news("H2");
	answer(0);
	assert_int_equal(fake_mqtt_last(s.w->mqtt, HALL)->size, sizeof(JPEG) - 1);
}

static void a_home_that_goes(void **state)
{
	struct home *first = world_home(s.w, "H1");

	ROWS("H1", row("Front", 50, "/front"));
	ROWS("H2", row("Hall", 50, "/hall"));
	start();
	/* The next to be looked at. */
	pictures_forget_home(s.pictures, first->next);
	answer(0);
	time_pass(s.w->event, 60 * USEC_PER_SEC);
	assert_int_equal(fake_http_started(), 1);
}

/* Memory has a limit: then the oldest are not there for the next connection. */
static void the_newest_are_kept(void **state)
{
	start();
	ROWS("H1", row("Front", 50, "/front"), row("Back", 40, "/back"));
	ROWS("H2", row("Hall", 30, "/hall"));
	news("H1");
	answer_large(0);
	acknowledge();
	answer_large(0);
	acknowledge();
	news("H2");
	answer_large(0);
	acknowledge();
	lose();
	connect();
	assert_null(fake_mqtt_last(s.w->mqtt, FRONT));
	assert_int_equal(fake_mqtt_last(s.w->mqtt, BACK)->size, PICTURE_SIZE_MAX);
	assert_int_equal(fake_mqtt_last(s.w->mqtt, HALL)->size, PICTURE_SIZE_MAX);
	assert_int_equal(fake_http_started(), 3);
	/* One that is replaced costs no other its place. */
	acknowledge();
	acknowledge();
	ROWS("H2", row("Hall", 20, "/hall"));
	news("H2");
	answer_large(0);
	acknowledge();
	lose();
	connect();
	assert_int_equal(fake_mqtt_last(s.w->mqtt, BACK)->size, PICTURE_SIZE_MAX);
	assert_int_equal(fake_mqtt_last(s.w->mqtt, HALL)->size, PICTURE_SIZE_MAX);
}

/* What the broker may not have yet has to be kept, however old. */
static void what_is_on_its_way_is_kept(void **state)
{
	start();
	ROWS("H1", row("Front", 50, "/front"), row("Back", 40, "/back"));
	ROWS("H2", row("Hall", 30, "/hall"));
	news("H1");
	answer_large(0);
	answer_large(0);
	acknowledge_by_topic(BACK);
	news("H2");
	answer_large(0);
	lose();
	connect();
	assert_int_equal(fake_mqtt_last(s.w->mqtt, FRONT)->size, PICTURE_SIZE_MAX);
	assert_int_equal(fake_mqtt_last(s.w->mqtt, HALL)->size, PICTURE_SIZE_MAX);
	assert_null(fake_mqtt_last(s.w->mqtt, BACK));
}

static void ended_in_the_midst(void **state)
{
	start();
	ROWS("H1", row("Front", 50, "/front"), row("Back", 40, "/back"));
	news("H1");
	answer(0);
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

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

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

	return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
