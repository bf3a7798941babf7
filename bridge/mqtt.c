#include "bridge/mqtt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LOG_TOKEN "mqtt"
#include "bridge/inbox.h"
#include "bridge/line.h"
#include "bridge/mqtt_settings.h"
#include "util/backoff.h"
#include "util/clock.h"
#include "util/deferred.h"
#include "util/log.h"
#include "util/outage.h"
#include "util/secret.h"
#include "util/timer.h"

#define PATIENCE_MSEC 15000
#define FLUSH_USEC    (500 * USEC_PER_MSEC)
#define REFUSED_USEC  (60 * USEC_PER_SEC)
#define STABLE_USEC   (30 * USEC_PER_SEC)
#define RETRY_LAZY    (50 * USEC_PER_MSEC)
#define LINES_MAX     4  /* the current one, and those given up whose thread is not back yet */
#define INBOX_ENOUGH  32 /* messages that wait before the rest has to stay in the socket */
#define TOLD_AT_ONCE  8  /* messages in one turn of the loop, which cost less together */
#define WHY_MAX       200

/* STOPPED -start-> CONNECTING (name, TCP, TLS, CONNACK) -accepted-> ONLINE. What fails in the last
 * two goes to BACKOFF, which leads to CONNECTING again. ONLINE -stop-> STOPPING, until the broker
 * has all we sent, -> STOPPED; CONNECTING and BACKOFF stop at once. Where there is another broker to
 * go to, STOPPING leads to CONNECTING. */
enum state {
	STATE_STOPPED,
	STATE_CONNECTING,
	STATE_ONLINE,
	STATE_STOPPING,
	STATE_BACKOFF,
};

struct mqtt {
	sd_event *event;
	struct mqtt_settings settings;
	struct mqtt_settings next; /* from the next connection on, if moves */
	bool moves;
	struct mqtt_handlers handlers;
	void *userdata;
	bool *freed; /* set while a handler runs: it may free us */

	enum state state;
	bool tried;
	struct line *lines[LINES_MAX];
	struct line *line;   /* the current one of them */
	unsigned generation; /* of it; stands before its ids */
	uint64_t accepted_usec;
	struct backoff backoff;
	struct outage outage;
	bool is_refused;
	sd_event_source *patience;
	sd_event_source *retry;

	/* What is to be told, by this source only. */
	sd_event_source *work;
	struct inbox inbox;
	unsigned n_lost; /* messages that found it full */
	int *acked;
	size_t n_acked;
	size_t acked_room;
	bool tell_room;
	bool tell_lost;
	bool tell_connected;
	bool is_known_connected;
	bool tell_stopped;
	void (*stopped)(void *userdata);
	char why[WHY_MAX]; /* of tell_lost */
};

static void mqtt_connect(struct mqtt *m);
static void mqtt_work(struct mqtt *m);

static void set_state(struct mqtt *m, enum state state)
{
	static const char *const names[] = {
		[STATE_STOPPED] = "stopped",
		[STATE_CONNECTING] = "connecting",
		[STATE_ONLINE] = "online",
		[STATE_STOPPING] = "stopping",
		[STATE_BACKOFF] = "back-off",
	};

	log_debug("%s -> %s", names[m->state], names[state]);
	m->state = state;
}

static void wake(struct mqtt *m)
{
	deferred_wake(m->work);
}

static int on_retry(sd_event_source *s, uint64_t due, void *userdata)
{
	mqtt_connect(userdata);
	return 0;
}

static void mqtt_forget_line(struct mqtt *m, struct line *line)
{
	for (size_t i = 0; i < LINES_MAX; i++)
		if (m->lines[i] == line)
			m->lines[i] = line_free(line);
	if (m->line == line)
		m->line = NULL;
}

/* Ends what there is of a connection; the caller sets the state. */
static void mqtt_drop(struct mqtt *m)
{
	timer_stop(m->patience);
	timer_stop(m->retry);
	m->tell_connected = m->tell_room = false;
	if (!m->line)
		return;
	if (!line_give_up(m->line))
		mqtt_forget_line(m, m->line);
	m->line = NULL;
}

static void take_next(struct mqtt *m)
{
	m->moves = false;
	mqtt_settings_clear(&m->settings);
	m->settings = m->next;
	m->next = (struct mqtt_settings){0};
	backoff_reset(&m->backoff);
	m->is_refused = false;
}

/* The old broker has all, or what there was of it is gone: on to the new one. */
static void move_on(struct mqtt *m)
{
	take_next(m);
	if (m->is_known_connected) {
		(void)snprintf(m->why, sizeof(m->why), "%s", "there is another broker to go to");
		m->tell_lost = true;
		wake(m);
	}
	mqtt_connect(m);
}

