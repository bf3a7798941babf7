#include "bridge/payload.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "util/clock.h"
#include "util/json.h"
#include "util/secret.h"
#include "util/text.h"

/* The words that people and programs send to open, and the two that Home Assistant's lock sends
 * for the opposite. */
static const struct {
	const char *word;
	bool lock;
} words[] = {
	{"OPEN", false},
	{"UNLOCK", false},
	{"UNLOCKED", false},
	{"PRESS", false},
	{"ON", false},
	{"TRUE", false},
	{"1", false},
	{"LOCK", true},
	{"LOCKED", true},
};

/* A sender's clock may be ahead of ours by so much. */
#define CLOCK_AHEAD_MSEC 60000

/* Cuts a character that lost its end to the limit of its buffer: answers are UTF-8. */
static void drop_half_character(char *text)
{
	size_t end = strlen(text), start = end;
	unsigned char lead;

	while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	lead = (unsigned char)text[--start];
	if (end - start < (lead >= 0xf0 ? 4u : lead >= 0xe0 ? 3u : lead >= 0xc0 ? 2u : 1u))
		text[start] = '\0';
}

/* Fills the fault and returns -EINVAL, so that callers return it at once. */
int fault_set(struct fault *ret, enum refusal refusal, const char *param, const char *format, ...)
{
	va_list ap;

	ret->refusal = refusal;
	(void)snprintf(ret->param, sizeof(ret->param), "%s", param ? param : "");
	va_start(ap, format);
	(void)vsnprintf(ret->why, sizeof(ret->why), format, ap);
	va_end(ap);
	drop_half_character(ret->param);
	drop_half_character(ret->why);
	return -EINVAL;
}

static bool is_finite_number(struct json_object *value)
{
	return json_object_is_type(value, json_type_int) ||
	       (json_object_is_type(value, json_type_double) &&
		       isfinite(json_object_get_double(value)));
}

static int take_id(struct payload *p, struct json_object *id, struct fault *fault)
{
	size_t size = 0;

	if (!is_finite_number(id) && !(json_plain(id, &size) && size > 0 && size <= PAYLOAD_ID_MAX))
		return fault_set(fault, REFUSAL_INVALID_PARAM, "id",
			"must be a number, or a text of at most %d bytes", PAYLOAD_ID_MAX);
	p->id = json_object_get(id);
	return 0;
}

/* Reads a time, which is called name: RFC 3339, or seconds since 1970. -EINVAL, with *fault. */
int payload_time(
	struct json_object *value, const char *name, int64_t *ret_msec, struct fault *fault)
{
	size_t size;
	const char *text = json_plain(value, &size);
	double seconds;

	if (text && clock_parse_rfc3339(text, ret_msec) == 0)
		return 0;
	if (!is_finite_number(value))
		return fault_set(fault, REFUSAL_INVALID_PARAM, name,
			"must be seconds since 1970, or a time such as "
			"\"2030-05-01T08:00:00+02:00\"");
	seconds = json_object_get_double(value);
	if (fabs(seconds) > 1e14)
		return fault_set(fault, REFUSAL_INVALID_PARAM, name, "is no time");
	*ret_msec = (int64_t)(seconds * 1000);
	return 0;
}

/* Brings the deadline forward to what the sender allows: expires_in seconds from its time ts, or
 * from arrival without one. A ts alone allows the usual patience from it. */
static int take_times(struct payload *p, const struct mqtt_message *message, uint64_t patience_usec,
	struct fault *fault)
{
	double left = (double)patience_usec / 1e6;
	int64_t sent, now = clock_epoch_msec();
	struct json_object *ts, *expires_in;
	uint64_t deadline;
	int r;

	if (json_object_object_get_ex(p->param, "expires_in", &expires_in)) {
		if (!is_finite_number(expires_in))
			return fault_set(
				fault, REFUSAL_INVALID_PARAM, "expires_in", "must be seconds");
		left = json_object_get_double(expires_in);
	}
	if (json_object_object_get_ex(p->param, "ts", &ts)) {
		r = payload_time(ts, "ts", &sent, fault);
		if (r < 0)
			return r;
		if (sent > now + CLOCK_AHEAD_MSEC)
			return fault_set(fault, REFUSAL_INVALID_PARAM, "ts",
				"lies in the future by our clock; it counts seconds, not "
				"milliseconds");
		if (sent < now)
			left -= (double)(now - sent) / 1e3;
	}
	if (left <= 0)
		return fault_set(
			fault, REFUSAL_EXPIRED, NULL, "the request was too old when it arrived");
	if (left > (double)patience_usec / 1e6)
		return 0;
	deadline = message->arrived_usec + (uint64_t)(left * 1e6);
	if (deadline < p->deadline)
		p->deadline = deadline;
	return 0;
}

/* Takes the gateway's own members out of the object. */
static int take_own(struct payload *p, const struct mqtt_message *message, uint64_t patience_usec,
	struct fault *fault)
{
	struct json_object *id;
	int r = 0;

