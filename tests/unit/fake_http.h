#pragma once

#include "cloud/http.h"

/* HTTP whose answers the test gives. A program that links fake_http.c wraps http_start and
 * http_cancel. */

struct http *fake_http(void);
void fake_http_refuse(int result);

unsigned fake_http_started(void); /* ever, since fake_http_begin() */
unsigned fake_http_open(void);
const struct http_call *fake_http_call(unsigned i); /* of the open ones, oldest first */
void fake_http_answer(unsigned i, const struct http_answer *answer);
void fake_http_begin(void);
