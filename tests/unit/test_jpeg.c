#include "tests/unit/cmocka-all.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/jpeg.h"
#include "tests/sim/picture.h"
#include "util/cleanup.h"

/* The parts of a picture, as small as they can be. */
#define SOI      "\xff\xd8"
#define EOI      "\xff\xd9"
#define APP0     "\xff\xe0\x00\x07JFIF\x00"
#define COMMENT  "\xff\xfe\x00\x06\xff\xd9\xff\xda"
#define TABLE    "\xff\xdb\x00\x03\x00"
#define FRAME    "\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00"
#define SCAN     "\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
#define CODED    "\x12\xff\x00\x34"
#define RESTARTS "\x12\xff\xd0\x34\xff\xd7\x56"

struct sample {
	const char *bytes;
	size_t size;
};

#define S(bytes)                           \
	{                                  \
		(bytes), sizeof(bytes) - 1 \
	}

/* In a buffer of exactly that size, so that a step beyond it is seen. */
static int check(const void *bytes, size_t size, size_t *ret_size)
{
	_cleanup_free_ char *exact = malloc(size + !size);

	assert_non_null(exact);
	memcpy(exact, bytes, size);
	return jpeg_check(exact, size, ret_size);
}

static void sound(void **state)
{
	static const struct sample samples[] = {
		S(SOI FRAME SCAN CODED EOI),
		S(SOI APP0 COMMENT TABLE FRAME TABLE SCAN CODED EOI),
		S(SOI FRAME SCAN RESTARTS EOI),
		/* Progressive: several scans, tables between them. */
		S(SOI "\xff\xc2"
		      "\x00\x0b\x08\x00\x10\x00\x10\x01\x01\x11\x00" SCAN CODED TABLE SCAN CODED
				EOI),
		/* Fill bytes before markers. */
		S(SOI "\xff\xff" FRAME "\xff" SCAN CODED "\xff\xff" EOI),
		/* The longest sides. */
		S(SOI "\xff\xc0\x00\x0b\x08\x40\x00\x40\x00\x01\x01\x11\x00" SCAN CODED EOI),
		/* Four components. */
		S(SOI "\xff\xc1\x00\x14\x08\x00\x10\x00\x10\x04\x01\x11\x00\x02\x11\x00\x03\x11"
		      "\x00\x04\x11\x00" SCAN CODED EOI),
	};

	for (size_t i = 0; i < ELEMENTS(samples); i++) {
		size_t size = 0;

		if (check(samples[i].bytes, samples[i].size, &size) != 0 || size != samples[i].size)
			fail_msg("sample %zu", i);
	}
}

