#include "bridge/line.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdio.h>
#include <string.h>

#define LOG_TOKEN "mqtt"
#include "bridge/errand.h"
#include "bridge/line_refusal.h"
#include "bridge/subscription.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/timer.h"

/* A sign of life at the latest after so many seconds, unless the broker wants it more often. The
 * library looks for it when it is told to, see line_tick(): a broker, which waits one and a half of
 * them, has it in time, and one which is dead is noticed after two of them and two looks. */
#define KEEPALIVE_SEC 20

/* What the library sends without waiting: above the window, so that an answer never queues behind
 * states. The broker may say less. */
#define SEND_MAX (4 * MQTT_WINDOW)

/* MQTT 5 brokers keep longer packets from us. It is above MQTT_PAYLOAD_MAX for those who send a
 * little too much to be told so. With 3.1.1 the broker's own limit is all there is. */
#define PACKET_MAX 1048576

/* More turns than there can be work for: only a socket that wakes us for nothing is held up. */
#define TURNS_PER_100_MS 10000

#define SYSTEM_CA_FILE "/etc/ssl/certs/ca-certificates.crt"
#define WHY_MAX        200
#define MESSAGE_IDS    65536

struct line {
	sd_event *event;
	const struct line_handlers *handlers;
	void *userdata;
	bool speaks_mqtt5;
	struct errand *errand; /* out to look the name up and to connect */
	bool given_up;
	struct mosquitto *mosq;
	sd_event_source *io;
	sd_event_source *tick;
	uint16_t keepalive_sec;
	int connack; /* -1: nothing new */
	int goodbye; /* why the broker says it closes, 0: it did not say */
	char why[WHY_MAX];
	struct subscription *subscriptions;
	uint64_t sent[MESSAGE_IDS / 64]; /* a bit for each publication the broker has not got yet */
	uint64_t asked[MESSAGE_IDS / 64]; /* and one if the sender wants to know of it */
	unsigned unacknowledged;
	bool complained;
	bool leaving;
};

/* What the thread takes along; the library's handle is its own meanwhile. */
struct load {
	struct mosquitto *mosq;
	mosquitto_property *properties;
	char *host;
	int port;
	int prepared; /* a failure before the thread set out: it only brings it back */
	int error;    /* errno, for MOSQ_ERR_ERRNO */
	char why[WHY_MAX];
};

/* The first error says most; the ones behind it are its consequences. */
static void note_why(char why[static WHY_MAX], int level, const char *text)
{
	if (level == MOSQ_LOG_ERR && !*why)
		(void)snprintf(why, WHY_MAX, "%s", text);
}

static const char *error_text(int rc, int error, const char *why)
{
	if (rc == MOSQ_ERR_ERRNO)
		return strerror(error);
	if (rc == MOSQ_ERR_EAI)
		return "its name cannot be resolved";
	if (*why)
		return why;
	return rc ? mosquitto_strerror(rc) : "it closed the connection";
}

/* Tells the owner, who frees the line: nothing may be done with it afterwards. */
static void line_end(struct line *l, int rc, int error)
{
	int code = line_refusal_code(l->connack > 0 ? l->connack : l->goodbye);
	const char *why = code ? mosquitto_reason_string(code) : error_text(rc, error, l->why);
	const char *advice = line_refusal_advice(code);
	char text[2 * WHY_MAX];

	(void)snprintf(text, sizeof(text), "%s%s%s", why, advice ? "; " : "", advice ?: "");
	l->handlers->ended(l, advice ? code : 0, text, l->userdata);
}

/* To be called with the result of each call of the library: it may close the socket in any of
 * them, even if the result is success. True: the line has ended and is gone. */
static bool line_check(struct line *l, int rc)
{
	int error = errno;

	if (rc == MOSQ_ERR_SUCCESS && mosquitto_socket(l->mosq) >= 0)
		return false;
	line_end(l, rc, error);
	return true;
}

/* The library holds a lock while it calls these: they take notes and leave the acting to others. */

static void on_load_log(struct mosquitto *mosq, void *userdata, int level, const char *text)
{
	struct load *load = userdata;

	note_why(load->why, level, text);
}

static void on_log(struct mosquitto *mosq, void *userdata, int level, const char *text)
{
	struct line *l = userdata;

	note_why(l->why, level, text);
	log_debug("library: %s", text);
}

