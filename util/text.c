#include "util/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "util/cleanup.h"

/* Writes so many random lower-case hex digits and a NUL. digits: at most 64. */
int text_random_hex(char *text, size_t digits)
{
	unsigned char bytes[64];

	if (digits > sizeof(bytes))
		return -EINVAL;
	if (getrandom(bytes, digits, 0) != (ssize_t)digits)
		return -EIO;
	for (size_t i = 0; i < digits; i++)
		text[i] = "0123456789abcdef"[bytes[i] & 15];
	text[digits] = '\0';
	return 0;
}

/* Bytes as lower-case hex digits; the caller frees them. */
int text_hex(char **ret, const void *bytes, size_t size)
{
	const unsigned char *b = bytes;
	char *text = malloc(2 * size + 1);

	if (!text)
		return -ENOMEM;
	for (size_t i = 0; i < size; i++) {
		text[2 * i] = "0123456789abcdef"[b[i] >> 4];
		text[2 * i + 1] = "0123456789abcdef"[b[i] & 15];
	}
	text[2 * size] = '\0';
	*ret = text;
	return 0;
}

/* Reads yes/no in the spellings people use. False if it is none of them. */
bool text_flag(const char *text, bool *ret)
{
	static const char *const words[][2] = {
		{"no", "yes"}, {"false", "true"}, {"off", "on"}, {"0", "1"}};

	for (size_t i = 0; i < ELEMENTS(words); i++)
		for (int value = 0; value < 2; value++)
			if (strcasecmp(text, words[i][value]) == 0) {
				*ret = value;
				return true;
			}
	return false;
}

/* True if there is text and all of it is printable ASCII without spaces: what ids are made of. */
bool text_is_visible(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return size > 0;
}

/* The bytes, of size, that are left of a text in UTF-8 cut there: no half of a character at the
 * end, which would spoil the whole for every reader. */
size_t text_whole(const char *text, size_t size)
{
	size_t tail = 0, need = 1;
	unsigned char first;

	while (tail < size && ((unsigned char)text[size - tail - 1] & 0xc0) == 0x80)
		tail++;
	if (tail == size)
		return size;
	first = (unsigned char)text[size - tail - 1];
	if (first >= 0xc0)
		need = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
	return tail + 1 < need ? size - tail - 1 : size;
}

/* How many bytes of text fit into max without half a UTF-8 character at the end. */
size_t text_cut(const char *text, size_t max)
{
	size_t size = strnlen(text, max + 1);

	if (size <= max)
		return size;
	for (size = max; size > 0 && (text[size] & 0xc0) == 0x80;)
		size--;
	return size;
}
