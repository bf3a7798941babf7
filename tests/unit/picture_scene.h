#pragma once

#include "bridge/picture.h"
#include "tests/unit/capture.h"
#include "tests/unit/fake_http.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/world.h"
#include "util/clock.h"

/* Pictures between a fake HTTP, a fake broker and a history of openings. */

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

#define ROWS(home, ...) (void)WORLD_ROWS(s.w, home, HISTORY_DOOR, __VA_ARGS__)

struct scene {
	struct world *w;
	struct pictures *pictures;
};

extern struct scene s;

void scene_settle(void);
void scene_make(void);
void scene_start(void);
int scene_setup(void **state);
int scene_teardown(void **state);
struct history_record scene_row(const char *device, unsigned seconds, const char *path);
void scene_news(const char *home);
void scene_expect_call(unsigned i, const char *path);
void scene_answer_with(unsigned i, const char *body, size_t size);
void scene_answer(unsigned i);
void scene_answer_large(unsigned i);
void scene_answer_status(unsigned i, long status);
void scene_acknowledge(void);
void scene_acknowledge_by_topic(const char *topic);
void scene_lose(void);
void scene_connect(void);
void scene_expect_picture(const char *topic);
const char *scene_newest_id(const char *home);
