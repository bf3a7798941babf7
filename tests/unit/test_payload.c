#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/payload.h"
#include "tests/unit/fake_time.h"
#include "util/clock.h"

#define PATIENCE (5 * USEC_PER_SEC)

/* 2030-03-17T17:46:40Z */
#define NOW_SEC INT64_C(1900000000)

typedef int (*read_t)(struct payload *, const struct mqtt_message *, uint64_t, struct fault *);

struct reading {
	struct payload p;
	struct fault fault;
	int r;
};

static struct mqtt_message message_of(const void *payload, size_t size)
{
	return (struct mqtt_message){
		.payload = payload,
		.size = size,
		.expiry_sec = -1,
		.arrived_usec = clock_boot_usec(),
	};
}

/* The payload in a block of just its size, where reading beyond it is noticed. */
static struct reading read_bytes(read_t read, const void *payload, size_t size)
{
	void *copy = memcpy(malloc(size ? size : 1), payload, size);
	const struct mqtt_message message = message_of(copy, size);
	struct reading r = {.fault = {.refusal = REFUSAL_MAX}};

	r.r = read(&r.p, &message, PATIENCE, &r.fault);
	free(copy);
	return r;
}

static struct reading read_text(read_t read, const char *text)
{
	return read_bytes(read, text, strlen(text));
}

static uint64_t in(double seconds)
{
	return clock_boot_usec() + (uint64_t)(seconds * 1e6);
}

static void expect_refusal(read_t read, const char *text, enum refusal refusal, const char *param)
{
	struct reading r = read_text(read, text);

	if (r.r != -EINVAL || r.fault.refusal != refusal)
		fail_msg(
			"%s: %d, %s", text, r.r, r.r < 0 ? refusal_name(r.fault.refusal) : "taken");
	assert_string_equal(r.fault.param, param);
	assert_true(strlen(r.fault.why) > 0);
	payload_done(&r.p);
}

static void expect_taken(read_t read, const char *text, const char *id, double seconds)
{
	struct reading r = read_text(read, text);

	if (r.r != 0)
		fail_msg("%s: %s %s", text, refusal_name(r.fault.refusal), r.fault.why);
	if (id)
		assert_string_equal(json_object_to_json_string(r.p.id), id);
	else
		assert_null(r.p.id);
	assert_in_range(r.p.deadline, in(seconds)-2, in(seconds) + 2);
	assert_false(r.p.lock);
	payload_done(&r.p);
}

static void each_word_in_any_case(void **state)
{
	static const char *const opens[] = {"OPEN", "UNLOCK", "UNLOCKED", "PRESS", "ON", "TRUE",
		"1", "open", "Unlock", "uNLOCKED", "press", "oN", "True", "tRUE", "OpEn"};
	static const char *const locks[] = {"LOCK", "LOCKED", "lock", "Locked", "lOCKED"};

	for (size_t i = 0; i < ELEMENTS(opens); i++)
		expect_taken(payload_open, opens[i], NULL, 5);
	for (size_t i = 0; i < ELEMENTS(locks); i++) {
		struct reading r = read_text(payload_open, locks[i]);

		assert_int_equal(r.r, 0);
		assert_true(r.p.lock);
		payload_done(&r.p);
	}
}

static void near_words_open_nothing(void **state)
{
	static const char *const texts[] = {"OPEN ", " OPEN", "OPEN\n", "OPEN\r\n", "opened", "OPE",
		"O", "2", "0", "11", "1 ", "01", "1.0", "-1", "true1", "yes", "[]", "[1]",
		"[\"OPEN\"]", "\"OPEN\"", "'OPEN'", "null", "false", "OFF", "PRESSED", "UNLOCKING",
		"OPEN;", "{", "}", "{}}", "{}x", "{'id':1}", "{xidx:1}", "{\"id\"}", "OPEN{}",
		"open door", "\xef\xbb\xbf{}", "\xef\xbb\xbfOPEN", "{\"id\": \"\xff\"}",
		"\303\226PEN"};

	for (size_t i = 0; i < ELEMENTS(texts); i++)
		expect_refusal(payload_open, texts[i], REFUSAL_INVALID_PAYLOAD, "");
	expect_refusal(payload_open, "", REFUSAL_EMPTY, "");
}

