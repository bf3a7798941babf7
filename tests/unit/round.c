#include "tests/unit/cmocka-all.h"

#include "tests/unit/round.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/fake_time.h"
#include "util/log.h"

static void on_forget(struct home *home, void *userdata)
{
	struct round *w = userdata;

	poller_forget(w->poller, home);
}

static bool on_busy(void *userdata)
{
	const struct round *w = userdata;

	return w->busy;
}

static void on_heard(struct home *home, enum history_kind kind, const struct history_news *news,
	int64_t now_msec, uint64_t asked, void *userdata)
{
	struct round *w = userdata;

	w->heard = (struct round_heard){w->heard.times + 1, home, kind, *news, now_msec, asked};
}

static bool on_awaits(const struct home *home, void *userdata)
{
	const struct round *w = userdata;

	return w->awaits;
}

static void make_history(struct round *w)
{
	struct history_settings settings = {.keep_sec = 90 * 86400, .max_event_age_sec = 600};

	assert_int_equal(zone_new(&w->zone, "UTC"), 0);
	settings.zone = w->zone;
	assert_int_equal(history_new(&w->history, cache_file(w->cache), &settings), 0);
}

int round_setup(void **state)
{
	static const struct poller_hooks hooks = {
		.busy = on_busy, .heard = on_heard, .awaits = on_awaits};
	static const struct cache_handlers handlers = {.forget = on_forget};
	const struct poller_settings settings = {
		.devices_usec = 60 * SEC,
		.family_usec = 600 * SEC,
		.allowed.groups = (1 << COMMAND_GROUP_MAX) - 1,
	};
	struct round *w = calloc(1, sizeof(*w));
	struct poller_parts parts;

	assert_non_null(w);
	log_set_level(LOG_CRIT);
	time_start(INT64_C(1900000000000));
	assert_int_equal(sd_event_new(&w->event), 0);
	w->cloud = fake_cloud_new();
	assert_int_equal(cache_new(&w->cache, NULL, &handlers, w), 0);
	make_history(w);
	parts = (struct poller_parts){w->cloud, w->cache, w->history};
	assert_int_equal(poller_new(&w->poller, w->event, &parts, &settings, &hooks, w), 0);
	*state = w;
	return 0;
}

int round_teardown(void **state)
{
	struct round *w = *state;

	(void)poller_free(w->poller);
	assert_int_equal(fake_cloud_open(w->cloud), 0);
	(void)history_free(w->history);
	(void)zone_free(w->zone);
	(void)cache_free(w->cache);
	(void)cloud_free(w->cloud);
	time_end();
	(void)sd_event_unref(w->event);
	free(w);
	return 0;
}

/* How many of that command wait for an answer. */
unsigned round_open_calls(struct round *w, const char *command)
{
	unsigned n = 0;

	for (const struct cloud_call *c = fake_cloud_find(w->cloud, command, ""); c; c = c->next)
		n += strcmp(c->command->name, command) == 0;
	return n;
}

/* The call of that command and home; fails the test if there is none. */
struct cloud_call *round_call(struct round *w, const char *command, const char *home)
{
	struct cloud_call *call = fake_cloud_find(w->cloud, command, home);

	if (!call)
		fail_msg("%s %s is not polled", command, home);
	return call;
}

/* Answers every poll of homes, devices and members that waits. */
void round_answer(struct round *w, const char *homes)
{
	static const char *const commands[] = {HOMES, DEVICES, MEMBERS};
	const char *const answers[] = {homes, DEVICE, ACCOUNT};

	for (size_t i = 0; i < ELEMENTS(commands); i++) {
		struct cloud_call *call;

		while ((call = fake_cloud_find(w->cloud, commands[i], "")))
			fake_cloud_succeed(call, answers[i]);
	}
}

/* Lets time pass until that poll is on its way; returns how long that took. */
uint64_t round_until(struct round *w, const char *command, const char *home)
{
	uint64_t passed = 0, step;

	while (!fake_cloud_find(w->cloud, command, home)) {
		step = time_next_due();
		if (step == UINT64_MAX)
			fail_msg("%s %s is not scheduled", command, home);
		time_pass(w->event, step);
		passed += step;
	}
	return passed;
}
