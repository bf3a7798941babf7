#define LOG_TOKEN "history"

#include "cache/vault.h"

#include <errno.h>

#include "cache/outbox.h"
#include "cache/schema.h"
#include "cache/standin.h"
#include "util/clock.h"
#include "util/log.h"

struct vault {
	struct cache_file *file;
	unsigned file_generation; /* that was looked into for last_entry */
	unsigned generation;
	struct store *standin; /* NULL: the file is used */
	bool retry;            /* it may be worth the while to try the file again */
	int64_t last_entry;    /* the last number given to an entry */
	int64_t standin_first; /* no number below is the stand-in's own */
	int64_t *done;         /* acknowledged, not deleted in the file yet */
	size_t n_done, room;
	size_t n_written; /* the first of them, which are deleted in the stand-in */
};

/* From now on memory stands in for the file. */
static int open_standin(struct vault *vault)
{
	int r;

	if (vault->standin)
		return 0;
	r = store_open_memory(&vault->standin, cache_schema());
	if (r != 0)
		return r;
	vault->standin_first = vault->last_entry + 1;
	vault->generation++;
	return 0;
}

/* The file is about to be given up. Takes over what waits to be published. */
static void on_failing(struct store *store, void *userdata)
{
	struct vault *vault = userdata;
	int r;

	store_rollback(store);
	r = open_standin(vault);
	if (r == 0)
		r = standin_save(store, vault->standin);
	/* Some of it was acknowledged already. */
	vault->n_written = 0;
	/* Whoever found the trouble may have mended it. */
	vault->retry = true;
	if (r < 0)
		(void)log_errno(LOG_DEBUG, r, "Cannot read what waits to be published: %m");
}

/* Uses the file that was opened. Numbers of entries go on behind those in it. */
static int take_file(struct vault *vault, struct store *store)
{
	int64_t last;
	size_t n;
	int r;

	if (vault->file_generation == cache_file_generation(vault->file))
		return 0;
	r = outbox_count(store, &n, &last);
	if (r < 0)
		return r;
	if (last > vault->last_entry)
		vault->last_entry = last;
	vault->file_generation = cache_file_generation(vault->file);
	vault->generation++;
	return 0;
}

static int remove_done(struct vault *vault, struct store *store, size_t first)
{
	int r = 0;

	for (size_t i = first; i < vault->n_done && r == 0; i++)
		r = outbox_remove(store, vault->done[i]);
	return r;
}

static int give_back(struct vault *vault, struct store *store, size_t *ret_copied)
{
	int r;

	r = take_file(vault, store);
	if (r == 0)
		r = store_begin(store);
	if (r < 0)
		return r;
	r = standin_give_back(vault->standin, store, ret_copied);
	if (r == 0)
		r = remove_done(vault, store, 0);
	if (r == 0)
		r = store_commit(store);
	if (r < 0)
		store_rollback(store);
	return r;
}

/* Goes back to the file if it works. */
static void try_file(struct vault *vault)
{
	struct store *store = cache_file_open(vault->file);
	size_t copied;
	int r;

	vault->retry = false;
	if (!store)
		return;
	r = give_back(vault, store, &copied);
	if (r < 0) {
		cache_file_failed(vault->file, r);
		vault->retry = false;
		return;
	}
	if (copied > 0)
		cache_file_worked(vault->file);
	vault->standin = store_close(vault->standin);
	vault->n_done = vault->n_written = 0;
	vault->generation++;
}

/* NULL: there is no memory even for a stand-in. */
static struct store *find_store(struct vault *vault)
{
	struct store *store;
	int r;

	if (vault->standin && vault->retry)
		try_file(vault);
	if (vault->standin)
		return vault->standin;
	store = cache_file_open(vault->file);
	r = store ? take_file(vault, store) : 0;
	if (store && r == 0)
		return store;
	if (r < 0)
		cache_file_failed(vault->file, r);
	vault->retry = false;
	return open_standin(vault) == 0 ? vault->standin : NULL;
}

/* Whether the error is the file's, and the work may be done again elsewhere. */
static bool gave_up_file(struct vault *vault, struct store *store, int error, bool first)
{
	store_rollback(store);
	if (store == vault->standin || error == -ENOMEM || error == -EBUSY || error == -EINVAL ||
		error == -EEXIST)
		return false;
	cache_file_failed(vault->file, error);
	/* One that was set aside has a successor; but no file is trusted twice. */
	vault->retry = error == -EUCLEAN && first;
	return true;
}

