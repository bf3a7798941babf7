#define LOG_TOKEN "gateway"

#include "daemon/reload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <systemd/sd-daemon.h>

#include "bridge/bridge.h"
#include "daemon/secrets.h"
#include "daemon/settings.h"
#include "daemon/start.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/text.h"
#include "util/timer.h"

/* How soon it looks again whether the cloud's token is at rest, and whether the former connections
 * are. */
#define LINK_USEC   (50 * USEC_PER_MSEC)
#define SETTLE_USEC USEC_PER_SEC

/* Of what is wrong with a file, in the line of systemctl status. */
#define COMPLAINT_MAX 300

struct reload {
	char *path;
	char *cache_file;      /* that is in use */
	struct config *config; /* in force */
	struct config *former; /* while a reload is under way */
	struct aliases aliases, former_aliases;
	struct reload_parts parts;
	struct reload_hooks hooks;
	void *userdata;
	sd_event_source *settle, *move;
	bool names_move, link_moves; /* what a reload waits for */
	bool again;                  /* asked for meanwhile */
	bool stopped;
	char *remark; /* NULL: all that the file says is in force */
};

/* config, with its secrets loaded, is its own from now on, also after a failure. */
int reload_new(struct reload **ret, const char *path, struct config *config)
{
	_cleanup_(reload_freep) struct reload *r = calloc(1, sizeof(*r));
	int result;

	if (!r) {
		(void)config_free(config);
		return -ENOMEM;
	}
	r->config = config;
	r->path = strdup(path);
	r->cache_file = strdup(config->cache_file);
	if (!r->path || !r->cache_file)
		return -ENOMEM;
	result = aliases_init(&r->aliases, config);
	if (result < 0)
		return result;
	*ret = TAKE_PTR(r);
	return 0;
}

/* Takes NULL, returns NULL. After all that works by the configuration. */
struct reload *reload_free(struct reload *r)
{
	if (!r)
		return NULL;
	(void)sd_event_source_disable_unref(r->settle);
	(void)sd_event_source_disable_unref(r->move);
	(void)config_free(r->former);
	(void)config_free(r->config);
	aliases_done(&r->aliases);
	aliases_done(&r->former_aliases);
	free(r->path);
	free(r->cache_file);
	free(r->remark);
	free(r);
	return NULL;
}

/* What was built by the configuration; before reload_begin(). */
void reload_attach(struct reload *r, const struct reload_parts *parts,
	const struct reload_hooks *hooks, void *userdata)
{
	r->parts = *parts;
	r->hooks = *hooks;
	r->userdata = userdata;
}

/* In force; good up to the next reload_begin(). */
const struct config *reload_config(const struct reload *r)
{
	return r->config;
}

/* As reload_config(). */
const struct aliases *reload_aliases(const struct reload *r)
{
	return &r->aliases;
}

/* A home that a reload adds has to wait for its name, which topics follow from. */
bool reload_serves(const struct reload *r, const char *residence_id)
{
	return config_serves(r->config, residence_id) &&
	       (!r->former || config_serves(r->former, residence_id));
}

/* For people: why what the file says is not all in force; NULL: it is. */
const char *reload_remark(const struct reload *r)
{
	return r->remark;
}

static void set_remark(struct reload *r, const char *before, const char *text)
{
	free(r->remark);
	r->remark = NULL;
	if (text && asprintf(&r->remark, "%s%.*s", before, (int)text_cut(text, COMPLAINT_MAX),
			    text) < 0)
		r->remark = NULL;
}

/* The configuration is in force as a whole, and nothing is left of the one before. */
static void finish(struct reload *r)
{
	bool other_cache = strcmp(r->config->cache_file, r->cache_file) != 0;

	if (r->names_move || r->link_moves || r->stopped)
		return;
	r->former = config_free(r->former);
	aliases_done(&r->former_aliases);
	cache_review_served(r->parts.cache);
	poller_refresh(r->parts.poller, NULL);
	log_notice("The configuration is reloaded%s",
		other_cache ? "; cache.file takes effect at the next restart only" : "");
	set_remark(r, "", other_cache ? "cache.file waits for a restart" : NULL);
	r->hooks.over(r->userdata);
	if (r->again) {
		r->again = false;
		reload_begin(r);
	}
}