static void on_connack(struct mosquitto *mosq, void *userdata, int code, int flags,
	const mosquitto_property *properties)
{
	struct line *l = userdata;

	(void)mosquitto_property_read_int16(
		properties, MQTT_PROP_SERVER_KEEP_ALIVE, &l->keepalive_sec, false);
	l->connack = code;
}

static void on_disconnect(
	struct mosquitto *mosq, void *userdata, int code, const mosquitto_property *properties)
{
	struct line *l = userdata;

	/* Below are the library's own codes. */
	if (code >= MQTT_RC_UNSPECIFIED)
		l->goodbye = code;
}

static void on_published(struct mosquitto *mosq, void *userdata, int id, int code,
	const mosquitto_property *properties)
{
	struct line *l = userdata;
	uint64_t bit = UINT64_C(1) << (id % 64);

	/* Those of QoS 0 come here too, as soon as they are written. */
	if (!(l->sent[id / 64] & bit))
		return;
	l->sent[id / 64] &= ~bit;
	l->unacknowledged--;
	if (code >= MQTT_RC_UNSPECIFIED && l->handlers->rejected) {
		l->handlers->rejected(id, l->userdata);
	} else if (code >= MQTT_RC_UNSPECIFIED && !l->complained) {
		l->complained = true;
		log_warning("The broker does not take all we publish (%s): look at its ACL",
			mosquitto_reason_string(code));
	}
	l->handlers->acknowledged(l->asked[id / 64] & bit ? id : 0, l->userdata);
	l->asked[id / 64] &= ~bit;
}

static void on_subscribed(struct mosquitto *mosq, void *userdata, int id, int n, const int *granted,
	const mosquitto_property *properties)
{
	struct line *l = userdata;
	char denied[SUBSCRIPTION_TEXT_MAX];

	if (!subscription_answer(&l->subscriptions, id, granted, (size_t)n, denied))
		return;
	if (l->handlers->subscribed)
		l->handlers->subscribed(denied, l->userdata);
	else if (*denied)
		log_warning(
			"The broker does not let us subscribe to %s: allow it in its ACL", denied);
}

static void on_message(struct mosquitto *mosq, void *userdata, const struct mosquitto_message *from,
	const mosquitto_property *properties)
{
	struct line *l = userdata;
	_cleanup_free_ char *response = NULL;
	_cleanup_free_ void *correlation = NULL;
	struct mqtt_message message = {
		.topic = from->topic,
		.size = (size_t)from->payloadlen,
		.qos = from->qos,
		.retain = from->retain,
		.expiry_sec = -1,
		.arrived_usec = clock_boot_usec(),
	};
	uint16_t size = 0;
	uint32_t expiry;

	if (strlen(from->topic) > MQTT_TOPIC_MAX)
		return;
	if (message.size <= MQTT_PAYLOAD_MAX)
		message.payload = from->payload ? from->payload : "";
	(void)mosquitto_property_read_string(
		properties, MQTT_PROP_RESPONSE_TOPIC, &response, false);
	if (response && *response && strlen(response) <= MQTT_TOPIC_MAX &&
		mosquitto_pub_topic_check(response) == MOSQ_ERR_SUCCESS)
		message.response_topic = response;
	(void)mosquitto_property_read_binary(
		properties, MQTT_PROP_CORRELATION_DATA, &correlation, &size, false);
	message.correlation = correlation;
	message.correlation_size = correlation ? size : 0;
	if (mosquitto_property_read_int32(
		    properties, MQTT_PROP_MESSAGE_EXPIRY_INTERVAL, &expiry, false))
		message.expiry_sec = expiry;
	l->handlers->arrived(&message, l->userdata);
}

/* Without it OpenSSL would ask a terminal for the key's password. */
static int no_key_password(char *buffer, int size, int rwflag, void *userdata)
{
	return 0;
}

/* On the thread, or when nobody waits for it any more. */

static void load_drop(void *userdata)
{
	struct load *load = userdata;

	if (load->mosq)
		mosquitto_destroy(load->mosq);
	mosquitto_property_free_all(&load->properties);
	free(load->host);
	free(load);
}

static int load_connect(void *userdata)
{
	struct load *load = userdata;
	int rc;

	if (load->prepared != MOSQ_ERR_SUCCESS)
		return load->prepared;
	rc = mosquitto_connect_bind_v5(
		load->mosq, load->host, load->port, KEEPALIVE_SEC, NULL, load->properties);
	load->error = errno;
	return rc;
}

