#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"

/* The requests of the last minutes by topic and id, with their first answers: a message that comes
 * twice is carried out once. */
struct seen;

/* A topic's id counts as the same for so long; the oldest is forgotten early if there are more. */
#define SEEN_USEC (5 * 60 * UINT64_C(1000000))
#define SEEN_MAX  1024

/* Longer answers, in bytes, may be so much together; what is beyond is remembered without its
 * result. */
#define SEEN_ANSWER_MAX 1024
#define SEEN_LONG_MAX   (256 * 1024)

int seen_new(struct seen **ret);
struct seen *seen_free(struct seen *seen);

int seen_check(struct seen *seen, const char *key, const char **ret_first);
void seen_answer(struct seen *seen, const char *key, const char *answer);

DEFINE_CLEANUP(struct seen *, seen_free);
