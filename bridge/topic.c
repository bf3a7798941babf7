#include "bridge/topic.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

#define LEVELS_MAX 4

/* Below <base>/<residence>; + stands for the thing. */
static const struct {
	enum topic_kind kind;
	const char *levels[LEVELS_MAX];
	const char *pattern;
} patterns[] = {
	{TOPIC_OPEN, {"+", "door", "+", "open"}, "+/door/+/open"},
	{TOPIC_REQUEST, {"+", "request", "+"}, "+/request/+"},
};

static_assert(ELEMENTS(patterns) <= TOPIC_PATTERNS_MAX, "raise TOPIC_PATTERNS_MAX");

static bool matches(size_t pattern, char *const *levels, size_t n)
{
	for (size_t i = 0; i < LEVELS_MAX; i++) {
		const char *wanted = patterns[pattern].levels[i];

		if (!wanted || i >= n)
			return !wanted && i >= n;
		if (strcmp(wanted, "+") != 0 && strcmp(wanted, levels[i]) != 0)
			return false;
	}
	return n <= LEVELS_MAX;
}

/* Takes a topic apart. kind is TOPIC_NONE if it is not one of ours, or too long to be. */
void topic_parse(struct topic *ret, const char *base, const char *text)
{
	char *levels[LEVELS_MAX + 1], *rest;
	size_t n = 0, base_size = strlen(base);

	ret->kind = TOPIC_NONE;
	ret->residence = ret->thing = NULL;
	if (strncmp(text, base, base_size) != 0 || text[base_size] != '/' ||
		strlen(text) >= sizeof(ret->text))
		return;
	(void)strcpy(ret->text, text + base_size + 1);
	for (rest = ret->text; rest && n < ELEMENTS(levels);)
		levels[n++] = strsep(&rest, "/");
	if (rest)
		return;
	for (size_t p = 0; p < ELEMENTS(patterns); p++) {
		if (!matches(p, levels, n))
			continue;
		ret->kind = patterns[p].kind;
		ret->residence = levels[0];
		ret->thing = n > 2 && strcmp(patterns[p].levels[2], "+") == 0 ? levels[2] : NULL;
		return;
	}
}

/* True for a topic that we take commands from: we never publish there ourselves. */
bool topic_is_ours(const char *base, const char *text)
{
	struct topic topic;

	topic_parse(&topic, base, text);
	return topic.kind != TOPIC_NONE;
}

/* What to subscribe to; the caller frees the texts. */
int topic_patterns(const char *base, char *ret[static TOPIC_PATTERNS_MAX], size_t *ret_n)
{
	char *made[TOPIC_PATTERNS_MAX];

	for (size_t i = 0; i < ELEMENTS(patterns); i++)
		if (asprintf(&made[i], "%s/%s", base, patterns[i].pattern) < 0) {
			while (i > 0)
				free(made[--i]);
			return -ENOMEM;
		}
	memcpy(ret, made, ELEMENTS(patterns) * sizeof(made[0]));
	*ret_n = ELEMENTS(patterns);
	return 0;
}
