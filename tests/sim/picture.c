#include "tests/sim/picture.h"

#include <stdint.h>
#include <string.h>

#include "tests/sim/must.h"

/* Baseline JPEG (ITU-T T.81) at its simplest: every block of 8 x 8 pixels has one colour, so of
 * each block there is only the DC coefficient, and "end of block" stands for all the others. */

/* The usual DC table: how many codes of each length, and the sizes they stand for. */
static const uint8_t dc_lengths[16] = {0, 1, 5, 1, 1, 1, 1, 1, 1};
static const uint16_t dc_codes[12] = {
	0x0, 0x2, 0x3, 0x4, 0x5, 0x6, 0xe, 0x1e, 0x3e, 0x7e, 0xfe, 0x1fe};
static const uint8_t dc_bits[12] = {2, 3, 3, 3, 3, 3, 4, 5, 6, 7, 8, 9};

struct writer {
	uint8_t *data;
	size_t size, room;
	uint32_t bits;
	unsigned count;
};

static void put_byte(struct writer *w, unsigned byte)
{
	if (w->size == w->room) {
		w->room = w->room ? w->room * 2 : 1024;
		w->data = must(realloc(w->data, w->room));
	}
	w->data[w->size++] = (uint8_t)byte;
}

static void put_bytes(struct writer *w, const void *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		put_byte(w, ((const uint8_t *)bytes)[i]);
}

/* A marker, and the length of what follows it. */
static void put_marker(struct writer *w, unsigned marker, unsigned size)
{
	put_byte(w, 0xff);
	put_byte(w, marker);
	put_byte(w, (size + 2) >> 8);
	put_byte(w, (size + 2) & 255);
}

static void put_bits(struct writer *w, uint32_t bits, unsigned count)
{
	w->bits = w->bits << count | (bits & ((1U << count) - 1));
	w->count += count;
	while (w->count >= 8) {
		unsigned byte = w->bits >> (w->count - 8) & 255;

		put_byte(w, byte);
		if (byte == 0xff)
			put_byte(w, 0);
		w->count -= 8;
	}
}

static void put_block(struct writer *w, int level, int *last)
{
	int difference = level - *last;
	unsigned size = 0;

	for (int rest = abs(difference); rest > 0; rest /= 2)
		size++;
	put_bits(w, dc_codes[size], dc_bits[size]);
	if (size > 0)
		put_bits(w, (uint32_t)(difference > 0 ? difference : difference - 1), size);
	put_bits(w, 0, 1);
	*last = level;
}

static void put_tables(struct writer *w, unsigned width, unsigned height)
{
	/* One step of a DC coefficient is one step of brightness. */
	put_marker(w, 0xdb, 65);
	for (int i = 0; i < 65; i++)
		put_byte(w, i == 0 ? 0 : 8);
	put_marker(w, 0xc0, 15);
	put_bytes(w,
		(uint8_t[]){8, (uint8_t)(height >> 8), (uint8_t)height, (uint8_t)(width >> 8),
			(uint8_t)width, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0},
		15);
	put_marker(w, 0xc4, 17 + 12);
	put_byte(w, 0x00);
	put_bytes(w, dc_lengths, 16);
	for (int i = 0; i < 12; i++)
		put_byte(w, (unsigned)i);
	/* The AC table has one code, of one bit: end of block. */
	put_marker(w, 0xc4, 17 + 1);
	put_byte(w, 0x10);
	put_byte(w, 1);
	for (int i = 0; i < 16; i++)
		put_byte(w, 0);
	put_marker(w, 0xda, 10);
	put_bytes(w, (uint8_t[]){3, 1, 0, 2, 0, 3, 0, 0, 63, 0}, 10);
}

struct colour {
	int y, cb, cr; /* around 0 */
};

/* Someone before a door; place, light and clothes follow from the seed. */
static struct colour scene(unsigned x, unsigned y, unsigned columns, unsigned rows, unsigned seed)
{
	int across = (int)(x * 100 / columns), down = (int)(y * 100 / rows);
	int person = 30 + (int)(seed * 7 % 40);
	int dx = across - person, dy = down - 35;

	if (dx * dx * 16 / 9 + dy * dy < 200)
		return (struct colour){40, -12, 22};
	if (down > 50 && abs(dx) < 17)
		return (struct colour){-30 + (int)(seed % 5) * 10, (int)(seed % 3) * 40 - 40,
			(int)(seed / 3 % 3) * 40 - 40};
	if (across > 25 && across < 75 && down > 8)
		return (struct colour){-50, -15, 25};
	return (struct colour){60 - down / 2, (int)(seed % 7) * 4 - 12, 0};
}

/* Makes a JPEG, different for each seed, sides in pixels below 65536; the caller frees it. */
char *picture_new(unsigned width, unsigned height, unsigned seed, size_t *ret_size)
{
	unsigned columns = (width + 7) / 8, rows = (height + 7) / 8;
	int last_y = 0, last_cb = 0, last_cr = 0;
	struct writer w = {0};

	put_bytes(&w, "\xff\xd8", 2);
	put_marker(&w, 0xfe, sizeof(seed));
	put_bytes(&w, &seed, sizeof(seed));
	put_tables(&w, width, height);
	for (unsigned y = 0; y < rows; y++)
		for (unsigned x = 0; x < columns; x++) {
			struct colour c = scene(x, y, columns, rows, seed);

			put_block(&w, c.y, &last_y);
			put_block(&w, c.cb, &last_cb);
			put_block(&w, c.cr, &last_cr);
		}
	put_bits(&w, 0x7f, 7);
	put_bytes(&w, "\xff\xd9", 2);
	*ret_size = w.size;
	return (char *)w.data;
}
