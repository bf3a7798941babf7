#include "tests/unit/cmocka-all.h"

#include "tests/unit/fake_mqtt.h"

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "util/clock.h"

struct mqtt {
	bool online;
	bool holds;
	int fail, fail_on;
	const char *fail_text;
	int last_id;
	int held[2 * MQTT_WINDOW]; /* ids that are not acknowledged, oldest first */
	size_t n_held;
	unsigned unacknowledged;
	struct sent *sent;
	size_t n, next;

	/* Of mqtt_new() only. */
	struct mqtt_handlers handlers;
	void *userdata;
	bool tried;
	char subscribed[8192]; /* on this connection, with a space behind each */
	void (*stopped)(void *userdata);
	unsigned moves;
	char moved_to[256];
};

static struct mqtt *made;

struct mqtt *fake_mqtt_new(void)
{
	struct mqtt *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->online = true;
	return m;
}

struct mqtt *mqtt_free(struct mqtt *m)
{
	if (!m)
		return NULL;
	fake_mqtt_forget(m);
	free(m->sent);
	free(m);
	return NULL;
}

int mqtt_new(struct mqtt **ret, sd_event *event, const struct mqtt_settings *settings,
	const struct mqtt_handlers *handlers, void *userdata)
{
	struct mqtt *m = fake_mqtt_new();

	assert_string_equal(settings->state_topic, "home/bridge/state");
	m->online = false;
	m->handlers = *handlers;
	m->userdata = userdata;
	made = *ret = m;
	return 0;
}

/* What mqtt_new() made last. */
struct mqtt *fake_mqtt_made(void)
{
	return made;
}

int mqtt_start(struct mqtt *m)
{
	return 0;
}

void mqtt_stop(struct mqtt *m, void (*stopped)(void *userdata))
{
	m->stopped = stopped;
}

int mqtt_move(struct mqtt *m, const struct mqtt_settings *settings)
{
	m->moves++;
	(void)snprintf(m->moved_to, sizeof(m->moved_to), "%s %s", settings->host ?: "",
		settings->state_topic ?: "");
	return 0;
}

/* Where it was moved to last, as "host state_topic"; NULL: it was not. */
const char *fake_mqtt_moved(const struct mqtt *m)
{
	return m->moves ? m->moved_to : NULL;
}

/* The end that mqtt_stop() has begun. */
void fake_mqtt_stopped(struct mqtt *m)
{
	assert_non_null(m->stopped);
	m->stopped(m->userdata);
}

bool mqtt_tried(const struct mqtt *m)
{
	return m->tried;
}

int mqtt_subscribe(struct mqtt *m, const char *const *topics, size_t n, enum mqtt_interest interest)
{
	for (size_t i = 0; i < n; i++) {
		assert_true(strlen(m->subscribed) + strlen(topics[i]) + 2 < sizeof(m->subscribed));
		(void)strcat(m->subscribed, topics[i]);
		(void)strcat(m->subscribed, " ");
	}
	return 0;
}

const char *fake_mqtt_subscribed(const struct mqtt *m)
{
	return m->subscribed;
}

void fake_mqtt_connect(struct mqtt *m)
{
	m->tried = m->online = true;
	m->subscribed[0] = '\0';
	m->handlers.connected(m->userdata);
}

/* Or the first try has failed. */
void fake_mqtt_lose(struct mqtt *m)
{
	fake_mqtt_set_online(m, false);
	m->tried = true;
	m->subscribed[0] = '\0';
	m->handlers.lost("it went", m->userdata);
}

void fake_mqtt_deliver(struct mqtt *m, const struct mqtt_message *message)
{
	m->handlers.message(message, m->userdata);
}

void fake_mqtt_arrive(struct mqtt *m, const char *topic, const char *text)
{
	const struct mqtt_message message = {
		.topic = topic,
		.payload = text,
		.size = strlen(text),
		.qos = 1,
		.expiry_sec = -1,
		.arrived_usec = clock_boot_usec(),
	};

	fake_mqtt_deliver(m, &message);
}

/* Going offline loses what is not acknowledged, and the subscriptions. */
void fake_mqtt_set_online(struct mqtt *m, bool online)
{
	m->online = online;
	m->unacknowledged = 0;
	if (!online)
		m->subscribed[0] = '\0';
	m->n_held = 0;
}

/* false: everything is acknowledged at once. */
void fake_mqtt_hold_acknowledgements(struct mqtt *m, bool hold)
{
	m->holds = hold;
}

