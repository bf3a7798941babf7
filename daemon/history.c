#include <errno.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <json-c/linkhash.h>

#include "bridge/event.h"
#include "cache/archive_walk.h"
#include "cache/rows.h"
#include "cache/schema.h"
#include "daemon/exits.h"
#include "daemon/history_table.h"
#include "daemon/start.h"
#include "daemon/verbs.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

/* How often the file is looked at for what is new, and for having come up at all. */
#define FOLLOW_MSEC 1000

/* Rows that --follow begins with where no --since says from when on. */
#define FOLLOW_ROWS 10

#define HOMES_HINT 16

/* What is asked for and where it comes from. */
struct history_view {
	const struct config *config;
	bool json, follow, all;
	struct archive_query query;
	struct history_table table;
	struct store *store;
	struct stat file;            /* the one that is open */
	struct lh_table *home_names; /* id -> what a home is called */
	FILE *page;
	bool headed;
	bool waits; /* there is no file yet, and that was said */
};

static int complain(const char *option, const char *text, const char *form)
{
	(void)fprintf(stderr, "akuvox2mqtt: %s \"%s\": %s\n", option, text, form);
	return EXIT_USAGE;
}

/* A time as people say it: a duration back from now, a day, or a time with or without its offset. */
static int read_time(const char *option, const char *text, int64_t *ret)
{
	char day[CLOCK_TEXT_MAX];
	uint64_t ago;

	if (!text || clock_parse_local(text, ret) == 0)
		return EXIT_DONE;
	(void)snprintf(day, sizeof(day), "%s 00:00", text);
	if (clock_parse_local(day, ret) == 0)
		return EXIT_DONE;
	if (clock_parse_duration(text, &ago) < 0)
		return complain(
			option, text, "write it like 2h, 7d, 2026-11-21 or \"2026-11-21 18:00\"");
	*ret = clock_epoch_msec() / 1000 - (int64_t)(ago / USEC_PER_SEC);
	return EXIT_DONE;
}

static int read_kind(const char *text, int *ret)
{
	*ret = -1;
	for (int kind = 0; text && kind < HISTORY_KIND_MAX; kind++)
		if (strcmp(text, event_kind_name((enum history_kind)kind)) == 0)
			*ret = kind;
	return text && *ret < 0 ? complain("--kind", text, "it is call or door") : EXIT_DONE;
}

/* A home by its alias, else by its id. */
static const char *find_residence(const struct config *config, const char *text)
{
	for (size_t i = 0; text && i < config->residences.n; i++) {
		const struct config_instance *home = &config->residences.items[i];

		if (home->alias && strcmp(home->alias, text) == 0)
			return home->id;
	}
	return text;
}

static int read_options(struct history_view *view, const struct options *options)
{
	int r;

	view->json = options->json;
	view->follow = options->follow;
	view->all = !options->follow || options->since;
	view->query = (struct archive_query){.since = INT64_MIN, .until = INT64_MAX};
	view->query.residence_id = find_residence(view->config, options->residence);
	view->table.homes = !options->residence;
	r = read_kind(options->kind, &view->query.kind);
	if (r == EXIT_DONE)
		r = read_time("--since", options->since, &view->query.since);
	if (r == EXIT_DONE)
		r = read_time("--until", options->until, &view->query.until);
	return r;
}

static void read_terminal(struct history_table *table)
{
	const char *no_colour = getenv("NO_COLOR");
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return;
	table->colour = !no_colour || !*no_colour;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		table->width = size.ws_col;
}

/* Alias or name of a home, asked for once; its id where nobody knows. */
static const char *name_of(struct history_view *view, const char *id)
{
	const struct config_instance *home = config_find(&view->config->residences, id);
	char *name = NULL, *key;
	void *known;

	if (home && home->alias)
		return home->alias;
	if (lh_table_lookup_ex(view->home_names, id, &known))
		return known;
	if (rows_find_name(view->store, id, &name) < 0 || !name || !*name) {
		free(name);
		name = strdup(id);
	}
	key = strdup(id);
	if (!name || !key || lh_table_insert(view->home_names, key, name) < 0) {
		free(name);
		free(key);
		return id;
	}
	return name;
}

static void home_name_free(struct lh_entry *entry)
{
	free((void *)(uintptr_t)lh_entry_k(entry));
	free((void *)(uintptr_t)lh_entry_v(entry));
}

static int print_json(FILE *f, const struct archive_row *row)
{
	_cleanup_(json_freep) struct json_object *object = event_object(row);
	size_t size;
	const char *text;

	if (!object ||
		json_set(object, "residence_id", json_object_new_string(row->residence_id)) < 0)
		return -ENOMEM;
	text = event_text(object, &size);
	if (!text)
		return -ENOMEM;
	(void)fwrite(text, 1, size, f);
	(void)fputc('\n', f);
	return 0;
}

static int on_row(const struct archive_row *row, void *userdata)
{
	struct history_view *view = userdata;

	if (view->json)
		return print_json(view->page, row);
	history_table_row(&view->table, view->page, row, name_of(view, row->residence_id));
	return 0;
}

/* Reads a page into memory and then writes it: who reads us may be slow, and the service must not
 * wait for him. Returns as archive_page(); -EPIPE: nobody reads any more. */
static int print_page(struct history_view *view, struct archive_walk *walk,
	int (*read)(
		struct archive_walk *walk, struct store *store, archive_row_t each, void *userdata))
{
	_cleanup_free_ char *text = NULL;
	size_t size;
	int r;

