#include "tests/integration/scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/clock.h"

/* Guest keys by times that people write, and how they are deleted. */

#define CREATE       "create_akuvox_open_door_temp_key_config"
#define DELETE       "delete_akuvox_open_door_temp_key_config"
#define BATCH        "batch_delete_akuvox_open_door_temp_key_config"
#define BATCH_MAX    100
#define EXPIRED_MANY 250

/* The gateway in a zone with summer time: from 31 March to 27 October in 2030. */
static void start(struct harness *h)
{
	harness_setenv(h, "TZ", "Europe/Berlin");
	scene_start(h);
}

static const struct message *create(struct harness *h, const char *payload)
{
	return client_ask(
		h->client, harness_home(h, "temp_key/create"), scene_json(h, "%s", payload));
}

static const struct message *delete (struct harness *h, const char *payload)
{
	return client_ask(
		h->client, harness_home(h, "temp_key/delete"), scene_json(h, "%s", payload));
}

static struct json_object *keys(struct harness *h)
{
	return json_object_object_get(
		json_object_array_get_idx(
			json_object_object_get(control_get(h, "/state"), "homes"), 0),
		"temp_keys");
}

static bool is_listed(struct harness *h, const char *code)
{
	struct json_object *list = keys(h);

	for (size_t i = 0; i < json_object_array_length(list); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(list, i)), code) == 0)
			return true;
	return false;
}

/* What left last, as "param.start_time" or the like. */
static const char *left(struct harness *h, const char *command, const char *path)
{
	struct json_object *requests = control_requests(h, command);
	size_t n = json_object_array_length(requests);

	assert_true(n > 0);
	return json_at(json_object_array_get_idx(requests, n - 1), path);
}

static int64_t epoch_of(const char *cloud_time)
{
	int64_t epoch;

	assert_int_equal(clock_parse_cloud(cloud_time, &epoch), 0);
	return epoch;
}

static void expect_same_time(const char *rfc3339, const char *cloud_time)
{
	int64_t msec;

	assert_int_equal(clock_parse_rfc3339(rfc3339, &msec), 0);
	assert_int_equal(msec / 1000, epoch_of(cloud_time));
}

/* An answer to create: what the cloud gave, and the times that left. */
static void expect_key(struct harness *h, const struct message *m, const char *count)
{
	struct json_object *result;

	expect_success(m);
	assert_string_equal(message_get(m, "command"), CREATE);
	result = json_object_object_get(m->json, "result");
	assert_int_equal(json_object_object_length(result), 5);
	assert_true(is_listed(h, json_at(result, "temp_key")));
	assert_int_equal(strncmp(json_at(result, "qr_code_url"), "http", 4), 0);
	expect_same_time(json_at(result, "start"), left(h, CREATE, "param.start_time"));
	expect_same_time(json_at(result, "finish"), left(h, CREATE, "param.finish_time"));
	assert_string_equal(json_at(result, "count"), count);
	assert_string_equal(left(h, CREATE, "param.count"), count);
	assert_string_equal(left(h, CREATE, "param.residence_id"), scene_residence(h, 0));
}

HARNESS_TEST(a_key_is_valid_for_a_while_from_now)
{
	static const struct {
		const char *valid_for;
		int64_t seconds;
	} cases[] = {
		{"'4h'", 4 * 3600},
		{"'30m'", 30 * 60},
		{"'2d'", 2 * 86400},
		{"'90s'", 90},
		{"'90'", 90},
		{"3600", 3600},
		{"1.5", 2},
		{"'1.5 h'", 5400},
		{"1", 1},
	};

	start(h);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		int64_t before = clock_epoch_msec() / 1000, begin, end;
		const struct message *m =
			create(h, harness_text(h, "{'valid_for':%s}", cases[i].valid_for));

		expect_key(h, m, "1");
		begin = epoch_of(left(h, CREATE, "param.start_time"));
		end = epoch_of(left(h, CREATE, "param.finish_time"));
		assert_in_range(begin, before, clock_epoch_msec() / 1000);
		assert_int_equal(end - begin, cases[i].seconds);
	}
	expect_key(h, create(h, "{'valid_for':'4h','count':12}"), "12");
}

