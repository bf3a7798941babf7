#pragma once

#include <systemd/sd-event.h>

#include "bridge/mqtt.h"
#include "bridge/names.h"
#include "cache/history.h"
#include "cache/home.h"
#include "cloud/client.h"
#include "cloud/http.h"
#include "util/cleanup.h"

/* The newest capture of each device, out of the door history: fetched once, looked at whether it is
 * a picture, and published as <base>/<residence>/device/<mac>/picture. */
struct pictures;

/* Bytes of a picture; newer brokers let no packet above 2,000,000 pass. */
#define PICTURE_SIZE_MAX 1572864

/* All must outlive the pictures. */
struct pictures_parts {
	struct http *http;
	struct cloud *cloud;
	struct mqtt *mqtt;
	const struct names *names;
	struct cache *cache;
	struct history *history;
	const char *cloud_url;
};

int pictures_new(struct pictures **ret, sd_event *event, const struct pictures_parts *parts);
struct pictures *pictures_free(struct pictures *pictures);

void pictures_connected(struct pictures *pictures);
void pictures_lost(struct pictures *pictures);
void pictures_acknowledged(struct pictures *pictures, int id);
void pictures_room(struct pictures *pictures);
void pictures_go_on(struct pictures *pictures);
void pictures_news(struct pictures *pictures, struct home *home, enum history_kind kind);
void pictures_forget_home(struct pictures *pictures, const struct home *home);
void picture_forget(struct device *device);

DEFINE_CLEANUP(struct pictures *, pictures_free);
