#define LOG_TOKEN "poll"

#include "daemon/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cloud/records.h"
#include "util/backoff.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/timer.h"

/* Polls of many homes that become due together are spread by so much each. */
#define SPREAD_USEC (20 * USEC_PER_MSEC)

/* A poll that fails is tried again after this, doubled each time up to the longer of RETRY_MOST
 * and its interval. */
#define RETRY_FIRST_USEC (2 * USEC_PER_SEC)
#define RETRY_MOST_USEC  (60 * USEC_PER_SEC)

/* The cloud gets so long after a command before what it changed is asked for. */
#define AFTER_USEC (200 * USEC_PER_MSEC)

/* Longest pause that the cloud gets when it asks for one. */
#define PAUSE_MOST_USEC (3600 * USEC_PER_SEC)

#define JITTER_PERCENT 10

enum poll_kind {
	POLL_HOMES, /* of the account; also the probe while the cloud is away */
	POLL_DEVICES,
	POLL_MEMBERS,
	POLL_NFC, /* and two more in the order of enum access_kind */
	POLL_BLE,
	POLL_FACE,
	POLL_KEYS,
	POLL_KIND_MAX,
};

struct poll {
	struct poller *poller;
	struct home *home; /* NULL: the account */
	enum poll_kind kind;
	bool parked; /* due, but the cloud is away or wants a pause */
	bool again;  /* asked for while one was on its way */
	struct cloud_call *call;
	sd_event_source *timer;
	struct backoff backoff;
};

struct poller {
	sd_event *event;
	struct cloud *cloud;
	struct cache *cache;
	struct poller_settings settings;
	unsigned of_use; /* bits of enum poll_kind: those that commands.allow gives a reason for */
	struct poll homes;
	struct poll_counts counts;
	sd_event_source *pause; /* armed while the cloud wants no polls */
	bool stopped;
};

typedef int (*take_t)(struct poller *p, struct home *home, struct json_object *result);

static int take_homes(struct poller *p, struct home *home, struct json_object *result)
{
	_cleanup_free_ struct family_record *records = NULL;
	size_t n;
	int r;

	r = records_families(result, &records, &n);
	return r < 0 ? r : cache_merge_homes(p->cache, records, n);
}

static int take_devices(struct poller *p, struct home *home, struct json_object *result)
{
	_cleanup_free_ struct device_record *records = NULL;
	size_t n;
	int r;

	r = records_devices(result, &records, &n);
	return r < 0 ? r : cache_merge_devices(p->cache, home, records, n);
}

static int take_members(struct poller *p, struct home *home, struct json_object *result)
{
	unsigned members;
	int r = records_members(result, &members);

	if (r == 0)
		cache_merge_members(p->cache, home, members);
	return r;
}

static int take_access(struct poller *p, struct home *home, struct json_object *result,
	enum access_kind kind, const char *flag)
{
	int on = json_flag(result, flag);

	if (on < 0)
		return on;
	cache_merge_access(p->cache, home, kind, on);
	return 0;
}

static int take_nfc(struct poller *p, struct home *home, struct json_object *result)
{
	return take_access(p, home, result, ACCESS_NFC, "enable_nfc");
}

static int take_ble(struct poller *p, struct home *home, struct json_object *result)
{
	return take_access(p, home, result, ACCESS_BLE, "enable_ble");
}

static int take_face(struct poller *p, struct home *home, struct json_object *result)
{
	return take_access(p, home, result, ACCESS_FACE, "is_uploaded");
}

static int take_keys(struct poller *p, struct home *home, struct json_object *result)
{
	_cleanup_free_ struct temp_key_record *records = NULL;
	size_t n;
	int r;

	r = records_temp_keys(result, &records, &n);
	return r < 0 ? r : cache_merge_temp_keys(p->cache, home, records, n, p->settings.key_codes);
}

static const struct {
	const char *command;
	size_t interval; /* offset in struct poller_settings */
	take_t take;
	const char *name;
} kinds[POLL_KIND_MAX] = {
	[POLL_HOMES] = {"get_family_list", offsetof(struct poller_settings, devices_usec),
		take_homes, "poll-homes"},
	[POLL_DEVICES] = {"get_akuvox_device_list", offsetof(struct poller_settings, devices_usec),
		take_devices, "poll-devices"},
	[POLL_MEMBERS] = {"get_family_info", offsetof(struct poller_settings, family_usec),
		take_members, "poll-members"},
	[POLL_NFC] = {"get_akuvox_open_door_nfc_config",
		offsetof(struct poller_settings, access_usec), take_nfc, "poll-nfc"},
	[POLL_BLE] = {"get_akuvox_open_door_ble_config",
		offsetof(struct poller_settings, access_usec), take_ble, "poll-ble"},
	[POLL_FACE] = {"get_akuvox_face_file_info", offsetof(struct poller_settings, access_usec),
		take_face, "poll-face"},
	[POLL_KEYS] = {"get_akuvox_open_door_temp_key_config",
		offsetof(struct poller_settings, access_usec), take_keys, "poll-keys"},
};