HARNESS_TEST(times_are_local_unless_they_say)
{
	static const struct {
		const char *start, *more; /* the rest of the payload */
		const char *start_utc, *finish_utc;
		const char *start_local, *finish_local;
	} cases[] = {
		/* In winter and in summer. */
		{"2030-01-10T18:00", "'finish':'2030-01-11T10:00'", "2030-01-10 17:00:00",
			"2030-01-11 09:00:00", "2030-01-10T18:00:00+01:00",
			"2030-01-11T10:00:00+01:00"},
		{"2030-07-10T18:00", "'finish':'2030-07-11T10:00'", "2030-07-10 16:00:00",
			"2030-07-11 08:00:00", "2030-07-10T18:00:00+02:00",
			"2030-07-11T10:00:00+02:00"},
		/* Over the change in spring: 23 hours; in autumn: 25. */
		{"2030-03-30T18:00", "'finish':'2030-03-31T18:00'", "2030-03-30 17:00:00",
			"2030-03-31 16:00:00", "2030-03-30T18:00:00+01:00",
			"2030-03-31T18:00:00+02:00"},
		{"2030-10-26T18:00", "'finish':'2030-10-27T18:00'", "2030-10-26 16:00:00",
			"2030-10-27 17:00:00", "2030-10-26T18:00:00+02:00",
			"2030-10-27T18:00:00+01:00"},
		/* A duration counts hours, whatever clocks do. */
		{"2030-03-31T01:30", "'valid_for':'2h'", "2030-03-31 00:30:00",
			"2030-03-31 02:30:00", "2030-03-31T01:30:00+01:00",
			"2030-03-31T04:30:00+02:00"},
		{"2030-10-27T01:30", "'valid_for':'2h'", "2030-10-26 23:30:00",
			"2030-10-27 01:30:00", "2030-10-27T01:30:00+02:00",
			"2030-10-27T02:30:00+01:00"},
		/* The hour that comes twice: the first, whichever was asked for before. */
		{"2030-10-27T01:00", "'finish':'2030-10-27T02:30'", "2030-10-26 23:00:00",
			"2030-10-27 00:30:00", "2030-10-27T01:00:00+02:00",
			"2030-10-27T02:30:00+02:00"},
		{"2030-10-27T02:15", "'finish':'2030-12-01T00:00'", "2030-10-27 00:15:00",
			"2030-11-30 23:00:00", "2030-10-27T02:15:00+02:00",
			"2030-12-01T00:00:00+01:00"},
		/* With an offset of their own. */
		{"2030-05-01T18:00:00+05:30", "'finish':'2030-05-01T18:00:00Z'",
			"2030-05-01 12:30:00", "2030-05-01 18:00:00", "2030-05-01T14:30:00+02:00",
			"2030-05-01T20:00:00+02:00"},
		/* As people write them. */
		{"2030-05-01 18:00", "'finish':'2030-05-01 18:00:30'", "2030-05-01 16:00:00",
			"2030-05-01 16:00:30", "2030-05-01T18:00:00+02:00",
			"2030-05-01T18:00:30+02:00"},
		/* Begun already. */
		{"2020-05-01T00:00", "'finish':'2045-05-01T00:00'", "2020-04-30 22:00:00",
			"2045-04-30 22:00:00", "2020-05-01T00:00:00+02:00",
			"2045-05-01T00:00:00+02:00"},
	};

	start(h);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct message *m = create(
			h, harness_text(h, "{'start':'%s',%s}", cases[i].start, cases[i].more));

		expect_key(h, m, "1");
		assert_string_equal(left(h, CREATE, "param.start_time"), cases[i].start_utc);
		assert_string_equal(left(h, CREATE, "param.finish_time"), cases[i].finish_utc);
		assert_string_equal(message_get(m, "result.start"), cases[i].start_local);
		assert_string_equal(message_get(m, "result.finish"), cases[i].finish_local);
	}
	/* Only an end: from now on. */
	expect_key(h, create(h, "{'finish':'2045-05-01T00:00'}"), "1");
	assert_true(clock_epoch_msec() / 1000 - epoch_of(left(h, CREATE, "param.start_time")) < 60);
}

