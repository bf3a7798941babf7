#include "tests/unit/cmocka-all.h"

#include "tests/unit/confirm_scene.h"

#include <stdio.h>
#include <string.h>

int64_t skew_msec;
uint64_t asked_ago;

void scene_hear_rows(struct world *w, const char *home, const struct row *rows, size_t n)
{
	struct history_record records[16];
	char times[16][CLOCK_TEXT_MAX];
	int64_t now_msec = clock_epoch_msec() + skew_msec;
	struct history_news news;

	assert_true(n <= ELEMENTS(records));
	for (size_t i = 0; i < n; i++)
		records[i] = (struct history_record){
			.time = clock_cloud(times[i], WORLD_EPOCH_MSEC / 1000 + rows[i].second),
			.name = "Ann",
			.sip = "",
			.opened = !rows[i].denied,
			.device = rows[i].device,
			.type = rows[i].type,
			.picture = "",
			.thumbnail = "",
		};
	assert_int_equal(history_merge(w->history, world_home(w, home), HISTORY_DOOR, records, n,
				 now_msec / 1000, &news),
		0);
	confirm_heard(
		w->confirm, world_home(w, home), &news, now_msec, clock_boot_usec() - asked_ago);
}

void scene_hear(struct world *w)
{
	scene_hear_rows(w, "H1", NULL, 0);
}

void scene_open_door(struct world *w, const char *door, const char *id)
{
	char topic[64], payload[64];

	(void)snprintf(topic, sizeof(topic), "%sopen", door);
	(void)snprintf(payload, sizeof(payload), "{\"id\":\"%s\"}", id);
	world_send(w, topic, payload);
}

/* Ends the opening that was sent first. */
void scene_end(struct world *w, enum cloud_error error)
{
	fake_cloud_end(fake_cloud_oldest(w->cloud), error);
	fake_mqtt_forget(w->mqtt);
}

void scene_open_unknown(struct world *w, const char *door, const char *id)
{
	scene_open_door(w, door, id);
	scene_end(w, CLOUD_OUTCOME_UNKNOWN);
}

const char *scene_said(const struct world *w, const char *door)
{
	char topic[64];
	const struct sent *sent;

	(void)snprintf(topic, sizeof(topic), "%sresult", door);
	sent = fake_mqtt_last(w->mqtt, topic);
	return sent ? sent->text : "";
}

/* Time passes, and the history is heard again and again without a row. */
void scene_pass_and_hear(struct world *w, unsigned seconds)
{
	for (unsigned i = 0; i < seconds; i += 5) {
		time_pass(w->event, 5 * SEC);
		scene_hear(w);
	}
}

/* The history was heard once, the wall clock is at second 0 again. */
int scene_setup(void **state)
{
	int r = world_setup(state);

	skew_msec = 0;
	asked_ago = 0;
	scene_hear(*state);
	scene_hear_rows(*state, "H2", NULL, 0);
	return r;
}