/* What to look at again soon after a command: bits of enum poll_kind. */
static const struct {
	const char *command;
	unsigned kinds;
} after[] = {
	{"update_akuvox_open_door_nfc_config", 1 << POLL_NFC},
	{"update_akuvox_open_door_ble_config", 1 << POLL_BLE},
	{"update_akuvox_face_file_info", 1 << POLL_FACE},
	{"delete_akuvox_face_file_info", 1 << POLL_FACE},
	{"create_akuvox_open_door_temp_key_config", 1 << POLL_KEYS},
	{"delete_akuvox_open_door_temp_key_config", 1 << POLL_KEYS},
	{"batch_delete_akuvox_open_door_temp_key_config", 1 << POLL_KEYS},
	{"update_family_info", 1 << POLL_HOMES | 1 << POLL_MEMBERS},
	{"change_family_admin", 1 << POLL_HOMES | 1 << POLL_MEMBERS},
	{"invite_family_account", 1 << POLL_MEMBERS},
	{"account_join_family", 1 << POLL_HOMES | 1 << POLL_MEMBERS},
	{"create_family_account", 1 << POLL_MEMBERS},
	{"update_family_account_auth", 1 << POLL_MEMBERS},
	{"batch_update_family_account_auth", 1 << POLL_MEMBERS},
	{"delete_family_account", 1 << POLL_HOMES | 1 << POLL_MEMBERS},
	{"batch_delete_family_account", 1 << POLL_HOMES | 1 << POLL_MEMBERS},
};

static void adopt_homes(struct poller *p);
static void on_answer(const struct cloud_answer *answer, void *userdata);
static int on_due(sd_event_source *source, uint64_t usec, void *userdata);

/* What keys, switches and faces are is of use to whoever may change them; the rest to whoever may
 * ask for it, too. */
static unsigned kinds_of_use(const struct allowed *allowed)
{
	unsigned of_use = 1 << POLL_HOMES | 1 << POLL_DEVICES;

	if (allowed_command(allowed, catalog_find(kinds[POLL_MEMBERS].command)))
		of_use |= 1 << POLL_MEMBERS;
	for (size_t i = 0; i < ELEMENTS(after); i++)
		if (allowed_command(allowed, catalog_find(after[i].command)))
			of_use |= after[i].kinds;
	return of_use;
}

/* 0: off. */
static uint64_t interval_of(const struct poll *poll)
{
	if (!(poll->poller->of_use & 1u << poll->kind))
		return 0;
	return *(const uint64_t *)((const char *)&poll->poller->settings +
				   kinds[poll->kind].interval);
}

/* Homes and devices are asked for once, and when something changed them, even where their schedule is
 * off: nothing works without them. */
static bool is_wanted(const struct poll *poll)
{
	return poll->kind <= POLL_DEVICES || interval_of(poll) > 0;
}

static bool cloud_away(const struct poller *p)
{
	enum cloud_state state = cloud_state(p->cloud);

	return state == CLOUD_STATE_OFFLINE || state == CLOUD_STATE_AUTH_FAILED;
}

static bool is_armed(sd_event_source *timer)
{
	return timer && sd_event_source_get_enabled(timer, NULL) > 0;
}

static void schedule(struct poll *poll, uint64_t wait_usec)
{
	struct poller *p = poll->poller;
	int r;

	poll->parked = false;
	r = timer_arm(p->event, &poll->timer, wait_usec,
		wait_usec < USEC_PER_SEC ? TIMER_EXACT : TIMER_LAZY, on_due, poll,
		kinds[poll->kind].name);
	if (r < 0)
		(void)log_error_errno(r, "Cannot schedule a poll: %m");
}

static void schedule_next(struct poll *poll)
{
	uint64_t interval = interval_of(poll);

	if (poll->again) {
		poll->again = false;
		schedule(poll, AFTER_USEC);
	} else if (interval > 0) {
		schedule(poll, backoff_jitter(interval, JITTER_PERCENT));
	}
}

/* After a failure: later each time. */
static void schedule_retry(struct poll *poll)
{
	uint64_t interval = interval_of(poll);

	poll->backoff.first_usec = RETRY_FIRST_USEC;
	poll->backoff.most_usec = interval > RETRY_MOST_USEC ? interval : RETRY_MOST_USEC;
	schedule(poll, backoff_next(&poll->backoff));
}

