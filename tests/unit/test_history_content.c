#include "tests/unit/cmocka-all.h"

#include <string.h>

#include "tests/unit/capture.h"
#include "tests/unit/histories.h"
#include "util/clock.h"

static void pictures_that_come_later(void **state)
{
	struct histories *h = *state;
	const struct all_told *all;
	char event_id[64];

	histories_seed(h);
	assert_news(MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW - 3600, "old")), .rows = 1,
		.events = 1);
	memcpy(event_id, histories_pending(h, 0)->items[0].event_id, sizeof(event_id));
	histories_all_done(h);
	/* A row that was no event has no picture to tell of, but keeps it. */
	assert_news(
		MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), SHOWN(NOW - 3600, "old", "o")), .filled = 1);
	assert_int_equal(histories_pending(h, 0)->n, 0);
	assert_news(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "p"), SHOWN(NOW - 3600, "old", "o")),
		.pictures = 1);
	all = histories_pending(h, 0);
	assert_int_equal(all->n, 1);
	assert_true(all->items[0].picture);
	assert_string_equal(all->items[0].event_id, event_id);
	assert_string_equal(all->items[0].address, "p");
	/* Signed anew, or gone: nothing new. */
	assert_news(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "q")), );
	assert_news(MERGE(h, HISTORY_DOOR, ROW(NOW, "a")), );
	assert_string_equal(histories_pending(h, 0)->items[0].address, "p");
	histories_all_done(h);
	assert_news(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "p")), );
	/* One that comes along at once is told with the event. */
	assert_news(MERGE(h, HISTORY_DOOR, SHOWN(NOW + 1, "b", "b")), .rows = 1, .events = 1);
	all = histories_pending(h, 0);
	assert_int_equal(all->n, 1);
	assert_string_equal(all->items[0].address, "b");
}

static void addresses_that_come_one_by_one(void **state)
{
	struct histories *h = *state;
	static const struct {
		const char *name, *picture, *thumbnail;
	} shown[] = {
		{"a", "", ""},
		{"a", "", "t"},
		{"a", "p", "t"},
		{"a", "", ""},
		{"b", "", ""},
		{"b", "p", ""},
		{"b", "p", "t"},
		{"b", "", ""},
	};
	struct history_news news;

	histories_seed(h);
	for (size_t i = 0; i < ELEMENTS(shown); i++) {
		const struct history_record record = {"2026-03-01 12:00:00", shown[i].name, "",
			true, "", "", shown[i].picture, shown[i].thumbnail};

		assert_int_equal(
			history_merge(h->history, &h->home, HISTORY_DOOR, &record, 1, NOW, &news),
			0);
		assert_int_equal(news.events, i % 4 == 0);
		assert_int_equal(news.pictures, i % 4 == 1 || i % 4 == 2);
	}
	assert_int_equal(histories_pending(h, 0)->n, 6);
	for (size_t i = 0; i < 6; i++) {
		assert_string_equal(histories_pending(h, 0)->items[i].address, "p");
		assert_string_equal(histories_pending(h, 0)->items[i].thumbnail, "t");
	}
}

static void pictures_of_equal_rows(void **state)
{
	struct histories *h = *state;
	const struct all_told *all;

	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), ROW(NOW, "a"));
	histories_all_done(h);
	assert_news(MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), SHOWN(NOW, "a", "p")), .pictures = 1);
	assert_news(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "p"), ROW(NOW, "a")), );
	assert_news(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "p")), );
	assert_news(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "signed"), ROW(NOW, "a")), );
	assert_news(
		MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "q"), SHOWN(NOW, "a", "p")), .pictures = 1);
	assert_news(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "p"), SHOWN(NOW, "a", "q")), );
	all = histories_pending(h, 0);
	assert_int_equal(all->n, 2);
	assert_string_equal(all->items[0].address, "p");
	assert_string_equal(all->items[1].address, "q");
	assert_string_not_equal(all->items[0].event_id, all->items[1].event_id);
	/* One more of them brings its own. */
	assert_news(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "p"), SHOWN(NOW, "a", "r"),
			    SHOWN(NOW, "a", "q")),
		.rows = 1, .events = 1);
	all = histories_pending(h, all->items[1].entry);
	assert_int_equal(all->n, 1);
	assert_string_equal(all->items[0].address, "r");
}

static void pictures_not_wanted(void **state)
{
	struct histories *h = *state;

	h->settings.pictures = false;
	history_set(h->history, &h->settings);
	histories_seed(h);
	(void)MERGE(h, HISTORY_DOOR, ROW(NOW, "a"), SHOWN(NOW, "b", "p"));
	assert_news(MERGE(h, HISTORY_DOOR, SHOWN(NOW, "a", "p"), SHOWN(NOW, "b", "p")), );
	assert_string_equal(histories_pending(h, 0)->items[1].address, "");
}

