#define LOG_TOKEN "gateway"

#include "daemon/gateway.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#include "bridge/bridge.h"
#include "bridge/status.h"
#include <config.h>
#include "daemon/keeper.h"
#include "daemon/link.h"
#include "daemon/poller.h"
#include "daemon/reload.h"
#include "daemon/settings.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/timer.h"

/* What changed is on disk after this, all of it in one go, but never while a door waits. */
#define SAVE_USEC       (2 * USEC_PER_SEC)
#define SAVE_LATER_USEC (200 * USEC_PER_MSEC)

/* Answers that are on their way get so long at the end; with the 500 ms of the broker it is less
 * than the 2 s that SIGTERM may take. */
#define FAREWELL_USEC USEC_PER_SEC

/* The line in systemctl status is kept current, but not with each change of thousands of homes. */
#define STATUS_USEC USEC_PER_SEC

/* The cache is read while the broker takes note of what we want to hear, and no later than this. */
#define LOAD_USEC (100 * USEC_PER_MSEC)

/* The first polls open further connections to the cloud, which keeps a small machine busy: who wants
 * a door open now comes before them. */
#define POLLS_USEC (100 * USEC_PER_MSEC)

struct gateway {
	struct reload *reload; /* has the configuration */
	struct link link;
	struct cache *cache;
	struct keeper *keeper; /* of the histories */
	struct bridge *bridge;
	struct poller *poller;
	sd_event_source *load, *save, *status, *farewell, *settled;
	char *status_text;
	bool loaded, ready, told, stopping;
};

static const char *broker_state(const struct gateway *g)
{
	return bridge_online(g->bridge) ? "online" : "offline";
}

static char *status_text(const struct gateway *g)
{
	const char *remark = reload_remark(g->reload);
	struct tally tally = tally_of(g->cache);
	int64_t last = cloud_last_success(g->link.cloud);
	char time[CLOCK_TEXT_MAX], *text;
	int n;

	n = asprintf(&text,
		"%s%s%zu home%s, %zu of %zu devices online, %zu door%s; cloud %s, broker %s; last "
		"success %s",
		remark ?: "", remark ? "; " : "", tally.homes, tally.homes == 1 ? "" : "s",
		tally.devices_online, tally.devices, tally.doors, tally.doors == 1 ? "" : "s",
		cloud_state_name(cloud_state(g->link.cloud)), broker_state(g),
		last ? clock_rfc3339(time, last) : "never");
	return n < 0 ? NULL : text;
}

static int on_status(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct gateway *g = userdata;
	_cleanup_free_ char *text = status_text(g);

	if (!text || (g->status_text && strcmp(text, g->status_text) == 0))
		return 0;
	(void)sd_notifyf(false, "STATUS=%s", text);
	/* Who has just set it up looks for this in the log. Later only outages are news. */
	if (!g->told && bridge_online(g->bridge) && status_is_known(g->cache)) {
		g->told = true;
		log_info("%s", text);
	}
	free(g->status_text);
	g->status_text = TAKE_PTR(text);
	return 0;
}

static void status_soon(struct gateway *g)
{
	if (!timer_armed(g->status))
		(void)timer_arm(
			g->link.event, &g->status, STATUS_USEC, TIMER_LAZY, on_status, g, "status");
}

static int on_save(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct gateway *g = userdata;
	uint64_t wait = SAVE_USEC;

	if (bridge_open_requests(g->bridge) > 0 || cache_save(g->cache))
		wait = SAVE_LATER_USEC;
	else if (!cache_unsaved(g->cache))
		return 0;
	return timer_arm(g->link.event, &g->save, wait, TIMER_LAZY, on_save, g, "save");
}

static void save_soon(struct gateway *g)
{
	if (!timer_armed(g->save))
		(void)timer_arm(g->link.event, &g->save, SAVE_USEC, TIMER_LAZY, on_save, g, "save");
}

static bool on_served(const char *residence_id, void *userdata)
{
	const struct gateway *g = userdata;

	return reload_serves(g->reload, residence_id);
}

/* Before anybody asks for a home. */
static void load(struct gateway *g)
{
	if (g->loaded)
		return;
	g->loaded = true;
	timer_stop(g->load);
	cache_load(g->cache);
	poller_start(g->poller, POLLS_USEC);
}

static int on_load(sd_event_source *source, uint64_t usec, void *userdata)
{
	load(userdata);
	return 0;
}

static void on_connected(void *userdata)
{
	load(userdata);
}

static void on_home_changed(struct home *home, void *userdata)
{
	struct gateway *g = userdata;

	bridge_home_changed(g->bridge, home);
	save_soon(g);
	status_soon(g);
}

