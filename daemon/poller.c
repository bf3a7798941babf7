#define LOG_TOKEN "poll"

#include "daemon/poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/param.h>

#include "daemon/pace.h"
#include "daemon/poll_kinds.h"
#include "util/backoff.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/timer.h"

/* Polls that become due together are spread by so much each. */
#define SPREAD_USEC UINT64_C(2500)

/* A poll that fails is tried again after this, doubled each time up to the longer of RETRY_MOST
 * and its interval. */
#define RETRY_FIRST_USEC (2 * USEC_PER_SEC)
#define RETRY_MOST_USEC  (60 * USEC_PER_SEC)

/* The cloud gets so long after a command before what it changed is asked for. */
#define AFTER_USEC (200 * USEC_PER_MSEC)

/* Longest pause that the cloud gets when it asks for one. */
#define PAUSE_MOST_USEC (3600 * USEC_PER_SEC)

/* After an opening its row is looked for after this, doubled each time. */
#define HURRY_FIRST_USEC (500 * USEC_PER_MSEC)
#define HURRY_STEPS_MAX  10

/* So long the answer of a history waits to be written while requests are open, and so often it is
 * looked whether they still are. */
#define HOLD_MOST_USEC  USEC_PER_SEC
#define HOLD_CHECK_USEC (10 * USEC_PER_MSEC)

struct poll {
	struct poller *poller;
	struct home *home; /* NULL: the account */
	enum poll_kind kind;
	bool parked; /* due, but the cloud is away or wants a pause, or devices are not known */
	bool again;  /* asked for while one was on its way, or is about to be */
	bool heard;  /* ever */
	unsigned hurried; /* polls since an opening whose row is looked for */
	struct cloud_call *call;
	uint64_t asked;
	double sooner;            /* for pace_wait(), once */
	struct json_object *held; /* an answer that is not taken over yet */
	uint64_t held_since;
	int64_t cloud_ahead; /* of boot time, in milliseconds, by the last answer */
	sd_event_source *timer;
	struct backoff backoff;
};

struct poller {
	sd_event *event;
	struct cloud *cloud;
	struct cache *cache;
	struct history *history;
	struct poller_hooks hooks;
	void *userdata;
	struct poller_settings settings;
	unsigned of_use; /* bits of enum poll_kind */
	struct poll homes;
	size_t n_homes; /* that are polled */
	struct poll_counts counts;
	sd_event_source *pause; /* armed while the cloud wants no polls */
	bool stopped;
};

static void adopt_homes(struct poller *p, uint64_t wait_usec);
static int on_due(sd_event_source *source, uint64_t usec, void *userdata);

/* 0: off. */
static uint64_t interval_of(const struct poll *poll)
{
	if (!(poll->poller->of_use & 1u << poll->kind))
		return 0;
	return poll_interval(&poll->poller->settings, poll->kind);
}

/* Homes and devices are asked for once, and when something changed them, even where their schedule is
 * off: nothing works without them. */
static bool is_wanted(const struct poll *poll)
{
	return poll->kind <= POLL_DEVICES || interval_of(poll) > 0;
}

static bool is_history(const struct poll *poll)
{
	return poll->kind == POLL_CALLS || poll->kind == POLL_OPENINGS;
}

/* What a row of a history is depends on the home's devices. */
static bool is_ready(const struct poll *poll)
{
	const struct poll *polls = poll->home ? poll->home->poll : NULL;

	return !is_history(poll) || poll->home->devices || polls[POLL_DEVICES].heard;
}

static bool cloud_away(const struct poller *p)
{
	enum cloud_state state = cloud_state(p->cloud);

	return state == CLOUD_STATE_OFFLINE || state == CLOUD_STATE_AUTH_FAILED;
}

static void arm(struct poll *poll, uint64_t wait_usec, uint64_t accuracy_usec)
{
	int r;

	poll->parked = false;
	r = timer_arm(poll->poller->event, &poll->timer, wait_usec, accuracy_usec, on_due, poll,
		poll_row(poll->kind)->name);
	if (r < 0)
		(void)log_error_errno(r, "Cannot schedule a poll: %m");
}

static void schedule(struct poll *poll, uint64_t wait_usec)
{
	arm(poll, wait_usec, MIN(pace_accuracy(wait_usec, poll->poller->n_homes), TIMER_LAZY));
}

/* By its interval, in which the time is left to be late. */
static void schedule_regular(struct poll *poll, uint64_t wait_usec)
{
	arm(poll, wait_usec, pace_accuracy(wait_usec, poll->poller->n_homes));
}