static void traced_to_a_device(void **state)
{
	struct histories *h = *state;
	static const struct {
		const char *sip;
		enum event_type type;
		const char *mac;
	} calls[] = {
		{"101", EVENT_RING, "0C1105000001"},
		/* Two devices of one number, one of them a door phone. */
		{"102", EVENT_RING, ""},
		{"104", EVENT_CALL, "0C1105000004"},
		{"105", EVENT_CALL, ""},
		{"", EVENT_CALL, ""},
	};
	static const struct {
		const char *device, *mac;
	} openings[] = {
		{"Front Door", "0C1105000001"},
		{"Garage", ""},
		{"front door", ""},
		{"Desk", "0C1105000004"},
		{"", ""},
	};
	const struct all_told *all;

	(void)histories_merge(h, HISTORY_CALL, NULL, 0);
	(void)histories_merge(h, HISTORY_DOOR, NULL, 0);
	for (size_t i = 0; i < ELEMENTS(calls); i++)
		(void)MERGE(h, HISTORY_CALL, {NOW, "a", NULL, calls[i].sip, false});
	for (size_t i = 0; i < ELEMENTS(openings); i++)
		(void)MERGE(h, HISTORY_DOOR, {NOW, "a", NULL, openings[i].device, i == 0});
	h->devices[0].gone = true;
	(void)MERGE(h, HISTORY_CALL, {NOW + 1, "a", NULL, "101", false});
	(void)MERGE(h, HISTORY_DOOR, {NOW + 1, "a", NULL, "Front Door", false});
	all = histories_pending(h, 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(all->items[i].type, calls[i].type);
		assert_string_equal(all->items[i].mac, calls[i].mac);
		assert_int_equal(all->items[5 + i].type, i == 0 ? EVENT_DENIED : EVENT_OPENED);
		assert_string_equal(all->items[5 + i].mac, openings[i].mac);
	}
	assert_int_equal(all->items[10].type, EVENT_CALL);
	assert_string_equal(all->items[10].mac, "");
	assert_string_equal(all->items[11].mac, "");
	assert_string_equal(event_type_name(EVENT_RING), "ring");
	assert_string_equal(event_type_name(EVENT_DENIED), "denied");
}

static struct history_news merge_time(struct histories *h, const char *time, int64_t now)
{
	const struct history_record record = {time, "n", "", true, "", "", "", ""};
	struct history_news news;

	assert_int_equal(
		history_merge(h->history, &h->home, HISTORY_DOOR, &record, 1, now, &news), 0);
	return news;
}

static void times_that_cannot_be_read(void **state)
{
	static const char *const bad[] = {"", "yesterday", "2026-02-30 12:00:00",
		"2026-03-01T12:00:00Z", "2026-3-1 12:00:00", "1772366400"};
	struct histories *h = *state;

	/* No first answer. */
	assert_news(merge_time(h, "soon", NOW), .bad = 1);
	assert_news(MERGE(h, HISTORY_DOOR, ROW(NOW, "seed")), .rows = 1);
	for (size_t i = 0; i < ELEMENTS(bad); i++)
		assert_news(merge_time(h, bad[i], NOW), .bad = 1);
	assert_int_equal(histories_count(h, HISTORY_DOOR), 1);
	assert_news(merge_time(h, "2026-03-01 12:00:00", NOW), .rows = 1, .events = 1);
}

/* All times are shifted: no row would ever be an event, and nobody would know why. */
static void wrong_zone_is_told_once(void **state)
{
	static const struct {
		int64_t shift; /* of the new row, in seconds */
		int64_t gap;   /* since the answer before */
		unsigned lines;
	} samples[] = {
		{-3600, 15, 1},
		{-3605, 15, 1},
		{5 * 3600 + 1800, 15, 1},
		{-5, 15, 0},
		{-1200, 15, 0}, /* no zone is off by twenty minutes */
		{-3600, 3600, 0},
		{-20 * 3600, 15, 0},
	};
	struct capture capture;

	for (size_t i = 0; i < ELEMENTS(samples); i++) {
		struct histories *h = *state;
		const int64_t now = NOW + (int64_t)i * 100000;
		const char *log;

		history_set(h->history, &h->settings);
		capture_begin(&capture);
		(void)MERGE_AT(h, HISTORY_DOOR, now - samples[i].gap, ROW(NOW - 7777, "old"));
		(void)MERGE_AT(h, HISTORY_DOOR, now, ROW(now + samples[i].shift, "new"));
		if (samples[i].lines > 0)
			(void)MERGE_AT(h, HISTORY_DOOR, now, ROW(now + samples[i].shift, "other"));
		log = capture_end(&capture);
		assert_int_equal(capture_count(log, "history.timezone"), samples[i].lines);
	}
}