	view->page = open_memstream(&text, &size);
	if (!view->page)
		return -ENOMEM;
	r = read(walk, view->store, on_row, view);
	if (fclose(view->page) != 0)
		r = -ENOMEM;
	if (r >= 0 && size > 0 && (fwrite(text, 1, size, stdout) != size || fflush(stdout) != 0))
		r = -EPIPE;
	return r;
}

/* EXIT_DONE; EXIT_FAILED after a line on what is the matter; -ENOENT: it is not there. */
static int open_file(struct history_view *view)
{
	const char *path = view->config->cache_file;
	int r = store_open_read_only(&view->store, path, cache_schema());

	if (r == 0 && stat(path, &view->file) < 0)
		r = -errno;
	if (r == 0 || r == -ENOENT)
		return r;
	if (r == -EACCES)
		log_error("%s: no permission; use sudo, or sudo -u akuvox2mqtt", path);
	else if (r == STORE_NEWER)
		log_error("%s: a newer akuvox2mqtt wrote it; use that one", path);
	else if (r == STORE_OLDER)
		log_error("%s: an older akuvox2mqtt wrote it; restart the service", path);
	else if (r == -EUCLEAN)
		log_error(
			"%s: it is damaged; the service begins a new one when it meets that", path);
	else
		(void)log_error_errno(r, "%s: %m", path);
	return EXIT_FAILED;
}

/* The service may have begun a new file. */
static bool is_replaced(const struct history_view *view)
{
	struct stat st;

	return stat(view->config->cache_file, &st) < 0 || st.st_ino != view->file.st_ino ||
	       st.st_dev != view->file.st_dev;
}

/* A moment, or less if nobody reads any more: then false. */
static bool pause_while_read(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO};

	return poll(&p, 1, FOLLOW_MSEC) <= 0 || !(p.revents & (POLLERR | POLLHUP));
}

static int keep_epoch(const struct archive_row *row, void *userdata)
{
	((struct archive_query *)userdata)->since = row->epoch;
	return 0;
}

/* Where --follow begins: some rows back. */
static int find_begin(struct history_view *view, struct archive_query *query)
{
	struct archive_query newest = view->query;

	*query = view->query;
	if (view->all)
		return 0;
	newest.limit = FOLLOW_ROWS;
	return archive_find(view->store, &newest, keep_epoch, query);
}

/* All there is, and with --follow what is added until the file is another. 0, or negative errno. */
static int print_rows(struct history_view *view, bool old)
{
	struct archive_walk walk;
	struct archive_query query;
	int r;

	r = find_begin(view, &query);
	if (r == 0)
		r = archive_walk(&walk, view->store, &query);
	while (r == 0 && old)
		r = print_page(view, &walk, archive_page);
	if (r < 0 || !view->follow)
		return r < 0 ? r : 0;
	/* What comes from now on may be of any time, as a row that the cloud was slow with. */
	walk.query.since = view->query.since;
	while (!is_replaced(view)) {
		r = print_page(view, &walk, archive_added);
		if (r < 0 && r != -EBUSY)
			return r;
		if (r != 0 && !pause_while_read())
			return -EPIPE;
	}
	return 0;
}

/* Somebody who mistypes a home should not think that it has no history. */
static bool is_known(const struct history_view *view)
{
	struct archive_source source;
	bool known = !view->query.residence_id;

	for (int kind = 0; kind < HISTORY_KIND_MAX && !known; kind++)
		known = archive_find_source(view->store, view->query.residence_id,
				(enum history_kind)kind, &source) != ARCHIVE_NONE;
	return known;
}

static int no_file(struct history_view *view)
{
	if (!view->follow) {
		log_error("%s: there is none yet; the service makes it: systemctl start "
			  "akuvox2mqtt",
			view->config->cache_file);
		return EXIT_FAILED;
	}
	if (!view->waits)
		(void)fprintf(stderr, "Waiting for the service, which makes %s\n",
			view->config->cache_file);
	view->waits = true;
	return pause_while_read() ? -EAGAIN : EXIT_DONE;
}

static void print_head(struct history_view *view)
{
	if (!view->json && !view->headed)
		history_table_head(&view->table, stdout);
	(void)fflush(stdout);
	view->headed = true;
}

static int print_file(struct history_view *view, bool first)
{
	int r = open_file(view);

	if (r == -ENOENT)
		return no_file(view);
	if (r != 0)
		return r;
	if (!view->follow && !is_known(view)) {
		log_error("%s: no such home in the archive; akuvox2mqtt topics lists them",
			view->query.residence_id);
		r = EXIT_FAILED;
	} else {
		print_head(view);
		r = print_rows(view, first || view->waits);
	}
	view->store = store_close(view->store);
	if (r == -EPIPE)
		return EXIT_DONE;
	if (r < 0) {
		(void)log_error_errno(r, "%s: %m", view->config->cache_file);
		return EXIT_FAILED;
	}
	return r == 0 && view->follow ? -EAGAIN : r;
}

/* akuvox2mqtt history: the archive, oldest first. */
int verb_history(const struct options *options)
{
	_cleanup_(config_freep) struct config *config = NULL;
	struct history_view view = {0};
	int r;

	r = start_plain(&config, options->config);
	if (r != EXIT_DONE)
		return r;
	view.config = config;
	r = read_options(&view, options);
	if (r != EXIT_DONE)
		return r;
	(void)setlocale(LC_CTYPE, "C.UTF-8");
	read_terminal(&view.table);
	view.home_names = lh_kchar_table_new(HOMES_HINT, home_name_free);
	if (!view.home_names)
		return EXIT_FAILED;
	r = print_file(&view, true);
	while (r == -EAGAIN)
		r = print_file(&view, false);
	lh_table_free(view.home_names);
	return r;
}