static int load_configure(struct load *load, const struct mqtt_settings *s)
{
	struct mosquitto *mosq = load->mosq;
	bool is_mqtt5 = s->version == 5;
	int rc;

	mosquitto_log_callback_set(mosq, on_load_log);
	/* A handle that is "threaded" only queues its CONNECT: were the thread to send it, a line
	 * that was given up long ago would take the session over from the one that is in use. */
	rc = mosquitto_threaded_set(mosq, true)
		     ?: mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION,
				is_mqtt5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311)
		     ?: mosquitto_int_option(mosq, MOSQ_OPT_SEND_MAXIMUM, SEND_MAX);
	if (!rc && s->state_topic)
		rc = mosquitto_will_set(
			mosq, s->state_topic, strlen("offline"), "offline", 1, true);
	/* Without a session expiry the broker forgets the session at once. */
	if (!rc && is_mqtt5)
		rc = mosquitto_property_add_int32(
			&load->properties, MQTT_PROP_MAXIMUM_PACKET_SIZE, PACKET_MAX);
	if (!rc && s->username)
		rc = mosquitto_username_pw_set(mosq, s->username, s->password);
	if (rc || s->socket)
		return rc;
	rc = mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1);
	if (rc || !s->tls)
		return rc;
	rc = mosquitto_tls_set(mosq, s->ca_file ?: SYSTEM_CA_FILE, NULL, s->cert_file, s->key_file,
		no_key_password);
	if (rc == MOSQ_ERR_INVAL)
		note_why(load->why, MOSQ_LOG_ERR,
			"a file of mqtt.ca_file, mqtt.cert_file, mqtt.key_file cannot be read");
	return rc ?: mosquitto_tls_opts_set(mosq, 1, "tlsv1.2", NULL);
}

static int on_tick(sd_event_source *s, uint64_t due, void *userdata);

/* Looks when the loop wakes up anyhow, if the last look is a tenth of the time ago, and after four
 * tenths at the latest; of ours if the broker wants no signs of life. */
static int line_tick(struct line *l)
{
	uint64_t tenth = (l->keepalive_sec ?: KEEPALIVE_SEC) * USEC_PER_SEC / 10;

	return timer_arm(l->event, &l->tick, tenth, 3 * tenth, on_tick, l, "mqtt-tick");
}

static int on_tick(sd_event_source *s, uint64_t due, void *userdata)
{
	struct line *l = userdata;
	int r;

	r = line_tick(l);
	if (r < 0)
		return r;
	(void)line_check(l, mosquitto_loop_misc(l->mosq));
	return 0;
}

/* One turn of the library's crank. Under TLS each half may have work, whatever woke us. */
static int on_io(sd_event_source *s, int fd, uint32_t revents, void *userdata)
{
	struct line *l = userdata;
	int r;

	if (line_check(l, mosquitto_loop_read(l->mosq, 1)) ||
		line_check(l, mosquitto_loop_write(l->mosq, 1)))
		return 0;
	if (l->connack == 0) {
		l->connack = -1;
		/* The library formats a text for each packet otherwise. */
		if (!log_wants(LOG_DEBUG, LOG_TOKEN))
			mosquitto_log_callback_set(l->mosq, NULL);
		r = line_tick(l);
		if (r < 0)
			return r;
		l->handlers->accepted(l, l->userdata);
		return 0;
	}
	if (l->leaving && l->unacknowledged == 0) {
		l->leaving = false;
		if (line_check(l, mosquitto_disconnect_v5(l->mosq, 0, NULL)))
			return 0;
	}
	if (l->handlers->turned)
		l->handlers->turned(l, l->userdata);
	return 0;
}

/* Before each wait of the loop: the only place that says what to wait for. */
static int on_prepare(sd_event_source *s, void *userdata)
{
	struct line *l = userdata;

	return sd_event_source_set_io_events(
		s, EPOLLIN | (mosquitto_want_write(l->mosq) ? EPOLLOUT : 0));
}

static int line_watch(struct line *l)
{
	int fd = mosquitto_socket(l->mosq), r;

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	r = sd_event_add_io(l->event, &l->io, fd, EPOLLIN, on_io, l);
	if (r < 0)
		return r;
	(void)sd_event_source_set_description(l->io, "mqtt-io");
	(void)sd_event_source_set_ratelimit(l->io, 100 * USEC_PER_MSEC, TURNS_PER_100_MS);
	r = sd_event_source_set_prepare(l->io, on_prepare);
	if (r < 0)
		return r;
	return line_tick(l);
}

