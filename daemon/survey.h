#pragma once

#include "bridge/names.h"
#include "cache/home.h"
#include "cloud/records.h"
#include "daemon/aliases.h"
#include "daemon/config.h"
#include "daemon/link.h"

/* What the cloud knows now, asked for once: for the verbs that show it. A value: start from {0}. */
struct survey {
	struct link link;
	struct cache *cache; /* in memory only */
	struct names *names;
	struct aliases aliases;
	size_t not_served; /* homes of the account that the configuration leaves out */
	char why[512];     /* what went wrong */
};

typedef void (*survey_device_t)(const struct device_record *record, void *userdata);

int survey_take(
	struct survey *survey, const struct config *config, survey_device_t each, void *userdata);
void survey_done(struct survey *survey);
