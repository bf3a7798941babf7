#pragma once

#include "cache/history.h"
#include "tests/unit/scratch.h"

/* A history in a file of its own, and a home for it. */

/* 2026-03-01 12:00:00 UTC. */
#define NOW INT64_C(1772366400)

struct histories {
	struct scratch scratch;
	struct zone *zone;
	struct history_settings settings;
	struct cache_file *file;
	struct history *history;
	struct home home;
	char id[4]; /* of the home: "r1" */
	struct device devices[4];
};

/* A row as a test names it; texts may be NULL. */
struct sample {
	int64_t epoch;
	const char *name;
	const char *picture;
	const char *device; /* of a call: the SIP number */
	bool denied;
};

/* What waits to be published. */
struct told {
	int64_t entry;
	int64_t epoch;
	bool picture;
	enum event_type type;
	char event_id[64];
	char name[64];
	char mac[32];
	char address[64];
	char thumbnail[64];
};

struct all_told {
	struct told items[2000];
	size_t n;
};

int histories_setup(void **state);
int histories_teardown(void **state);
void histories_open(struct histories *h, const char *path);
void histories_close(struct histories *h);
void histories_seed(struct histories *h);

struct history_news histories_merge_at(struct histories *h, enum history_kind kind,
	const struct sample *samples, size_t n, int64_t now);
struct history_news histories_merge(
	struct histories *h, enum history_kind kind, const struct sample *samples, size_t n);

const struct all_told *histories_pending(struct histories *h, int64_t after);
void histories_all_done(struct histories *h);
size_t histories_count(struct histories *h, enum history_kind kind);
int64_t histories_version(const struct histories *h);

/* Without a device; with a picture. */
#define ROW(t, n)                         \
	{                                 \
		.epoch = (t), .name = (n) \
	}
#define SHOWN(t, n, p)                                    \
	{                                                 \
		.epoch = (t), .name = (n), .picture = (p) \
	}

#define MERGE(h, kind, ...)                                            \
	histories_merge(h, kind, (const struct sample[]){__VA_ARGS__}, \
		sizeof((const struct sample[]){__VA_ARGS__}) / sizeof(struct sample))
#define MERGE_AT(h, kind, now, ...)                                       \
	histories_merge_at(h, kind, (const struct sample[]){__VA_ARGS__}, \
		sizeof((const struct sample[]){__VA_ARGS__}) / sizeof(struct sample), now)

#define assert_news(found, ...)                                               \
	do {                                                                  \
		struct history_news _expected = {__VA_ARGS__}, _news = found; \
		_news.before = 0;                                             \
		assert_memory_equal(&_news, &_expected, sizeof(_news));       \
	} while (0)
