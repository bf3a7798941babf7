#include "cache/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cache/model.h"
#include "util/clock.h"
#include "util/secret.h"

void access_init(struct access *access)
{
	*access = (struct access){.keys_known = ACCESS_UNKNOWN};
	for (int kind = 0; kind < ACCESS_KIND_MAX; kind++)
		access->on[kind] = ACCESS_UNKNOWN;
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

static void tell(struct cache *cache, struct home *home, unsigned changed)
{
	home->changed |= changed;
	home->differs = true;
	cache_tell(cache, home);
}

static void set_on(struct cache *cache, struct home *home, enum access_kind kind, int on)
{
	if (home->gone || home->access.on[kind] == on)
		return;
	home->access.on[kind] = on;
	tell(cache, home, CHANGED_NFC << kind);
}

/* Takes over whether that way to open is on. */
void cache_merge_access(struct cache *cache, struct home *home, enum access_kind kind, bool on)
{
	set_on(cache, home, kind, on);
}

/* Forgets it: nobody asks for it any more. */
void cache_drop_access(struct cache *cache, struct home *home, enum access_kind kind)
{
	set_on(cache, home, kind, ACCESS_DROPPED);
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
	if (access->keys_known < 0 || access->n_keys != n)
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

/* keys: consumed. */
static void set_keys(
	struct cache *cache, struct home *home, struct temp_key *keys, size_t n, int known)
{
	free_keys(home->access.keys, home->access.n_keys);
	home->access.keys = keys;
	home->access.n_keys = n;
	home->access.keys_known = known;
	tell(cache, home, CHANGED_KEYS);
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
	set_keys(cache, home, keys, used, 1);
	return 0;
}

/* Forgets them: nobody asks for them any more. */
void cache_drop_temp_keys(struct cache *cache, struct home *home)
{
	if (!home->gone && home->access.keys_known != ACCESS_DROPPED)
		set_keys(cache, home, NULL, 0, ACCESS_DROPPED);
}
