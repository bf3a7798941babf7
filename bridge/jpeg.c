#include "bridge/jpeg.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Markers of ITU-T T.81, table B.1. */
enum {
	MARKER_TEM = 0x01,
	MARKER_SOF0 = 0xc0,
	MARKER_DHT = 0xc4,
	MARKER_JPG = 0xc8,
	MARKER_DAC = 0xcc,
	MARKER_SOF15 = 0xcf,
	MARKER_RST0 = 0xd0,
	MARKER_RST7 = 0xd7,
	MARKER_SOI = 0xd8,
	MARKER_EOI = 0xd9,
	MARKER_SOS = 0xda,
};

#define COMPONENTS_MAX 4

struct reader {
	const uint8_t *data;
	size_t size;
	size_t at;
	unsigned components; /* of the frame; 0: none came yet */
	bool scanned;
};

static bool starts_frame(unsigned marker)
{
	return marker >= MARKER_SOF0 && marker <= MARKER_SOF15 && marker != MARKER_DHT &&
	       marker != MARKER_JPG && marker != MARKER_DAC;
}

static unsigned number_at(const uint8_t *data)
{
	return (unsigned)data[0] << 8 | data[1];
}

/* The next marker, which any number of bytes 0xff may come before; -EBADMSG: there is none. */
static int next_marker(struct reader *r)
{
	if (r->at >= r->size || r->data[r->at] != 0xff)
		return -EBADMSG;
	while (r->at < r->size && r->data[r->at] == 0xff)
		r->at++;
	if (r->at >= r->size || r->data[r->at] == 0)
		return -EBADMSG;
	return r->data[r->at++];
}

/* A segment's parameters, without their length. */
static int next_segment(struct reader *r, const uint8_t **ret, size_t *ret_size)
{
	size_t size;

	if (r->size - r->at < 2)
		return -EBADMSG;
	size = number_at(r->data + r->at);
	if (size < 2 || size > r->size - r->at)
		return -EBADMSG;
	*ret = r->data + r->at + 2;
	*ret_size = size - 2;
	r->at += size;
	return 0;
}

static bool is_side(unsigned pixels)
{
	return pixels > 0 && pixels <= JPEG_SIDE_MAX;
}

/* A height of 0 is legal where a DNL segment follows; no camera does so. */
static int take_frame(struct reader *r, const uint8_t *frame, size_t size)
{
	if (r->components || size < 6)
		return -EBADMSG;
	if (!is_side(number_at(frame + 1)) || !is_side(number_at(frame + 3)))
		return -EBADMSG;
	if (frame[5] == 0 || frame[5] > COMPONENTS_MAX || size != 6 + 3 * (size_t)frame[5])
		return -EBADMSG;
	r->components = frame[5];
	return 0;
}

/* The header of a scan, and the coded bytes up to the next marker that is none of theirs. */
static int take_scan(struct reader *r, const uint8_t *scan, size_t size)
{
	size_t first = r->at;

	if (size < 1 || scan[0] == 0 || scan[0] > r->components || size != 4 + 2 * (size_t)scan[0])
		return -EBADMSG;
	for (;;) {
		const uint8_t *found = memchr(r->data + r->at, 0xff, r->size - r->at);

		if (!found || found + 1 >= r->data + r->size)
			return -EBADMSG;
		r->at = (size_t)(found - r->data);
		if (found[1] != 0 && !(found[1] >= MARKER_RST0 && found[1] <= MARKER_RST7) &&
			found[1] != 0xff)
			break;
		r->at += found[1] == 0xff ? 1 : 2;
	}
	r->scanned = true;
	return r->at > first ? 0 : -EBADMSG;
}

static int take_segment(struct reader *r, unsigned marker)
{
	const uint8_t *segment;
	size_t size;
	int e;

	if (marker == MARKER_TEM || (marker >= MARKER_RST0 && marker <= MARKER_SOI))
		return -EBADMSG;
	e = next_segment(r, &segment, &size);
	if (e < 0)
		return e;
	if (starts_frame(marker))
		return take_frame(r, segment, size);
	if (marker == MARKER_SOS)
		return take_scan(r, segment, size);
	return 0;
}

/* Whether these bytes are a JPEG picture, as far as its structure tells without decoding it: it has
 * one frame of a sensible size, at least one scan in it, and an end. *ret_size is where it ends;
 * what a camera or somebody else appended is not part of it. -EBADMSG: it is none. */
int jpeg_check(const void *data, size_t size, size_t *ret_size)
{
	struct reader r = {.data = data, .size = size};
	int marker = next_marker(&r);

	if (marker != MARKER_SOI || r.at != 2)
		return -EBADMSG;
	while ((marker = next_marker(&r)) >= 0 && marker != MARKER_EOI) {
		int e = take_segment(&r, (unsigned)marker);

		if (e < 0)
			return e;
	}
	if (marker < 0 || !r.scanned)
		return -EBADMSG;
	*ret_size = r.at;
	return 0;
}