/* The next of many that are asked for together. The part is one of pace_part(). */
static void schedule_spread(struct poll *poll, uint64_t *wait_usec, double part)
{
	poll->sooner = part;
	arm(poll, *wait_usec, TIMER_EXACT);
	*wait_usec += SPREAD_USEC;
}

/* Until the row of an opening shows, its history is polled sooner: 0 if that is not the case. */
static uint64_t hurry(struct poll *poll)
{
	struct poller *p = poll->poller;

	if (poll->kind != POLL_OPENINGS || poll->hurried >= HURRY_STEPS_MAX ||
		!p->hooks.awaits(poll->home, p->userdata))
		return 0;
	return HURRY_FIRST_USEC << poll->hurried++;
}

static void schedule_next(struct poll *poll)
{
	uint64_t interval = interval_of(poll), sooner;

	if (poll->again) {
		poll->again = false;
		schedule(poll, AFTER_USEC);
	} else if (interval > 0) {
		interval = pace_wait(interval, poll->sooner);
		poll->sooner = 0;
		sooner = hurry(poll);
		if (sooner > 0 && sooner < interval)
			schedule(poll, sooner);
		else
			schedule_regular(poll, interval);
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
		double part = pace_part(p->n_homes);

		for (int kind = POLL_DEVICES; polls && kind < POLL_KIND_MAX; kind++)
			if (polls[kind].parked)
				schedule_spread(&polls[kind], &wait, part);
	}
}

/* Its devices are known. */
static void resume_histories(struct home *home)
{
	struct poll *polls = home->poll;

	for (int kind = POLL_CALLS; kind <= POLL_OPENINGS; kind++)
		if (polls[kind].parked)
			schedule(&polls[kind], 0);
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
	if (timer_armed(p->pause))
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
		log_warning("%s%s%s: %s; trying again", poll_row(poll->kind)->command,
			poll->home ? " of " : "", poll->home ? poll->home->id : "", why);
	schedule_retry(poll);
}

static int64_t boot_msec(void)
{
	return (int64_t)(clock_boot_usec() / USEC_PER_MSEC);
}

/* Takes over an answer that makes sense, and goes on. */
static void take(struct poll *poll, struct json_object *result)
{
	struct poller *p = poll->poller;
	int64_t now_msec = boot_msec() + poll->cloud_ahead;
	struct poll_target target = {
		.cache = p->cache,
		.history = p->history,
		.key_codes = p->settings.key_codes,
		.now = now_msec / 1000,
	};
	int r;

	r = poll_row(poll->kind)->take(&target, poll->home, result);
	if (r < 0) {
		poll_failed(poll,
			r == -EINVAL ? "the cloud's answer is not what its manual says"
				     : "the cloud's answer cannot be kept",
			true);
		return;
	}
	p->counts.ok++;
	poll->heard = true;
	backoff_reset(&poll->backoff);
	if (is_history(poll))
		p->hooks.heard(poll->home, (enum history_kind)(poll->kind - POLL_CALLS),
			&target.news, now_msec, poll->asked, p->userdata);
	schedule_next(poll);
	if (poll->kind == POLL_DEVICES)
		resume_histories(poll->home);
	if (poll->kind == POLL_HOMES)
		adopt_homes(p, 0);
}

/* Taking over a history may write to the disk, which may take long; no request waits for that. */
static bool must_hold(const struct poll *poll)
{
	const struct poller *p = poll->poller;

	return is_history(poll) && p->hooks.busy(p->userdata);
}

static int on_held(struct poll *poll)
{
	_cleanup_(json_freep) struct json_object *held = NULL;

	if (must_hold(poll) && clock_boot_usec() - poll->held_since < HOLD_MOST_USEC) {
		schedule(poll, HOLD_CHECK_USEC);
		return 0;
	}
	held = TAKE_PTR(poll->held);
	if (is_wanted(poll))
		take(poll, held);
	return 0;
}

