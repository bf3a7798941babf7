#include "tests/unit/cmocka-all.h"

#include "tests/unit/refusal.h"

#include <stdio.h>
#include <string.h>

#include "util/json.h"

/* The next publication is a refusal on topic; text: what its message contains, or NULL. */
void expect_error(struct world *w, const char *topic, const char *command, const char *code,
	const char *param, const char *text)
{
	const struct sent *s = fake_mqtt_next(w->mqtt);
	_cleanup_(json_freep) struct json_object *answer = NULL;
	struct json_object *error;

	if (!s)
		fail_msg("no answer on %s, which should be %s", topic, code);
	assert_string_equal(s->topic, topic);
	assert_false(s->retain);
	assert_int_equal(s->qos, 1);
	assert_int_equal(json_parse(&answer, s->text, s->size), 0);
	error = json_get(answer, "error");
	if (!json_text(error, "code") || strcmp(json_text(error, "code"), code) != 0)
		fail_msg("%s instead of %s", s->text, code);
	assert_string_equal(json_text(answer, "command"), command);
	assert_int_equal(json_flag(answer, "success"), 0);
	assert_non_null(json_get(answer, "elapsed_ms"));
	assert_null(json_get(answer, "result"));
	if (param)
		assert_string_equal(json_text(error, "param"), param);
	else
		assert_null(json_get(error, "param"));
	if (text && !strstr(json_text(error, "message"), text))
		fail_msg("%s does not say %s", s->text, text);
}

/* Sends a request that is refused at once, with one answer, and nothing said to the cloud. */
static void refuse(struct world *w, const char *topic, const char *payload,
	const char *answer_topic, const char *command, const char *code, const char *param)
{
	unsigned started = fake_cloud_started(w->cloud), done = w->done;

	world_send(w, topic, payload);
	expect_error(w, answer_topic, command, code, param, NULL);
	fake_mqtt_expect_nothing(w->mqtt);
	assert_int_equal(fake_cloud_started(w->cloud), started);
	assert_int_equal(requests_open(w->requests), 0);
	assert_int_equal(w->done, done);
}

void refuse_opening(struct world *w, const char *topic, const char *payload, const char *code,
	const char *param)
{
	char answer_topic[MQTT_TOPIC_MAX];

	(void)snprintf(answer_topic, sizeof(answer_topic), "%.*s/result",
		(int)(strlen(topic) - strlen("/open")), topic);
	refuse(w, topic, payload, answer_topic, OPENING, code, param);
}

void refuse_request(struct world *w, const char *home, const char *command, const char *payload,
	const char *code, const char *param)
{
	char topic[MQTT_TOPIC_MAX], answer_topic[MQTT_TOPIC_MAX];

	(void)snprintf(topic, sizeof(topic), "home/%s/request/%s", home, command);
	(void)snprintf(answer_topic, sizeof(answer_topic), "home/%s/response/%s", home, command);
	refuse(w, topic, payload, answer_topic, command, code, param);
}