static void on_forget_home(struct home *home, void *userdata)
{
	struct gateway *g = userdata;

	poller_forget(g->poller, home);
	bridge_forget_home(g->bridge, home);
	history_forget(keeper_history(g->keeper), home->id);
	save_soon(g);
}

static void on_forget_relay(struct relay *relay, void *userdata)
{
	struct gateway *g = userdata;

	door_forget(relay);
	save_soon(g);
}

static void on_cloud_changed(enum cloud_state state, void *userdata)
{
	struct gateway *g = userdata;

	bridge_cloud_changed(g->bridge);
	poller_cloud_changed(g->poller);
	status_soon(g);
}

static void on_refresh(struct home *home, void *userdata)
{
	struct gateway *g = userdata;

	poller_refresh(g->poller, home);
}

static void on_done(struct home *home, const struct command *command, void *userdata)
{
	struct gateway *g = userdata;

	poller_after(g->poller, home, command);
}

static const struct poll_counts *on_polls(void *userdata)
{
	const struct gateway *g = userdata;

	return poller_counts(g->poller);
}

static bool on_busy(void *userdata)
{
	const struct gateway *g = userdata;

	return bridge_open_requests(g->bridge) > 0;
}

static void on_heard(struct home *home, enum history_kind kind, const struct history_news *news,
	int64_t now_msec, uint64_t asked, void *userdata)
{
	struct gateway *g = userdata;

	keeper_heard(g->keeper, now_msec);
	if (news->rows > 0 || news->pictures > 0 || news->filled > 0)
		bridge_history_changed(g->bridge, home, kind, news);
	bridge_history_heard(g->bridge, home, kind, news, now_msec, asked);
}

static bool on_awaits(const struct home *home, void *userdata)
{
	const struct gateway *g = userdata;

	return bridge_awaits_row(g->bridge, home);
}

/* Ready does not wait for the cloud, and for the broker only until it was tried. */
static void on_broker_changed(void *userdata)
{
	struct gateway *g = userdata;

	load(g);
	if (!g->ready && bridge_tried(g->bridge)) {
		g->ready = true;
		(void)sd_notify(false, "READY=1");
		(void)on_status(NULL, 0, g);
	}
	status_soon(g);
}

static void on_stopped(void *userdata)
{
	struct gateway *g = userdata;

	(void)sd_event_exit(g->link.event, 0);
}

static void say_goodbye(struct gateway *g)
{
	(void)sd_event_source_set_enabled(g->settled, SD_EVENT_OFF);
	timer_stop(g->farewell);
	bridge_stop(g->bridge, on_stopped);
}

static int on_farewell(sd_event_source *source, uint64_t usec, void *userdata)
{
	say_goodbye(userdata);
	return 0;
}

/* Runs after each turn of the loop while stopping: is everything answered? */
static int on_settled(sd_event_source *source, void *userdata)
{
	struct gateway *g = userdata;

	if (bridge_open_requests(g->bridge) == 0)
		say_goodbye(g);
	return 0;
}

/* Nothing new is begun; what is on its way to the cloud may be answered still, for a moment. */
static int on_terminate(
	sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct gateway *g = userdata;
	int r;

	if (g->stopping)
		return sd_event_exit(g->link.event, 0);
	g->stopping = true;
	log_info("Stopping");
	(void)sd_notify(false, "STOPPING=1");
	timer_stop(g->load);
	reload_stop(g->reload);
	poller_stop(g->poller);
	cloud_shut(g->link.cloud);
	r = timer_arm(g->link.event, &g->farewell, FAREWELL_USEC, TIMER_EXACT, on_farewell, g,
		"farewell");
	if (r < 0)
		return r;
	r = sd_event_source_set_enabled(g->settled, SD_EVENT_ON);
	if (r < 0)
		return r;
	return on_settled(NULL, g);
}

static void on_moved(void *userdata)
{
	struct gateway *g = userdata;

	reload_moved(g->reload);
}

/* What is in force is told, be it the new configuration or the one before. */
static void on_reloaded(void *userdata)
{
	struct gateway *g = userdata;

	if (g->ready)
		(void)sd_notify(false, "READY=1");
	free(g->status_text);
	g->status_text = NULL;
	(void)on_status(NULL, 0, g);
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata)
{
	struct gateway *g = userdata;

	load(g);
	reload_begin(g->reload);
	return 0;
}

static int new_cache(struct gateway *g)
{
	static const struct cache_handlers handlers = {
		.served = on_served,
		.changed = on_home_changed,
		.forget = on_forget_home,
		.forget_relay = on_forget_relay,
	};

	return cache_new(&g->cache, reload_config(g->reload)->cache_file, &handlers, g);
}