static int param_of(const struct poll *poll, struct json_object **ret)
{
	_cleanup_(json_freep) struct json_object *param = json_object_new_object();

	if (poll->home &&
		json_set(param, "residence_id", json_object_new_string(poll->home->id)) < 0)
		return -ENOMEM;
	*ret = TAKE_PTR(param);
	return 0;
}

static int on_due(sd_event_source *source, uint64_t usec, void *userdata)
{
	_cleanup_(json_freep) struct json_object *param = NULL;
	struct poll *poll = userdata;
	struct poller *p = poll->poller;
	int r;

	if (p->stopped || poll->call || !is_wanted(poll) || (poll->home && poll->home->gone))
		return 0;
	if (is_armed(p->pause) || (poll->home && cloud_away(p))) {
		poll->parked = true;
		return 0;
	}
	r = param_of(poll, &param);
	if (r == 0)
		r = cloud_start(p->cloud, &poll->call, catalog_find(kinds[poll->kind].command),
			param, CLOUD_POLL, 0, on_answer, poll);
	if (r < 0)
		(void)log_error_errno(r, "Cannot poll: %m");
	if (r != 0)
		schedule_retry(poll);
	return 0;
}

/* What was parked goes on, spread. */
static void resume(struct poller *p)
{
	uint64_t wait = 0;

	if (p->homes.parked)
		schedule(&p->homes, 0);
	if (cloud_away(p))
		return;
	cache_each_home (p->cache, home) {
		struct poll *polls = home->poll;

		for (int kind = POLL_DEVICES; polls && kind < POLL_KIND_MAX; kind++)
			if (polls[kind].parked) {
				schedule(&polls[kind], wait);
				wait += SPREAD_USEC;
			}
	}
}

static int on_pause_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	resume(userdata);
	return 0;
}

/* The cloud asks for a pause: no poll at all until it is over. A longer one stands. */
static void pause_polls(struct poller *p, uint64_t usec)
{
	uint64_t until = 0;

	if (usec > PAUSE_MOST_USEC)
		usec = PAUSE_MOST_USEC;
	if (is_armed(p->pause))
		(void)sd_event_source_get_time(p->pause, &until);
	if (until >= clock_boot_usec() + usec)
		return;
	if (timer_arm(p->event, &p->pause, usec, TIMER_LAZY, on_pause_over, p, "poll-pause") < 0)
		log_debug("out of memory for a pause of polls");
}

/* The first failure of a row is worth a line, unless the cloud as a whole is away, which has one. */
static void poll_failed(struct poll *poll, const char *why, bool worth_a_line)
{
	struct poller *p = poll->poller;

	p->counts.failed++;
	if (worth_a_line && poll->backoff.failures == 0)
		log_warning("%s%s%s: %s; trying again", kinds[poll->kind].command,
			poll->home ? " of " : "", poll->home ? poll->home->id : "", why);
	schedule_retry(poll);
}

static void on_answer(const struct cloud_answer *answer, void *userdata)
{
	struct poll *poll = userdata;
	struct poller *p = poll->poller;

	poll->call = NULL;
	if (!is_wanted(poll))
		return;
	if (answer->error != CLOUD_OK) {
		if (answer->retry_after_usec)
			pause_polls(p, answer->retry_after_usec);
		poll_failed(poll, answer->message ? answer->message : answer->why,
			answer->error == CLOUD_REFUSED);
		return;
	}
	if (kinds[poll->kind].take(p, poll->home, answer->result) < 0) {
		poll_failed(poll, "the cloud's answer is not what its manual says", true);
		return;
	}
	p->counts.ok++;
	backoff_reset(&poll->backoff);
	schedule_next(poll);
	if (poll->kind == POLL_HOMES)
		adopt_homes(p);
}

static void poll_init(struct poll *poll, struct poller *p, struct home *home, enum poll_kind kind)
{
	poll->poller = p;
	poll->home = home;
	poll->kind = kind;
}

static void poll_done(struct poll *poll)
{
	(void)cloud_cancel(poll->call);
	(void)sd_event_source_disable_unref(poll->timer);
}

/* What is not asked for, or not any more, is not known either: its topics are cleared. */
static void drop_unwanted(struct poller *p, struct home *home)
{
	const struct poll *polls = home->poll;

	for (int kind = 0; kind < ACCESS_KIND_MAX; kind++)
		if (!is_wanted(&polls[POLL_NFC + kind]))
			cache_drop_access(p->cache, home, (enum access_kind)kind);
	if (!is_wanted(&polls[POLL_KEYS]))
		cache_drop_temp_keys(p->cache, home);
}

