#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <json-c/arraylist.h>

#include "tests/sim/history.h"

/* Room for a prefix and 32 hex digits, as all ids of the vendor's examples have. */
#define WORLD_ID_MAX 40

struct relay {
	char *id, *name, *number;
	bool security;
};

struct device {
	char *mac, *name, *sip, *ciphertext;
	const char *type; /* a string constant */
	bool is_public, online;
	bool rtsp_is_short; /* the vendor's example says "rtsp", its table "rtsp_url": we do both */
	struct array_list *relays;
	char *text; /* its row of the device list, made when needed */
};

struct member {
	char *id, *first_name, *last_name, *email;
	const char *role; /* "admin", "user" or "guest" */
	bool is_self;     /* the account our tokens belong to */
};

struct temp_key {
	char *code, *start, *finish, *qr_code_url;
	int64_t finish_epoch, count;
};

struct home {
	char *id, *account_id, *name;
	bool online, installed;
	struct array_list *devices, *members, *temp_keys;
	char *pin, *nfc_code, *ble_code;
	bool nfc, ble, face;
	struct history calls, doors;
	char *text; /* its row of the family list, made when needed */
};

/* A relay that moved through the API. */
struct opening {
	char *residence_id, *mac, *relay_id;
	int64_t time_msec;
};

struct world {
	struct array_list *homes, *openings;
	uint64_t seed;
	uint64_t openings_total;
	unsigned picture_serial; /* names of pictures below it exist */
	char *base_url;
	struct history_knobs knobs;
	int64_t clock_ahead;    /* of the machine's, in seconds: what answers and new rows say */
	int empty_lists;        /* so many lists come back empty */
	bool lists_are_objects; /* {"list": [...]} instead of an array */
	bool drop_expired;      /* expired temporary keys leave the list */
};

struct world *world_new(unsigned homes, unsigned devices, uint64_t seed);
struct world *world_free(struct world *w);

struct home *world_add_home(struct world *w, unsigned devices);
struct device *home_add_device(struct world *w, struct home *h, const char *type);
struct member *home_add_member(struct world *w, struct home *h, const char *first, const char *last,
	const char *email, const char *role);

struct temp_key *home_add_temp_key(struct world *w, struct home *h, const char *start,
	const char *finish, int64_t finish_epoch, int64_t count);

struct home *world_home(struct world *w, const char *id);
struct device *home_device(struct home *h, const char *mac);
struct relay *device_relay(struct device *d, const char *id);
struct temp_key *home_temp_key(struct home *h, const char *code);
struct member *home_member(struct home *h, const char *id);
struct device *world_device(struct world *w, const char *mac, struct home **ret_home);

void world_set(char **field, const char *text);
uint64_t world_random(struct world *w);
char *world_hex(struct world *w, const char *prefix, unsigned digits);
bool list_remove(struct array_list *list, const void *item);

/* What a row of the open-door history is made of. */
struct door_event {
	const char *account_name, *device_name, *open_door_type;
	bool success, picture;
	int64_t epoch;
};

void home_forget_text(struct home *h);
void device_forget_text(struct device *d);
int64_t world_clock_msec(const struct world *w);
void world_call(struct home *h, const char *name, const char *sip, int64_t epoch);
void world_open(struct world *w, struct home *h, const struct door_event *event);
void world_fill(struct world *w, struct home *h, unsigned rows);
void world_api_opening(
	struct world *w, struct home *h, const struct device *d, const struct relay *relay);
char *world_picture_url(const struct world *w, const char *kind, const char *suffix);
const char *world_live(struct world *w);