static void a_nul_inside_opens_nothing(void **state)
{
	static const struct {
		const char *bytes;
		size_t size;
	} cases[] = {{"OPEN", 5}, {"OP\0N", 4}, {"1", 2}, {"\0", 1}, {"\0OPEN", 5}, {"{}", 3},
		{"{\"id\":\"a\"}\0OPEN", 15}, {"ON\0\0", 4}};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct reading r = read_bytes(payload_open, cases[i].bytes, cases[i].size);

		assert_int_equal(r.r, -EINVAL);
		assert_int_equal(r.fault.refusal, REFUSAL_INVALID_PAYLOAD);
		payload_done(&r.p);
	}
}

static void an_object_opens(void **state)
{
	expect_taken(payload_open, "{}", NULL, 5);
	expect_taken(payload_open, " { } \n", NULL, 5);
	expect_taken(payload_open, "{\"id\":\"a\"}", "\"a\"", 5);
	expect_taken(payload_open, "{\"id\":7,\"ts\":1900000000,\"expires_in\":3}", "7", 3);
}

static void unknown_members_are_refused_in_an_opening(void **state)
{
	expect_refusal(payload_open, "{\"door\":1}", REFUSAL_INVALID_PARAM, "door");
	expect_refusal(payload_open, "{\"ID\":1}", REFUSAL_INVALID_PARAM, "ID");
	expect_refusal(payload_open, "{\"id\":1,\"\":{}}", REFUSAL_INVALID_PARAM, "");
	expect_refusal(payload_open, "{\"state\":\"LOCK\"}", REFUSAL_INVALID_PARAM, "state");
}

static void the_id_is_kept_for_a_refusal(void **state)
{
	struct reading r = read_text(payload_open, "{\"id\":\"x\",\"door\":1}");

	assert_int_equal(r.r, -EINVAL);
	assert_string_equal(json_object_get_string(r.p.id), "x");
	payload_done(&r.p);
	r = read_text(payload_request, "{\"id\":3,\"ts\":0}");
	assert_int_equal(r.r, -EINVAL);
	assert_int_equal(r.fault.refusal, REFUSAL_EXPIRED);
	assert_int_equal(json_object_get_int(r.p.id), 3);
	payload_done(&r.p);
}

static void ids_are_texts_or_numbers(void **state)
{
	static const char *const wrong[] = {
		"null", "true", "[]", "{}", "\"\"", "NaN", "Infinity", "1e999", "\"a\\u0000b\""};
	char text[100];

	expect_taken(payload_request, "{\"id\":0}", "0", 5);
	expect_taken(payload_request, "{\"id\":-1.50}", "-1.50", 5);
	expect_taken(payload_request, "{\"id\":9007199254740993}", "9007199254740993", 5);
	expect_taken(payload_request, "{\"id\":\"\\u00e4\"}", "\"\xc3\xa4\"", 5);
	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		struct reading r;

		(void)snprintf(text, sizeof(text), "{\"id\":%s}", wrong[i]);
		r = read_text(payload_request, text);
		assert_int_equal(r.r, -EINVAL);
		/* json-c refuses some of them itself. */
		if (r.fault.refusal != REFUSAL_INVALID_PAYLOAD) {
			assert_int_equal(r.fault.refusal, REFUSAL_INVALID_PARAM);
			assert_string_equal(r.fault.param, "id");
		}
		assert_null(r.p.id);
		payload_done(&r.p);
	}
}

static void an_id_has_a_longest(void **state)
{
	char text[PAYLOAD_ID_MAX + 32];
	struct reading r;
	int n;

	for (int more = 0; more < 2; more++) {
		n = snprintf(text, sizeof(text), "{\"id\":\"%0*d\"}", PAYLOAD_ID_MAX + more, 7);
		r = read_bytes(payload_request, text, (size_t)n);
		assert_int_equal(r.r, more ? -EINVAL : 0);
		if (more)
			assert_string_equal(r.fault.param, "id");
		payload_done(&r.p);
	}
}