/* Polls every kind of every home that is new, spread so that a thousand homes are no burst. */
static void adopt_homes(struct poller *p)
{
	uint64_t wait = 0;

	cache_each_home (p->cache, home) {
		struct poll *polls;

		/* One that comes back starts afresh. */
		if (home->gone)
			poller_forget(p, home);
		if (home->poll || home->gone)
			continue;
		polls = calloc(POLL_KIND_MAX, sizeof(*polls));
		if (!polls) {
			(void)log_oom();
			return;
		}
		home->poll = polls;
		for (int kind = POLL_DEVICES; kind < POLL_KIND_MAX; kind++) {
			poll_init(&polls[kind], p, home, (enum poll_kind)kind);
			/* Devices are asked for once even where their schedule is off. */
			if (is_wanted(&polls[kind]))
				schedule(&polls[kind], wait);
		}
		wait += SPREAD_USEC;
		drop_unwanted(p, home);
	}
}

/* Asks at once, or again when the one on its way has been answered. */
static void poll_soon(struct poll *poll, uint64_t wait_usec)
{
	if (poll->call)
		poll->again = true;
	else
		schedule(poll, wait_usec);
}

/* New settings: every poll that is on from now is asked for soon, and goes on from there. */
void poller_set(struct poller *p, const struct poller_settings *settings)
{
	p->settings = *settings;
	p->of_use = kinds_of_use(&settings->allowed);
	cache_each_home (p->cache, home)
		if (home->poll)
			drop_unwanted(p, home);
	poller_refresh(p, NULL);
}

/* Starts with what the cache knows, and the list of homes. */
int poller_start(struct poller *p)
{
	schedule(&p->homes, 0);
	adopt_homes(p);
	return 0;
}

/* No polls any more; those on their way are left to the end of the cloud's client. */
void poller_stop(struct poller *p)
{
	p->stopped = true;
}

/* Polls a home now, or the account and all homes if home is NULL. */
void poller_refresh(struct poller *p, struct home *home)
{
	uint64_t wait = 0;

	poll_soon(&p->homes, 0);
	cache_each_home (p->cache, h) {
		struct poll *polls = h->poll;

		if (!polls || (home && h != home))
			continue;
		for (int kind = POLL_DEVICES; kind < POLL_KIND_MAX; kind++)
			if (is_wanted(&polls[kind]))
				poll_soon(&polls[kind], wait);
		wait += SPREAD_USEC;
	}
}

/* Looks again soon at what a command that succeeded has changed. home may be NULL. */
void poller_after(struct poller *p, struct home *home, const struct command *command)
{
	for (size_t i = 0; i < ELEMENTS(after); i++) {
		if (strcmp(after[i].command, command->name) != 0)
			continue;
		for (int kind = 0; kind < POLL_KIND_MAX; kind++)
			if (after[i].kinds & 1u << kind) {
				struct poll *polls = home ? home->poll : NULL;

				if (kind == POLL_HOMES)
					poll_soon(&p->homes, AFTER_USEC);
				else if (polls && is_wanted(&polls[kind]))
					poll_soon(&polls[kind], AFTER_USEC);
			}
	}
}

/* The home is about to be freed. */
void poller_forget(struct poller *p, struct home *home)
{
	struct poll *polls = home->poll;

	if (!polls)
		return;
	for (int kind = POLL_DEVICES; kind < POLL_KIND_MAX; kind++)
		poll_done(&polls[kind]);
	free(polls);
	home->poll = NULL;
}

/* The cloud came: what waited for it goes on. Or it went: from now on the list of homes is the probe
 * that notices its return, even where it is never polled otherwise. */
void poller_cloud_changed(struct poller *p)
{
	if (!cloud_away(p))
		resume(p);
	else if (!p->homes.call)
		schedule_retry(&p->homes);
}

const struct poll_counts *poller_counts(const struct poller *p)
{
	return &p->counts;
}

int poller_new(struct poller **ret, sd_event *event, struct cloud *cloud, struct cache *cache,
	const struct poller_settings *settings)
{
	struct poller *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->event = sd_event_ref(event);
	p->cloud = cloud;
	p->cache = cache;
	p->settings = *settings;
	p->of_use = kinds_of_use(&settings->allowed);
	poll_init(&p->homes, p, NULL, POLL_HOMES);
	*ret = p;
	return 0;
}

/* Before the cloud and the cache. */
struct poller *poller_free(struct poller *p)
{
	if (!p)
		return NULL;
	cache_each_home (p->cache, home)
		poller_forget(p, home);
	poll_done(&p->homes);
	(void)sd_event_source_disable_unref(p->pause);
	(void)sd_event_unref(p->event);
	free(p);
	return NULL;
}
