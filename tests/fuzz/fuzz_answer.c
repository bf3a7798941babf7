#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache/history.h"
#include "cache/home.h"
#include "cache/model.h"
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
	ASKED_ACCESS,
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

static struct home *home(void)
{
	return cache_find(all.cache, "H");
}

static void begin(void)
{
	static const struct cache_handlers handlers = {.served = on_served};
	const struct family_record family = {"H", "home", true, true};
	const struct device_record device = {.mac = "0C1105AAAAAA",
		.name = "Front Door",
		.type = "Multi-tenants Doorphone",
		.sip = "6200803546",
		.rtsp = "",
		.relays = {{"r1", "Gate", "#", false}},
		.n_relays = 1};
	struct history_settings settings = {
		.keep_sec = 86400, .max_event_age_sec = 600, .pictures = true};

	log_set_level(LOG_CRIT);
	if (cache_new(&all.cache, NULL, &handlers, NULL) < 0 ||
		zone_new(&all.zone, "Europe/Berlin") < 0)
		abort();
	settings.zone = all.zone;
	if (history_new(&all.history, cache_file(all.cache), &settings) < 0 ||
		cache_merge_homes(all.cache, &family, 1) < 0 ||
		cache_merge_devices(all.cache, home(), &device, 1) < 0)
		abort();
	all.now = 1900000000;
}

static void end(void)
{
	(void)history_free(all.history);
	(void)zone_free(all.zone);
	(void)cache_free(all.cache);
}

static void take_families(struct json_object *result)
{
	_cleanup_free_ struct family_record *records = NULL;
	size_t n;

	if (records_families(result, &records, &n) != 0)
		return;
	(void)cache_merge_homes(all.cache, records, n);
	cache_review(all.cache);
	/* What lists leave out is gone with the last of them. */
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		(void)cache_merge_homes(all.cache, NULL, 0);
	if (cache_any_home(all.cache, "H"))
		cache_sweep(all.cache, cache_any_home(all.cache, "H"));
}

/* A device that has other relays in each list, until there is no room for more of them. */
static void change_relays(struct device_record *records, size_t n)
{
	char ids[RECORDS_RELAYS_MAX][32];

	for (int i = 0; n > 0 && i < CACHE_GONE_AFTER; i++) {
		for (int k = 0; k < RECORDS_RELAYS_MAX; k++) {
			(void)snprintf(ids[k], sizeof(ids[k]), "%d-%d", i, k);
			records->relays[k] = (struct relay_record){ids[k], "", "", false};
		}
		records->n_relays = RECORDS_RELAYS_MAX;
		(void)cache_merge_devices(all.cache, home(), records, n);
	}
	if (n > 0)
		records->n_relays = 0;
}

static void take_devices(struct json_object *result)
{
	_cleanup_free_ struct device_record *records = NULL;
	size_t n;

	if (records_devices(result, &records, &n) != 0)
		return;
	/* The second time there is nothing to add; then without relays, and without devices. */
	for (int i = 0; i < 2; i++)
		if (cache_merge_devices(all.cache, home(), records, n) < 0)
			abort();
	change_relays(records, n);
	for (int i = 0; i < CACHE_GONE_AFTER; i++) {
		for (size_t k = 0; k < n; k++)
			records[k].n_relays = 0;
		(void)cache_merge_devices(all.cache, home(), records, n);
	}
	for (int i = 0; i < CACHE_GONE_AFTER; i++)
		(void)cache_merge_devices(all.cache, home(), NULL, 0);
	if (cache_any_home(all.cache, "H"))
		cache_sweep(all.cache, cache_any_home(all.cache, "H"));
}

static void take_keys(struct json_object *result)
{
	_cleanup_free_ struct temp_key_record *records = NULL;
	size_t n;

	if (records_temp_keys(result, &records, &n) != 0)
		return;
	for (int i = 0; i < 3; i++)
		if (cache_merge_temp_keys(all.cache, home(), records, n, i < 2) < 0)
			abort();
	cache_drop_temp_keys(all.cache, home());
}

/* As the poller reads them. */
static void take_access(struct json_object *result)
{
	static const char *const keys[] = {[ACCESS_NFC] = "enable_nfc",
		[ACCESS_BLE] = "enable_ble",
		[ACCESS_FACE] = "is_uploaded"};

	for (int kind = 0; kind < ACCESS_KIND_MAX; kind++) {
		int on = json_flag(result, keys[kind]);

		if (on >= 0)
			cache_merge_access(all.cache, home(), (enum access_kind)kind, on);
		cache_drop_access(all.cache, home(), (enum access_kind)kind);
	}
}

static void take_members(struct json_object *result)
{
	unsigned members;

	if (records_members(result, &members) == 0)
		cache_merge_members(all.cache, home(), members);
}

/* Half of it, all of it, and all of it again, when nothing may be new. */
static void take_history(struct json_object *result, enum history_kind kind)
{
	_cleanup_free_ struct history_record *records = NULL;
	struct history_news news;
	size_t n;

	if (records_history(result, kind, &records, &n) < 0)
		return;
	if (history_merge(all.history, home(), kind, records, n / 2, all.now, &news) < 0 ||
		history_merge(all.history, home(), kind, records, n, all.now, &news) < 0 ||
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
	case ASKED_ACCESS:
		take_access(result);
		break;
	case ASKED_MAX:
		break;
	}
}

/* Without a whole answer nothing is read, and it is no success. */
static void expect_no_success(struct http_answer http)
{
	for (int end = HTTP_BAD_ANSWER; end <= HTTP_EXPIRED; end++) {
		struct json_object *document = NULL;
		struct cloud_answer answer;

		http.end = (enum http_end)end;
		fold_answer(&http, &answer, &document);
		if (answer.error == CLOUD_OK || document)
			abort();
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
	expect_no_success(http);
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