/* A cloud whose clock was never set tells nothing. */
static int64_t cloud_msec(const struct cloud_answer *answer)
{
	return answer->timestamp / 1000 >= CLOCK_SET ? answer->timestamp : clock_epoch_msec();
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
	poll->cloud_ahead = cloud_msec(answer) - boot_msec();
	if (must_hold(poll)) {
		poll->held = json_object_get(answer->result);
		poll->held_since = clock_boot_usec();
	}
	if (poll->held)
		schedule(poll, HOLD_CHECK_USEC);
	else
		take(poll, answer->result);
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

	if (p->stopped)
		return 0;
	if (poll->held)
		return on_held(poll);
	if (poll->call || !is_wanted(poll) || (poll->home && poll->home->gone))
		return 0;
	if (timer_armed(p->pause) || (poll->home && cloud_away(p)) || !is_ready(poll)) {
		poll->parked = true;
		return 0;
	}
	poll->asked = clock_boot_usec();
	r = param_of(poll, &param);
	if (r == 0)
		r = cloud_start(p->cloud, &poll->call, catalog_find(poll_row(poll->kind)->command),
			param, CLOUD_POLL, 0, on_answer, poll);
	if (r < 0)
		(void)log_error_errno(r, "Cannot poll: %m");
	if (r != 0)
		schedule_retry(poll);
	return 0;
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
	(void)json_object_put(poll->held);
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

/* Polls every kind of every home that is new, from wait_usec from now on, spread so that a thousand
 * homes are no burst. */
static void adopt_homes(struct poller *p, uint64_t wait_usec)
{
	uint64_t wait = wait_usec;

	cache_each_home (p->cache, home) {
		struct poll *polls;
		double part;

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
		p->n_homes++;
		part = pace_part(p->n_homes);
		for (int kind = POLL_DEVICES; kind < POLL_KIND_MAX; kind++) {
			poll_init(&polls[kind], p, home, (enum poll_kind)kind);
			/* Devices are asked for once even where their schedule is off. */
			if (is_wanted(&polls[kind]))
				schedule_spread(&polls[kind], &wait, part);
		}
		drop_unwanted(p, home);
	}
}

static bool is_due_within(const struct poll *poll, uint64_t wait_usec)
{
	uint64_t due;

	return timer_armed(poll->timer) && sd_event_source_get_time(poll->timer, &due) >= 0 &&
	       due <= clock_boot_usec() + wait_usec;
}

/* Asks then at the latest; or again when the one on its way has been answered. */
static void poll_soon(struct poll *poll, uint64_t wait_usec)
{
	if (poll->call || poll->held)
		poll->again = true;
	else if (!is_due_within(poll, wait_usec))
		schedule(poll, wait_usec);
}

static void refresh(struct poll *poll, uint64_t *wait_usec, double part)
{
	if (poll->call || poll->held)
		poll->again = true;
	else if (!is_due_within(poll, *wait_usec))
		schedule_spread(poll, wait_usec, part);
}

/* Asks also after the cloud had the time to do what it was told. */
static void poll_after(struct poll *poll)
{
	poll->hurried = 0;
	if (is_due_within(poll, AFTER_USEC))
		poll->again = true;
	poll_soon(poll, AFTER_USEC);
}

/* New settings: every poll that is on from now is asked for soon, and goes on from there. */
void poller_set(struct poller *p, const struct poller_settings *settings)
{
	p->settings = *settings;
	p->of_use = poll_kinds_of_use(&settings->allowed);
	cache_each_home (p->cache, home)
		if (home->poll)
			drop_unwanted(p, home);
	poller_refresh(p, NULL);
}

/* Starts with what the cache knows, and the list of homes; nothing is asked for before wait_usec
 * from now. */
void poller_start(struct poller *p, uint64_t wait_usec)
{
	schedule(&p->homes, wait_usec);
	adopt_homes(p, wait_usec);
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
		double part = home ? 0 : pace_part(p->n_homes);

		if (!polls || (home && h != home))
			continue;
		for (int kind = POLL_DEVICES; kind < POLL_KIND_MAX; kind++)
			if (is_wanted(&polls[kind]))
				refresh(&polls[kind], &wait, part);
	}
}

/* Looks again soon at what a command that succeeded has changed. home may be NULL. */
void poller_after(struct poller *p, struct home *home, const struct command *command)
{
	unsigned kinds = poll_kinds_after(command);
	struct poll *polls = home ? home->poll : NULL;

	if (kinds & 1 << POLL_HOMES)
		poll_after(&p->homes);
	for (int kind = POLL_DEVICES; polls && kind < POLL_KIND_MAX; kind++)
		if (kinds & 1u << kind && is_wanted(&polls[kind]))
			poll_after(&polls[kind]);
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
	p->n_homes--;
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

int poller_new(struct poller **ret, sd_event *event, const struct poller_parts *parts,
	const struct poller_settings *settings, const struct poller_hooks *hooks, void *userdata)
{
	struct poller *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->event = sd_event_ref(event);
	p->cloud = parts->cloud;
	p->cache = parts->cache;
	p->history = parts->history;
	p->hooks = *hooks;
	p->userdata = userdata;
	p->settings = *settings;
	p->of_use = poll_kinds_of_use(&settings->allowed);
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