static void unsound(void **state)
{
	static const struct sample samples[] = {
		S(""),
		S("\xff"),
		S(SOI),
		S(SOI EOI),
		S("<html><body>not found</body></html>"),
		S("\x89PNG\r\n\x1a\n"),
		S("GIF89a"),
		S("{\"success\":false}"),
		S("\xff" SOI FRAME SCAN CODED EOI),
		S("\n" SOI FRAME SCAN CODED EOI),
		S(FRAME SCAN CODED EOI),
		/* Without frame, without scan, without end. */
		S(SOI SCAN CODED EOI),
		S(SOI FRAME EOI),
		S(SOI FRAME SCAN CODED),
		S(SOI FRAME SCAN CODED "\xff"),
		S(SOI FRAME SCAN CODED "\xff\x00"),
		S(SOI FRAME SCAN EOI),
		/* Two frames; a frame within the scan's bytes. */
		S(SOI FRAME FRAME SCAN CODED EOI),
		S(SOI SCAN CODED FRAME EOI),
		/* Sides: none, too long. */
		S(SOI "\xff\xc0\x00\x0b\x08\x00\x00\x00\x10\x01\x01\x11\x00" SCAN CODED EOI),
		S(SOI "\xff\xc0\x00\x0b\x08\x00\x10\x00\x00\x01\x01\x11\x00" SCAN CODED EOI),
		S(SOI "\xff\xc0\x00\x0b\x08\x40\x01\x00\x10\x01\x01\x11\x00" SCAN CODED EOI),
		S(SOI "\xff\xc0\x00\x0b\x08\x00\x10\xff\xff\x01\x01\x11\x00" SCAN CODED EOI),
		/* Components: none, five, not as many as the length says. */
		S(SOI "\xff\xc0\x00\x08\x08\x00\x10\x00\x10\x00" SCAN CODED EOI),
		S(SOI "\xff\xc0\x00\x17\x08\x00\x10\x00\x10\x05\x01\x11\x00\x02\x11\x00\x03\x11"
		      "\x00\x04\x11\x00\x05\x11\x00" SCAN CODED EOI),
		S(SOI "\xff\xc0\x00\x0b\x08\x00\x10\x00\x10\x03\x01\x11\x00" SCAN CODED EOI),
		S(SOI "\xff\xc0\x00\x07\x08\x00\x10\x00\x10" SCAN CODED EOI),
		/* A scan of nothing, of more than the frame has, of a wrong length. */
		S(SOI FRAME "\xff\xda\x00\x06\x00\x00\x3f\x00" CODED EOI),
		S(SOI FRAME "\xff\xda\x00\x0a\x02\x01\x00\x02\x00\x00\x3f\x00" CODED EOI),
		S(SOI FRAME "\xff\xda\x00\x07\x01\x01\x00\x00\x3f" CODED EOI),
		S(SOI FRAME "\xff\xda\x00\x02" CODED EOI),
		/* Lengths: too short, beyond the end, cut. */
		S(SOI "\xff\xe0\x00\x01" FRAME SCAN CODED EOI),
		S(SOI "\xff\xe0\x00\x00" FRAME SCAN CODED EOI),
		S(SOI FRAME SCAN CODED "\xff\xe0\xff\xff" EOI),
		S(SOI "\xff\xe0\x00"),
		S(SOI "\xff\xe0"),
		/* What is no marker, or does not belong there. */
		S(SOI "\xff\x00" FRAME SCAN CODED EOI),
		S(SOI "\xff\x01" FRAME SCAN CODED EOI),
		S(SOI "\xff\xd0" FRAME SCAN CODED EOI),
		S(SOI "\xff\x00\x00\x02" FRAME SCAN CODED EOI),
		S(SOI "\xff\x01\x00\x02" FRAME SCAN CODED EOI),
		S(SOI "\xff\xd8\x00\x02" FRAME SCAN CODED EOI),
		S(SOI SOI FRAME SCAN CODED EOI),
		S(SOI APP0 "x" FRAME SCAN CODED EOI),
	};
	size_t size;

	for (size_t i = 0; i < ELEMENTS(samples); i++)
		if (check(samples[i].bytes, samples[i].size, &size) != -EBADMSG)
			fail_msg("sample %zu", i);
}

/* What follows the end is not part of the picture: zeros, a second picture, a script. */
static void ends_where_it_ends(void **state)
{
	static const char bytes[] = SOI FRAME SCAN CODED EOI "\x00\x00" SOI "<script>";
	size_t size = 0;

	assert_int_equal(check(bytes, sizeof(bytes) - 1, &size), 0);
	assert_int_equal(size, sizeof(SOI FRAME SCAN CODED EOI) - 1);
}

static void cut_anywhere(void **state)
{
	size_t size, found = 0;
	_cleanup_free_ char *picture = picture_new(320, 240, 7, &size);

	assert_int_equal(check(picture, size, &found), 0);
	assert_int_equal(found, size);
	for (size_t n = 0; n < size; n++)
		assert_int_equal(check(picture, n, &found), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sound),
		cmocka_unit_test(unsound),
		cmocka_unit_test(ends_where_it_ends),
		cmocka_unit_test(cut_anywhere),
	};

	return cmocka_run_group_tests_name("jpeg", tests, NULL, NULL);
}
