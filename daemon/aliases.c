#include "daemon/aliases.h"

#include <errno.h>
#include <stdlib.h>

static void add_relay(
	struct aliases *aliases, const char *id, const char *alias, bool allow, uint64_t hold_usec)
{
	aliases->relays[aliases->n_relays++] = (struct relay_settings){id, alias, allow, hold_usec};
}

/* initial: of the program's start; config: the one in force, which may be the same. Both must
 * outlive the aliases, which borrow their texts. aliases_done() also after a failure. */
int aliases_init(struct aliases *ret, const struct config *initial, const struct config *config)
{
	size_t doors = initial->doors.n + config->doors.n;

	*ret = (struct aliases){
		.residences = calloc(initial->residences.n + 1, sizeof(*ret->residences)),
		.relays = calloc(doors + 1, sizeof(*ret->relays)),
	};
	if (!ret->residences || !ret->relays)
		return -ENOMEM;
	for (size_t i = 0; i < initial->residences.n; i++) {
		const struct config_instance *item = &initial->residences.items[i];

		ret->residences[ret->n_residences++] =
			(struct residence_settings){item->id, item->alias};
	}
	for (size_t i = 0; i < config->doors.n; i++) {
		const struct config_instance *item = &config->doors.items[i];
		const struct config_instance *named = config_find(&initial->doors, item->id);

		add_relay(
			ret, item->id, named ? named->alias : NULL, item->allowed, item->hold_usec);
	}
	/* A door whose section is gone keeps its name, and is one like any other. */
	for (size_t i = 0; i < initial->doors.n; i++) {
		const struct config_instance *item = &initial->doors.items[i];

		if (!config_find(&config->doors, item->id))
			add_relay(ret, item->id, item->alias, true, 0);
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