static void a_time_brings_the_deadline_forward(void **state)
{
	expect_taken(payload_open, "{\"ts\":1900000000}", NULL, 5);
	expect_taken(payload_open, "{\"ts\":1899999998}", NULL, 3);
	expect_taken(payload_open, "{\"ts\":1899999997.5}", NULL, 2.5);
	expect_taken(payload_open, "{\"ts\":\"2030-03-17T17:46:39Z\"}", NULL, 4);
	expect_taken(payload_open, "{\"ts\":\"2030-03-17T19:46:39.5+02:00\"}", NULL, 4.5);
	/* A clock ahead of ours gives no more time. */
	expect_taken(payload_open, "{\"ts\":1900000059}", NULL, 5);
}

static void old_and_impossible_times_are_refused(void **state)
{
	static const char *const wrong[] = {"\"\"", "\"yesterday\"", "\"2030-03-17\"",
		"\"2030-02-30T00:00:00Z\"", "\"1900000000\"", "null", "true", "[]", "{}", "1e30",
		"-1e30", "1900000000000", "\"2030-03-17T17:48:41Z\"", "1900000061",
		"9223372036854775807", "18446744073709551615", "99999999999999999999999"};
	char text[100];

	expect_refusal(payload_open, "{\"ts\":1899999995}", REFUSAL_EXPIRED, "");
	expect_refusal(payload_open, "{\"ts\":\"2030-03-17T17:46:34Z\"}", REFUSAL_EXPIRED, "");
	expect_refusal(payload_open, "{\"ts\":0}", REFUSAL_EXPIRED, "");
	expect_refusal(payload_open, "{\"ts\":-1}", REFUSAL_EXPIRED, "");
	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		(void)snprintf(text, sizeof(text), "{\"ts\":%s}", wrong[i]);
		expect_refusal(payload_open, text, REFUSAL_INVALID_PARAM, "ts");
	}
}

static void expires_in_brings_the_deadline_forward(void **state)
{
	expect_taken(payload_open, "{\"expires_in\":2}", NULL, 2);
	expect_taken(payload_open, "{\"expires_in\":0.25}", NULL, 0.25);
	expect_taken(payload_open, "{\"expires_in\":3600}", NULL, 5);
	expect_taken(payload_open, "{\"expires_in\":1e300}", NULL, 5);
	expect_taken(payload_open, "{\"ts\":1899999999,\"expires_in\":3}", NULL, 2);
	/* The sender may allow an old request what we would not. */
	expect_taken(payload_open, "{\"ts\":1899999900,\"expires_in\":103}", NULL, 3);
	expect_taken(payload_open, "{\"ts\":1899999900,\"expires_in\":300}", NULL, 5);
}

static void what_has_expired_is_refused(void **state)
{
	static const char *const wrong[] = {"null", "\"5\"", "true", "[]", "{}", "\"\""};
	char text[100];

	expect_refusal(payload_open, "{\"expires_in\":0}", REFUSAL_EXPIRED, "");
	expect_refusal(payload_open, "{\"expires_in\":-1}", REFUSAL_EXPIRED, "");
	expect_refusal(payload_open, "{\"expires_in\":-1e300}", REFUSAL_EXPIRED, "");
	expect_refusal(payload_open, "{\"ts\":1899999990,\"expires_in\":9.5}", REFUSAL_EXPIRED, "");
	for (size_t i = 0; i < ELEMENTS(wrong); i++) {
		(void)snprintf(text, sizeof(text), "{\"expires_in\":%s}", wrong[i]);
		expect_refusal(payload_open, text, REFUSAL_INVALID_PARAM, "expires_in");
	}
}

static void the_message_expiry_brings_the_deadline_forward(void **state)
{
	static const struct {
		int64_t expiry;
		uint64_t patience;
		uint64_t usec;
	} cases[] = {
		{-1, PATIENCE, PATIENCE},
		{0, PATIENCE, 0},
		{0, 500000, 0},
		{1, PATIENCE, USEC_PER_SEC},
		{5, 5900000, 5000000},
		{6, 5900000, 5900000},
		{UINT32_MAX, PATIENCE, PATIENCE},
		{INT64_MAX, PATIENCE, PATIENCE},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		struct mqtt_message message = message_of("{\"expires_in\":30}", 17);
		struct payload p;
		struct fault fault;

		message.expiry_sec = cases[i].expiry;
		assert_int_equal(payload_open(&p, &message, cases[i].patience, &fault), 0);
		assert_int_equal(p.deadline - clock_boot_usec(), cases[i].usec);
		payload_done(&p);
	}
}