/* Acknowledges the oldest; gives its id, 0 if the sender did not ask for it. */
int fake_mqtt_take(struct mqtt *m)
{
	int id = m->held[0];

	assert_true(m->unacknowledged > 0);
	m->unacknowledged--;
	memmove(m->held, m->held + 1, --m->n_held * sizeof(m->held[0]));
	return id;
}

void fake_mqtt_acknowledge(struct mqtt *m, unsigned n)
{
	while (n-- > 0)
		(void)fake_mqtt_take(m);
}

/* The same, and the handlers of mqtt_new() hear of it. */
void fake_mqtt_tell_acknowledged(struct mqtt *m, unsigned n)
{
	while (n-- > 0) {
		int id = fake_mqtt_take(m);

		if (id)
			m->handlers.acknowledged(id, m->userdata);
		m->handlers.room(m->userdata);
	}
}

/* What publishing returns from now on; 0: it works. */
void fake_mqtt_fail(struct mqtt *m, int result)
{
	m->fail = result;
}

/* The same for what contains that text, which outlives the test. */
void fake_mqtt_fail_on(struct mqtt *m, const char *text, int result)
{
	m->fail_text = text;
	m->fail_on = result;
}

bool mqtt_online(const struct mqtt *m)
{
	return m->online;
}

unsigned mqtt_room(const struct mqtt *m)
{
	return m->online && m->unacknowledged < MQTT_WINDOW ? MQTT_WINDOW - m->unacknowledged : 0;
}

unsigned mqtt_unacknowledged(const struct mqtt *m)
{
	return m->unacknowledged;
}

int mqtt_publish(struct mqtt *m, const struct mqtt_message *message, int *ret_id)
{
	struct sent *s;

	if (!m->online)
		return MQTT_OFFLINE;
	if (m->fail)
		return m->fail;
	if (m->fail_on &&
		memmem(message->payload, message->size, m->fail_text, strlen(m->fail_text)))
		return m->fail_on;
	m->sent = reallocarray(m->sent, m->n + 1, sizeof(*m->sent));
	assert_non_null(m->sent);
	s = &m->sent[m->n++];
	*s = (struct sent){
		.topic = strdup(message->topic),
		.text = calloc(1, message->size + 1),
		.size = message->size,
		.qos = message->qos,
		.retain = message->retain,
		.correlation_size = message->correlation_size,
	};
	assert_non_null(s->topic);
	assert_non_null(s->text);
	if (message->size > 0)
		memcpy(s->text, message->payload, message->size);
	s->content_type = message->content_type ? strdup(message->content_type) : NULL;
	s->event_id = message->event_id ? strdup(message->event_id) : NULL;
	if (s->correlation_size > 0) {
		s->correlation = malloc(s->correlation_size);
		assert_non_null(s->correlation);
		memcpy(s->correlation, message->correlation, s->correlation_size);
	}
	assert_null(message->response_topic);
	if (ret_id)
		*ret_id = s->id = ++m->last_id;
	if (message->qos == 1 && m->holds) {
		m->unacknowledged++;
		if (m->n_held < ELEMENTS(m->held))
			m->held[m->n_held++] = s->id;
	}
	return 0;
}

/* All that was published since the last fake_mqtt_forget(). */
size_t fake_mqtt_count(const struct mqtt *m)
{
	return m->n;
}

/* The next that was not looked at; NULL: there is none. Until the next publication. */
const struct sent *fake_mqtt_next(struct mqtt *m)
{
	return m->next < m->n ? &m->sent[m->next++] : NULL;
}

/* The next one is on that topic, and says that. */
void fake_mqtt_expect(struct mqtt *m, const char *topic, const char *text)
{
	const struct sent *s = fake_mqtt_next(m);

	if (!s)
		fail_msg("nothing was published, instead of %s on %s", text, topic);
	assert_string_equal(s->topic, topic);
	assert_string_equal(s->text, text);
	assert_int_equal(s->qos, 1);
}

void fake_mqtt_expect_nothing(struct mqtt *m)
{
	const struct sent *s = fake_mqtt_next(m);

	if (s)
		fail_msg("published on %s: %s", s->topic, s->text);
}

/* What a subscriber of that topic saw last; NULL: nothing. */
const struct sent *fake_mqtt_last(const struct mqtt *m, const char *topic)
{
	for (size_t i = m->n; i > 0; i--)
		if (strcmp(m->sent[i - 1].topic, topic) == 0)
			return &m->sent[i - 1];
	return NULL;
}

void fake_mqtt_forget(struct mqtt *m)
{
	while (m->n > 0) {
		struct sent *s = &m->sent[--m->n];

		free(s->topic);
		free(s->text);
		free(s->correlation);
		free(s->content_type);
		free(s->event_id);
	}
	m->next = 0;
}
