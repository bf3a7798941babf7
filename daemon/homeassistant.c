#include "daemon/homeassistant.h"

#include "daemon/poll_kinds.h"

static const struct {
	enum poll_kind kind;
	enum entity_need need;
} needs[] = {
	{POLL_NFC, NEED_NFC},
	{POLL_BLE, NEED_BLE},
	{POLL_FACE, NEED_FACE},
	{POLL_KEYS, NEED_KEYS},
	{POLL_MEMBERS, NEED_MEMBERS},
	{POLL_CALLS, NEED_CALLS},
	{POLL_OPENINGS, NEED_OPENINGS},
};

static unsigned met(const struct config *config, const struct poller_settings *polls)
{
	unsigned of_use = poll_kinds_of_use(&polls->allowed), bits = 0;

	for (size_t i = 0; i < ELEMENTS(needs); i++)
		if (of_use & 1u << needs[i].kind && poll_interval(polls, needs[i].kind) > 0)
			bits |= needs[i].need;
	if (config->history.pictures == CONFIG_PICTURES_IMAGE)
		bits |= NEED_PICTURES;
	if (config->history.publish > 0)
		bits |= NEED_ROWS;
	return bits;
}

/* Without what the bridge knows itself. The texts are the configuration's. */
struct discovery_settings homeassistant_settings(
	const struct config *config, const struct poller_settings *polls)
{
	static const enum discovery_mode modes[] = {
		[CONFIG_DISCOVERY_DEVICE] = DISCOVERY_DEVICE,
		[CONFIG_DISCOVERY_COMPONENT] = DISCOVERY_COMPONENT,
		[CONFIG_DISCOVERY_OFF] = DISCOVERY_OFF,
	};

	return (struct discovery_settings){
		.mode = modes[config->homeassistant.discovery],
		.prefix = config->homeassistant.prefix,
		.status_topic = config->homeassistant.status_topic,
		.document.entities.met = met(config, polls),
	};
}
