#include "bridge/history_topics.h"

#include <errno.h>

#include "bridge/event.h"
#include "bridge/publish.h"
#include "util/json.h"
#include "util/log.h"

static const char *const topics[HISTORY_KIND_MAX] = {
	[HISTORY_CALL] = "history/call",
	[HISTORY_DOOR] = "history/door",
};

static int publish_rows(struct mqtt *mqtt, const char *topic, const struct history_view *view,
	const struct home *home, enum history_kind kind)
{
	_cleanup_(json_freep) struct json_object *list = NULL;
	const struct archive_query query = {
		.residence_id = home->id,
		.kind = (int)kind,
		.since = INT64_MIN,
		.until = INT64_MAX,
		.limit = view->rows,
	};
	const char *text;
	size_t size;
	int r;

	if (home_leaves(home) || view->rows == 0)
		return publish_retained(mqtt, topic, "");
	r = event_list(&list, view->history, &query, MQTT_PUBLISH_MAX);
	if (r < 0)
		return r;
	text = event_text(list, &size);
	return text ? publish_retained(mqtt, topic, text) : -ENOMEM;
}

/* Publishes the histories that are marked as changed, an empty one as []; clears those of a home
 * that is gone. As publish_retained(). */
int publish_history(struct mqtt *mqtt, const struct names *names, const struct history_view *view,
	const struct home *home)
{
	topic_t topic;
	int r = 0;

	for (int kind = 0; kind < HISTORY_KIND_MAX && r == 0; kind++)
		if (home->changed & CHANGED_CALLS << kind)
			r = topic_home(names, topic, home, topics[kind])
			            ?: publish_rows(
					       mqtt, topic, view, home, (enum history_kind)kind);
	return r;
}
