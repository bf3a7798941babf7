#include "bridge/topic.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

/* Below <base>; the first + is the residence, the second the thing. */
static const struct {
	enum topic_kind kind;
	const char *pattern;
} patterns[] = {
	{TOPIC_OPEN, "+/door/+/open"},
	{TOPIC_REQUEST, "+/request/+"},
	{TOPIC_NFC, "+/nfc/set"},
	{TOPIC_BLE, "+/ble/set"},
	{TOPIC_PIN, "+/private_key/set"},
	{TOPIC_KEY_CREATE, "+/temp_key/create"},
	{TOPIC_KEY_DELETE, "+/temp_key/delete"},
};

static_assert(ELEMENTS(patterns) <= TOPIC_PATTERNS_MAX, "raise TOPIC_PATTERNS_MAX");

static bool matches(const char *pattern, const char *text)
{
	for (;; pattern++, text++) {
		size_t wanted = strcspn(pattern, "/"), given = strcspn(text, "/");

		if (*pattern != '+' && (wanted != given || memcmp(pattern, text, given) != 0))
			return false;
		pattern += wanted;
		text += given;
		if (!*pattern || !*text)
			return *pattern == *text;
	}
}

/* Takes a topic apart. kind is TOPIC_NONE if it is not one of ours, or too long to be. */
void topic_parse(struct topic *ret, const char *base, const char *text)
{
	size_t base_size = strlen(base), i = 0;
	char *rest = ret->text;

	ret->kind = TOPIC_NONE;
	ret->residence = ret->thing = NULL;
	if (strncmp(text, base, base_size) != 0 || text[base_size] != '/' ||
		strlen(text) >= sizeof(ret->text))
		return;
	text += base_size + 1;
	while (i < ELEMENTS(patterns) && !matches(patterns[i].pattern, text))
		i++;
	if (i == ELEMENTS(patterns))
		return;
	(void)strcpy(ret->text, text);
	ret->kind = patterns[i].kind;
	ret->residence = strsep(&rest, "/");
	(void)strsep(&rest, "/");
	if (strstr(patterns[i].pattern, "/+"))
		ret->thing = strsep(&rest, "/");
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
