#define LOG_TOKEN "picture"

#include "bridge/picture.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bridge/album.h"
#include "bridge/jpeg.h"
#include "cloud/url.h"
#include "util/clock.h"
#include "util/deferred.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/timer.h"

/* On their way from the cloud to the broker at a time, over all homes. */
#define AT_ONCE      2
#define TIMEOUT_USEC (30 * USEC_PER_SEC)

/* Rows of a home's door history among which its newest captures are looked for. */
#define LOOK_ROWS 200

/* After the start old pictures are fetched again at leisure: those of one home in so much time. */
#define LOOK_PAUSE_USEC USEC_PER_SEC

/* Seconds before another try; the cloud may name a picture before it can be had. */
static const unsigned waits[] = {5, 15, 60, 180};

struct pictures {
	sd_event *event;
	struct pictures_parts parts;
	char *cloud_url;
	struct album *album;
	unsigned looks;
	bool started;
	struct home *next_home; /* to look at after the start; NULL: all were */
	uint64_t next_look;     /* clock_boot_usec() */
	sd_event_source *work;
	sd_event_source *timer;
	bool no_room; /* with the broker, when there was something to do */
	bool host_told, failure_told;
};

static void work_soon(void *userdata)
{
	struct pictures *p = userdata;

	deferred_wake(p->work);
}

/* Until there is a newer one. The first of a row of failures is worth a line; that one of earlier
 * days is no longer to be had is none. */
static void give_up(struct picture *picture, const char *why)
{
	struct pictures *p = picture->owner;
	bool quiet = p->failure_told || !picture->fresh;

	(void)log_line(quiet ? LOG_DEBUG : LOG_WARNING, 0, LOG_TOKEN,
		"the newest picture of %s is given up: %s", picture->device->mac, why);
	p->failure_told = p->failure_told || picture->fresh;
	picture_drop(picture);
	picture->url = secret_free(picture->url);
	picture_set_state(picture, PICTURE_DONE);
}

static void failed(struct picture *picture, const char *why, uint64_t wait_usec)
{
	uint64_t wait;

	if (picture->failures >= ELEMENTS(waits)) {
		give_up(picture, why);
		return;
	}
	log_debug("the newest picture of %s: %s", picture->device->mac, why);
	wait = waits[picture->failures++] * USEC_PER_SEC;
	picture->due = clock_boot_usec() + (wait_usec > wait ? wait_usec : wait);
	picture_set_state(picture, PICTURE_WANTED);
}

static void send_picture(struct picture *picture)
{
	struct pictures *p = picture->owner;
	struct mqtt_message message = {
		.payload = picture->jpeg,
		.size = picture->size,
		.qos = 1,
		.retain = true,
		.content_type = "image/jpeg",
		.event_id = picture->event_id,
	};
	topic_t topic;
	int r;

	message.topic = topic;
	r = topic_device(p->parts.names, topic, picture->device, "picture");
	if (r == 0)
		r = mqtt_publish(p->parts.mqtt, &message, &picture->sent_id);
	if (r == 0) {
		picture_set_state(picture, PICTURE_SENT);
	} else if (r == MQTT_OFFLINE) {
		picture->due = 0;
		picture_set_state(picture, PICTURE_WANTED);
	} else {
		give_up(picture, r < 0 ? strerror(-r) : "it is too large for the broker");
	}
}

static void judge(struct picture *picture, const struct http_answer *answer)
{
	struct pictures *p = picture->owner;
	char host[URL_HOST_MAX], why[URL_HOST_MAX + 64];
	size_t size;

	if (answer->end == HTTP_BAD_ANSWER) {
		give_up(picture, answer->why);
	} else if (answer->end != HTTP_ANSWERED) {
		failed(picture, answer->why, 0);
	} else if (answer->status != 200) {
		(void)snprintf(why, sizeof(why), "%s answered with HTTP status %ld",
			url_host(host, picture->url), answer->status);
		/* Signed addresses end; of an old one nothing better is to be expected. */
		if (answer->status / 100 == 4 && answer->status != 429 && !picture->fresh)
			give_up(picture, why);
		else
			failed(picture, why, answer->retry_after_usec);
	} else if (jpeg_check(answer->body, answer->size, &size) < 0) {
		(void)snprintf(why, sizeof(why), "what %s sent is no JPEG picture",
			url_host(host, picture->url));
		failed(picture, why, 0);
	} else if (picture_keep(picture, answer->body, size) < 0) {
		failed(picture, "out of memory", 0);
	} else {
		p->failure_told = false;
		picture->url = secret_free(picture->url);
		send_picture(picture);
	}
}

