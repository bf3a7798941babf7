#pragma once

#include <stdbool.h>

#include "cache/home.h"
#include "daemon/aliases.h"
#include "daemon/config.h"
#include "daemon/keeper.h"
#include "daemon/link.h"
#include "daemon/poller.h"
#include "util/cleanup.h"

/* The configuration in force, and the way from one to the next while the gateway works. */
struct reload;

/* What works by the configuration; must outlive the last call of reload_begin(). */
struct reload_parts {
	struct link *link;
	struct cache *cache;
	struct keeper *keeper;
	struct poller *poller;
	struct bridge *bridge;
};

struct reload_hooks {
	cloud_state_t cloud_changed;
	void (*over)(void *userdata); /* the file was taken, or the old one stays in force */
};

int reload_new(struct reload **ret, const char *path, struct config *config);
struct reload *reload_free(struct reload *reload);
void reload_attach(struct reload *reload, const struct reload_parts *parts,
	const struct reload_hooks *hooks, void *userdata);

const struct config *reload_config(const struct reload *reload);
const struct aliases *reload_aliases(const struct reload *reload);
bool reload_serves(const struct reload *reload, const char *residence_id);
const char *reload_remark(const struct reload *reload);

void reload_begin(struct reload *reload);
void reload_moved(struct reload *reload);
void reload_stop(struct reload *reload);

DEFINE_CLEANUP(struct reload *, reload_free);
