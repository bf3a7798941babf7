#define LOG_TOKEN "history"

#include "daemon/keeper.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/timer.h"
#include "util/zone.h"

/* How often chores are looked for, and how soon again while there is more to do or a request is
 * open. */
#define TEND_USEC       (60 * USEC_PER_SEC)
#define TEND_AGAIN_USEC (200 * USEC_PER_MSEC)

/* How soon it is looked again whether a zone may be loaded. */
#define ZONE_USEC (50 * USEC_PER_MSEC)

/* Calls of history_tend() at the end; the next start goes on. */
#define FINISH_MAX 10

struct keeper {
	sd_event *event;
	unsigned threads; /* of the process at the start; 0: unknown */
	struct zone *zone;
	char *zone_name; /* that the configuration wants; it may not be loaded yet */
	struct history_settings settings;
	struct history *history;
	keeper_busy_t busy;
	void *userdata;
	int64_t cloud_ahead; /* of boot time, in milliseconds */
	bool cloud_heard;
	sd_event_source *tend, *load;
};

static struct history_settings settings_of(const struct config *config)
{
	return (struct history_settings){
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

/* Of the process; 0: nobody can tell. Linux counts them as links of this folder, beside the two that
 * each has; one that is about to end counts as long as it can do anything. */
static unsigned count_threads(void)
{
	struct stat st;

	return stat("/proc/self/task", &st) == 0 && st.st_nlink > 2 ? (unsigned)st.st_nlink - 2 : 0;
}

/* file must outlive the keeper. Call it while there is one thread only: the times of the zone are
 * learned by way of TZ. */
int keeper_new(struct keeper **ret, sd_event *event, struct cache_file *file,
	const struct config *config, keeper_busy_t busy, void *userdata)
{
	_cleanup_(keeper_freep) struct keeper *keeper = calloc(1, sizeof(*keeper));
	int r;

	if (!keeper)
		return -ENOMEM;
	keeper->event = sd_event_ref(event);
	keeper->busy = busy;
	keeper->userdata = userdata;
	keeper->threads = count_threads();
	keeper->zone_name = strdup(config->history.timezone);
	if (!keeper->zone_name)
		return -ENOMEM;
	r = zone_new(&keeper->zone, keeper->zone_name);
	if (r < 0)
		return r;
	keeper->settings = settings_of(config);
	keeper->settings.zone = keeper->zone;
	r = history_new(&keeper->history, file, &keeper->settings);
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
	(void)sd_event_source_disable_unref(keeper->load);
	(void)history_free(keeper->history);
	(void)zone_free(keeper->zone);
	free(keeper->zone_name);
	(void)sd_event_unref(keeper->event);
	free(keeper);
	return NULL;
}

struct history *keeper_history(const struct keeper *keeper)
{
	return keeper->history;
}

static int load_zone(struct keeper *keeper)
{
	struct zone *former = keeper->zone;
	int r;

	r = zone_new(&keeper->zone, keeper->zone_name);
	if (r < 0)
		return r;
	keeper->settings.zone = keeper->zone;
	history_set(keeper->history, &keeper->settings);
	(void)zone_free(former);
	return 0;
}

/* No thread looks a name up now, for libcurl or for the broker; only we could start one. What stands
 * beside us from the start is none of ours: a sanitizer's, or an emulator's. */
static bool is_alone(const struct keeper *keeper)
{
	return keeper->threads > 0 && count_threads() == keeper->threads;
}

/* Loads the zone as soon as nobody else reads the environment, and no door waits. */
static int on_load(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct keeper *keeper = userdata;
	int r;

	if (!is_alone(keeper) || keeper->busy(keeper->userdata)) {
		if (!source)
			log_info("history.timezone waits until no name is looked up and no request "
				 "is open");
		return timer_arm(keeper->event, &keeper->load, ZONE_USEC, ZONE_USEC, on_load,
			keeper, "history-zone");
	}
	timer_stop(keeper->load);
	r = load_zone(keeper);
	if (r < 0) {
		(void)log_error_errno(
			r, "history.timezone cannot become %s: %m", keeper->zone_name);
		/* The next reload tries it again. */
		*keeper->zone_name = '\0';
		return 0;
	}
	log_info("Times of the cloud's history are now those of %s", keeper->zone_name);
	return 0;
}

static int set_zone(struct keeper *keeper, const char *name)
{
	char *copy;

	if (strcmp(keeper->zone_name, name) == 0)
		return 0;
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	free(keeper->zone_name);
	keeper->zone_name = copy;
	return on_load(NULL, 0, keeper);
}

/* A new configuration. A new zone may come into force a little later: rows that are new until then
 * have their times by the one before. */
void keeper_set(struct keeper *keeper, const struct config *config)
{
	int r;

	keeper->settings = settings_of(config);
	keeper->settings.zone = keeper->zone;
	history_set(keeper->history, &keeper->settings);
	r = set_zone(keeper, config->history.timezone);
	if (r < 0)
		(void)log_error_errno(r, "history.timezone cannot change: %m");
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