/* The thread is back, and the handle ours again. */
static void on_back(struct errand *errand, void *brought, int rc, void *userdata)
{
	struct line *l = userdata;
	struct load *load = brought;
	int error = load->error, r;

	l->errand = errand_free(errand);
	(void)memcpy(l->why, load->why, sizeof(l->why));
	if (rc == MOSQ_ERR_SUCCESS && !l->given_up)
		l->mosq = TAKE_PTR(load->mosq);
	load_drop(load);
	if (!l->mosq) {
		line_end(l, rc, error);
		return;
	}
	mosquitto_user_data_set(l->mosq, l);
	mosquitto_log_callback_set(l->mosq, on_log);
	mosquitto_connect_v5_callback_set(l->mosq, on_connack);
	mosquitto_disconnect_v5_callback_set(l->mosq, on_disconnect);
	mosquitto_publish_v5_callback_set(l->mosq, on_published);
	mosquitto_subscribe_v5_callback_set(l->mosq, on_subscribed);
	mosquitto_message_v5_callback_set(l->mosq, on_message);
	(void)mosquitto_threaded_set(l->mosq, false);
	r = line_watch(l);
	if (r < 0) {
		line_end(l, MOSQ_ERR_ERRNO, -r);
		return;
	}
	/* The broker has time to answer, then, while a first connection to the cloud is made. */
	(void)line_check(l, mosquitto_loop_write(l->mosq, 1));
}

static int line_send_out(struct line *l, const struct mqtt_settings *s)
{
	struct errand_work work = {
		.call = load_connect,
		.drop = load_drop,
		.done = on_back,
		.userdata = l,
		.name = "mqtt-connect",
	};
	struct load *load = calloc(1, sizeof(*load));
	int r;

	if (!load)
		return -ENOMEM;
	load->host = strdup(s->socket ?: s->host);
	load->port = s->socket ? 0 : (int)s->port;
	load->mosq = mosquitto_new(s->client_id, true, load);
	load->prepared = MOSQ_ERR_NOMEM;
	if (load->host && load->mosq)
		load->prepared = load_configure(load, s);
	work.load = load;
	r = errand_start(&l->errand, l->event, &work);
	if (r < 0)
		load_drop(load);
	return r;
}

/* Sets out at once; one of accepted() and ended() follows, later. Settings are not needed any more
 * when it returns. */
int line_new(struct line **ret, sd_event *event, const struct mqtt_settings *settings,
	const struct line_handlers *handlers, void *userdata)
{
	_cleanup_(line_freep) struct line *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	(void)mosquitto_lib_init();
	l->event = sd_event_ref(event);
	l->handlers = handlers;
	l->userdata = userdata;
	l->speaks_mqtt5 = settings->version == 5;
	l->connack = -1;
	l->keepalive_sec = KEEPALIVE_SEC;
	r = line_send_out(l, settings);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(l);
	return 0;
}

/* Cuts the connection: the broker publishes our will, unless line_leave() came to its end. From a
 * handler only if it is accepted() or ended(). Takes NULL, returns NULL. */
struct line *line_free(struct line *l)
{
	bool is_out;

	if (!l)
		return NULL;
	is_out = l->errand;
	l->errand = errand_free(l->errand);
	/* The source goes first, unless the library has closed its socket already. */
	l->io = sd_event_source_disable_unref(l->io);
	l->tick = sd_event_source_disable_unref(l->tick);
	if (l->mosq)
		mosquitto_destroy(l->mosq);
	l->subscriptions = subscription_free_all(l->subscriptions);
	/* A thread that is still out needs the library. */
	if (!is_out)
		(void)mosquitto_lib_cleanup();
	sd_event_unref(l->event);
	free(l);
	return NULL;
}

/* For a line that takes too long. False: line_free() it now. True: its thread is still out, and
 * ended() will be called when it is back, be it with success. */
bool line_give_up(struct line *l)
{
	l->given_up = true;
	return l->errand;
}

/* While paused, what the broker sends stays in the socket. May be called from arrived(). Off, not
 * just without EPOLLIN: a hang-up is told whatever the mask is. */
void line_pause(struct line *l, bool pause)
{
	if (l->io)
		(void)sd_event_source_set_enabled(l->io, pause ? SD_EVENT_OFF : SD_EVENT_ON);
}

