#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bridge/answer.h"
#include "bridge/mqtt.h"
#include "cache/history.h"
#include "cache/home.h"
#include "cloud/client.h"
#include "util/cleanup.h"

/* Openings and their rows in the door history: whoever was answered outcome_unknown is told later
 * whether the door opened, if the history proves it. */
struct confirm;

/* Openings that are followed; one more, and the oldest is not any longer. */
#define CONFIRM_MAX 1024

/* So long after its answer an opening's row is looked for. It did not happen if then the history
 * was heard so often since, without a row that may be its own. */
#define CONFIRM_WAIT_USEC (30 * UINT64_C(1000000))
#define CONFIRM_HEARD_MIN 3

/* What is heard later than this, because the cloud was away, proves nothing. */
#define CONFIRM_FORGET_USEC (10 * 60 * UINT64_C(1000000))

/* Who asked for an opening; all of it is copied. */
struct confirm_asker {
	const struct address *address; /* NULL: out of memory */
	struct json_object *id;        /* NULL: none */
	const char *command;
	const char *door; /* as the log names it */
};

int confirm_new(struct confirm **ret, struct mqtt *mqtt, struct history *history);
struct confirm *confirm_free(struct confirm *confirm);

uint64_t confirm_sent(struct confirm *confirm, const struct relay *relay);
void confirm_answered(struct confirm *confirm, uint64_t opening, const struct cloud_answer *cloud,
	const struct confirm_asker *asker);
void confirm_heard(struct confirm *confirm, const struct home *home,
	const struct history_news *news, int64_t now_msec, uint64_t asked);
bool confirm_awaits(const struct confirm *confirm, const struct home *home);
void confirm_clear(struct confirm *confirm);

DEFINE_CLEANUP(struct confirm *, confirm_free);