/* The text of one time means two in the autumn hour: the row stays one, and the same. */
static void repeated_hour(void **state)
{
	struct histories *h = *state;
	_cleanup_(zone_freep) struct zone *berlin = NULL;
	const struct history_record two[2] = {
		{"2026-10-25 02:30:00", "n", "", true, "", "", "", ""},
		{"2026-10-25 02:30:00", "n", "", true, "", "", "", ""},
	};
	struct history_news news;
	const struct all_told *all;
	int64_t first;

	assert_int_equal(zone_new(&berlin, "Europe/Berlin"), 0);
	h->settings.zone = berlin;
	history_set(h->history, &h->settings);
	assert_int_equal(clock_parse_cloud("2026-10-25 00:30:00", &first), 0);
	(void)histories_merge_at(h, HISTORY_DOOR, NULL, 0, first);
	assert_news(merge_time(h, two[0].time, first + 5), .rows = 1, .events = 1);
	histories_close(h);
	histories_open(h, h->scratch.file);
	assert_news(merge_time(h, two[0].time, first + 3605), );
	assert_int_equal(
		history_merge(h->history, &h->home, HISTORY_DOOR, two, 2, first + 3605, &news), 0);
	assert_news(news, .rows = 1, .events = 1);
	all = histories_pending(h, 0);
	assert_int_equal(all->n, 2);
	assert_int_equal(all->items[0].epoch, first);
	assert_int_equal(all->items[1].epoch, first + 3600);
	histories_close(h);
	h->settings.zone = h->zone;
	histories_open(h, h->scratch.file);
}

struct found {
	size_t n;
	int64_t epochs[8];
};

static int on_found(const struct archive_row *row, void *userdata)
{
	struct found *found = userdata;

	assert_true(found->n < ELEMENTS(found->epochs));
	found->epochs[found->n++] = row->epoch;
	return 0;
}

static struct found find_after(struct histories *h, int64_t after)
{
	const struct archive_query query = {h->id, HISTORY_DOOR, INT64_MIN, INT64_MAX, after, 100};
	struct found found = {0};

	assert_int_equal(history_find(h->history, &query, on_found, &found), 0);
	return found;
}

static void new_rows_are_found_again(void **state)
{
	struct histories *h = *state;
	struct history_news news;
	struct found found;

	assert_int_equal(MERGE(h, HISTORY_DOOR, ROW(NOW - 3600, "old")).before, 0);
	(void)MERGE(h, HISTORY_CALL, ROW(NOW - 3600, "a"), ROW(NOW - 3500, "b"));
	/* One of them is older than what is known. */
	news = MERGE(
		h, HISTORY_DOOR, ROW(NOW - 3600, "old"), ROW(NOW, "new"), ROW(NOW - 4000, "late"));
	assert_int_equal(news.rows, 2);
	found = find_after(h, news.before);
	assert_int_equal(found.n, 2);
	assert_int_equal(found.epochs[0], NOW);
	assert_int_equal(found.epochs[1], NOW - 4000);
	news = MERGE(h, HISTORY_DOOR, ROW(NOW + 1, "newest"));
	found = find_after(h, news.before);
	assert_int_equal(found.n, 1);
	assert_int_equal(found.epochs[0], NOW + 1);
}

static void texts_are_bounded(void **state)
{
	struct histories *h = *state;
	char name[CACHE_TEXT_MAX + 100], address[ARCHIVE_ADDRESS_MAX + 2];

	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	memset(address, 'y', sizeof(address) - 1);
	address[sizeof(address) - 1] = '\0';
	histories_seed(h);
	assert_news(
		MERGE(h, HISTORY_DOOR, {NOW, name, address, name, false}), .rows = 1, .events = 1);
	assert_string_equal(histories_pending(h, 0)->items[0].address, "");
	address[ARCHIVE_ADDRESS_MAX] = '\0';
	assert_news(MERGE(h, HISTORY_DOOR, {NOW, name, address, name, false}), .pictures = 1);
	/* Beyond that nothing is read. */
	name[CACHE_TEXT_MAX] = '\0';
	assert_news(MERGE(h, HISTORY_DOOR, {NOW, name, address, name, false}), );
}

#define HISTORY_TEST(f) cmocka_unit_test_setup_teardown(f, histories_setup, histories_teardown)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		HISTORY_TEST(pictures_that_come_later),
		HISTORY_TEST(addresses_that_come_one_by_one),
		HISTORY_TEST(pictures_of_equal_rows),
		HISTORY_TEST(pictures_not_wanted),
		HISTORY_TEST(traced_to_a_device),
		HISTORY_TEST(times_that_cannot_be_read),
		HISTORY_TEST(wrong_zone_is_told_once),
		HISTORY_TEST(repeated_hour),
		HISTORY_TEST(new_rows_are_found_again),
		HISTORY_TEST(texts_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