static void on_answer(const struct http_answer *answer, void *userdata)
{
	struct picture *picture = userdata;

	picture->request = NULL;
	judge(picture, answer);
}

/* Without the token, which is nobody's business but the cloud's. */
static void fetch(struct picture *picture)
{
	struct pictures *p = picture->owner;
	const struct http_call call = {
		.url = picture->url,
		.accept = "image/jpeg",
		.answer_max = PICTURE_SIZE_MAX,
		.timeout_usec = TIMEOUT_USEC,
		.apart = true,
	};
	char host[URL_HOST_MAX];
	int r;

	if (!url_is_own(picture->url, p->cloud_url)) {
		(void)log_line(p->host_told ? LOG_DEBUG : LOG_WARNING, 0, LOG_TOKEN,
			"pictures are fetched by https from the cloud's own hosts only, not from "
			"%s",
			url_host(host, picture->url));
		p->host_told = true;
		picture->url = secret_free(picture->url);
		picture_set_state(picture, PICTURE_DONE);
		return;
	}
	r = http_start(p->parts.http, &picture->request, &call, on_answer, picture);
	if (r < 0)
		failed(picture, strerror(-r), 0);
	else
		picture_set_state(picture, PICTURE_FETCHING);
}

/* The first in the list whose time has come; else NULL, and *wait is cut to that of the next. What
 * has to be fetched stays while the cloud is away. */
static struct picture *first_due(struct pictures *p, uint64_t now, uint64_t *wait)
{
	bool cloud = cloud_state(p->parts.cloud) == CLOUD_STATE_ONLINE;

	album_each (p->album, picture, PICTURE_WANTED) {
		if (!picture->jpeg && !cloud)
			continue;
		if (picture->due <= now)
			return picture;
		if (picture->due - now < *wait)
			*wait = picture->due - now;
	}
	return NULL;
}

/* The row is the newest there is. 1: it was not known so far. */
static int want(struct picture *picture, const struct archive_row *row, bool fresh)
{
	_cleanup_free_ char *event_id = NULL;
	_cleanup_secret_ char *url = NULL;

	if (picture->event_id && strcmp(picture->event_id, row->event_id) == 0)
		return 0;
	event_id = strdup(row->event_id);
	url = strdup(row->picture);
	if (!event_id || !url)
		return -ENOMEM;
	picture->request = http_cancel(picture->request);
	picture_drop(picture);
	free(picture->event_id);
	(void)secret_free(picture->url);
	picture->event_id = TAKE_PTR(event_id);
	picture->url = TAKE_PTR(url);
	picture->failures = 0;
	picture->due = 0;
	picture->sent_id = 0;
	picture->fresh = fresh;
	picture_set_state(picture, PICTURE_WANTED);
	if (fresh)
		picture_go_first(picture);
	return 1;
}

struct look {
	struct pictures *pictures;
	struct home *home;
	size_t devices; /* whose newest capture was not found yet */
	bool fresh;
	bool found; /* one that was not known so far */
};

static int on_row(const struct archive_row *row, void *userdata)
{
	struct look *look = userdata;
	struct pictures *p = look->pictures;
	struct picture *picture;
	struct device *device;
	int r;

	if (!*row->picture)
		return 0;
	device = home_find_device(look->home, row->mac);
	if (!device)
		return 0;
	picture = album_picture(p->album, device);
	if (!picture)
		return -ENOMEM;
	if (picture->looked == p->looks)
		return 0;
	picture->looked = p->looks;
	r = want(picture, row, look->fresh);
	if (r < 0)
		return r;
	look->found = look->found || r > 0;
	return --look->devices == 0 ? -ECANCELED : 0;
}

/* Finds the newest captures of a home's devices in the archive. fresh: they just came there. True:
 * there is something to fetch. */
static bool look_at(struct pictures *p, struct home *home, bool fresh)
{
	const struct archive_query query = {
		.residence_id = home->id,
		.kind = HISTORY_DOOR,
		.since = INT64_MIN,
		.until = INT64_MAX,
		.limit = LOOK_ROWS,
	};
	struct look look = {p, home, .fresh = fresh};
	int r;

	home_each_device (home, device)
		look.devices += !device->gone;
	if (home->gone || look.devices == 0)
		return false;
	p->looks++;
	r = history_find(p->parts.history, &query, on_row, &look);
	if (r < 0 && r != -ECANCELED)
		log_debug("cannot look for pictures: %s", strerror(-r));
	return look.found;
}

