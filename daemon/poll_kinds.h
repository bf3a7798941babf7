#pragma once

#include <json-c/json.h>

#include "cache/history.h"
#include "cache/home.h"
#include "daemon/poller.h"

/* What is polled, as a table, and what becomes of the answers. */

enum poll_kind {
	POLL_HOMES, /* of the account; also the probe while the cloud is away */
	POLL_DEVICES,
	POLL_MEMBERS,
	POLL_NFC, /* and two more in the order of enum access_kind */
	POLL_BLE,
	POLL_FACE,
	POLL_KEYS,
	POLL_CALLS, /* and one more in the order of enum history_kind */
	POLL_OPENINGS,
	POLL_KIND_MAX,
};

/* Where answers go. news is set by those of histories. */
struct poll_target {
	struct cache *cache;
	struct history *history;
	bool key_codes;
	int64_t now; /* seconds since 1970, of the answer */
	struct history_news news;
};

/* home: NULL for that of the account. -EINVAL: the answer makes no sense; other negative errno: it
 * could not be kept. */
typedef int (*poll_take_t)(
	struct poll_target *target, struct home *home, struct json_object *result);

struct poll_row {
	const char *command;
	size_t interval; /* offset in struct poller_settings */
	poll_take_t take;
	const char *name; /* of its timers */
	bool of_use;      /* to whoever may ask for it by request */
};

const struct poll_row *poll_row(enum poll_kind kind);
uint64_t poll_interval(const struct poller_settings *settings, enum poll_kind kind);
unsigned poll_kinds_of_use(const struct allowed *allowed);
unsigned poll_kinds_after(const struct command *command);
