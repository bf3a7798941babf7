#include "daemon/aliases.h"

#include <errno.h>
#include <stdlib.h>

/* config must outlive them: they borrow its texts. aliases_done() also after a failure. */
int aliases_init(struct aliases *ret, const struct config *config)
{
	struct aliases aliases = {
		.residences = calloc(config->residences.n + 1, sizeof(*aliases.residences)),
		.relays = calloc(config->doors.n + 1, sizeof(*aliases.relays)),
	};

	*ret = aliases;
	if (!aliases.residences || !aliases.relays)
		return -ENOMEM;
	for (size_t i = 0; i < config->residences.n; i++) {
		const struct config_instance *item = &config->residences.items[i];

		aliases.residences[i] = (struct residence_settings){item->id, item->alias};
	}
	for (size_t i = 0; i < config->doors.n; i++) {
		const struct config_instance *item = &config->doors.items[i];

		aliases.relays[i] = (struct relay_settings){
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
struct names_settings aliases_settings(const struct aliases *aliases, const struct config *config)
{
	return (struct names_settings){
		.base_topic = config->base_topic,
		.residences = aliases->residences,
		.n_residences = config->residences.n,
		.relays = aliases->relays,
		.n_relays = config->doors.n,
	};
}
