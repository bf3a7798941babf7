#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "util/cleanup.h"

/* Results of the cloud as typed records. Texts are borrowed from the JSON result they were read
 * from; never NULL unless said. Reading is lenient: what is not needed may be missing or wrong. */

/* More than these are dropped, with a line in the log. */
#define RECORDS_HOMES_MAX   10000
#define RECORDS_DEVICES_MAX 256
#define RECORDS_RELAYS_MAX  32
#define RECORDS_ROWS_MAX    65536 /* more do not fit into an answer */
#define RECORDS_KEYS_MAX    1000
#define RECORDS_ID_MAX      128

struct family_record {
	const char *residence_id;
	const char *name;
	bool online;
	bool installed;
};

struct relay_record {
	const char *id;
	const char *name;
	const char *number; /* the key to dial for it */
	bool security;
};

struct device_record {
	const char *mac; /* as the cloud writes it */
	const char *name;
	const char *type;
	const char *sip;
	const char *rtsp; /* holds a secret */
	bool is_public;
	bool online;
	struct relay_record relays[RECORDS_RELAYS_MAX];
	size_t n_relays;
};

/* The two histories of a home. The numbers stand in the cache file. */
enum history_kind { HISTORY_CALL, HISTORY_DOOR, HISTORY_KIND_MAX };

/* A row of either; texts that its kind does not have are empty. */
struct history_record {
	const char *time; /* as the cloud writes it, in a zone it does not name; may be anything */
	const char *name; /* who called, or the account that opened */
	const char *sip;  /* of a call */
	bool opened;      /* the rest is of an opening; false: refused */
	const char *device;
	const char *type;
	const char *picture; /* addresses: empty at first, and there in a later answer */
	const char *thumbnail;
};

/* A guest key. */
struct temp_key_record {
	const char *code; /* a secret, as is the address */
	const char *qr_code_url;
	int64_t start, finish; /* seconds since 1970 */
	int64_t count;
};

int records_families(struct json_object *result, struct family_record **ret, size_t *ret_n);
int records_devices(struct json_object *result, struct device_record **ret, size_t *ret_n);
int records_temp_keys(struct json_object *result, struct temp_key_record **ret, size_t *ret_n);
int records_members(struct json_object *result, unsigned *ret);
int records_history(struct json_object *result, enum history_kind kind, struct history_record **ret,
	size_t *ret_n);
