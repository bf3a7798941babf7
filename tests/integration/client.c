#include "tests/integration/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mosquitto.h>
#include <mqtt_protocol.h>

#include "util/clock.h"
#include "util/json.h"

#define MESSAGES_MAX      65536
#define FILTERS_MAX       16
#define KEEPALIVE_SECONDS 3600
#define SESSION_SECONDS   3600
#define PUMP_MSEC         20
#define SHOWN_MAX         300

struct client {
	struct harness *h;
	struct mosquitto *mosquitto;
	char id[40];
	int protocol;
	bool lasting;
	bool connected;
	int acknowledged; /* message id of the last PUBACK or SUBACK */
	int refusal;      /* its reason code if that is an error */
	char *filters[FILTERS_MAX];
	struct message **messages;
	size_t count;
	unsigned asked;
};

static struct message *message_free(struct message *m)
{
	if (!m)
		return NULL;
	free(m->topic);
	free(m->payload);
	free(m->response_topic);
	free(m->content_type);
	free(m->event_id);
	free(m->correlation);
	(void)json_free(m->json);
	free(m);
	return NULL;
}

static void read_properties(struct message *m, const mosquitto_property *properties)
{
	char *name = NULL, *value = NULL;
	void *data = NULL;
	uint16_t size = 0;

	(void)mosquitto_property_read_int32(
		properties, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &m->expiry, false);
	(void)mosquitto_property_read_string(
		properties, MQTT_PROP_RESPONSE_TOPIC, &m->response_topic, false);
	(void)mosquitto_property_read_string(
		properties, MQTT_PROP_CONTENT_TYPE, &m->content_type, false);
	if (mosquitto_property_read_string_pair(
		    properties, MQTT_PROP_USER_PROPERTY, &name, &value, false) &&
		strcmp(name, "event_id") == 0)
		m->event_id = strdup(value);
	free(name);
	free(value);
	if (mosquitto_property_read_binary(
		    properties, MQTT_PROP_CORRELATION_DATA, &data, &size, false))
		m->correlation = strndup(data, size);
	free(data);
}

static void on_message(struct mosquitto *mosquitto, void *userdata,
	const struct mosquitto_message *message, const mosquitto_property *properties)
{
	struct client *c = userdata;
	struct message *m = calloc(1, sizeof(*m));

	if (!m || c->count == MESSAGES_MAX)
		abort();
	m->size = (size_t)message->payloadlen;
	m->topic = strdup(message->topic);
	m->payload = calloc(1, m->size + 1);
	if (!m->topic || !m->payload)
		abort();
	if (m->size > 0)
		memcpy(m->payload, message->payload, m->size);
	m->qos = message->qos;
	m->retain = message->retain;
	m->time_usec = clock_boot_usec();
	read_properties(m, properties);
	if (*m->payload == '{' || *m->payload == '[')
		(void)json_parse(&m->json, m->payload, m->size);
	c->messages[c->count++] = m;
}

static void on_connect(struct mosquitto *mosquitto, void *userdata, int reason, int flags,
	const mosquitto_property *properties)
{
	struct client *c = userdata;

	c->connected = reason == 0;
	c->refusal = reason;
}

static void on_disconnect(struct mosquitto *mosquitto, void *userdata, int reason,
	const mosquitto_property *properties)
{
	struct client *c = userdata;

	c->connected = false;
}

static void on_publish(struct mosquitto *mosquitto, void *userdata, int id, int reason,
	const mosquitto_property *properties)
{
	struct client *c = userdata;

	c->acknowledged = id;
	c->refusal = reason >= 0x80 ? reason : 0;
}

static void on_subscribe(struct mosquitto *mosquitto, void *userdata, int id, int count,
	const int *granted, const mosquitto_property *properties)
{
	struct client *c = userdata;

	c->acknowledged = id;
	c->refusal = granted[0] >= 0x80 ? granted[0] : 0;
}

static bool matches(const char *filter, const char *topic)
{
	bool result = false;

	return mosquitto_topic_matches_sub(filter, topic, &result) == MOSQ_ERR_SUCCESS && result;
}

static void pump_until_acknowledged(struct client *c, int id)
{
	uint64_t deadline = test_deadline();

	while (c->acknowledged != id) {
		int r = mosquitto_loop(c->mosquitto, PUMP_MSEC, 1);

		if (r != MOSQ_ERR_SUCCESS)
			fail_msg("%s: %s", c->id, mosquitto_strerror(r));
		if (clock_boot_usec() > deadline)
			fail_msg("%s: the broker does not acknowledge", c->id);
	}
	if (c->refusal)
		fail_msg("%s: the broker refuses: %s", c->id, mosquitto_reason_string(c->refusal));
}

