#include "cache/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/model.h"
#include "util/clock.h"
#include "util/secret.h"

void access_init(struct access *access)
{
	*access = (struct access){0};
	for (int kind = 0; kind < ACCESS_KIND_MAX; kind++)
		access->on[kind] = -1;
}

static void free_keys(struct temp_key *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		(void)secret_free(keys[i].code);
		(void)secret_free(keys[i].qr_code_url);
	}
	free(keys);
}

void access_done(struct access *access)
{
	free_keys(access->keys, access->n_keys);
	access_init(access);
}

/* Takes over whether that way to open is on. */
void cache_merge_access(struct cache *cache, struct home *home, enum access_kind kind, bool on)
{
	if (home->gone || home->access.on[kind] == on)
		return;
	home->access.on[kind] = on;
	home->changed |= CHANGED_NFC << kind;
	home->differs = true;
	cache_tell(cache, home);
}

static int by_finish(const void *a, const void *b)
{
	const struct temp_key *x = a, *y = b;

	if (x->finish != y->finish)
		return x->finish < y->finish ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_keys(const struct access *access, const struct temp_key *keys, size_t n)
{
	if (!access->knows_keys || access->n_keys != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct temp_key *old = &access->keys[i];

		if (by_finish(old, &keys[i]) != 0 || old->count != keys[i].count ||
			!same_text(old->code, keys[i].code) ||
			!same_text(old->qr_code_url, keys[i].qr_code_url))
			return false;
	}
	return true;
}

static int copy_key(struct temp_key *key, const struct temp_key_record *record, bool with_codes)
{
	*key = (struct temp_key){
		.start = record->start, .finish = record->finish, .count = record->count};
	if (!with_codes)
		return 0;
	if (secret_new(&key->code, record->code, strlen(record->code)) < 0)
		return -ENOMEM;
	return secret_new(&key->qr_code_url, record->qr_code_url, strlen(record->qr_code_url));
}

/* Takes over the guest keys that have not ended by our clock. with_codes: keeps what opens, too. */
int cache_merge_temp_keys(struct cache *cache, struct home *home,
	const struct temp_key_record *records, size_t n, bool with_codes)
{
	struct temp_key *keys = calloc(n + 1, sizeof(*keys));
	int64_t now = clock_epoch_msec() / 1000;
	size_t used = 0;

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		if (records[i].finish <= now)
			continue;
		if (copy_key(&keys[used++], &records[i], with_codes) < 0) {
			free_keys(keys, used);
			return -ENOMEM;
		}
	}
	qsort(keys, used, sizeof(*keys), by_finish);
	if (home->gone || same_keys(&home->access, keys, used)) {
		free_keys(keys, used);
		return 0;
	}
	free_keys(home->access.keys, home->access.n_keys);
	home->access.keys = keys;
	home->access.n_keys = used;
	home->access.knows_keys = true;
	home->changed |= CHANGED_KEYS;
	home->differs = true;
	cache_tell(cache, home);
	return 0;
}
