#include "tests/unit/cmocka-all.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "cache/schema.h"
#include "daemon/keeper.h"
#include "tests/unit/fake_time.h"
#include "tests/unit/scratch.h"
#include "util/clock.h"
#include "util/log.h"

#define SEC      USEC_PER_SEC
#define DAY_MSEC (INT64_C(86400) * 1000)

/* 2030-03-17 17:46:40 */
#define NOW_MSEC INT64_C(1900000000000)

struct kept {
	struct scratch *scratch;
	sd_event *event;
	struct cache_file *file;
	struct config config;
	struct keeper *keeper;
	bool busy;
};

static bool on_busy(void *userdata)
{
	const struct kept *k = userdata;

	return k->busy;
}

static int setup(void **state)
{
	static char utc[] = "UTC";
	struct kept *k = calloc(1, sizeof(*k));
	void *scratch;

	assert_non_null(k);
	assert_int_equal(scratch_setup(&scratch), 0);
	k->scratch = scratch;
	time_start(NOW_MSEC);
	assert_int_equal(sd_event_new(&k->event), 0);
	assert_int_equal(cache_file_new(&k->file, k->scratch->file, cache_schema()), 0);
	k->config.history.timezone = utc;
	k->config.history.keep_usec = 90 * 86400 * SEC;
	k->config.history.max_event_age_usec = 600 * SEC;
	assert_int_equal(keeper_new(&k->keeper, k->event, k->file, &k->config, on_busy, k), 0);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct kept *k = *state;
	void *scratch = k->scratch;

	k->keeper = keeper_free(k->keeper);
	k->file = cache_file_free(k->file);
	time_end();
	(void)sd_event_unref(k->event);
	free(k);
	return scratch_teardown(&scratch);
}

/* A row from the time of NOW_MSEC is archived. */
static void add_row(struct kept *k)
{
	static char id[] = "r1";
	const struct home home = {.id = id};
	const struct history_record record = {
		"2030-03-17 17:46:00", "Ann", "1", false, "", "", "", ""};
	struct history_news news;

	assert_int_equal(history_merge(keeper_history(k->keeper), &home, HISTORY_CALL, &record, 1,
				 NOW_MSEC / 1000, &news),
		0);
	assert_int_equal(news.rows, 1);
}

static int on_row(const struct archive_row *row, void *userdata)
{
	++*(size_t *)userdata;
	return 0;
}

struct sought {
	const char *time;
	int64_t epoch;
};

static int on_sought(const struct archive_row *row, void *userdata)
{
	struct sought *sought = userdata;

	if (strcmp(row->time, sought->time) == 0)
		sought->epoch = row->epoch;
	return 0;
}

static size_t count_rows(struct kept *k)
{
	const struct archive_query query = {"r1", -1, INT64_MIN, INT64_MAX, 0, 10};
	size_t n = 0;

	assert_int_equal(history_find(keeper_history(k->keeper), &query, on_row, &n), 0);
	return n;
}

static void old_rows_go_but_not_while_somebody_waits(void **state)
{
	struct kept *k = *state;

	add_row(k);
	assert_int_equal(keeper_start(k->keeper), 0);
	time_pass(k->event, 2 * SEC);
	assert_int_equal(count_rows(k), 1);
	time_set_epoch(NOW_MSEC + 91 * DAY_MSEC);
	k->busy = true;
	time_pass(k->event, 7 * 3600 * SEC);
	assert_int_equal(count_rows(k), 1);
	k->busy = false;
	time_pass(k->event, 2 * SEC);
	assert_int_equal(count_rows(k), 0);
}

static void the_clouds_clock_says_what_is_old(void **state)
{
	struct kept *k = *state;

	add_row(k);
	/* Ours is years ahead. */
	time_set_epoch(NOW_MSEC + 5000 * DAY_MSEC);
	keeper_heard(k->keeper, NOW_MSEC);
	assert_int_equal(keeper_start(k->keeper), 0);
	time_pass(k->event, 60 * SEC);
	assert_int_equal(count_rows(k), 1);
	/* Or never set. */
	time_set_epoch(60000);
	time_pass(k->event, 89 * 86400 * SEC);
	assert_int_equal(count_rows(k), 1);
	time_pass(k->event, 2 * 86400 * SEC);
	assert_int_equal(count_rows(k), 0);
}

static void a_new_configuration_holds(void **state)
{
	struct kept *k = *state;

	add_row(k);
	assert_int_equal(keeper_start(k->keeper), 0);
	time_pass(k->event, 2 * SEC);
	time_set_epoch(NOW_MSEC + 2 * DAY_MSEC);
	time_pass(k->event, 7 * 3600 * SEC);
	assert_int_equal(count_rows(k), 1);
	k->config.history.keep_usec = 86400 * SEC;
	keeper_set(k->keeper, &k->config);
	time_pass(k->event, 61 * SEC);
	assert_int_equal(count_rows(k), 0);
}