static void subscribe(struct client *c, const char *filter)
{
	int options = c->protocol == MQTT_PROTOCOL_V5
	                      ? MQTT_SUB_OPT_RETAIN_AS_PUBLISHED | MQTT_SUB_OPT_NO_LOCAL
	                      : 0;
	int id;

	assert_int_equal(mosquitto_subscribe_v5(c->mosquitto, &id, filter, 1, options, NULL), 0);
	pump_until_acknowledged(c, id);
}

/* Tries until the broker takes us: a test may have just started it again. */
static void connect_again(struct client *c)
{
	uint64_t deadline = test_deadline();
	mosquitto_property *properties = NULL;
	int r;

	if (c->lasting)
		assert_int_equal(mosquitto_property_add_int32(&properties,
					 MQTT_PROP_SESSION_EXPIRY_INTERVAL, SESSION_SECONDS),
			MOSQ_ERR_SUCCESS);
	c->refusal = 0;
	while (!c->connected) {
		r = mosquitto_connect_bind_v5(
			c->mosquitto, c->h->socket, 0, KEEPALIVE_SECONDS, NULL, properties);
		while (r == MOSQ_ERR_SUCCESS && !c->connected && !c->refusal)
			r = mosquitto_loop(c->mosquitto, PUMP_MSEC, 1);
		if (c->refusal)
			fail_msg("%s: the broker refuses: %s", c->id,
				mosquitto_reason_string(c->refusal));
		if (!c->connected && clock_boot_usec() > deadline)
			fail_msg("%s: no broker: %s", c->id, mosquitto_strerror(r));
		if (!c->connected)
			test_pause();
	}
	mosquitto_property_free_all(&properties);
	for (size_t i = 0; i < FILTERS_MAX && c->filters[i]; i++)
		subscribe(c, c->filters[i]);
}

static void pump(struct client *c, int timeout_msec)
{
	if (mosquitto_loop(c->mosquitto, timeout_msec, 1) != MOSQ_ERR_SUCCESS)
		c->connected = false;
	if (!c->connected)
		connect_again(c);
}

static struct client *make(struct harness *h, const char *id, int protocol, bool lasting)
{
	struct client *c = calloc(1, sizeof(*c));
	static unsigned made;

	assert_non_null(c);
	c->h = h;
	c->protocol = protocol;
	c->lasting = lasting;
	c->messages = calloc(MESSAGES_MAX, sizeof(*c->messages));
	assert_non_null(c->messages);
	if (id)
		(void)snprintf(c->id, sizeof(c->id), "%s", id);
	else
		(void)snprintf(c->id, sizeof(c->id), "tester-%u", ++made);
	(void)mosquitto_lib_init();
	c->mosquitto = mosquitto_new(c->id, !lasting, c);
	assert_non_null(c->mosquitto);
	(void)mosquitto_int_option(c->mosquitto, MOSQ_OPT_PROTOCOL_VERSION, protocol);
	if (h->user)
		(void)mosquitto_username_pw_set(
			c->mosquitto, HARNESS_TESTER, HARNESS_TESTER_PASSWORD);
	mosquitto_connect_v5_callback_set(c->mosquitto, on_connect);
	mosquitto_disconnect_v5_callback_set(c->mosquitto, on_disconnect);
	mosquitto_message_v5_callback_set(c->mosquitto, on_message);
	mosquitto_publish_v5_callback_set(c->mosquitto, on_publish);
	mosquitto_subscribe_v5_callback_set(c->mosquitto, on_subscribe);
	connect_again(c);
	return c;
}

/* Connects an MQTT client to the broker's Unix socket, with a clean start and no will. It records
 * every message it gets; it comes back by itself, with its subscriptions, when the broker was away.
 * protocol is MQTT_PROTOCOL_V5 or MQTT_PROTOCOL_V311 (5 or 4); id may be NULL. Own messages do not
 * come back (MQTT 5). */
struct client *client_new(struct harness *h, const char *id, int protocol)
{
	return make(h, id, protocol, false);
}

/* Likewise with MQTT 5, for a broker that keeps its sessions on disk: what it took while the client
 * was away, also just behind its own start, comes later. */
struct client *client_lasting(struct harness *h, const char *id)
{
	return make(h, id, MQTT_PROTOCOL_V5, true);
}

/* Takes NULL, returns NULL. */
struct client *client_free(struct client *c)
{
	if (!c)
		return NULL;
	if (c->connected)
		(void)mosquitto_disconnect(c->mosquitto);
	mosquitto_destroy(c->mosquitto);
	(void)mosquitto_lib_cleanup();
	for (size_t i = 0; i < c->count; i++)
		(void)message_free(c->messages[i]);
	for (size_t i = 0; i < FILTERS_MAX; i++)
		free(c->filters[i]);
	free(c->messages);
	free(c);
	return NULL;
}