/* Looks at the next of the homes that were there at the start; *wait is cut to the time until
 * then. False: none is due. */
static bool look_on(struct pictures *p, uint64_t now, uint64_t *wait)
{
	struct home *home = p->next_home;

	if (!home || cloud_state(p->parts.cloud) != CLOUD_STATE_ONLINE)
		return false;
	if (p->next_look > now) {
		if (p->next_look - now < *wait)
			*wait = p->next_look - now;
		return false;
	}
	p->next_home = home->next;
	if (look_at(p, home, false))
		p->next_look = now + LOOK_PAUSE_USEC;
	return true;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	work_soon(userdata);
	return 0;
}

/* Begins what is due, one step at a time: between two of them there is time for all else. */
static int on_work(sd_event_source *source, void *userdata)
{
	struct pictures *p = userdata;
	uint64_t now = clock_boot_usec(), wait = UINT64_MAX;
	struct picture *picture;

	p->no_room = mqtt_room(p->parts.mqtt) == 0;
	if (p->no_room || album_busy(p->album) >= AT_ONCE)
		return 0;
	picture = first_due(p, now, &wait);
	if (picture && picture->jpeg)
		send_picture(picture);
	else if (picture)
		fetch(picture);
	if (picture || look_on(p, now, &wait)) {
		work_soon(p);
		return 0;
	}
	if (wait == UINT64_MAX) {
		timer_stop(p->timer);
		return 0;
	}
	return timer_arm(p->event, &p->timer, wait, TIMER_LAZY, on_timer, p, "pictures");
}

/* The newest pictures of all homes, once they are asked for by the functions below. NULL is
 * allowed for all of these: no pictures are wanted. */
int pictures_new(struct pictures **ret, sd_event *event, const struct pictures_parts *parts)
{
	_cleanup_(pictures_freep) struct pictures *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->event = sd_event_ref(event);
	p->parts = *parts;
	/* The pictures may outlive the configuration that they were made for. */
	p->cloud_url = strdup(parts->cloud_url);
	if (!p->cloud_url)
		return -ENOMEM;
	/* Whatever else there is to do is more urgent. */
	r = deferred_new(&p->work, event, on_work, p, "picture", SD_EVENT_PRIORITY_IDLE);
	if (r < 0)
		return r;
	r = album_new(&p->album, work_soon, p);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(p);
	return 0;
}

/* Before the cache, whose devices point here, and before the HTTP. */
struct pictures *pictures_free(struct pictures *p)
{
	if (!p)
		return NULL;
	(void)album_free(p->album);
	(void)sd_event_source_disable_unref(p->work);
	(void)sd_event_source_disable_unref(p->timer);
	(void)sd_event_unref(p->event);
	free(p->cloud_url);
	free(p);
	return NULL;
}

/* A broker is there, perhaps a new one: it gets again what is kept. After the start, which knows
 * of no picture, each home's newest are fetched once more. */
void pictures_connected(struct pictures *p)
{
	if (!p)
		return;
	album_show_again(p->album);
	if (!p->started)
		p->next_home = cache_homes(p->parts.cache);
	p->started = true;
	work_soon(p);
}

/* What was not acknowledged may not have arrived. */
void pictures_lost(struct pictures *p)
{
	struct picture *picture;

	while (p && (picture = album_first(p->album, PICTURE_SENT))) {
		picture->due = 0;
		picture_set_state(picture, PICTURE_WANTED);
	}
}

/* The broker has what was published under that id, on this connection. */
void pictures_acknowledged(struct pictures *p, int id)
{
	if (!p)
		return;
	album_each (p->album, picture, PICTURE_SENT)
		if (picture->sent_id == id) {
			picture_set_state(picture, PICTURE_DONE);
			return;
		}
}

/* The broker takes more. */
void pictures_room(struct pictures *p)
{
	if (p && p->no_room)
		work_soon(p);
}

/* The cloud is back. */
void pictures_go_on(struct pictures *p)
{
	if (p)
		work_soon(p);
}

/* There are new rows or pictures in that history. */
void pictures_news(struct pictures *p, struct home *home, enum history_kind kind)
{
	if (p && kind == HISTORY_DOOR)
		(void)look_at(p, home, true);
}

/* The home is about to be freed. */
void pictures_forget_home(struct pictures *p, const struct home *home)
{
	if (p && p->next_home == home)
		p->next_home = home->next;
}

/* The device is gone, and its topic about to be cleared. */
void picture_forget(struct device *device)
{
	if (device->picture)
		(void)picture_free(device->picture);
}
