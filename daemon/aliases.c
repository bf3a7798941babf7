#include "daemon/aliases.h"

#include <errno.h>
#include <stdlib.h>

/* config must outlive the aliases, which borrow its texts. aliases_done() also after a failure. */
int aliases_init(struct aliases *ret, const struct config *config)
{
	*ret = (struct aliases){
		.residences = calloc(config->residences.n + 1, sizeof(*ret->residences)),
		.relays = calloc(config->doors.n + 1, sizeof(*ret->relays)),
	};
	if (!ret->residences || !ret->relays)
		return -ENOMEM;
	for (size_t i = 0; i < config->residences.n; i++) {
		const struct config_instance *item = &config->residences.items[i];

		ret->residences[ret->n_residences++] =
			(struct residence_settings){item->id, item->alias};
	}
	for (size_t i = 0; i < config->doors.n; i++) {
		const struct config_instance *item = &config->doors.items[i];

		ret->relays[ret->n_relays++] = (struct relay_settings){
			item->id, item->alias, item->allowed, item->hold_usec};
	}
	return 0;
}

void aliases_done(struct aliases *aliases)
{
	free(aliases->residences);
	free(aliases->relays);
	*aliases = (struct aliases){0};
}

/* For names_new() or bridge_new(). */
struct names_settings aliases_settings(const struct aliases *aliases, const char *base_topic)
{
	return (struct names_settings){
		.base_topic = base_topic,
		.residences = aliases->residences,
		.n_residences = aliases->n_residences,
		.relays = aliases->relays,
		.n_relays = aliases->n_relays,
	};
}
