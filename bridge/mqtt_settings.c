#include "bridge/mqtt_settings.h"

#include <string.h>

#include "util/cleanup.h"
#include "util/secret.h"

static const size_t setting_texts[] = {
	offsetof(struct mqtt_settings, host),
	offsetof(struct mqtt_settings, socket),
	offsetof(struct mqtt_settings, username),
	offsetof(struct mqtt_settings, password),
	offsetof(struct mqtt_settings, ca_file),
	offsetof(struct mqtt_settings, cert_file),
	offsetof(struct mqtt_settings, key_file),
	offsetof(struct mqtt_settings, client_id),
	offsetof(struct mqtt_settings, state_topic),
};

/* Wipes them: the password is among them. */
void mqtt_settings_clear(struct mqtt_settings *settings)
{
	for (size_t i = 0; i < ELEMENTS(setting_texts); i++)
		(void)secret_free(*(char **)((char *)settings + setting_texts[i]));
	*settings = (struct mqtt_settings){0};
}

/* A copy of its own, for mqtt_settings_clear(); nothing to clear behind -ENOMEM. */
int mqtt_settings_copy(struct mqtt_settings *to, const struct mqtt_settings *from)
{
	*to = *from;
	for (size_t i = 0; i < ELEMENTS(setting_texts); i++)
		*(char **)((char *)to + setting_texts[i]) = NULL;
	for (size_t i = 0; i < ELEMENTS(setting_texts); i++) {
		const char *text = *(const char *const *)((const char *)from + setting_texts[i]);
		int r;

		if (!text)
			continue;
		r = secret_new((char **)((char *)to + setting_texts[i]), text, strlen(text));
		if (r < 0) {
			mqtt_settings_clear(to);
			return r;
		}
	}
	return 0;
}