/* Ends the line in peace, without a will, as soon as the broker has all that was published. */
void line_leave(struct line *l)
{
	l->leaving = true;
}

/* Publications of QoS 1 that the broker has not got yet. */
unsigned line_unacknowledged(const struct line *l)
{
	return l->unacknowledged;
}

/* Folds what the library answers when asked to send something. MQTT_OFFLINE: the line has ended
 * just now and is gone. */
static int line_asked(struct line *l, int rc)
{
	switch (rc) {
	case MOSQ_ERR_NOMEM:
		return -ENOMEM;
	case MOSQ_ERR_INVAL:
	case MOSQ_ERR_MALFORMED_UTF8:
		return -EINVAL;
	case MOSQ_ERR_QOS_NOT_SUPPORTED:
	case MOSQ_ERR_RETAIN_NOT_SUPPORTED:
		return -EOPNOTSUPP;
	case MOSQ_ERR_PAYLOAD_SIZE:
	case MOSQ_ERR_OVERSIZE_PACKET:
		return MQTT_TOO_LARGE;
	case MOSQ_ERR_ERRNO:
	case MOSQ_ERR_CONN_LOST:
		/* The broker hung up. on_io() ends the line, once it has read why. */
		if (mosquitto_socket(l->mosq) >= 0)
			return 0;
	}
	return line_check(l, rc) ? MQTT_OFFLINE : 0;
}

static int add_properties(mosquitto_property **properties, const struct mqtt_message *message)
{
	int rc = MOSQ_ERR_SUCCESS;

	if (message->correlation)
		rc = mosquitto_property_add_binary(properties, MQTT_PROP_CORRELATION_DATA,
			message->correlation, (uint16_t)message->correlation_size);
	if (rc == MOSQ_ERR_SUCCESS && message->content_type)
		rc = mosquitto_property_add_string(
			properties, MQTT_PROP_CONTENT_TYPE, message->content_type);
	if (rc == MOSQ_ERR_SUCCESS && message->event_id)
		rc = mosquitto_property_add_string_pair(
			properties, MQTT_PROP_USER_PROPERTY, "event_id", message->event_id);
	return rc;
}

/* As mqtt_publish(), after accepted(). */
int line_publish(struct line *l, const struct mqtt_message *message, int *ret_id)
{
	mosquitto_property *properties = NULL;
	int id = 0, r, rc = MOSQ_ERR_SUCCESS;

	if (message->size > MQTT_PUBLISH_MAX || message->correlation_size > UINT16_MAX)
		return MQTT_TOO_LARGE;
	if (message->qos < 0 || message->qos > 1)
		return -EINVAL;
	if (l->speaks_mqtt5)
		rc = add_properties(&properties, message);
	if (rc == MOSQ_ERR_SUCCESS)
		rc = mosquitto_publish_v5(l->mosq, &id, message->topic, (int)message->size,
			message->payload, message->qos, message->retain, properties);
	mosquitto_property_free_all(&properties);
	r = line_asked(l, rc);
	if (r != 0)
		return r;
	if (message->qos > 0) {
		l->sent[id / 64] |= UINT64_C(1) << (id % 64);
		l->asked[id / 64] |= (uint64_t)(ret_id != NULL) << (id % 64);
		l->unacknowledged++;
	}
	if (ret_id)
		*ret_id = id;
	return 0;
}

/* As mqtt_subscribe(), after accepted(). */
int line_subscribe(struct line *l, const char *const *topics, size_t n, enum mqtt_interest interest)
{
	static const int options[] = {
		[MQTT_COMMANDS] = MQTT_SUB_OPT_SEND_RETAIN_NEVER | MQTT_SUB_OPT_RETAIN_AS_PUBLISHED,
		[MQTT_KEPT] = MQTT_SUB_OPT_SEND_RETAIN_ALWAYS | MQTT_SUB_OPT_NO_LOCAL,
	};
	_cleanup_(subscription_free_allp) struct subscription *s = NULL;
	int r;

	if (n > INT_MAX)
		return -EINVAL;
	r = subscription_new(&s, topics, n);
	if (r < 0)
		return r;
	r = line_asked(
		l, mosquitto_subscribe_multiple(l->mosq, &s->id, (int)n, (char *const *)topics, 1,
			   l->speaks_mqtt5 ? options[interest] : 0, NULL));
	if (r != 0)
		return r;
	s->next = l->subscriptions;
	l->subscriptions = TAKE_PTR(s);
	return 0;
}
