#include "bridge/seen.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <json-c/linkhash.h>

#include "util/clock.h"
#include "util/json.h"

struct sight {
	char *key;
	uint64_t since;
	struct json_object *answer; /* NULL: not answered yet */
	struct seen *seen;
	size_t size; /* of an answer that counts among the long ones, else 0 */
};

/* json-c's table keeps the order of insertion, so its head is the oldest. */
struct seen {
	struct lh_table *sights;
	size_t long_size; /* of all long answers together */
};

static void entry_free(struct lh_entry *entry)
{
	struct sight *sight = (struct sight *)lh_entry_v(entry);

	sight->seen->long_size -= sight->size;
	(void)json_object_put(sight->answer);
	free(sight->key);
	free(sight);
}

int seen_new(struct seen **ret)
{
	_cleanup_(seen_freep) struct seen *seen = calloc(1, sizeof(*seen));

	if (!seen)
		return -ENOMEM;
	seen->sights = lh_kchar_table_new(64, entry_free);
	if (!seen->sights)
		return -ENOMEM;
	*ret = TAKE_PTR(seen);
	return 0;
}

struct seen *seen_free(struct seen *seen)
{
	if (!seen)
		return NULL;
	if (seen->sights)
		lh_table_free(seen->sights);
	free(seen);
	return NULL;
}

static void forget_old(struct seen *seen, uint64_t now)
{
	for (;;) {
		struct lh_entry *oldest = lh_table_head(seen->sights);
		const struct sight *sight;

		if (!oldest)
			return;
		sight = lh_entry_v(oldest);
		if (now - sight->since < SEEN_USEC && lh_table_length(seen->sights) < SEEN_MAX)
			return;
		(void)lh_table_delete_entry(seen->sights, oldest);
	}
}

/* 0: key was not seen and is now. 1: it was; *ret_first is the first answer, borrowed until the
 * next call here, or NULL if that is still to come. -ENOMEM: refuse the request. */
int seen_check(struct seen *seen, const char *key, struct json_object **ret_first)
{
	uint64_t now = clock_boot_usec();
	struct sight *sight;
	void *found;

	forget_old(seen, now);
	if (lh_table_lookup_ex(seen->sights, key, &found)) {
		*ret_first = ((struct sight *)found)->answer;
		return 1;
	}
	sight = calloc(1, sizeof(*sight));
	if (!sight)
		return -ENOMEM;
	sight->seen = seen;
	sight->since = now;
	sight->key = strdup(key);
	if (!sight->key || lh_table_insert(seen->sights, sight->key, sight) < 0) {
		free(sight->key);
		free(sight);
		return -ENOMEM;
	}
	return 0;
}

/* The answer without its result. NULL: out of memory. */
static struct json_object *shortened(struct json_object *answer)
{
	_cleanup_(json_freep) struct json_object *copy = json_object_new_object();

	json_object_object_foreach (answer, name, value) {
		if (strcmp(name, "result") == 0)
			continue;
		if (json_set(copy, name, json_object_get(value)) < 0)
			return NULL;
	}
	return TAKE_PTR(copy);
}

/* Remembers the first answer to key, shared with the caller. */
void seen_answer(struct seen *seen, const char *key, struct json_object *answer)
{
	struct sight *sight;
	size_t size;
	void *found;

	if (!lh_table_lookup_ex(seen->sights, key, &found))
		return;
	sight = found;
	if (sight->answer)
		return;
	(void)json_object_to_json_string_length(answer, JSON_C_TO_STRING_PLAIN, &size);
	if (size > SEEN_ANSWER_MAX && seen->long_size + size > SEEN_LONG_MAX) {
		sight->answer = shortened(answer);
		return;
	}
	if (size > SEEN_ANSWER_MAX)
		sight->size = size;
	seen->long_size += sight->size;
	sight->answer = json_object_get(answer);
}