	if (json_object_object_get_ex(p->param, "id", &id))
		r = take_id(p, id, fault);
	if (r == 0)
		r = take_times(p, message, patience_usec, fault);
	json_object_object_del(p->param, "id");
	json_object_object_del(p->param, "ts");
	json_object_object_del(p->param, "expires_in");
	return r;
}

static int start(struct payload *p, const struct mqtt_message *message, uint64_t patience_usec,
	struct fault *fault)
{
	uint64_t left = patience_usec;

	/* MQTT counts the seconds in 32 bits. */
	if (message->expiry_sec >= 0 && message->expiry_sec <= UINT32_MAX &&
		(uint64_t)message->expiry_sec * USEC_PER_SEC < left)
		left = (uint64_t)message->expiry_sec * USEC_PER_SEC;
	*p = (struct payload){.deadline = message->arrived_usec + left};
	if (!message->payload && message->size > 0)
		return fault_set(fault, REFUSAL_TOO_LARGE, NULL,
			"the payload is longer than %d bytes", MQTT_PAYLOAD_MAX);
	return 0;
}

static int parse_object(struct payload *p, const struct mqtt_message *message)
{
	if (json_parse_exact(&p->param, message->payload, message->size) < 0)
		return -EINVAL;
	return json_object_is_type(p->param, json_type_object) ? 0 : -EINVAL;
}

static bool is_word(const struct mqtt_message *message, bool *ret_lock)
{
	for (size_t i = 0; i < ELEMENTS(words); i++)
		if (strlen(words[i].word) == message->size &&
			strncasecmp(words[i].word, message->payload, message->size) == 0) {
			*ret_lock = words[i].lock;
			return true;
		}
	return false;
}

/* Reads an opening. patience_usec: how long after its arrival it may be sent at the latest. On
 * -EINVAL, with *fault, *p may hold the id all the same. payload_done() in any case. */
int payload_open(struct payload *p, const struct mqtt_message *message, uint64_t patience_usec,
	struct fault *fault)
{
	int r = start(p, message, patience_usec, fault);

	if (r < 0)
		return r;
	if (message->size == 0)
		return fault_set(fault, REFUSAL_EMPTY, NULL, "an empty message opens nothing");
	if (is_word(message, &p->lock))
		return 0;
	if (parse_object(p, message) < 0)
		return fault_set(fault, REFUSAL_INVALID_PAYLOAD, NULL,
			"send OPEN, or a JSON object with any of id, ts, expires_in");
	r = take_own(p, message, patience_usec, fault);
	if (r < 0)
		return r;
	json_object_object_foreach (p->param, name, value) {
		(void)value;
		return fault_set(
			fault, REFUSAL_INVALID_PARAM, name, "is not known; nothing was opened");
	}
	return 0;
}

/* Reads a request: a JSON object, or nothing, which is {}. Otherwise as payload_open(). */
int payload_request(struct payload *p, const struct mqtt_message *message, uint64_t patience_usec,
	struct fault *fault)
{
	int r = start(p, message, patience_usec, fault);

	if (r < 0)
		return r;
	if (message->size == 0) {
		p->param = json_object_new_object();
		return p->param ? 0 : fault_set(fault, REFUSAL_BUSY, NULL, "out of memory");
	}
	if (parse_object(p, message) < 0)
		return fault_set(
			fault, REFUSAL_INVALID_PAYLOAD, NULL, "the payload must be a JSON object");
	return take_own(p, message, patience_usec, fault);
}

/* Reads plain text, such as ON or a PIN, whose characters can all be seen. No id comes with it. */
int payload_text(struct payload *p, const struct mqtt_message *message, uint64_t patience_usec,
	struct fault *fault)
{
	int r = start(p, message, patience_usec, fault);

	if (r < 0)
		return r;
	if (message->size == 0)
		return fault_set(fault, REFUSAL_EMPTY, NULL, "an empty message changes nothing");
	if (message->size > PAYLOAD_TEXT_MAX)
		return fault_set(fault, REFUSAL_TOO_LARGE, NULL,
			"the payload is longer than %d bytes", PAYLOAD_TEXT_MAX);
	if (!text_is_visible(message->payload, message->size))
		return fault_set(fault, REFUSAL_INVALID_PAYLOAD, NULL,
			"the payload must be plain text without spaces");
	p->text = calloc(1, message->size + 1);
	if (!p->text)
		return fault_set(fault, REFUSAL_BUSY, NULL, "out of memory");
	memcpy(p->text, message->payload, message->size);
	return 0;
}

/* Either of the two: what begins with a brace is a JSON object. */
int payload_text_or_object(struct payload *p, const struct mqtt_message *message,
	uint64_t patience_usec, struct fault *fault)
{
	const char *payload = message->payload;

	if (payload && message->size > 0 && *payload == '{')
		return payload_request(p, message, patience_usec, fault);
	return payload_text(p, message, patience_usec, fault);
}

void payload_done(struct payload *payload)
{
	(void)secret_free(payload->text);
	(void)json_object_put(payload->param);
	(void)json_object_put(payload->id);
	*payload = (struct payload){0};
}