static void has_left(struct mqtt *m)
{
	set_state(m, STATE_STOPPED);
	if (m->moves && !m->stopped) {
		move_on(m);
		return;
	}
	m->tell_stopped = true;
	wake(m);
}

/* The only way out of a connection, or a try to have one, that failed. Idempotent. why: may be a
 * part of what is dropped here. */
static void mqtt_lost(struct mqtt *m, bool refused, const char *why)
{
	uint64_t wait = REFUSED_USEC;
	bool first = !m->tried;
	int r;

	if (m->state == STATE_STOPPED || m->state == STATE_BACKOFF)
		return;
	(void)snprintf(m->why, sizeof(m->why), "%s", why);
	mqtt_drop(m);
	m->tried = true;
	if (m->state == STATE_STOPPING) {
		has_left(m);
		return;
	}
	if (!refused) {
		outage_failed(&m->outage, m->why);
		/* Two clients of the same name throw each other out for ever: ever slower then. */
		if (m->state == STATE_ONLINE && clock_boot_usec() - m->accepted_usec > STABLE_USEC)
			backoff_reset(&m->backoff);
		wait = backoff_next(&m->backoff);
	} else if (!m->is_refused) {
		log_error("The broker refuses us: %s", m->why);
		m->is_refused = true;
	}
	set_state(m, STATE_BACKOFF);
	r = timer_arm(m->event, &m->retry, wait, RETRY_LAZY, on_retry, m, "mqtt-retry");
	if (r < 0)
		(void)log_error_errno(r, "Cannot plan the next try to reach the broker: %m");
	if (m->is_known_connected || first) {
		m->tell_lost = true;
		wake(m);
	}
}

static int on_impatient(sd_event_source *s, uint64_t due, void *userdata)
{
	mqtt_lost(userdata, false, "it does not answer");
	return 0;
}

static void on_ended(struct line *line, int refused, const char *why, void *userdata)
{
	struct mqtt *m = userdata;

	if (line == m->line)
		mqtt_lost(m, refused != 0, why);
	else
		mqtt_forget_line(m, line);
	/* What came with its last words was not told in on_turned(). */
	wake(m);
}

static int mqtt_say(struct mqtt *m, const char *state)
{
	const struct mqtt_message message = {
		.topic = m->settings.state_topic,
		.payload = state,
		.size = strlen(state),
		.qos = 1,
		.retain = true,
	};

	return message.topic ? mqtt_publish(m, &message, NULL) : 0;
}

static void on_accepted(struct line *line, void *userdata)
{
	struct mqtt *m = userdata;

	timer_stop(m->patience);
	m->accepted_usec = clock_boot_usec();
	outage_over(&m->outage);
	if (m->is_refused)
		log_notice("The broker accepts us again");
	m->is_refused = false;
	m->tried = true;
	set_state(m, STATE_ONLINE);
	m->tell_connected = true;
	wake(m);
	(void)mqtt_say(m, "online");
	/* Nothing is subscribed to before it is told: not behind all that the cloud wants now. */
	mqtt_work(m);
}

/* What this and the next take down is told by on_turned(). */
static void on_arrived(const struct mqtt_message *message, void *userdata)
{
	struct mqtt *m = userdata;

	/* While we stop nobody is there to answer. */
	if (m->state != STATE_ONLINE)
		return;
	if (inbox_put(&m->inbox, message) < 0)
		m->n_lost++;
	line_pause(m->line, m->inbox.count >= INBOX_ENOUGH);
}

/* An acknowledgement may be told when the next connection is there already, whose ids are the same
 * small numbers. */
static int own_id(const struct mqtt *m, int id)
{
	return (int)(m->generation % 0x7fff) << 16 | id;
}

static void on_acknowledged(int id, void *userdata)
{
	struct mqtt *m = userdata;

	m->tell_room = true;
	if (id != 0 && m->n_acked < m->acked_room)
		m->acked[m->n_acked++] = own_id(m, id);
}

/* What has arrived is told without another turn of the loop: it may be for a door. */
static void on_turned(struct line *line, void *userdata)
{
	struct mqtt *m = userdata;

	if (line == m->line)
		mqtt_work(m);
}

static void mqtt_connect(struct mqtt *m)
{
	static const struct line_handlers handlers = {
		.accepted = on_accepted,
		.ended = on_ended,
		.arrived = on_arrived,
		.acknowledged = on_acknowledged,
		.turned = on_turned,
	};
	unsigned patience = m->settings.patience_msec ?: PATIENCE_MSEC;
	size_t slot = 0;
	int r;

	set_state(m, STATE_CONNECTING);
	while (slot < LINES_MAX && m->lines[slot])
		slot++;
	if (slot == LINES_MAX) {
		mqtt_lost(m, false, "earlier tries are not back yet");
		return;
	}
	r = line_new(&m->lines[slot], m->event, &m->settings, &handlers, m);
	if (r < 0) {
		mqtt_lost(m, false, strerror(-r));
		return;
	}
	m->line = m->lines[slot];
	m->generation++;
	r = timer_arm(m->event, &m->patience, patience * USEC_PER_MSEC, RETRY_LAZY, on_impatient, m,
		"mqtt-patience");
	if (r < 0)
		mqtt_lost(m, false, strerror(-r));
}