/* Returns when the broker has acknowledged it; again by itself after a new connection. */
void client_subscribe(struct client *c, const char *filter)
{
	size_t i = 0;

	while (i < FILTERS_MAX && c->filters[i])
		i++;
	assert_true(i < FILTERS_MAX);
	c->filters[i] = strdup(filter);
	assert_non_null(c->filters[i]);
	subscribe(c, filter);
}

/* Connects again if the broker was away, without waiting for the next await. */
void client_resume(struct client *c)
{
	pump(c, 0);
}

static int add_properties(mosquitto_property **properties, const struct publication *p)
{
	int r = 0;

	if (p->expiry)
		r |= mosquitto_property_add_int32(
			properties, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, p->expiry);
	if (p->response_topic)
		r |= mosquitto_property_add_string(
			properties, MQTT_PROP_RESPONSE_TOPIC, p->response_topic);
	if (p->content_type)
		r |= mosquitto_property_add_string(
			properties, MQTT_PROP_CONTENT_TYPE, p->content_type);
	if (p->correlation)
		r |= mosquitto_property_add_binary(properties, MQTT_PROP_CORRELATION_DATA,
			p->correlation, (uint16_t)strlen(p->correlation));
	return r;
}

/* See client_publish(). A NULL payload is an empty one. */
void client_publish_message(struct client *c, const struct publication *p)
{
	size_t size = p->size ? p->size : p->payload ? strlen(p->payload) : 0;
	mosquitto_property *properties = NULL;
	int id, r;

	pump(c, 0); /* sees that the broker was away */
	assert_int_equal(add_properties(&properties, p), 0);
	r = mosquitto_publish_v5(c->mosquitto, &id, p->topic, (int)size, p->payload,
		p->unacknowledged ? 0 : 1, p->retain, properties);
	mosquitto_property_free_all(&properties);
	if (r != MOSQ_ERR_SUCCESS)
		fail_msg("%s: cannot publish on %s: %s", c->id, p->topic, mosquitto_strerror(r));
	pump_until_acknowledged(c, id);
}

static void list_messages(const struct client *c)
{
	(void)fprintf(stderr, "---- what %s has got (* spent) ----\n", c->id);
	for (size_t i = 0; i < c->count; i++) {
		const struct message *m = c->messages[i];

		(void)fprintf(stderr, "%c %9.3f %s%s  %.*s%s\n", m->spent ? '*' : ' ',
			(double)(m->time_usec - c->messages[0]->time_usec) / USEC_PER_SEC, m->topic,
			m->retain ? " R" : "", SHOWN_MAX, m->payload,
			m->size > SHOWN_MAX ? "..." : "");
	}
}

static struct message *find(struct client *c, const char *filter, const char *payload,
	message_predicate predicate, void *userdata)
{
	for (size_t i = 0; i < c->count; i++) {
		struct message *m = c->messages[i];

		if (!m->spent && matches(filter, m->topic) &&
			(!payload || strcmp(payload, m->payload) == 0) &&
			(!predicate || predicate(m, userdata)))
			return m;
	}
	return NULL;
}

static void spend(struct client *c, const char *filter, const struct message *last)
{
	for (size_t i = 0; i < c->count; i++) {
		if (matches(filter, c->messages[i]->topic))
			c->messages[i]->spent = true;
		if (c->messages[i] == last)
			return;
	}
}

/* The i-th message of all it ever got; NULL: there are not so many yet. */
const struct message *client_message(const struct client *c, size_t i)
{
	return i < c->count ? c->messages[i] : NULL;
}

/* See client_await(). The message stays until the client is freed. */
const struct message *client_await_at(struct client *c, const char *filter, const char *payload,
	message_predicate predicate, void *userdata, const char *file, int line)
{
	uint64_t deadline = test_deadline();
	struct message *m;

	while (!(m = find(c, filter, payload, predicate, userdata))) {
		if (clock_boot_usec() > deadline) {
			list_messages(c);
			print_error(
				"%s did not come on %s\n", payload ? payload : "A message", filter);
			_fail(file, line);
		}
		pump(c, PUMP_MSEC);
	}
	spend(c, filter, m);
	return m;
}

static bool is_subscribed(struct client *c, const char *filter)
{
	for (size_t i = 0; i < FILTERS_MAX && c->filters[i]; i++)
		if (strcmp(c->filters[i], "#") == 0 || strcmp(c->filters[i], filter) == 0)
			return true;
	return false;
}

/* Where the gateway answers what comes on topic, response topic or not. */
static const char *answer_topic(struct client *c, const char *topic)
{
	const char *request = strstr(topic, "/request/"), *end = strrchr(topic, '/');

	if (request)
		return harness_text(c->h, "%.*s/response/%s", (int)(request - topic), topic,
			request + strlen("/request/"));
	return harness_text(c->h, "%.*s/result", (int)(end - topic), topic);
}