HARNESS_TEST(a_wrong_validity_makes_no_key)
{
	static const struct {
		const char *payload, *param;
	} cases[] = {
		{"{}", "valid_for"},
		{"", "valid_for"},
		{"{'start':'2030-05-01T18:00'}", "valid_for"},
		{"{'valid_for':'4h','finish':'2045-05-01T18:00'}", "valid_for"},
		{"{'valid_for':'soon'}", "valid_for"},
		{"{'valid_for':''}", "valid_for"},
		{"{'valid_for':0}", "valid_for"},
		{"{'valid_for':-3600}", "valid_for"},
		{"{'valid_for':'0.5 s'}", "valid_for"},
		{"{'valid_for':'11000d'}", "valid_for"},
		{"{'valid_for':1e300}", "valid_for"},
		{"{'valid_for':true}", "valid_for"},
		{"{'valid_for':null}", "valid_for"},
		{"{'valid_for':['4h']}", "valid_for"},
		{"{'start':'tomorrow','finish':'2030-05-01T18:00'}", "start"},
		{"{'start':1900000000,'valid_for':'4h'}", "start"},
		{"{'start':null,'valid_for':'4h'}", "start"},
		{"{'start':'2030-02-30T18:00','valid_for':'4h'}", "start"},
		{"{'start':'2030-05-01','valid_for':'4h'}", "start"},
		{"{'start':'2030-05-01T24:00','valid_for':'4h'}", "start"},
		{"{'start':'1970-01-01T00:00:00+01:00','finish':'2045-05-01T00:00'}", "start"},
		{"{'start':'9999-12-31T23:59:59Z','valid_for':'4h'}", "start"},
		/* The hour that is left out in spring. */
		{"{'start':'2030-03-31T02:30','valid_for':'4h'}", "start"},
		{"{'start':'2030-05-01T18:00','finish':'2030-03-31T02:00'}", "finish"},
		{"{'start':'2030-05-01T18:00','finish':'2030-05-01T18:00'}", "finish"},
		{"{'start':'2030-05-01T18:00','finish':'2030-05-01T17:59'}", "finish"},
		{"{'finish':'2020-05-01T18:00'}", "finish"},
		{"{'start':'2020-05-01T18:00','finish':'2020-05-02T18:00'}", "finish"},
		{"{'finish':'9999-12-31T23:59:59Z'}", "finish"},
		{"{'valid_for':'4h','count':0}", "count"},
		{"{'valid_for':'4h','count':-1}", "count"},
		{"{'valid_for':'4h','count':1.5}", "count"},
		{"{'valid_for':'4h','count':'1'}", "count"},
		{"{'valid_for':'4h','count':null}", "count"},
		{"{'valid_for':'4h','counts':1}", "counts"},
		{"{'valid_for':'4h','start_time':'2030-05-01 18:00:00'}", "start_time"},
		{"{'valid_for':'4h','finish_time':'2030-05-01 18:00:00'}", "finish_time"},
		{"{'valid_for':'4h','residence_id':'elsewhere'}", "residence_id"},
	};

	start(h);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct message *m = create(h, cases[i].payload);

		expect_error(m, "invalid_param");
		if (strcmp(message_get(m, "error.param"), cases[i].param) != 0)
			fail_msg("%s: %s", cases[i].payload, m->payload);
	}
	expect_error(create(h, "4h"), "invalid_payload");
	expect_error(create(h, "['4h']"), "invalid_payload");
	expect_error(client_ask(h->client, "home/nowhere/temp_key/create",
			     scene_json(h, "{'valid_for':'4h'}")),
		"unknown_residence");
	client_settle(h->client);
	assert_int_equal(control_request_count(h, CREATE), 0);
}

HARNESS_TEST(a_key_is_answered_once_and_made_once)
{
	const char *topic, *payload;
	const struct message *first, *second;

	start(h);
	topic = harness_home(h, "temp_key/result");
	payload = harness_text(
		h, "{'valid_for':'4h','id':77,'residence_id':'%s'}", scene_residence(h, 0));
	first = create(h, payload);
	expect_key(h, first, "1");
	assert_string_equal(message_get(first, "id"), "77");
	client_settle_local(h->client);
	assert_int_equal(client_count(h->client, topic), 1);
	assert_int_equal(client_count(h->client, first->topic), 1);
	assert_string_equal(client_last(h->client, topic)->payload, first->payload);
	assert_string_equal(client_last(h->client, topic)->correlation, first->correlation);
	assert_false(first->retain);
	second = create(h, payload);
	expect_error(second, "duplicate");
	assert_string_equal(message_get(second, "error.first.result.temp_key"),
		message_get(first, "result.temp_key"));
	expect_error(create(h, "{'valid_for':'4h','ts':5}"), "expired");
	client_settle(h->client);
	assert_int_equal(control_request_count(h, CREATE), 1);
	/* Nor when nobody knows. */
	(void)control_post(h, "/fault", "{'on':'" CREATE "','kind':'drop_after'}");
	expect_error(create(h, "{'valid_for':'4h'}"), "outcome_unknown");
	client_settle(h->client);
	assert_int_equal(control_request_count(h, CREATE), 2);
}

