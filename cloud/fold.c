#include "cloud/fold.h"

#include <string.h>

#include "util/json.h"

/* The end of the year 9999. */
#define TIMESTAMP_MAX INT64_C(253402300799999)

static const char *message_of(struct json_object *place, const char *key)
{
	size_t size;

	return json_plain(json_get(place, key), &size);
}

static const char *first_text(struct json_object *const *places, size_t n, const char *const *keys,
	size_t n_keys, const char *(*get)(struct json_object *place, const char *key))
{
	for (size_t p = 0; p < n; p++)
		for (size_t k = 0; k < n_keys; k++) {
			const char *text = get(places[p], keys[k]);

			if (text && *text)
				return text;
		}
	return NULL;
}

/* The vendor's page on failures could not be found, so these are the names that clients have met:
 * at top level first, then inside result and error. A code may be a number, a message may not. They
 * are passed on, never acted upon. */
static void fold_words(struct json_object *document, struct cloud_answer *ret)
{
	static const char *const messages[] = {
		"message", "msg", "error", "error_msg", "error_message", "error_description"};
	static const char *const codes[] = {"code", "error_code", "errorCode", "err_code"};
	struct json_object *const places[] = {
		document, json_get(document, "result"), json_get(document, "error")};

	ret->message =
		first_text(places, ELEMENTS(places), messages, ELEMENTS(messages), message_of);
	ret->code = first_text(places, ELEMENTS(places), codes, ELEMENTS(codes), json_text);
}

/* 0: there is none, or it is not in milliseconds. */
static int64_t timestamp_of(struct json_object *document)
{
	int64_t timestamp = json_object_get_int64(json_get(document, "timestamp"));

	return timestamp > 0 && timestamp <= TIMESTAMP_MAX ? timestamp : 0;
}

/* 1 or 0 for true or false, also as text; negative: it says neither. */
static int success_of(struct json_object *document)
{
	const char *text = json_text(document, "success");

	if (text && strcmp(text, "true") == 0)
		return 1;
	if (text && strcmp(text, "false") == 0)
		return 0;
	return json_flag(document, "success");
}

static const char *status_why(long status)
{
	if (status == 429)
		return "the cloud wants fewer calls for a while";
	if (status >= 500)
		return "the cloud is in trouble";
	if (status >= 200 && status < 300)
		return "the cloud's answer is not what its manual says";
	return "the cloud refused it";
}

/* Fills ret but for its times. *ret_document, which the caller frees, holds the texts and the
 * result that ret borrows. Never fails: what cannot be read is CLOUD_REFUSED with the status.
 * Rules: transport failures by what is known of the body; HTTP 401 is CLOUD_AUTH_FAILED; success
 * is 2xx and `success` true; all else is CLOUD_REFUSED with the first words found. */
void fold_answer(
	const struct http_answer *http, struct cloud_answer *ret, struct json_object **ret_document)
{
	_cleanup_(json_freep) struct json_object *document = NULL;

	*ret = (struct cloud_answer){
		.http_status = http->status,
		.retry_after_usec = http->retry_after_usec,
		.why = http->why ? http->why : "",
	};
	switch (http->end) {
	case HTTP_NOT_SENT:
		ret->error = CLOUD_UNREACHABLE;
		return;
	case HTTP_EXPIRED:
		ret->error = CLOUD_EXPIRED;
		return;
	case HTTP_NO_ANSWER:
		ret->error = CLOUD_OUTCOME_UNKNOWN;
		return;
	case HTTP_BAD_ANSWER:
		ret->error = CLOUD_REFUSED;
		return;
	case HTTP_ANSWERED:
		break;
	}
	if (json_parse(&document, http->body, http->size) < 0)
		document = NULL;
	if (http->status == 401) {
		ret->error = CLOUD_AUTH_FAILED;
		ret->why = "the cloud does not accept the access token";
	} else if (http->status >= 200 && http->status < 300 && success_of(document) == 1) {
		ret->error = CLOUD_OK;
		ret->result = json_get(document, "result");
		ret->timestamp = timestamp_of(document);
	} else {
		ret->error = CLOUD_REFUSED;
		ret->why = success_of(document) == 0 && http->status < 400
		                   ? "the cloud refused it"
		                   : status_why(http->status);
		fold_words(document, ret);
	}
	*ret_document = TAKE_PTR(document);
}
