#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/file.h"
#include "util/cleanup.h"

/* The store below the histories: the cache file, or what stands in for it in memory while it cannot
 * be used. Work is done where it can be done; when the file works again it gets all that came
 * together meanwhile. */
struct vault;

/* Errors are those of the store; -ENOMEM, -EBUSY, -EINVAL and -EEXIST say nothing about the file. */
typedef int (*vault_work_t)(struct store *store, bool in_memory, void *userdata);

int vault_new(struct vault **ret, struct cache_file *file);
struct vault *vault_free(struct vault *vault);

int vault_run(struct vault *vault, vault_work_t work, void *userdata);
int vault_run_once(struct vault *vault, vault_work_t work, void *userdata, const int *stopped);
void vault_tend(struct vault *vault);
unsigned vault_generation(const struct vault *vault);

int64_t vault_next_entry(struct vault *vault);
int vault_done(struct vault *vault, const int64_t *entries, size_t n);
bool vault_is_done(const struct vault *vault, int64_t entry);

DEFINE_CLEANUP(struct vault *, vault_free);
