#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tests/integration/client.h"
#include "util/cleanup.h"

/* What a subscriber got, set against the rows that the cloud has. A row is known by a text made of
 * all that it says; rows that are equal in everything have the same. */
struct ledger;

/* A home's calls or its openings. */
#define LEDGER_PLACES 4

struct ledger *ledger_new(void);
struct ledger *ledger_free(struct ledger *ledger);

/* The cloud has that row. late: it came behind newer ones. */
void ledger_row(struct ledger *ledger, unsigned place, const char *row, bool picture, bool late);

/* The subscriber got it; fails the test on what must never be. */
void ledger_event(struct ledger *ledger, unsigned place, const struct message *m, const char *row);
void ledger_device_event(struct ledger *ledger, const struct message *m);
void ledger_picture(struct ledger *ledger, const struct message *m);

size_t ledger_rows(const struct ledger *ledger);
size_t ledger_events(const struct ledger *ledger, unsigned place);  /* different ones */
size_t ledger_in_time(const struct ledger *ledger, unsigned place); /* but the late ones */
size_t ledger_repeats(const struct ledger *ledger);
bool ledger_is_complete(const struct ledger *ledger);
const char *ledger_row_of(const struct ledger *ledger, const char *event_id);

/* Prints what is missing. */
void ledger_report(const struct ledger *ledger);

DEFINE_CLEANUP(struct ledger *, ledger_free);
