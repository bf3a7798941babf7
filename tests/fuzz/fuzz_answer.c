#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "cache/history.h"
#include "cache/home.h"
#include "cloud/fold.h"
#include "cloud/records.h"
#include "util/json.h"
#include "util/log.h"

/* What the cloud answers: the first byte says to what, the second with which HTTP status, the rest
 * is the body. It becomes records, and those become homes, devices and rows. */

enum asked {
	ASKED_FAMILIES,
	ASKED_DEVICES,
	ASKED_KEYS,
	ASKED_MEMBERS,
	ASKED_CALLS,
	ASKED_OPENINGS,
	ASKED_MAX,
};

static const long statuses[] = {200, 201, 400, 401, 403, 429, 500, 302};

static struct {
	struct cache *cache;
	struct zone *zone;
	struct history *history;
	int64_t now;
} all;

static bool on_served(const char *residence_id, void *userdata)
{
	return true;
}

static void begin(void)
{
	static const struct cache_handlers handlers = {.served = on_served};
	const struct family_record home = {"H", "home", true, true};
	struct history_settings settings = {
		.keep_sec = 86400, .max_event_age_sec = 600, .pictures = true};

	log_set_level(LOG_CRIT);
	if (cache_new(&all.cache, NULL, &handlers, NULL) < 0 ||
		zone_new(&all.zone, "Europe/Berlin") < 0)
		abort();
	settings.zone = all.zone;
	if (history_new(&all.history, cache_file(all.cache), &settings) < 0 ||
		cache_merge_homes(all.cache, &home, 1) < 0)
		abort();
	all.now = 1900000000;
}

static void end(void)
{
	(void)history_free(all.history);
	(void)zone_free(all.zone);
	(void)cache_free(all.cache);
}

static struct home *home(void)
{
	return cache_find(all.cache, "H");
}

static void take_families(struct json_object *result)
{
	_cleanup_free_ struct family_record *records = NULL;
	size_t n;

	if (records_families(result, &records, &n) == 0)
		(void)cache_merge_homes(all.cache, records, n);
}

static void take_devices(struct json_object *result)
{
	_cleanup_free_ struct device_record *records = NULL;
	size_t n;

	if (records_devices(result, &records, &n) == 0 &&
		cache_merge_devices(all.cache, home(), records, n) < 0)
		abort();
}

static void take_keys(struct json_object *result)
{
	_cleanup_free_ struct temp_key_record *records = NULL;
	size_t n;

	if (records_temp_keys(result, &records, &n) == 0 &&
		cache_merge_temp_keys(all.cache, home(), records, n, true) < 0)
		abort();
}

static void take_members(struct json_object *result)
{
	unsigned members;

	if (records_members(result, &members) == 0)
		cache_merge_members(all.cache, home(), members);
}

/* Twice: the second time nothing may be new. */
static void take_history(struct json_object *result, enum history_kind kind)
{
	_cleanup_free_ struct history_record *records = NULL;
	struct history_news news;
	size_t n;

	if (records_history(result, kind, &records, &n) < 0)
		return;
	if (history_merge(all.history, home(), kind, records, n, all.now, &news) < 0 ||
		history_merge(all.history, home(), kind, records, n, all.now + 15, &news) < 0 ||
		news.rows > 0)
		abort();
}

static void take(enum asked asked, struct json_object *result)
{
	switch (asked) {
	case ASKED_FAMILIES:
		take_families(result);
		break;
	case ASKED_DEVICES:
		take_devices(result);
		break;
	case ASKED_KEYS:
		take_keys(result);
		break;
	case ASKED_MEMBERS:
		take_members(result);
		break;
	case ASKED_CALLS:
		take_history(result, HISTORY_CALL);
		break;
	case ASKED_OPENINGS:
		take_history(result, HISTORY_DOOR);
		break;
	case ASKED_MAX:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(json_freep) struct json_object *document = NULL;
	struct http_answer http = {.end = HTTP_ANSWERED, .why = "x"};
	_cleanup_free_ char *body = NULL;
	struct cloud_answer answer;

	if (size < 2)
		return 0;
	body = fuzz_text(data + 2, size - 2);
	if (!body)
		return 0;
	http.status = statuses[data[1] % ELEMENTS(statuses)];
	http.body = body;
	http.size = strlen(body);
	fold_answer(&http, &answer, &document);
	if (!answer.why && answer.error != CLOUD_OK)
		abort();
	if (answer.error != CLOUD_OK)
		return 0;
	begin();
	take((enum asked)(data[0] % ASKED_MAX), answer.result);
	end();
	return 0;
}
