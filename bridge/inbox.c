#include "bridge/inbox.h"

#include <errno.h>
#include <string.h>

void inbox_init(struct inbox *inbox)
{
	STAILQ_INIT(&inbox->items);
	inbox->count = 0;
}

/* Throws all messages away; the inbox can be used again. */
void inbox_clear(struct inbox *inbox)
{
	struct inbox_item *item;

	while ((item = inbox_take(inbox)))
		free(item);
}

/* Copies size bytes to *end and puts a NUL behind them, so that a payload can be read as text. */
static void *append(char **end, const void *bytes, size_t size)
{
	char *start = *end;

	if (!bytes)
		return NULL;
	memcpy(start, bytes, size);
	start[size] = '\0';
	*end += size + 1;
	return start;
}

/* Copies the message with all it points to. -ENOBUFS: INBOX_MAX are waiting already. */
int inbox_put(struct inbox *inbox, const struct mqtt_message *m)
{
	size_t topic = strlen(m->topic), payload = m->payload ? m->size : 0;
	size_t response = m->response_topic ? strlen(m->response_topic) : 0;
	struct inbox_item *item;
	char *end;

	if (inbox->count >= INBOX_MAX)
		return -ENOBUFS;
	item = malloc(sizeof(*item) + topic + payload + response + m->correlation_size + 4);
	if (!item)
		return -ENOMEM;
	item->message = *m;
	end = item->bytes;
	item->message.topic = append(&end, m->topic, topic);
	item->message.payload = append(&end, m->payload, payload);
	item->message.response_topic = append(&end, m->response_topic, response);
	item->message.correlation = append(&end, m->correlation, m->correlation_size);
	STAILQ_INSERT_TAIL(&inbox->items, item, next);
	inbox->count++;
	return 0;
}

/* The oldest message, for the caller to free(), or NULL. */
struct inbox_item *inbox_take(struct inbox *inbox)
{
	struct inbox_item *item = STAILQ_FIRST(&inbox->items);

	if (!item)
		return NULL;
	STAILQ_REMOVE_HEAD(&inbox->items, next);
	inbox->count--;
	return item;
}
