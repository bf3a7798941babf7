#include "bridge/album.h"

#include <errno.h>
#include <string.h>

#include "util/secret.h"

TAILQ_HEAD(picture_list, picture);

struct album {
	struct picture_list lists[PICTURE_STATE_MAX];
	struct picture_list kept; /* oldest first */
	size_t kept_size;
	unsigned busy;
	void (*changed)(void *owner);
	void *owner;
};

static bool is_busy(enum picture_state state)
{
	return state == PICTURE_FETCHING || state == PICTURE_SENT;
}

/* Puts the picture behind the others of that state. */
void picture_set_state(struct picture *picture, enum picture_state state)
{
	struct album *album = picture->album;

	TAILQ_REMOVE(&album->lists[picture->state], picture, list);
	TAILQ_INSERT_TAIL(&album->lists[state], picture, list);
	album->busy -= is_busy(picture->state);
	album->busy += is_busy(state);
	picture->state = state;
	album->changed(album->owner);
}

/* Before the others of its state. */
void picture_go_first(struct picture *picture)
{
	struct picture_list *list = &picture->album->lists[picture->state];

	TAILQ_REMOVE(list, picture, list);
	TAILQ_INSERT_HEAD(list, picture, list);
}

/* Forgets the bytes. */
void picture_drop(struct picture *picture)
{
	struct album *album = picture->album;

	if (!picture->jpeg)
		return;
	TAILQ_REMOVE(&album->kept, picture, kept);
	album->kept_size -= picture->size;
	free(picture->jpeg);
	picture->jpeg = NULL;
}

/* Keeps a copy, at the expense of the oldest that are done. Nothing may be kept of it before. */
int picture_keep(struct picture *picture, const char *jpeg, size_t size)
{
	struct album *album = picture->album;
	struct picture *old, *next;

	picture->jpeg = malloc(size);
	if (!picture->jpeg)
		return -ENOMEM;
	memcpy(picture->jpeg, jpeg, size);
	picture->size = size;
	album->kept_size += size;
	for (old = TAILQ_FIRST(&album->kept); old && album->kept_size > ALBUM_SIZE_MAX;
		old = next) {
		next = TAILQ_NEXT(old, kept);
		if (old->state == PICTURE_DONE)
			picture_drop(old);
	}
	TAILQ_INSERT_TAIL(&album->kept, picture, kept);
	return 0;
}

/* Its device has none any more. */
struct picture *picture_free(struct picture *picture)
{
	struct album *album = picture->album;

	(void)http_cancel(picture->request);
	picture_drop(picture);
	TAILQ_REMOVE(&album->lists[picture->state], picture, list);
	album->busy -= is_busy(picture->state);
	picture->device->picture = NULL;
	free(picture->event_id);
	(void)secret_free(picture->url);
	free(picture);
	album->changed(album->owner);
	return NULL;
}

int album_new(struct album **ret, void (*changed)(void *owner), void *owner)
{
	struct album *album = calloc(1, sizeof(*album));

	if (!album)
		return -ENOMEM;
	for (int state = 0; state < PICTURE_STATE_MAX; state++)
		TAILQ_INIT(&album->lists[state]);
	TAILQ_INIT(&album->kept);
	album->changed = changed;
	album->owner = owner;
	*ret = album;
	return 0;
}

/* Takes NULL, returns NULL. */
struct album *album_free(struct album *album)
{
	if (!album)
		return NULL;
	for (int state = 0; state < PICTURE_STATE_MAX; state++)
		while (!TAILQ_EMPTY(&album->lists[state]))
			(void)picture_free(TAILQ_FIRST(&album->lists[state]));
	free(album);
	return NULL;
}

/* The picture of a device, made with nothing to do if there is none. NULL: out of memory. */
struct picture *album_picture(struct album *album, struct device *device)
{
	struct picture *picture = device->picture;

	if (picture)
		return picture;
	picture = calloc(1, sizeof(*picture));
	if (!picture)
		return NULL;
	picture->album = album;
	picture->owner = album->owner;
	picture->device = device;
	picture->state = PICTURE_DONE;
	TAILQ_INSERT_TAIL(&album->lists[PICTURE_DONE], picture, list);
	device->picture = picture;
	return picture;
}

struct picture *album_first(const struct album *album, enum picture_state state)
{
	return TAILQ_FIRST(&album->lists[state]);
}

/* How many are on their way. */
unsigned album_busy(const struct album *album)
{
	return album->busy;
}

/* What is kept is wanted again; for a new connection, on which nothing is on its way. */
void album_show_again(struct album *album)
{
	struct picture *picture;

	TAILQ_FOREACH (picture, &album->kept, kept) {
		picture->due = 0;
		picture_set_state(picture, PICTURE_WANTED);
	}
}
