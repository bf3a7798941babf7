#include "util/deferred.h"

/* The handler runs once after each deferred_wake(), however often that was called before; until then
 * not at all. priority: of sd-event, 0 is normal and less is sooner. */
int deferred_new(sd_event_source **ret, sd_event *event, sd_event_handler_t handler, void *userdata,
	const char *name, int64_t priority)
{
	sd_event_source *source = NULL;
	int r;

	r = sd_event_add_defer(event, &source, handler, userdata);
	if (r >= 0)
		r = sd_event_source_set_description(source, name);
	if (r >= 0)
		r = sd_event_source_set_priority(source, priority);
	if (r >= 0)
		r = sd_event_source_set_enabled(source, SD_EVENT_OFF);
	if (r < 0) {
		(void)sd_event_source_disable_unref(source);
		return r;
	}
	*ret = source;
	return 0;
}

void deferred_wake(sd_event_source *source)
{
	(void)sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Takes a deferred_wake() back. */
void deferred_rest(sd_event_source *source)
{
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
}
