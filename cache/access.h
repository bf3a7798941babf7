#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cloud/records.h"

struct cache;
struct home;

/* How the doors of a home may be opened besides by us. A value in struct home; not in the file, as
 * the broker keeps what was published and the cloud tells the rest anew. */

enum access_kind { ACCESS_NFC, ACCESS_BLE, ACCESS_FACE, ACCESS_KIND_MAX };

enum access_unknown {
	ACCESS_UNKNOWN = -1, /* yet: what was published before stands */
	ACCESS_DROPPED = -2, /* nobody asks for it: nothing is to be published */
};

struct temp_key {
	char *code; /* a secret, as is the address; both NULL unless they are to be published */
	char *qr_code_url;
	int64_t start, finish; /* seconds since 1970 */
	int64_t count;
};

struct access {
	int on[ACCESS_KIND_MAX]; /* 1 or 0, or negative: enum access_unknown */
	int keys_known;          /* 1, or negative likewise */
	struct temp_key *keys;   /* by finish, those that have ended left out */
	size_t n_keys;
};

void access_init(struct access *access);
void access_done(struct access *access);

void cache_merge_access(struct cache *cache, struct home *home, enum access_kind kind, bool on);
int cache_merge_temp_keys(struct cache *cache, struct home *home,
	const struct temp_key_record *records, size_t n, bool with_codes);
void cache_drop_access(struct cache *cache, struct home *home, enum access_kind kind);
void cache_drop_temp_keys(struct cache *cache, struct home *home);