/* Calls the handlers, oldest news first. Any of them may stop or free us. */
static void mqtt_tell(struct mqtt *m, const bool *freed)
{
	_cleanup_free_ struct inbox_item *item = inbox_take(&m->inbox);

	if (m->line && m->inbox.count < INBOX_ENOUGH)
		line_pause(m->line, false);
	/* None is added meanwhile: the library's loop brings them, and it does not run here. */
	for (size_t i = 0; i < m->n_acked; i++) {
		m->handlers.acknowledged(m->acked[i], m->userdata);
		if (*freed)
			return;
	}
	m->n_acked = 0;
	if (item)
		m->handlers.message(&item->message, m->userdata);
	if (!*freed && m->tell_room) {
		m->tell_room = false;
		if (mqtt_room(m) > 0)
			m->handlers.room(m->userdata);
	}
	if (!*freed && m->tell_lost && !m->inbox.count) {
		m->tell_lost = m->is_known_connected = false;
		m->handlers.lost(m->why, m->userdata);
	}
	if (!*freed && m->tell_connected && !m->tell_lost) {
		m->tell_connected = false;
		m->is_known_connected = true;
		m->handlers.connected(m->userdata);
	}
	if (!*freed && m->tell_stopped) {
		void (*stopped)(void *userdata) = m->stopped;

		m->tell_stopped = false;
		m->stopped = NULL;
		stopped(m->userdata);
	}
}

static bool has_news(const struct mqtt *m)
{
	return m->inbox.count || m->n_acked || m->tell_room || m->tell_lost || m->tell_connected ||
	       m->tell_stopped;
}

/* Not from inside the library. */
static void mqtt_work(struct mqtt *m)
{
	bool freed = false;
	unsigned n = 0;

	deferred_rest(m->work);
	m->freed = &freed;
	do {
		mqtt_tell(m, &freed);
		if (freed)
			return;
	} while (m->inbox.count && ++n < TOLD_AT_ONCE);
	m->freed = NULL;
	if (m->n_lost && !m->inbox.count) {
		log_warning("%u messages came faster than they could be handled and are lost",
			m->n_lost);
		m->n_lost = 0;
	}
	if (has_news(m))
		wake(m);
}

static int on_work(sd_event_source *s, void *userdata)
{
	mqtt_work(userdata);
	return 0;
}

/* Does not connect yet: mqtt_start(). All handlers must be given; they are called from the loop
 * only, never from inside a function of this file; lost() only after connected(), or when the very
 * first try fails. -EINVAL: there is neither host nor socket, or no client id. */
int mqtt_new(struct mqtt **ret, sd_event *event, const struct mqtt_settings *settings,
	const struct mqtt_handlers *handlers, void *userdata)
{
	_cleanup_(mqtt_freep) struct mqtt *m = NULL;
	int r;

	if (!(settings->socket || settings->host) || !settings->client_id)
		return -EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return -ENOMEM;
	inbox_init(&m->inbox);
	m->event = sd_event_ref(event);
	m->handlers = *handlers;
	m->userdata = userdata;
	m->backoff = (struct backoff){500 * USEC_PER_MSEC, 30 * USEC_PER_SEC, 0};
	m->outage.what = "The broker";
	r = mqtt_settings_copy(&m->settings, settings);
	if (r < 0)
		return r;
	r = deferred_new(&m->work, event, on_work, m, "mqtt-work", SD_EVENT_PRIORITY_NORMAL + 10);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(m);
	return 0;
}

/* At any time, from a handler too. Takes NULL, returns NULL. Without mqtt_stop() before it the
 * broker publishes the will. */
struct mqtt *mqtt_free(struct mqtt *m)
{
	if (!m)
		return NULL;
	if (m->freed)
		*m->freed = true;
	for (size_t i = 0; i < LINES_MAX; i++)
		line_free(m->lines[i]);
	sd_event_source_disable_unref(m->patience);
	sd_event_source_disable_unref(m->retry);
	sd_event_source_disable_unref(m->work);
	inbox_clear(&m->inbox);
	free(m->acked);
	mqtt_settings_clear(&m->settings);
	mqtt_settings_clear(&m->next);
	sd_event_unref(m->event);
	free(m);
	return NULL;
}

/* Connects, and keeps connected until mqtt_stop(). -EALREADY: it does so already. */
int mqtt_start(struct mqtt *m)
{
	if (m->state != STATE_STOPPED)
		return -EALREADY;
	mqtt_connect(m);
	return 0;
}

