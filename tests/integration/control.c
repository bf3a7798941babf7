#include "tests/integration/harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <curl/curl.h>

#include "util/clock.h"
#include "util/cleanup.h"
#include "util/text.h"

#define TIMEOUT_SECONDS 20L
#define PATH_STEPS_MAX  256
#define BODY_MAX        65536 /* as the simulator has it */

struct answer {
	char *text;
	size_t size;
};

static size_t on_body(char *data, size_t unit, size_t size, void *userdata)
{
	struct answer *a = userdata;
	char *larger = realloc(a->text, a->size + size + 1);

	if (!larger)
		return 0;
	a->text = larger;
	memcpy(a->text + a->size, data, size);
	a->size += size;
	a->text[a->size] = '\0';
	return size;
}

/* One request, in JSON and with an access token; method NULL is GET, or POST with a body. */
static struct json_object *call(
	struct harness *h, const char *method, const char *base, const char *path, const char *body)
{
	struct curl_slist *headers = curl_slist_append(NULL, "Authorization: Bearer sim-token");
	struct answer answer = {0};
	struct json_object *json;
	CURL *curl = curl_easy_init();
	long status = 0;
	char url[1024];
	CURLcode r;

	assert_true(curl && headers);
	assert_non_null(curl_slist_append(headers, "Accept: application/json"));
	assert_non_null(curl_slist_append(headers, "Content-Type: application/json"));
	assert_true(snprintf(url, sizeof(url), "%s%s", base, path) < (int)sizeof(url));
	(void)curl_easy_setopt(curl, CURLOPT_URL, url);
	(void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	(void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	(void)curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	(void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, TIMEOUT_SECONDS);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
	(void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
	if (h->certificate)
		(void)curl_easy_setopt(curl, CURLOPT_CAINFO, h->certificate);
	if (body)
		(void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
	if (method)
		(void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	r = curl_easy_perform(curl);
	(void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	json = answer.text ? json_tokener_parse(answer.text) : NULL;
	if (json)
		harness_keep_json(h, json);
	if (r != CURLE_OK || status != 200 || !json) {
		print_error("%s %s: %s, status %ld: %s\n", url, body ? body : "",
			curl_easy_strerror(r), status, answer.text ? answer.text : "");
		free(answer.text);
		fail();
	}
	free(answer.text);
	return json;
}

struct json_object *control_get(struct harness *h, const char *path)
{
	return call(h, NULL, h->control_url, path, NULL);
}

struct json_object *control_post(struct harness *h, const char *path, const char *format, ...)
{
	char body[BODY_MAX];
	va_list arguments;
	int size;

	va_start(arguments, format);
	size = vsnprintf(body, sizeof(body), format, arguments);
	va_end(arguments);
	assert_in_range(size, 0, sizeof(body) - 1);
	for (char *quote = body; (quote = strchr(quote, '\''));)
		*quote = '"';
	return call(h, NULL, h->control_url, path, body);
}

struct json_object *control_delete(struct harness *h, const char *path)
{
	return call(h, "DELETE", h->control_url, path, NULL);
}

/* What stands at a place like "error.code" or "homes.0.name", as text: "true", "12", "null". It
 * stays as long as the object. "" if there is no such place. */
const char *json_at(struct json_object *object, const char *path)
{
	char steps[PATH_STEPS_MAX];
	char *rest = steps, *step;
	const char *text;

	assert_true(snprintf(steps, sizeof(steps), "%s", path) < (int)sizeof(steps));
	while ((step = strsep(&rest, "."))) {
		if (json_object_is_type(object, json_type_array))
			object = json_object_array_get_idx(object, strtoul(step, NULL, 10));
		else if (!json_object_object_get_ex(object, step, &object))
			return "";
		else if (!object)
			return "null";
	}
	text = json_object_get_string(object);
	return text ? text : "";
}

/* A place in the answer of /state; fails the test if there is none. */
const char *control_text(struct harness *h, const char *path)
{
	const char *text = json_at(control_get(h, "/state"), path);

	if (!*text)
		fail_msg("/state has no %s", path);
	return text;
}

/* What the cloud was asked, an array in order; command NULL: everything. */
struct json_object *control_requests(struct harness *h, const char *command)
{
	if (!command)
		return control_get(h, "/requests");
	return control_get(h, harness_text(h, "/requests?command=%s", command));
}

/* Of all there ever were; the simulator lists only the newest. */
size_t control_request_count(struct harness *h, const char *command)
{
	const char *count =
		json_at(control_get(h, "/state"), harness_text(h, "requests.%s", command));

	return strtoul(count, NULL, 10);
}

/* Waits until the cloud has been asked this at least n times since its start. */
void control_await_requests(struct harness *h, const char *command, size_t n)
{
	uint64_t deadline = test_deadline();
	size_t count;

	while ((count = control_request_count(h, command)) < n) {
		if (clock_boot_usec() > deadline)
			fail_msg("%s: %zu of %zu calls", command, count, n);
		test_pause();
	}
}

/* Every time that a relay really moved through the API, an array in order. */
struct json_object *control_openings(struct harness *h)
{
	return control_get(h, "/openings");
}

size_t control_opening_count(struct harness *h)
{
	return json_object_array_length(control_openings(h));
}

/* Waits for the n-th opening, and fails the test if there are more. Whether one comes later only the
 * test knows: client_settle() first. */
struct json_object *control_await_openings(struct harness *h, size_t n)
{
	uint64_t deadline = test_deadline();
	struct json_object *openings;

	for (;;) {
		openings = control_openings(h);
		if (json_object_array_length(openings) >= n)
			break;
		if (clock_boot_usec() > deadline)
			break;
		test_pause();
	}
	if (json_object_array_length(openings) != n)
		fail_msg("%zu openings, not %zu: %s", json_object_array_length(openings), n,
			json_object_get_string(openings));
	return openings;
}

/* Calls a command with its parameters, a JSON object; returns the whole answer, a refusal too. */
struct json_object *cloud_call(struct harness *h, const char *command, const char *param)
{
	char id[33];

	assert_int_equal(text_random_hex(id, 32), 0);
	return call(h, NULL, h->cloud_url, "/api/v1.0/invoke/open-ability/method/user-commands",
		harness_text(
			h, "{\"command\":\"%s\",\"id\":\"c%s\",\"param\":%s}", command, id, param));
}

/* Opens the door of harness_door() past the gateway. */
struct json_object *cloud_open_door(struct harness *h)
{
	return cloud_call(h, "trigger_akuvox_remote_open_door",
		harness_text(h, "{\"residence_id\":\"%s\",\"mac\":\"%s\",\"relay_id\":\"%s\"}",
			control_text(h, "homes.0.residence_id"),
			control_text(h, "homes.0.devices.0.mac"),
			control_text(h, "homes.0.devices.0.relays.0.relay_id")));
}
