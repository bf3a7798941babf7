#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <syslog.h>

/* A file names its part of the program before including this header: it stands in debug lines and
 * is what AKUVOX2MQTT_DEBUG=http,mqtt selects. */
#ifndef LOG_TOKEN
#define LOG_TOKEN ""
#endif

void log_open(void);
void log_set_level(int level);
int log_level_from_text(const char *text);
bool log_wants(int level, const char *token);

int log_line(int level, int error, const char *token, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

#define log_errno(level, error, ...) log_line(level, error, LOG_TOKEN, __VA_ARGS__)

#define log_error(...)   ((void)log_line(LOG_ERR, 0, LOG_TOKEN, __VA_ARGS__))
#define log_warning(...) ((void)log_line(LOG_WARNING, 0, LOG_TOKEN, __VA_ARGS__))
#define log_notice(...)  ((void)log_line(LOG_NOTICE, 0, LOG_TOKEN, __VA_ARGS__))
#define log_info(...)    ((void)log_line(LOG_INFO, 0, LOG_TOKEN, __VA_ARGS__))
#define log_debug(...)                                                                           \
	((void)(log_wants(LOG_DEBUG, LOG_TOKEN) ? log_line(LOG_DEBUG, 0, LOG_TOKEN, __VA_ARGS__) \
						: 0))

/* Log and return in one statement: yields the negative errno it was given. */
#define log_error_errno(error, ...)   log_line(LOG_ERR, error, LOG_TOKEN, __VA_ARGS__)
#define log_warning_errno(error, ...) log_line(LOG_WARNING, error, LOG_TOKEN, __VA_ARGS__)
#define log_oom()                     log_line(LOG_ERR, -ENOMEM, LOG_TOKEN, "out of memory")
