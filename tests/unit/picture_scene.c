#include "tests/unit/cmocka-all.h"

#include "tests/unit/picture_scene.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct scene s;

void scene_settle(void)
{
	time_settle(s.w->event);
}

void scene_make(void)
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

void scene_start(void)
{
	scene_make();
	fake_cloud_set_state(s.w->cloud, CLOUD_STATE_ONLINE);
	pictures_connected(s.pictures);
	scene_settle();
}

int scene_setup(void **state)
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

int scene_teardown(void **state)
{
	void *world = s.w;

	s.pictures = pictures_free(s.pictures);
	assert_int_equal(fake_http_open(), 0);
	return world_teardown(&world);
}

/* A row of the door history, so many seconds before the newest; path NULL: without a picture. */
struct history_record scene_row(const char *device, unsigned seconds, const char *path)
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

void scene_news(const char *home)
{
	pictures_news(s.pictures, world_home(s.w, home), HISTORY_DOOR);
	scene_settle();
}

void scene_expect_call(unsigned i, const char *path)
{
	assert_string_equal(fake_http_call(i)->url + strlen(CLOUD), path);
}

void scene_answer_with(unsigned i, const char *body, size_t size)
{
	const struct http_answer answer = {
		.end = HTTP_ANSWERED,
		.status = 200,
		.body = body,
		.size = size,
		.why = "",
	};

	fake_http_answer(i, &answer);
	scene_settle();
}

void scene_answer(unsigned i)
{
	scene_answer_with(i, JPEG, sizeof(JPEG) - 1);
}

/* The largest that is taken. */
void scene_answer_large(unsigned i)
{
	const size_t size = PICTURE_SIZE_MAX;
	_cleanup_free_ char *large = calloc(1, size);

	assert_non_null(large);
	memcpy(large, JPEG_BEGIN, sizeof(JPEG_BEGIN) - 1);
	memcpy(large + size - 2, "\xff\xd9", 2);
	scene_answer_with(i, large, size);
}

void scene_answer_status(unsigned i, long status)
{
	const struct http_answer answer = {
		.end = HTTP_ANSWERED, .status = status, .body = "no", .size = 2, .why = ""};

	fake_http_answer(i, &answer);
	scene_settle();
}

/* As the connection tells it. */
void scene_acknowledge(void)
{
	pictures_acknowledged(s.pictures, fake_mqtt_take(s.w->mqtt));
	pictures_go_on(s.pictures);
	scene_settle();
}

void scene_acknowledge_by_topic(const char *topic)
{
	pictures_acknowledged(s.pictures, fake_mqtt_last(s.w->mqtt, topic)->id);
	scene_settle();
}

void scene_lose(void)
{
	fake_mqtt_set_online(s.w->mqtt, false);
	pictures_lost(s.pictures);
	scene_settle();
	fake_mqtt_forget(s.w->mqtt);
}

void scene_connect(void)
{
	fake_mqtt_set_online(s.w->mqtt, true);
	pictures_connected(s.pictures);
	scene_settle();
}

void scene_expect_picture(const char *topic)
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
const char *scene_newest_id(const char *home)
{
	static char id[64];
	const struct archive_query query = {
		.residence_id = home, .kind = HISTORY_DOOR, .until = INT64_MAX, .limit = 1};

	assert_int_equal(history_find(s.w->history, &query, keep_id, id), -ECANCELED);
	return id;
}