static void too_large_is_refused(void **state)
{
	const struct mqtt_message message = message_of(NULL, MQTT_PAYLOAD_MAX + 1);
	struct payload p;
	struct fault fault;

	assert_int_equal(payload_open(&p, &message, PATIENCE, &fault), -EINVAL);
	assert_int_equal(fault.refusal, REFUSAL_TOO_LARGE);
	payload_done(&p);
	assert_int_equal(payload_request(&p, &message, PATIENCE, &fault), -EINVAL);
	assert_int_equal(fault.refusal, REFUSAL_TOO_LARGE);
	payload_done(&p);
}

static void a_request_is_an_object_or_nothing(void **state)
{
	static const char *const wrong[] = {"[]", "1", "OPEN", "null", "\"{}\"", " ", "{]", "{}{}"};
	struct reading r = read_text(payload_request, "");

	assert_int_equal(r.r, 0);
	assert_string_equal(json_object_to_json_string(r.p.param), "{ }");
	payload_done(&r.p);
	for (size_t i = 0; i < ELEMENTS(wrong); i++)
		expect_refusal(payload_request, wrong[i], REFUSAL_INVALID_PAYLOAD, "");
}

static void a_text_is_plain_and_short(void **state)
{
	static const char *const texts[] = {"1", "ON", "expired", "a{}b", "\"1\"", "[1]"};
	char text[PAYLOAD_TEXT_MAX + 2];

	for (size_t i = 0; i < ELEMENTS(texts); i++) {
		struct reading r = read_text(payload_text, texts[i]);

		assert_int_equal(r.r, 0);
		assert_string_equal(r.p.text, texts[i]);
		assert_null(r.p.param);
		assert_null(r.p.id);
		payload_done(&r.p);
		assert_null(r.p.text);
	}
	memset(text, 'x', sizeof(text));
	text[PAYLOAD_TEXT_MAX + 1] = '\0';
	expect_refusal(payload_text, text, REFUSAL_TOO_LARGE, "");
	text[PAYLOAD_TEXT_MAX] = '\0';
	expect_taken(payload_text, text, NULL, 5);
	expect_refusal(payload_text, "", REFUSAL_EMPTY, "");
	expect_refusal(payload_text, "a b", REFUSAL_INVALID_PAYLOAD, "");
	expect_refusal(payload_text, "a\n", REFUSAL_INVALID_PAYLOAD, "");
	expect_refusal(payload_text, "\t", REFUSAL_INVALID_PAYLOAD, "");
	expect_refusal(payload_text, "\x7f", REFUSAL_INVALID_PAYLOAD, "");
}

static void a_nul_inside_is_no_text(void **state)
{
	struct reading r = read_bytes(payload_text, "12\0", 3);

	assert_int_equal(r.r, -EINVAL);
	assert_int_equal(r.fault.refusal, REFUSAL_INVALID_PAYLOAD);
	payload_done(&r.p);
}

static void a_brace_makes_it_an_object(void **state)
{
	struct reading r = read_text(payload_text_or_object, "{\"temp_key\":\"1\",\"id\":7}");

	assert_int_equal(r.r, 0);
	assert_null(r.p.text);
	assert_string_equal(json_object_to_json_string(r.p.id), "7");
	assert_string_equal(json_object_to_json_string_ext(r.p.param, JSON_C_TO_STRING_PLAIN),
		"{\"temp_key\":\"1\"}");
	payload_done(&r.p);
	r = read_text(payload_text_or_object, "91234567");
	assert_int_equal(r.r, 0);
	assert_string_equal(r.p.text, "91234567");
	payload_done(&r.p);
	expect_refusal(payload_text_or_object, "{", REFUSAL_INVALID_PAYLOAD, "");
	expect_refusal(payload_text_or_object, "{}{}", REFUSAL_INVALID_PAYLOAD, "");
	expect_refusal(payload_text_or_object, " {}", REFUSAL_INVALID_PAYLOAD, "");
	expect_refusal(payload_text_or_object, "", REFUSAL_EMPTY, "");
	expect_refusal(payload_text_or_object, "{\"ts\":0}", REFUSAL_EXPIRED, "");
}