/* Does work; if the file fails meanwhile, again from its beginning in the stand-in. Work that began
 * a transaction and fails need not end it. */
int vault_run(struct vault *vault, vault_work_t work, void *userdata)
{
	int r = -ENOMEM;

	for (int attempt = 0; attempt < 3; attempt++) {
		struct store *store = find_store(vault);

		if (!store)
			return -ENOMEM;
		r = work(store, store == vault->standin, userdata);
		if (r >= 0 || !gave_up_file(vault, store, r, attempt == 0))
			break;
	}
	return r;
}

/* Does work that must not be done twice. *stopped: set by work to a negative errno that is its own
 * and not the store's. */
int vault_run_once(struct vault *vault, vault_work_t work, void *userdata, const int *stopped)
{
	struct store *store = find_store(vault);
	int r;

	if (!store)
		return -ENOMEM;
	r = work(store, store == vault->standin, userdata);
	if (r < 0 && *stopped == 0)
		(void)gave_up_file(vault, store, r, true);
	return r;
}

/* Changes each time when what is in the store may be less than before. */
unsigned vault_generation(const struct vault *vault)
{
	return vault->generation;
}

/* A number greater than all before, also than those of a run whose file cannot be read now. */
int64_t vault_next_entry(struct vault *vault)
{
	int64_t clock = clock_epoch_msec() * 1000;

	vault->last_entry = vault->last_entry < clock ? clock : vault->last_entry + 1;
	return vault->last_entry;
}

static int write_done(struct store *store, bool in_memory, void *userdata)
{
	struct vault *vault = userdata;
	size_t kept = 0;
	int r;

	if (vault->n_written == vault->n_done)
		return 0;
	r = store_begin(store);
	if (r == 0)
		r = remove_done(vault, store, vault->n_written);
	if (r == 0)
		r = store_commit(store);
	if (r < 0)
		return r;
	/* Those that came from the file must leave it, too. */
	for (size_t i = 0; in_memory && i < vault->n_done; i++)
		if (vault->done[i] < vault->standin_first)
			vault->done[kept++] = vault->done[i];
	vault->n_done = vault->n_written = kept;
	return 0;
}

/* Ends entries of the outbox, in one transaction. What cannot be written now is remembered, and
 * written later. -ENOMEM: they are not ended. */
int vault_done(struct vault *vault, const int64_t *entries, size_t n)
{
	size_t needed = vault->n_done + n;
	int r;

	if (needed > vault->room) {
		int64_t *more = reallocarray(vault->done, 2 * needed, sizeof(*more));

		if (!more)
			return -ENOMEM;
		vault->done = more;
		vault->room = 2 * needed;
	}
	for (size_t i = 0; i < n; i++)
		vault->done[vault->n_done++] = entries[i];
	r = vault_run(vault, write_done, vault);
	if (r < 0)
		(void)log_errno(LOG_DEBUG, r, "Cannot write what was acknowledged: %m");
	return 0;
}

/* True for an entry that is ended, but still stands in the store. */
bool vault_is_done(const struct vault *vault, int64_t entry)
{
	for (size_t i = vault->n_written; i < vault->n_done; i++)
		if (vault->done[i] == entry)
			return true;
	return false;
}

/* Tries a file again that did not work, and writes what could not be written. Call it at the pace of
 * a lazy timer. */
void vault_tend(struct vault *vault)
{
	vault->retry = vault->standin && cache_file_wanted(vault->file);
	(void)find_store(vault);
	(void)vault_run(vault, write_done, vault);
}

/* file: outlives the vault. Opens nothing yet. */
int vault_new(struct vault **ret, struct cache_file *file)
{
	struct vault *vault = calloc(1, sizeof(*vault));

	if (!vault)
		return -ENOMEM;
	vault->file = file;
	cache_file_watch(file, on_failing, vault);
	*ret = vault;
	return 0;
}

/* What is only in memory is lost: call vault_tend() before. Takes NULL, returns NULL. */
struct vault *vault_free(struct vault *vault)
{
	if (!vault)
		return NULL;
	cache_file_watch(vault->file, NULL, NULL);
	vault->standin = store_close(vault->standin);
	free(vault->done);
	free(vault);
	return NULL;
}