/* The bridge has gone over to its new names, or to another broker. */
void reload_moved(struct reload *r)
{
	r->names_move = false;
	finish(r);
}

/* Lets the former connections to the cloud go when their last request is answered. */
static int on_settle(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct reload *r = userdata;
	struct link *link = r->parts.link;

	if (link_settle(link))
		return 0;
	return timer_arm(link->event, &r->settle, SETTLE_USEC, TIMER_LAZY, on_settle, r, "settle");
}

/* Goes over to the cloud's new address or token, as soon as no token is being renewed. */
static int on_move(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct reload *r = userdata;
	const struct config *config = r->config;
	struct link *link = r->parts.link;
	int result = link_move(link, config, r->hooks.cloud_changed, r->userdata);

	if (result == LINK_BUSY) {
		if (!source)
			log_info("The cloud's new settings wait until its token is at rest");
		return timer_arm(link->event, &r->move, LINK_USEC, TIMER_EXACT, on_move, r, "link");
	}
	r->link_moves = false;
	if (result >= 0)
		result = bridge_set_http(
			r->parts.bridge, settings_http(config, link), config->cloud.url);
	if (result >= 0)
		result = link_keep_warm(link, config);
	if (result < 0)
		(void)log_error_errno(result, "Cannot take the cloud's new settings over: %m");
	finish(r);
	return on_settle(NULL, 0, r);
}

/* Takes the new configuration over. -ENOMEM: the old one stays in force, and the new one is the
 * caller's. */
static int take_over(struct reload *r, struct config *config)
{
	unsigned changes = config_changes(r->config, config);
	const struct poller_settings polls = settings_poller(config);
	_cleanup_(aliases_done) struct aliases aliases = {0};
	struct bridge_settings settings;
	int result;

	result = aliases_init(&aliases, config);
	if (result < 0)
		return result;
	settings =
		settings_bridge(config, &aliases, keeper_history(r->parts.keeper), r->parts.link);
	result = bridge_set(r->parts.bridge, &settings, changes & CONFIG_CHANGED_BROKER);
	if (result < 0)
		return result;
	r->names_move = result == BRIDGE_MOVING;
	r->link_moves = changes & CONFIG_CHANGED_CLOUD;
	r->former_aliases = r->aliases;
	r->aliases = aliases;
	aliases = (struct aliases){0};
	r->former = r->config;
	r->config = config;
	log_set_level(config->log_level);
	keeper_set(r->parts.keeper, config);
	poller_set(r->parts.poller, &polls);
	return 0;
}

static int load(struct reload *r, struct config_errors *errors)
{
	_cleanup_(config_freep) struct config *config = NULL;
	int result = config_load(&config, r->path, errors);

	if (result == 0)
		result = secrets_load(config, errors);
	if (result == 0)
		result = take_over(r, config);
	if (result < 0)
		return result;
	config = NULL;
	return 0;
}

static void refuse(struct reload *r, int error, const struct config_errors *errors)
{
	start_complain(r->path, error, errors);
	log_error("The configuration is not reloaded, the old one stays in force");
	set_remark(r,
		"configuration not reloaded: ", errors->n > 0 ? errors->text[0] : strerror(-error));
	r->hooks.over(r->userdata);
}

/* Reads the file again. One that is bad leaves the old configuration in force. While a reload is
 * under way, the next begins after it. */
void reload_begin(struct reload *r)
{
	struct config_errors errors = {0};
	int result;

	if (r->stopped)
		return;
	if (r->former) {
		r->again = true;
		return;
	}
	(void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_monotonic_usec());
	result = load(r, &errors);
	if (result < 0)
		refuse(r, result, &errors);
	else if (r->link_moves)
		(void)on_move(NULL, 0, r);
	else
		finish(r);
	config_errors_done(&errors);
}

/* Begins nothing more, and ends nothing either: the gateway goes. */
void reload_stop(struct reload *r)
{
	r->stopped = true;
	timer_stop(r->move);
}
