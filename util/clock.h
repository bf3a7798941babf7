#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC  UINT64_C(1000000)

/* A clock that shows less seconds since 1970 was never set: this program is younger. 2024-01-01. */
#define CLOCK_SET INT64_C(1704067200)

/* Room for "2026-11-21T19:30:00.123+01:00" and its NUL. */
#define CLOCK_TEXT_MAX 40

uint64_t clock_boot_usec(void);
uint64_t clock_monotonic_usec(void);
int64_t clock_epoch_msec(void);

char *clock_rfc3339(char text[static CLOCK_TEXT_MAX], int64_t epoch);
int clock_parse_rfc3339(const char *text, int64_t *ret_epoch_msec);

int clock_parse_local(const char *text, int64_t *ret_epoch);

char *clock_cloud(char text[static CLOCK_TEXT_MAX], int64_t epoch);
int clock_parse_cloud(const char *text, int64_t *ret_epoch);
int clock_parse_duration(const char *text, uint64_t *ret_usec);