/* A row of that local time, and when it was. */
static int64_t epoch_of(struct kept *k, const char *time)
{
	static char id[] = "r1";
	const struct home home = {.id = id};
	const struct history_record record = {time, "Ann", "1", false, "", "", "", ""};
	const struct archive_query query = {"r1", -1, INT64_MIN, INT64_MAX, 0, 10};
	struct sought sought = {time, 0};
	struct history_news news;

	assert_int_equal(history_merge(keeper_history(k->keeper), &home, HISTORY_CALL, &record, 1,
				 NOW_MSEC / 1000, &news),
		0);
	assert_int_equal(news.rows, 1);
	assert_int_equal(history_find(keeper_history(k->keeper), &query, on_sought, &sought), 0);
	assert_int_not_equal(sought.epoch, 0);
	return sought.epoch;
}

static void set_zone(struct kept *k, const char *name)
{
	k->config.history.timezone = name;
	keeper_set(k->keeper, &k->config);
}

static void another_zone(void **state)
{
	struct kept *k = *state;
	const int64_t first = epoch_of(k, "2030-03-17 17:46:00");

	set_zone(k, "Europe/Berlin");
	assert_int_equal(epoch_of(k, "2030-03-17 17:46:01"), first + 1 - 3600);
	set_zone(k, "Asia/Tokyo");
	set_zone(k, "UTC");
	assert_int_equal(epoch_of(k, "2030-03-17 17:46:02"), first + 2);
	/* What is known keeps its time, and is no news. */
	assert_int_equal(count_rows(k), 3);
}

static void *wait_for(void *userdata)
{
	(void)sem_wait(userdata);
	return NULL;
}

/* Threads read the environment, which a zone is read by way of. */
static void another_zone_while_a_name_is_looked_up(void **state)
{
	const struct timespec moment = {0, 1000000};
	struct kept *k = *state;
	const int64_t first = epoch_of(k, "2030-03-17 17:46:00");
	pthread_t thread;
	sem_t end;

	assert_int_equal(sem_init(&end, 0, 0), 0);
	assert_int_equal(pthread_create(&thread, NULL, wait_for, &end), 0);
	set_zone(k, "Europe/Berlin");
	time_pass(k->event, SEC);
	assert_int_equal(epoch_of(k, "2030-03-17 17:46:01"), first + 1);
	assert_int_equal(sem_post(&end), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	/* For the system it ends a little later. */
	for (int i = 0; time_armed("history-zone") > 0; i++) {
		assert_true(i < 10000);
		time_pass(k->event, 50 * USEC_PER_MSEC);
		(void)nanosleep(&moment, NULL);
	}
	assert_int_equal(epoch_of(k, "2030-03-17 17:46:02"), first + 2 - 3600);
	assert_int_equal(sem_destroy(&end), 0);
}

static void another_zone_while_a_door_waits(void **state)
{
	struct kept *k = *state;
	const int64_t first = epoch_of(k, "2030-03-17 17:46:00");

	k->busy = true;
	set_zone(k, "Europe/Berlin");
	time_pass(k->event, SEC);
	assert_int_equal(epoch_of(k, "2030-03-17 17:46:01"), first + 1);
	k->busy = false;
	time_pass(k->event, 100 * USEC_PER_MSEC);
	assert_int_equal(epoch_of(k, "2030-03-17 17:46:02"), first + 2 - 3600);
	assert_int_equal(time_armed("history-zone"), 0);
}

/* The file has gone since the configuration was checked; the next reload finds it again. */
static void another_zone_that_is_none(void **state)
{
	struct kept *k = *state;
	const int64_t first = epoch_of(k, "2030-03-17 17:46:00");

	log_set_level(LOG_EMERG);
	assert_int_equal(setenv("TZDIR", k->scratch->file, 1), 0);
	set_zone(k, "Europe/Berlin");
	assert_int_equal(unsetenv("TZDIR"), 0);
	assert_int_equal(epoch_of(k, "2030-03-17 17:46:01"), first + 1);
	set_zone(k, "Europe/Berlin");
	assert_int_equal(epoch_of(k, "2030-03-17 17:46:02"), first + 2 - 3600);
	log_set_level(LOG_INFO);
}

static void the_last_chores(void **state)
{
	struct kept *k = *state;

	add_row(k);
	time_set_epoch(NOW_MSEC + 91 * DAY_MSEC);
	keeper_finish(k->keeper);
	assert_int_equal(count_rows(k), 0);
}

static void a_zone_that_is_none(void **state)
{
	static char nowhere[] = "Europe/Nowhere";
	struct kept *k = *state;
	struct keeper *keeper = NULL;

	k->config.history.timezone = nowhere;
	assert_true(keeper_new(&keeper, k->event, k->file, &k->config, on_busy, k) < 0);
	assert_null(keeper);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(old_rows_go_but_not_while_somebody_waits),
		TEST(the_clouds_clock_says_what_is_old),
		TEST(a_new_configuration_holds),
		TEST(another_zone),
		TEST(another_zone_while_a_name_is_looked_up),
		TEST(another_zone_while_a_door_waits),
		TEST(another_zone_that_is_none),
		TEST(the_last_chores),
		TEST(a_zone_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