static const char *new_key(struct harness *h, const char *finish)
{
	return json_at(cloud_call(h, CREATE,
			       scene_json(h,
				       "{'residence_id':'%s','start_time':'2019-01-01 00:00:00',"
				       "'finish_time':'%s','count':1}",
				       scene_residence(h, 0), finish)),
		"result.temp_key");
}

static const char *new_live_key(struct harness *h)
{
	return new_key(h, "2045-01-01 00:00:00");
}

HARNESS_TEST(keys_are_deleted_one_by_one_or_together)
{
	const char *a, *b, *c, *d, *other;
	const struct message *m;

	start(h);
	a = new_live_key(h);
	b = new_live_key(h);
	c = new_live_key(h);
	d = new_live_key(h);
	other = new_live_key(h);
	m = delete (h, a);
	expect_success(m);
	assert_string_equal(message_get(m, "command"), DELETE);
	assert_string_equal(left(h, DELETE, "param.temp_key"), a);
	assert_false(is_listed(h, a));
	m = delete (h, harness_text(h, "{'temp_key':'%s','id':'x'}", b));
	expect_success(m);
	assert_string_equal(message_get(m, "id"), "x");
	assert_string_equal(left(h, DELETE, "param.temp_key"), b);
	assert_false(is_listed(h, b));
	m = delete (h, harness_text(h, "{'temp_key':['%s','%s']}", c, d));
	expect_success(m);
	assert_string_equal(left(h, BATCH, "param.temp_key.0"), c);
	assert_string_equal(left(h, BATCH, "param.temp_key.1"), d);
	assert_false(is_listed(h, c));
	assert_false(is_listed(h, d));
	assert_true(is_listed(h, other));
	/* Each one once. */
	client_settle(h->client);
	assert_int_equal(control_request_count(h, DELETE), 2);
	assert_int_equal(control_request_count(h, BATCH), 1);
	assert_int_equal(client_count(h->client, harness_home(h, "temp_key/result")), 3);
	/* The cloud knows it no more. */
	m = delete (h, a);
	expect_error(m, "cloud_error");
	assert_string_equal(message_get(m, "error.cloud_code"), "40431");
}

HARNESS_TEST(what_names_no_key_deletes_none)
{
	static const struct {
		const char *payload, *code, *param;
	} cases[] = {
		{"", "empty", ""},
		{"two words", "invalid_payload", ""},
		{"{'temp_key'", "invalid_payload", ""},
		{"{}", "invalid_param", "temp_key"},
		{"{'id':1}", "invalid_param", "temp_key"},
		{"{'temp_key':''}", "invalid_param", "temp_key"},
		{"{'temp_key':12345678}", "invalid_param", "temp_key"},
		{"{'temp_key':null}", "invalid_param", "temp_key"},
		{"{'temp_key':[]}", "invalid_param", "temp_key"},
		{"{'temp_key':['a',5]}", "invalid_param", "temp_key[1]"},
		{"{'temp_key':['a','']}", "invalid_param", "temp_key[1]"},
		{"{'temp_key':{'code':'a'}}", "invalid_param", "temp_key"},
		{"{'temp_key':'a','all':true}", "invalid_param", "all"},
		{"{'temp_key':'expired','all':true}", "invalid_param", "all"},
		{"{'keys':['a']}", "invalid_param", "keys"},
		{"{'temp_key':'a','residence_id':'x'}", "invalid_param", "residence_id"},
	};
	char *many;
	size_t size;
	FILE *f;

	start(h);
	(void)new_live_key(h);
	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct message *m = delete (h, cases[i].payload);

		expect_error(m, cases[i].code);
		if (strcmp(message_get(m, "error.param"), cases[i].param) != 0)
			fail_msg("%s: %s", cases[i].payload, m->payload);
	}
	f = open_memstream(&many, &size);
	assert_non_null(f);
	for (int i = 0; i <= BATCH_MAX; i++)
		(void)fprintf(f, "%s'a'", i > 0 ? "," : "{'temp_key':[");
	(void)fputs("]}", f);
	assert_int_equal(fclose(f), 0);
	expect_error(delete (h, many), "invalid_param");
	free(many);
	client_settle(h->client);
	assert_int_equal(control_request_count(h, DELETE), 0);
	assert_int_equal(control_request_count(h, BATCH), 0);
	assert_int_equal(json_object_array_length(keys(h)), 1);
}