/* The same where the gateway speaks MQTT 3.1.1 and hears of no response topic. */
static const struct message *ask_mqtt3(
	struct client *c, const struct publication *p, const char *file, int line)
{
	const char *topic = answer_topic(c, p->topic);

	assert_true(is_subscribed(c, topic));
	spend(c, topic, NULL);
	client_publish_message(c, p);
	return client_await_at(c, topic, NULL, NULL, NULL, file, line);
}

/* See client_ask(). The answer bears the correlation data of the question, or the test fails. */
const struct message *client_ask_at(
	struct client *c, const struct publication *p, const char *file, int line)
{
	struct publication question = *p;
	const struct message *answer;
	char topic[80], filter[80], correlation[16];

	assert_int_equal(c->protocol, MQTT_PROTOCOL_V5);
	if (c->h->is_mqtt3)
		return ask_mqtt3(c, p, file, line);
	(void)snprintf(filter, sizeof(filter), "test/%s/+", c->id);
	(void)snprintf(topic, sizeof(topic), "test/%s/%u", c->id, ++c->asked);
	(void)snprintf(correlation, sizeof(correlation), "c%u", c->asked);
	if (!is_subscribed(c, filter))
		client_subscribe(c, filter);
	question.response_topic = topic;
	if (!question.correlation)
		question.correlation = correlation;
	client_publish_message(c, &question);
	answer = client_await_at(c, topic, NULL, NULL, NULL, file, line);
	if (!answer->correlation || strcmp(answer->correlation, question.correlation) != 0) {
		print_error("The answer to %s lacks the correlation data\n", p->topic);
		_fail(file, line);
	}
	return answer;
}

/* See client_settle(): when it returns, the gateway has read and decided upon what was published
 * before, and what it published before is recorded here. Through the cloud also the calls that it
 * had started before were sent first. Without, it is a request that no gateway knows. */
void client_settle_at(struct client *c, bool cloud, const char *file, int line)
{
	char topic[160];

	(void)snprintf(topic, sizeof(topic), "%s/bridge/request/%s", c->h->base,
		cloud ? "get_family_list" : "settle");
	(void)client_ask_at(c, &PUBLICATION(topic, "{}"), file, line);
}

/* See client_expect_none(). */
void client_expect_none_at(struct client *c, const char *filter, const char *file, int line)
{
	const struct message *m;

	client_settle_at(c, false, file, line);
	m = find(c, filter, NULL, NULL, NULL);
	if (!m)
		return;
	list_messages(c);
	print_error("Nothing was to come on %s, but there is: %s\n", filter, m->payload);
	_fail(file, line);
}

void client_forget(struct client *c)
{
	for (size_t i = 0; i < c->count; i++)
		c->messages[i]->spent = true;
}

size_t client_count(struct client *c, const char *filter)
{
	return client_count_payload(c, filter, NULL);
}

/* payload: NULL for any. */
size_t client_count_payload(struct client *c, const char *filter, const char *payload)
{
	size_t count = 0;

	for (size_t i = 0; i < c->count; i++)
		if (matches(filter, c->messages[i]->topic) &&
			(!payload || strcmp(c->messages[i]->payload, payload) == 0))
			count++;
	return count;
}

/* The newest on this topic, spent or not; NULL if there is none. */
const struct message *client_last(struct client *c, const char *filter)
{
	for (size_t i = c->count; i > 0; i--)
		if (matches(filter, c->messages[i - 1]->topic))
			return c->messages[i - 1];
	return NULL;
}

/* What stands at a place like "error.code" or "result.0.mac" of a JSON payload, as text: "true",
 * "12", "null"; "" if there is no such place. It stays as long as the message. */
const char *message_get(const struct message *m, const char *path)
{
	return json_at(m->json, path);
}

/* A new client that has got everything that is retained below filter, and then nothing more as
 * long as it is not awaited. The caller frees it. */
struct client *client_retained(struct harness *h, const char *filter)
{
	struct client *c = client_new(h, NULL, MQTT_PROTOCOL_V5);
	char end[80];
	size_t i = 0;

	(void)snprintf(end, sizeof(end), "test/%s/end", c->id);
	client_subscribe(c, filter);
	assert_int_equal(mosquitto_subscribe(c->mosquitto, NULL, end, 1), 0);
	client_publish(c, end, "end");
	(void)client_await(c, end, "end");
	while (strcmp(c->messages[i]->topic, end) != 0)
		i++;
	(void)message_free(c->messages[i]);
	memmove(c->messages + i, c->messages + i + 1, (--c->count - i) * sizeof(*c->messages));
	return c;
}
