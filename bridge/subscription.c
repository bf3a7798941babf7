#include "bridge/subscription.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NO_FROM 0x80 /* codes from here on are refusals, with MQTT 5 and 3.1.1 */

/* Copies n topics; the caller sets id and puts it in its list. */
int subscription_new(struct subscription **ret, const char *const *topics, size_t n)
{
	struct subscription *s;
	size_t size = 1;
	char *end;

	for (size_t i = 0; i < n; i++)
		size += strlen(topics[i]) + 1;
	s = calloc(1, sizeof(*s) + size);
	if (!s)
		return -ENOMEM;
	end = s->topics;
	for (size_t i = 0; i < n; i++)
		end = stpcpy(end, topics[i]) + 1;
	*ret = s;
	return 0;
}

/* Takes NULL, returns NULL. */
struct subscription *subscription_free_all(struct subscription *first)
{
	while (first) {
		struct subscription *next = first->next;

		free(first);
		first = next;
	}
	return NULL;
}

/* Takes the one that the broker answered from the list, and lists the topics that it refused. False:
 * there is no such one. */
bool subscription_answer(struct subscription **first, int id, const int *codes, size_t n,
	char denied[static SUBSCRIPTION_TEXT_MAX])
{
	_cleanup_free_ struct subscription *s = NULL;
	const char *topic;
	size_t used = 0;

	while (*first && (*first)->id != id)
		first = &(*first)->next;
	if (!*first)
		return false;
	s = *first;
	*first = s->next;
	topic = s->topics;
	*denied = '\0';
	for (size_t i = 0; i < n && *topic; i++, topic += strlen(topic) + 1)
		if (codes[i] >= NO_FROM && used < SUBSCRIPTION_TEXT_MAX)
			used += (size_t)snprintf(denied + used, SUBSCRIPTION_TEXT_MAX - used,
				"%s%s", used ? ", " : "", topic);
	return true;
}
