#include "bridge/seen.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/queue.h>

#include "util/clock.h"
#include "util/hash.h"
#include "util/json.h"
#include "util/secret.h"

struct sight {
	LIST_ENTRY(sight) alike; /* others of its bucket */
	TAILQ_ENTRY(sight) list;
	uint64_t since;
	char *answer; /* NULL: not answered yet */
	size_t size;  /* of an answer that counts among the long ones, else 0 */
	char key[];
};

LIST_HEAD(bucket, sight);

/* Not json-c's table: what is deleted there keeps its place, until each search for a new key walks
 * through all of it. */
struct seen {
	struct bucket buckets[SEEN_MAX]; /* by the key's hash */
	TAILQ_HEAD(, sight) by_age;
	unsigned n;
	size_t long_size; /* of all long answers together */
};

static struct bucket *bucket_of(struct seen *seen, const char *key)
{
	static const struct hash_key any = {0};

	return &seen->buckets[hash_bytes(any, key, strlen(key)) % ELEMENTS(seen->buckets)];
}

static struct sight *find(const struct bucket *bucket, const char *key)
{
	struct sight *sight;

	LIST_FOREACH (sight, bucket, alike)
		if (strcmp(sight->key, key) == 0)
			return sight;
	return NULL;
}

static void forget(struct seen *seen, struct sight *sight)
{
	LIST_REMOVE(sight, alike);
	TAILQ_REMOVE(&seen->by_age, sight, list);
	seen->n--;
	seen->long_size -= sight->size;
	(void)secret_free(sight->answer);
	free(sight);
}

int seen_new(struct seen **ret)
{
	struct seen *seen = calloc(1, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	TAILQ_INIT(&seen->by_age);
	*ret = seen;
	return 0;
}

struct seen *seen_free(struct seen *seen)
{
	if (!seen)
		return NULL;
	while (!TAILQ_EMPTY(&seen->by_age))
		forget(seen, TAILQ_FIRST(&seen->by_age));
	free(seen);
	return NULL;
}

static void forget_old(struct seen *seen, uint64_t now)
{
	struct sight *oldest;

	while ((oldest = TAILQ_FIRST(&seen->by_age)) &&
		(now - oldest->since >= SEEN_USEC || seen->n >= SEEN_MAX))
		forget(seen, oldest);
}

/* 0: key was not seen and is now. 1: it was; *ret_first is the first answer, borrowed until the
 * next call here, or NULL if that is still to come. -ENOMEM: refuse the request. */
int seen_check(struct seen *seen, const char *key, const char **ret_first)
{
	struct bucket *bucket = bucket_of(seen, key);
	size_t size = strlen(key) + 1;
	uint64_t now = clock_boot_usec();
	struct sight *sight;

	forget_old(seen, now);
	sight = find(bucket, key);
	if (sight) {
		*ret_first = sight->answer;
		return 1;
	}
	sight = calloc(1, sizeof(*sight) + size);
	if (!sight)
		return -ENOMEM;
	(void)memcpy(sight->key, key, size);
	sight->since = now;
	LIST_INSERT_HEAD(bucket, sight, alike);
	TAILQ_INSERT_TAIL(&seen->by_age, sight, list);
	seen->n++;
	return 0;
}

/* The answer without its result; the caller frees it. NULL: out of memory. */
static char *shortened(const char *answer)
{
	_cleanup_(json_freep) struct json_object *object = NULL;
	const char *text;
	size_t size;

	if (json_parse(&object, answer, strlen(answer)) < 0)
		return NULL;
	json_object_object_del(object, "result");
	if (json_print(object, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &text,
		    &size) < 0)
		return NULL;
	return strdup(text);
}

/* Remembers the first answer to key: its text, a JSON object. */
void seen_answer(struct seen *seen, const char *key, const char *answer)
{
	struct sight *sight = find(bucket_of(seen, key), key);
	size_t size = strlen(answer);

	if (!sight || sight->answer)
		return;
	if (size > SEEN_ANSWER_MAX && seen->long_size + size > SEEN_LONG_MAX) {
		sight->answer = shortened(answer);
		return;
	}
	sight->answer = strdup(answer);
	if (sight->answer && size > SEEN_ANSWER_MAX)
		sight->size = size;
	seen->long_size += sight->size;
}