/* How many keys each of the batches had, all batches together. */
static size_t batched(struct harness *h)
{
	struct json_object *requests = control_requests(h, BATCH);
	size_t all = 0;

	for (size_t i = 0; i < json_object_array_length(requests); i++) {
		struct json_object *codes = json_object_object_get(
			json_object_object_get(json_object_array_get_idx(requests, i), "param"),
			"temp_key");

		assert_in_range(json_object_array_length(codes), 1, BATCH_MAX);
		all += json_object_array_length(codes);
	}
	return all;
}

static bool has_one(const struct message *m, void *userdata)
{
	return strcmp(message_get(m, "count"), "1") == 0;
}

HARNESS_TEST(all_that_have_ended_are_deleted)
{
	const struct message *m;
	const char *live;

	start(h);
	/* Nothing to do is done. */
	m = delete (h, "expired");
	expect_success(m);
	assert_string_equal(message_get(m, "result.deleted"), "0");
	assert_int_equal(control_request_count(h, BATCH), 0);
	live = new_live_key(h);
	for (int i = 0; i < 3; i++)
		(void)new_key(h, "2020-01-01 00:00:00");
	m = delete (h, "{'temp_key':'expired','id':4}");
	expect_success(m);
	assert_string_equal(message_get(m, "id"), "4");
	assert_string_equal(message_get(m, "result.deleted"), "3");
	assert_int_equal(control_request_count(h, BATCH), 1);
	assert_int_equal(json_object_array_length(keys(h)), 1);
	assert_true(is_listed(h, live));
	client_settle_local(h->client);
	assert_int_equal(client_count(h->client, harness_home(h, "temp_key/result")), 2);
	(void)client_await_if(h->client, harness_home(h, "temp_keys"), has_one, NULL);
}

HARNESS_TEST(more_than_one_call_takes_are_deleted_all_the_same)
{
	const struct message *m;
	const char *live[2];

	start(h);
	live[0] = new_live_key(h);
	for (int i = 0; i < EXPIRED_MANY; i++)
		(void)new_key(h, "2020-01-01 00:00:00");
	live[1] = new_live_key(h);
	m = delete (h, "expired");
	expect_success(m);
	assert_string_equal(message_get(m, "result.deleted"), harness_text(h, "%d", EXPIRED_MANY));
	assert_int_equal(json_object_array_length(keys(h)), 2);
	assert_true(is_listed(h, live[0]) && is_listed(h, live[1]));
	assert_int_equal(
		control_request_count(h, BATCH), (EXPIRED_MANY + BATCH_MAX - 1) / BATCH_MAX);
	assert_int_equal(batched(h), EXPIRED_MANY);
	client_settle_local(h->client);
	assert_int_equal(client_count(h->client, harness_home(h, "temp_key/result")), 1);
	assert_int_equal(client_count(h->client, m->topic), 1);
}

HARNESS_TEST(a_list_that_cannot_be_had_deletes_nothing)
{
	static const char *const kinds[] = {"hang", "drop_before", "refuse", "wrong_json"};

	harness_set(h, "cloud.timeout", "3");
	harness_set(h, "poll.access", "0");
	start(h);
	(void)new_key(h, "2020-01-01 00:00:00");
	for (size_t i = 0; i < ELEMENTS(kinds); i++) {
		(void)control_post(h, "/fault",
			"{'on':'get_akuvox_open_door_temp_key_config','kind':'%s','count':-1,"
			"'status':200,'body':'{}'}",
			kinds[i]);
		assert_string_equal(message_get(delete (h, "expired"), "success"), "false");
		(void)control_delete(h, "/fault");
	}
	/* Deleting is no read: not again when its answer is lost. */
	(void)control_post(h, "/fault", "{'on':'" BATCH "','kind':'drop_before'}");
	expect_error(delete (h, "expired"), "outcome_unknown");
	client_settle(h->client);
	assert_int_equal(control_request_count(h, BATCH), 1);
	assert_int_equal(json_object_array_length(keys(h)), 1);
}

HARNESS_MAIN(HARNESS_RUN(a_key_is_valid_for_a_while_from_now),
	HARNESS_RUN(times_are_local_unless_they_say), HARNESS_RUN(a_wrong_validity_makes_no_key),
	HARNESS_RUN(a_key_is_answered_once_and_made_once),
	HARNESS_RUN(keys_are_deleted_one_by_one_or_together),
	HARNESS_RUN(what_names_no_key_deletes_none), HARNESS_RUN(all_that_have_ended_are_deleted),
	HARNESS_RUN(more_than_one_call_takes_are_deleted_all_the_same),
	HARNESS_RUN(a_list_that_cannot_be_had_deletes_nothing))
