#include "tests/unit/cmocka-all.h"

#include <string.h>

#include "cloud/fold.h"
#include "util/cleanup.h"
#include "util/json.h"

#define REFUSED  "the cloud refused it"
#define NO_TOKEN "the cloud does not accept the access token"
#define TROUBLE  "the cloud is in trouble"
#define STRANGE  "the cloud's answer is not what its manual says"
#define SLOWER   "the cloud wants fewer calls for a while"

/* An array in so many arrays. */
#define NESTED                                                       \
	"{\"success\": true, \"result\": [[[[[[[[[[[[[[[[[]]]]]]]]]" \
	"]]]]]]]]}"

static const struct row {
	const char *name;
	enum http_end end;
	long status;
	const char *body;
	enum cloud_error error;
	const char *code, *message, *why;
	const char *result; /* as JSON; NULL: none */
} rows[] = {
	/* 1: trouble on the way, whatever else is there. */
	{"not sent", HTTP_NOT_SENT, 0, "", CLOUD_UNREACHABLE, NULL, NULL, "as told", NULL},
	{"expired", HTTP_EXPIRED, 0, "", CLOUD_EXPIRED, NULL, NULL, "as told", NULL},
	{"no answer", HTTP_NO_ANSWER, 0, "", CLOUD_OUTCOME_UNKNOWN, NULL, NULL, "as told", NULL},
	{"half an answer", HTTP_NO_ANSWER, 0, "{\"success\": true}", CLOUD_OUTCOME_UNKNOWN, NULL,
		NULL, "as told", NULL},
	{"too large", HTTP_BAD_ANSWER, 200, "{\"success\": true}", CLOUD_REFUSED, NULL, NULL,
		"as told", NULL},
	{"not HTTP", HTTP_BAD_ANSWER, 0, "", CLOUD_REFUSED, NULL, NULL, "as told", NULL},

	/* 2: HTTP 401 is about the token, whatever it says. */
	{"401", HTTP_ANSWERED, 401, "", CLOUD_AUTH_FAILED, NULL, NULL, NO_TOKEN, NULL},
	{"401 with words", HTTP_ANSWERED, 401,
		"{\"success\": false, \"message\": \"expired\", \"code\": 7}", CLOUD_AUTH_FAILED,
		NULL, NULL, NO_TOKEN, NULL},
	{"401 with success", HTTP_ANSWERED, 401, "{\"success\": true, \"result\": {}}",
		CLOUD_AUTH_FAILED, NULL, NULL, NO_TOKEN, NULL},

	/* 3: no JSON, or JSON without success: by status. */
	{"nothing", HTTP_ANSWERED, 200, "", CLOUD_REFUSED, NULL, NULL, STRANGE, NULL},
	{"204", HTTP_ANSWERED, 204, "", CLOUD_REFUSED, NULL, NULL, STRANGE, NULL},
	{"HTML", HTTP_ANSWERED, 200, "<html>success: true</html>", CLOUD_REFUSED, NULL, NULL,
		STRANGE, NULL},
	{"HTML 502", HTTP_ANSWERED, 502, "<html>Bad Gateway</html>", CLOUD_REFUSED, NULL, NULL,
		TROUBLE, NULL},
	{"HTML 404", HTTP_ANSWERED, 404, "<html>Not Found</html>", CLOUD_REFUSED, NULL, NULL,
		REFUSED, NULL},
	{"half of JSON", HTTP_ANSWERED, 200, "{\"success\": true, \"result\": ", CLOUD_REFUSED,
		NULL, NULL, STRANGE, NULL},
	{"two documents", HTTP_ANSWERED, 200, "{\"success\": true} {\"success\": true}",
		CLOUD_REFUSED, NULL, NULL, STRANGE, NULL},
	{"too deep", HTTP_ANSWERED, 200, NESTED, CLOUD_REFUSED, NULL, NULL, STRANGE, NULL},
	{"not UTF-8", HTTP_ANSWERED, 200, "{\"success\": true, \"result\": \"caf\xe9\"}",
		CLOUD_REFUSED, NULL, NULL, STRANGE, NULL},
	{"an array", HTTP_ANSWERED, 200, "[{\"success\": true}]", CLOUD_REFUSED, NULL, NULL,
		STRANGE, NULL},
	{"a word", HTTP_ANSWERED, 200, "true", CLOUD_REFUSED, NULL, NULL, STRANGE, NULL},
	{"null", HTTP_ANSWERED, 200, "null", CLOUD_REFUSED, NULL, NULL, STRANGE, NULL},
	{"no success", HTTP_ANSWERED, 200, "{\"result\": {\"temp_key\": \"1\"}}", CLOUD_REFUSED,
		NULL, NULL, STRANGE, NULL},
	{"the mesh", HTTP_ANSWERED, 500,
		"{\"errorCode\": \"ERR_DIRECT_INVOKE\", \"message\": \"no app\"}", CLOUD_REFUSED,
		"ERR_DIRECT_INVOKE", "no app", TROUBLE, NULL},
	{"429", HTTP_ANSWERED, 429, "slow down", CLOUD_REFUSED, NULL, NULL, SLOWER, NULL},
	{"503", HTTP_ANSWERED, 503, "", CLOUD_REFUSED, NULL, NULL, TROUBLE, NULL},
	{"403", HTTP_ANSWERED, 403, "", CLOUD_REFUSED, NULL, NULL, REFUSED, NULL},
	{"302", HTTP_ANSWERED, 302, "", CLOUD_REFUSED, NULL, NULL, REFUSED, NULL},

	/* 4: success is 2xx and true, also as text. */
	{"an object", HTTP_ANSWERED, 200,
		"{\"success\": true, \"timestamp\": 1540869200562, \"result\": {\"a\": 1}}",
		CLOUD_OK, NULL, NULL, "as told", "{\"a\":1}"},
	{"a list", HTTP_ANSWERED, 200, "{\"success\": true, \"result\": []}", CLOUD_OK, NULL, NULL,
		"as told", "[]"},
	{"true as text", HTTP_ANSWERED, 200, "{\"success\": \"true\", \"result\": {}}", CLOUD_OK,
		NULL, NULL, "as told", "{}"},
	{"201", HTTP_ANSWERED, 201, "{\"success\": true, \"result\": {}}", CLOUD_OK, NULL, NULL,
		"as told", "{}"},
	{"result missing", HTTP_ANSWERED, 200, "{\"success\": true}", CLOUD_OK, NULL, NULL,
		"as told", NULL},
	{"result null", HTTP_ANSWERED, 200, "{\"success\": true, \"result\": null}", CLOUD_OK, NULL,
		NULL, "as told", NULL},
	{"success and words", HTTP_ANSWERED, 200,
		"{\"success\": true, \"message\": \"fine\", \"code\": 0}", CLOUD_OK, NULL, NULL,
		"as told", NULL},
	{"True", HTTP_ANSWERED, 200, "{\"success\": \"True\"}", CLOUD_REFUSED, NULL, NULL, STRANGE,
		NULL},
	{"1", HTTP_ANSWERED, 200, "{\"success\": 1}", CLOUD_REFUSED, NULL, NULL, STRANGE, NULL},
	{"yes", HTTP_ANSWERED, 200, "{\"success\": \"yes\"}", CLOUD_REFUSED, NULL, NULL, STRANGE,
		NULL},
	{"success null", HTTP_ANSWERED, 200, "{\"success\": null}", CLOUD_REFUSED, NULL, NULL,
		STRANGE, NULL},
	{"success deeper", HTTP_ANSWERED, 200, "{\"result\": {\"success\": true}}", CLOUD_REFUSED,
		NULL, NULL, STRANGE, NULL},
	{"success with 400", HTTP_ANSWERED, 400, "{\"success\": true, \"result\": {}}",
		CLOUD_REFUSED, NULL, NULL, REFUSED, NULL},
	{"success with 500", HTTP_ANSWERED, 500, "{\"success\": true}", CLOUD_REFUSED, NULL, NULL,
		TROUBLE, NULL},

	/* 5: else the first words found. */
	{"false", HTTP_ANSWERED, 200, "{\"success\": false}", CLOUD_REFUSED, NULL, NULL, REFUSED,
		NULL},
	{"false as text", HTTP_ANSWERED, 200, "{\"success\": \"false\"}", CLOUD_REFUSED, NULL, NULL,
		REFUSED, NULL},
	{"false and a result", HTTP_ANSWERED, 200, "{\"success\": false, \"result\": {\"a\": 1}}",
		CLOUD_REFUSED, NULL, NULL, REFUSED, NULL},
	{"false with 503", HTTP_ANSWERED, 503, "{\"success\": false}", CLOUD_REFUSED, NULL, NULL,
		TROUBLE, NULL},
	{"false with 429", HTTP_ANSWERED, 429, "{\"success\": false}", CLOUD_REFUSED, NULL, NULL,
		SLOWER, NULL},
	{"message", HTTP_ANSWERED, 200, "{\"success\": false, \"message\": \"m\", \"code\": 12}",
		CLOUD_REFUSED, "12", "m", REFUSED, NULL},
	{"msg", HTTP_ANSWERED, 404, "{\"success\": false, \"msg\": \"m\", \"error_code\": \"E\"}",
		CLOUD_REFUSED, "E", "m", REFUSED, NULL},
	{"error", HTTP_ANSWERED, 200, "{\"success\": false, \"error\": \"m\", \"errorCode\": -3}",
		CLOUD_REFUSED, "-3", "m", REFUSED, NULL},
	{"error_msg", HTTP_ANSWERED, 200,
		"{\"success\": false, \"error_msg\": \"m\", \"err_code\": \"\"}", CLOUD_REFUSED,
		NULL, "m", REFUSED, NULL},
	{"error_message", HTTP_ANSWERED, 200, "{\"success\": false, \"error_message\": \"m\"}",
		CLOUD_REFUSED, NULL, "m", REFUSED, NULL},
	{"error_description", HTTP_ANSWERED, 200,
		"{\"success\": false, \"error_description\": \"m\", \"err_code\": 1}",
		CLOUD_REFUSED, "1", "m", REFUSED, NULL},
	{"the first of them", HTTP_ANSWERED, 200,
		"{\"success\": false, \"error_description\": \"4\", \"error\": \"3\", \"msg\": "
		"\"2\", \"message\": \"1\", \"err_code\": 4, \"errorCode\": 3, \"error_code\": 2, "
		"\"code\": 1}",
		CLOUD_REFUSED, "1", "1", REFUSED, NULL},
	{"the top first", HTTP_ANSWERED, 200,
		"{\"success\": false, \"result\": {\"message\": \"in\", \"code\": 1}, "
		"\"error_description\": \"top\", \"err_code\": 2}",
		CLOUD_REFUSED, "2", "top", REFUSED, NULL},
	{"in the result", HTTP_ANSWERED, 200,
		"{\"success\": false, \"result\": {\"msg\": \"m\", \"code\": \"C\"}}",
		CLOUD_REFUSED, "C", "m", REFUSED, NULL},
	{"in the error", HTTP_ANSWERED, 200,
		"{\"success\": false, \"result\": {}, \"error\": {\"message\": \"m\", \"code\": 5}}",
		CLOUD_REFUSED, "5", "m", REFUSED, NULL},
	{"result before error", HTTP_ANSWERED, 200,
		"{\"success\": false, \"error\": {\"message\": \"e\"}, \"result\": {\"message\": "
		"\"r\"}}",
		CLOUD_REFUSED, NULL, "r", REFUSED, NULL},
	{"no deeper", HTTP_ANSWERED, 200,
		"{\"success\": false, \"data\": {\"message\": \"m\"}, \"result\": [{\"message\": "
		"\"m\"}]}",
		CLOUD_REFUSED, NULL, NULL, REFUSED, NULL},
	{"big code", HTTP_ANSWERED, 200, "{\"success\": false, \"code\": 1540869200562}",
		CLOUD_REFUSED, "1540869200562", NULL, REFUSED, NULL},
	/* A message is text. */
	{"wrong types", HTTP_ANSWERED, 200,
		"{\"success\": false, \"message\": 5, \"msg\": null, \"error\": true, "
		"\"error_msg\": [\"m\"], \"code\": 1.5, \"error_code\": [1], \"errorCode\": {}, "
		"\"err_code\": false}",
		CLOUD_REFUSED, NULL, NULL, REFUSED, NULL},
	{"an error number", HTTP_ANSWERED, 200,
		"{\"success\": false, \"error\": 1001, \"error_description\": \"no such home\"}",
		CLOUD_REFUSED, NULL, "no such home", REFUSED, NULL},
	{"empty words", HTTP_ANSWERED, 200,
		"{\"success\": false, \"message\": \"\", \"msg\": \"m\", \"code\": \"\", "
		"\"err_code\": 0}",
		CLOUD_REFUSED, "0", "m", REFUSED, NULL},
	{"a NUL in it", HTTP_ANSWERED, 200,
		"{\"success\": false, \"message\": \"a\\u0000b\", \"msg\": \"m\"}", CLOUD_REFUSED,
		NULL, "m", REFUSED, NULL},
};

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void every_answer_means_something(void **state)
{
	for (size_t i = 0; i < ELEMENTS(rows); i++) {
		const struct row *row = &rows[i];
		const struct http_answer http = {
			.end = row->end,
			.status = row->status,
			.body = row->body,
			.size = strlen(row->body),
			.retry_after_usec = 17000,
			.why = "as told",
		};
		_cleanup_(json_freep) struct json_object *document = NULL;
		struct cloud_answer answer;
		const char *result;

		memset(&answer, 0x55, sizeof(answer));
		fold_answer(&http, &answer, &document);
		result = answer.result ? json_object_to_json_string_ext(
						 answer.result, JSON_C_TO_STRING_PLAIN)
		                       : NULL;
		if (answer.error != row->error)
			fail_msg("%s: %s", row->name, cloud_error_name(answer.error));
		if (!same(answer.code, row->code) || !same(answer.message, row->message) ||
			!same(answer.why, row->why) || !same(result, row->result))
			fail_msg("%s: code %s, message %s, why %s, result %s", row->name,
				answer.code, answer.message, answer.why, result);
		assert_int_equal(answer.http_status, row->status);
		assert_int_equal(answer.retry_after_usec, 17000);
		assert_int_equal(answer.elapsed_usec, 0);
	}
}