/* Says "offline", if there is somebody to hear it, and ends in stopped(). */
static void leave(struct mqtt *m)
{
	int r;

	if (m->state != STATE_ONLINE || mqtt_say(m, "offline") != 0) {
		mqtt_drop(m);
		has_left(m);
		return;
	}
	m->tell_connected = m->tell_room = m->tell_lost = false;
	set_state(m, STATE_STOPPING);
	line_leave(m->line);
	r = timer_arm(
		m->event, &m->patience, FLUSH_USEC, TIMER_EXACT, on_impatient, m, "mqtt-patience");
	if (r < 0)
		mqtt_lost(m, false, strerror(-r));
}

/* Publishes "offline" and leaves the broker; gives up after half a second, and then it is the will
 * that says "offline". Messages that wait are thrown away; lost() is not called. stopped() is
 * called once, from the loop, also if there was no connection. Calls meanwhile change nothing. */
void mqtt_stop(struct mqtt *m, void (*stopped)(void *userdata))
{
	if (m->stopped)
		return;
	m->stopped = stopped;
	inbox_clear(&m->inbox);
	m->tell_lost = m->is_known_connected = false;
	if (m->state != STATE_STOPPING)
		leave(m);
}

/* From now on to that broker, or by that name: says "offline" to the old one, and leaves it once it
 * has all that was published; lost() and connected() follow. -EINVAL: as mqtt_new(). */
int mqtt_move(struct mqtt *m, const struct mqtt_settings *settings)
{
	struct mqtt_settings next;
	int r;

	if (!(settings->socket || settings->host) || !settings->client_id)
		return -EINVAL;
	r = mqtt_settings_copy(&next, settings);
	if (r < 0)
		return r;
	mqtt_settings_clear(&m->next);
	m->next = next;
	m->moves = true;
	if (m->state == STATE_STOPPED)
		take_next(m);
	else if (m->state != STATE_STOPPING)
		leave(m);
	return 0;
}

/* True from the broker's acceptance on, a little before connected() is called. */
bool mqtt_online(const struct mqtt *m)
{
	return m->state == STATE_ONLINE;
}

/* True once the first try has ended, well or badly. */
bool mqtt_tried(const struct mqtt *m)
{
	return m->tried;
}

/* How many messages may be published before the window is full; 0 while offline. More are taken,
 * but wait in memory. */
unsigned mqtt_room(const struct mqtt *m)
{
	unsigned sent = mqtt_unacknowledged(m);

	return m->state == STATE_ONLINE && sent < MQTT_WINDOW ? MQTT_WINDOW - sent : 0;
}

/* Publications of QoS 1 that the broker has not acknowledged yet, on this connection. */
unsigned mqtt_unacknowledged(const struct mqtt *m)
{
	return m->line ? line_unacknowledged(m->line) : 0;
}

static int room_for_acknowledgement(struct mqtt *m)
{
	size_t most = m->n_acked + mqtt_unacknowledged(m) + 1;
	int *acked;

	if (most <= m->acked_room)
		return 0;
	most += MQTT_WINDOW;
	acked = reallocarray(m->acked, most, sizeof(*acked));
	if (!acked)
		return -ENOMEM;
	m->acked = acked;
	m->acked_room = most;
	return 0;
}

/* Publishes on the connection there is, or not at all. Of the message it uses topic, payload, size,
 * qos (0 or 1), retain and, with MQTT 5, correlation data, content type and event id. With ret_id not NULL and QoS 1
 * acknowledged() will be called with *ret_id, which means this connection only. What the broker's
 * ACL forbids is acknowledged too. MQTT_TOO_LARGE: more than MQTT_PUBLISH_MAX, or than
 * the broker takes. -EINVAL: not a topic to publish to. -EOPNOTSUPP: the broker has no QoS 1, or
 * retains nothing. */
int mqtt_publish(struct mqtt *m, const struct mqtt_message *message, int *ret_id)
{
	int r;

	if (m->state != STATE_ONLINE)
		return MQTT_OFFLINE;
	r = room_for_acknowledgement(m);
	if (r < 0)
		return r;
	r = line_publish(m->line, message, ret_id);
	if (r == 0 && ret_id && message->qos > 0)
		*ret_id = own_id(m, *ret_id);
	return r;
}

/* Subscribes to n topics at QoS 1, for this connection only: call it from connected(). A topic that
 * the broker refuses is logged. -EINVAL: a topic is malformed, or there is none. */
int mqtt_subscribe(struct mqtt *m, const char *const *topics, size_t n, enum mqtt_interest interest)
{
	if (m->state != STATE_ONLINE)
		return MQTT_OFFLINE;
	return line_subscribe(m->line, topics, n, interest);
}
