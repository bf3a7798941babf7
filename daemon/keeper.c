#define LOG_TOKEN "history"

#include "daemon/keeper.h"

#include <errno.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/timer.h"
#include "util/zone.h"

/* How often chores are looked for, and how soon again while there is more to do or a request is
 * open. */
#define TEND_USEC       (60 * USEC_PER_SEC)
#define TEND_AGAIN_USEC (200 * USEC_PER_MSEC)

/* Calls of history_tend() at the end; the next start goes on. */
#define FINISH_MAX 10

struct keeper {
	sd_event *event;
	struct zone *zone;
	struct history *history;
	keeper_busy_t busy;
	void *userdata;
	int64_t cloud_ahead; /* of boot time, in milliseconds */
	bool cloud_heard;
	sd_event_source *tend;
};

static struct history_settings settings_of(const struct keeper *keeper, const struct config *config)
{
	return (struct history_settings){
		.zone = keeper->zone,
		.keep_sec = (int64_t)(config->history.keep_usec / USEC_PER_SEC),
		.max_event_age_sec = (int64_t)(config->history.max_event_age_usec / USEC_PER_SEC),
		.pictures = config->history.pictures != CONFIG_PICTURES_OFF,
	};
}

static int64_t boot_msec(void)
{
	return (int64_t)(clock_boot_usec() / USEC_PER_MSEC);
}

/* Seconds since 1970. What is deleted goes by the cloud's clock if that can be had: ours may be
 * years ahead until the network sets it. */
static int64_t keeper_now(const struct keeper *keeper)
{
	return (keeper->cloud_heard ? boot_msec() + keeper->cloud_ahead : clock_epoch_msec()) /
	       1000;
}

static int on_tend(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct keeper *keeper = userdata;
	uint64_t wait = TEND_USEC;

	if (keeper->busy(keeper->userdata) || history_tend(keeper->history, keeper_now(keeper)))
		wait = TEND_AGAIN_USEC;
	return timer_arm(
		keeper->event, &keeper->tend, wait, TIMER_LAZY, on_tend, keeper, "history-tend");
}

/* file must outlive the keeper. Call it while there is one thread only: the times of the zone are
 * learned by way of TZ. */
int keeper_new(struct keeper **ret, sd_event *event, struct cache_file *file,
	const struct config *config, keeper_busy_t busy, void *userdata)
{
	_cleanup_(keeper_freep) struct keeper *keeper = calloc(1, sizeof(*keeper));
	struct history_settings settings;
	int r;

	if (!keeper)
		return -ENOMEM;
	keeper->event = sd_event_ref(event);
	keeper->busy = busy;
	keeper->userdata = userdata;
	r = zone_new(&keeper->zone, config->history.timezone);
	if (r < 0)
		return r;
	settings = settings_of(keeper, config);
	r = history_new(&keeper->history, file, &settings);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(keeper);
	return 0;
}

struct keeper *keeper_free(struct keeper *keeper)
{
	if (!keeper)
		return NULL;
	(void)sd_event_source_disable_unref(keeper->tend);
	(void)history_free(keeper->history);
	(void)zone_free(keeper->zone);
	(void)sd_event_unref(keeper->event);
	free(keeper);
	return NULL;
}

struct history *keeper_history(const struct keeper *keeper)
{
	return keeper->history;
}

/* A new configuration; its zone is for the next start, as there are threads now. */
void keeper_set(struct keeper *keeper, const struct config *config)
{
	const struct history_settings settings = settings_of(keeper, config);

	history_set(keeper->history, &settings);
}

/* The time now, in milliseconds since 1970, as the cloud told it. */
void keeper_heard(struct keeper *keeper, int64_t now_msec)
{
	keeper->cloud_ahead = now_msec - boot_msec();
	keeper->cloud_heard = true;
}

/* The chores begin. */
int keeper_start(struct keeper *keeper)
{
	return timer_arm(keeper->event, &keeper->tend, TEND_AGAIN_USEC, TIMER_LAZY, on_tend, keeper,
		"history-tend");
}

/* What can wait no longer: the gateway ends. */
void keeper_finish(struct keeper *keeper)
{
	for (int i = 0; i < FINISH_MAX && history_tend(keeper->history, keeper_now(keeper)); i++)
		;
}