static void the_time_of_an_answer(void **state)
{
	static const struct {
		const char *body;
		int64_t timestamp;
	} cases[] = {
		{"{\"success\": true, \"timestamp\": 1540869200562}", INT64_C(1540869200562)},
		{"{\"success\": true, \"timestamp\": 1540869200562.0}", INT64_C(1540869200562)},
		{"{\"success\": true, \"timestamp\": \"1540869200562\"}", INT64_C(1540869200562)},
		{"{\"success\": true}", 0},
		{"{\"success\": true, \"timestamp\": null}", 0},
		{"{\"success\": true, \"timestamp\": \"now\"}", 0},
		{"{\"success\": true, \"timestamp\": [1540869200562]}", 0},
		{"{\"success\": true, \"timestamp\": -1}", 0},
		{"{\"success\": true, \"timestamp\": 1540869200562000}", 0},
		{"{\"success\": true, \"timestamp\": 1e300}", 0},
	};

	for (size_t i = 0; i < ELEMENTS(cases); i++) {
		const struct http_answer http = {
			.end = HTTP_ANSWERED,
			.status = 200,
			.body = cases[i].body,
			.size = strlen(cases[i].body),
		};
		_cleanup_(json_freep) struct json_object *document = NULL;
		struct cloud_answer answer;

		fold_answer(&http, &answer, &document);
		assert_int_equal(answer.error, CLOUD_OK);
		assert_int_equal(answer.timestamp, cases[i].timestamp);
	}
}

static void why_is_never_missing(void **state)
{
	const struct http_answer http = {.end = HTTP_NOT_SENT};
	struct json_object *document = NULL;
	struct cloud_answer answer;

	fold_answer(&http, &answer, &document);
	assert_string_equal(answer.why, "");
	assert_null(document);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_means_something),
		cmocka_unit_test(the_time_of_an_answer),
		cmocka_unit_test(why_is_never_missing),
	};

	return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