static int new_poller(struct gateway *g)
{
	static const struct poller_hooks hooks = {
		.busy = on_busy, .heard = on_heard, .awaits = on_awaits};
	const struct poller_parts parts = {g->link.cloud, g->cache, keeper_history(g->keeper)};
	const struct poller_settings settings = settings_poller(reload_config(g->reload));

	return poller_new(&g->poller, g->link.event, &parts, &settings, &hooks, g);
}

static int new_bridge(struct gateway *g)
{
	static const struct bridge_hooks hooks = {
		.refresh = on_refresh,
		.done = on_done,
		.connected = on_connected,
		.broker_changed = on_broker_changed,
		.polls = on_polls,
		.served = on_served,
		.moved = on_moved,
	};
	const struct bridge_settings settings = settings_bridge(reload_config(g->reload),
		reload_aliases(g->reload), keeper_history(g->keeper), &g->link);

	return bridge_new(&g->bridge, g->link.event, &settings, g->cache, g->link.cloud, &hooks, g);
}

static int watch_events(struct gateway *g)
{
	sd_event *event = g->link.event;
	int r;

	r = sd_event_add_signal(event, NULL, SIGTERM, on_terminate, g);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGINT, on_terminate, g);
	if (r >= 0)
		r = sd_event_add_signal(event, NULL, SIGHUP, on_reload, g);
	if (r >= 0)
		r = sd_event_add_post(event, &g->settled, on_settled, g);
	if (r >= 0)
		r = sd_event_source_set_enabled(g->settled, SD_EVENT_OFF);
	if (r >= 0)
		r = sd_event_set_watchdog(event, true);
	return r;
}

static int build(struct gateway *g)
{
	static const struct reload_hooks hooks = {
		.cloud_changed = on_cloud_changed, .over = on_reloaded};
	const struct config *config = reload_config(g->reload);
	int r;

	r = new_cache(g);
	if (r < 0)
		return r;
	r = link_open(&g->link, config, on_cloud_changed, g);
	if (r < 0)
		return r;
	r = keeper_new(&g->keeper, g->link.event, cache_file(g->cache), config, on_busy, g);
	if (r < 0)
		return r;
	r = new_poller(g);
	if (r < 0)
		return r;
	r = new_bridge(g);
	if (r < 0)
		return r;
	reload_attach(g->reload,
		&(struct reload_parts){&g->link, g->cache, g->keeper, g->poller, g->bridge}, &hooks,
		g);
	return watch_events(g);
}

/* Builds the service; config, with its secrets loaded, is the gateway's from now on, also after a
 * failure. SIGTERM, SIGINT and SIGHUP must be blocked. */
int gateway_new(struct gateway **ret, const char *config_path, struct config *config)
{
	_cleanup_(gateway_freep) struct gateway *g = calloc(1, sizeof(*g));
	int r;

	if (!g) {
		(void)config_free(config);
		return -ENOMEM;
	}
	r = reload_new(&g->reload, config_path, config);
	if (r < 0)
		return r;
	r = build(g);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(g);
	return 0;
}

struct gateway *gateway_free(struct gateway *g)
{
	if (!g)
		return NULL;
	(void)sd_event_source_disable_unref(g->load);
	(void)sd_event_source_disable_unref(g->save);
	(void)sd_event_source_disable_unref(g->status);
	(void)sd_event_source_disable_unref(g->farewell);
	(void)sd_event_source_disable_unref(g->settled);
	(void)poller_free(g->poller);
	(void)bridge_free(g->bridge);
	(void)keeper_free(g->keeper);
	(void)cache_free(g->cache);
	(void)reload_free(g->reload);
	link_close(&g->link);
	free(g->status_text);
	free(g);
	return NULL;
}

/* Runs until SIGTERM or SIGINT. While a thread reaches the broker, the loop opens the door's line to the
 * cloud. Then the broker is told what the cache knows, before the cloud answers. */
int gateway_run(struct gateway *g)
{
	int r;

	r = bridge_start(g->bridge);
	if (r < 0)
		return r;
	r = link_keep_warm(&g->link, reload_config(g->reload));
	if (r < 0)
		return r;
	r = timer_arm(g->link.event, &g->load, LOAD_USEC, TIMER_EXACT, on_load, g, "load");
	if (r < 0)
		return r;
	r = keeper_start(g->keeper);
	if (r < 0)
		return r;
	r = sd_event_loop(g->link.event);
	while (cache_save(g->cache))
		;
	keeper_finish(g->keeper);
	return r;
}
