#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cache/home.h"
#include "cloud/http.h"
#include "util/cleanup.h"

/* The pictures there are, a list for each state, and which of them are kept in memory. For
 * picture.c only. */
struct album;

enum picture_state {
	PICTURE_WANTED, /* to be fetched or, where it is kept, to be published */
	PICTURE_FETCHING,
	PICTURE_SENT, /* the broker has not acknowledged it */
	PICTURE_DONE, /* published, or given up */
	PICTURE_STATE_MAX,
};

/* The newest capture of a device, from its first on. */
struct picture {
	TAILQ_ENTRY(picture) list, kept; /* the album's own, as is the next */
	struct album *album;
	void *owner; /* of the album */
	struct device *device;
	enum picture_state state;
	char *event_id;
	bool fresh; /* it just came up; else it is one of earlier days */
	char *url;  /* may be signed, and is a secret then; NULL when it is of no use any more */
	unsigned looked; /* the last look that found it */
	unsigned failures;
	uint64_t due; /* clock_boot_usec() of the next try */
	struct http_request *request;
	int sent_id;
	char *jpeg; /* NULL: not kept */
	size_t size;
};

/* Bytes that are kept for the next connection to the broker, which may be a new one: all pictures of
 * a few homes, the newest where there are many. */
#define ALBUM_SIZE_MAX 4194304

/* changed: a picture has another state. */
int album_new(struct album **ret, void (*changed)(void *owner), void *owner);
struct album *album_free(struct album *album);

struct picture *album_picture(struct album *album, struct device *device);
struct picture *album_first(const struct album *album, enum picture_state state);
unsigned album_busy(const struct album *album);
void album_show_again(struct album *album);

void picture_set_state(struct picture *picture, enum picture_state state);
void picture_go_first(struct picture *picture);
int picture_keep(struct picture *picture, const char *jpeg, size_t size);
void picture_drop(struct picture *picture);
struct picture *picture_free(struct picture *picture);

#define album_each(album, p, state) \
	for (struct picture *p = album_first(album, state); p; p = TAILQ_NEXT(p, list))

DEFINE_CLEANUP(struct album *, album_free);