static void the_gateways_own_members_are_taken_out(void **state)
{
	struct reading r = read_text(payload_request,
		"{\"mac\":\"x\",\"id\":1,\"ts\":1900000000,\"expires_in\":2,\"n\":{\"id\":2}}");

	assert_int_equal(r.r, 0);
	assert_string_equal(json_object_to_json_string_ext(r.p.param, JSON_C_TO_STRING_PLAIN),
		"{\"mac\":\"x\",\"n\":{\"id\":2}}");
	payload_done(&r.p);
}

static void a_double_member_is_refused(void **state)
{
	expect_refusal(payload_open, "{\"id\":1,\"id\":2}", REFUSAL_INVALID_PAYLOAD, "");
	expect_refusal(payload_request, "{\"a\":\"x\",\"a\":\"y\"}", REFUSAL_INVALID_PAYLOAD, "");
}

static void deep_documents_are_refused(void **state)
{
	char text[600];

	for (int depth = 4; depth <= 64; depth *= 2) {
		struct reading r;

		(void)snprintf(text, sizeof(text), "{\"a\":%.*s1%.*s}", depth,
			"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", depth,
			"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");
		r = read_text(payload_request, text);
		assert_int_equal(r.r, depth < 16 ? 0 : -EINVAL);
		payload_done(&r.p);
	}
}

static void a_cut_text_ends_with_a_whole_character(void **state)
{
	char param[120], text[160];
	struct reading r;

	/* 95 bytes are kept: they end inside the last character of four bytes. */
	memset(param, 'p', sizeof(param));
	memcpy(param + 93, "\xf0\x9f\x9a\xaa", 5);
	(void)snprintf(text, sizeof(text), "{\"%s\":1}", param);
	r = read_text(payload_open, text);
	assert_int_equal(r.fault.refusal, REFUSAL_INVALID_PARAM);
	assert_int_equal(strlen(r.fault.param), 93);
	payload_done(&r.p);
	/* One byte less, and three of its four would still fit. */
	memcpy(param + 91, "\xf0\x9f\x9a\xaa", 5);
	(void)snprintf(text, sizeof(text), "{\"%s\":1}", param);
	r = read_text(payload_open, text);
	assert_int_equal(strlen(r.fault.param), 95);
	payload_done(&r.p);
}

static int setup(void **state)
{
	time_start(NOW_SEC * 1000);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_word_in_any_case),
		cmocka_unit_test(near_words_open_nothing),
		cmocka_unit_test(a_nul_inside_opens_nothing),
		cmocka_unit_test(an_object_opens),
		cmocka_unit_test(unknown_members_are_refused_in_an_opening),
		cmocka_unit_test(the_id_is_kept_for_a_refusal),
		cmocka_unit_test(ids_are_texts_or_numbers),
		cmocka_unit_test(an_id_has_a_longest),
		cmocka_unit_test(a_time_brings_the_deadline_forward),
		cmocka_unit_test(old_and_impossible_times_are_refused),
		cmocka_unit_test(expires_in_brings_the_deadline_forward),
		cmocka_unit_test(what_has_expired_is_refused),
		cmocka_unit_test(the_message_expiry_brings_the_deadline_forward),
		cmocka_unit_test(too_large_is_refused),
		cmocka_unit_test(a_request_is_an_object_or_nothing),
		cmocka_unit_test(a_text_is_plain_and_short),
		cmocka_unit_test(a_nul_inside_is_no_text),
		cmocka_unit_test(a_brace_makes_it_an_object),
		cmocka_unit_test(the_gateways_own_members_are_taken_out),
		cmocka_unit_test(a_double_member_is_refused),
		cmocka_unit_test(deep_documents_are_refused),
		cmocka_unit_test(a_cut_text_ends_with_a_whole_character),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
