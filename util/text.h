#pragma once

#include <stdbool.h>
#include <stddef.h>

int text_random_hex(char *text, size_t digits);
int text_hex(char **ret, const void *bytes, size_t size);
bool text_flag(const char *text, bool *ret);
size_t text_whole(const char *text, size_t size);
bool text_is_visible(const char *text, size_t size);
size_t text_cut(const char *text, size_t max);
