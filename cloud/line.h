#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <systemd/sd-event.h>

#include "util/cleanup.h"

/* The connections that http.c's library opens: watched for it while a transfer uses them, and for
 * their end while they rest. Knows descriptors only, no HTTP. */
struct lines;

struct lines_settings {
	/* A descriptor that the library asked for is ready. */
	void (*ready)(int fd, uint32_t events, void *userdata);
	/* What was ready has been told. */
	void (*worked)(void *userdata);
	/* The number of resting lines is another. May run inside any call of this module. */
	void (*changed)(void *userdata);
	void *userdata;
};

int lines_new(struct lines **ret, sd_event *event, const struct lines_settings *settings);
struct lines *lines_free(struct lines *lines);
void lines_forget(struct lines *lines);

int lines_open(struct lines *lines, int family, int type, int protocol);
void lines_close(struct lines *lines, int fd);
int lines_watch(struct lines *lines, int fd, uint32_t events);

void lines_rest(struct lines *lines, int fd);
void lines_check(struct lines *lines);
void lines_retire(struct lines *lines);
unsigned lines_resting(const struct lines *lines);

DEFINE_CLEANUP(struct lines *, lines_free);
