#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "bridge/jpeg.h"

/* What passes begins and ends like a picture, and is one as far as it was said to go, no less. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t end = 0, again = 0;

	if (jpeg_check(data, size, &end) < 0)
		return 0;
	if (end < 4 || end > size || memcmp(data, "\xff\xd8", 2) != 0 ||
		memcmp(data + end - 2, "\xff\xd9", 2) != 0)
		abort();
	if (jpeg_check(data, end, &again) < 0 || again != end ||
		jpeg_check(data, end - 1, &again) >= 0)
		abort();
	return 0;
}
