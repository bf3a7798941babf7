#include "tests/faults/preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "util/cleanup.h"

/* It is mapped until the test program ends. */
struct starve *starve_preload(struct harness *h)
{
	const char *folder = getenv("TOP_BUILDDIR"), *path = harness_file(h, "starve", "", 0600);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC);
	_cleanup_free_ char *object = NULL;
	struct starve *starve;

	assert_return_code(ftruncate(fd, sizeof(*starve)), errno);
	starve = mmap(NULL, sizeof(*starve), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(starve != MAP_FAILED);
	object =
		realpath(harness_text(h, "%s/tests/faults/starve.so", folder ? folder : "."), NULL);
	assert_non_null(object);
	process_setenv(h->gateway, "STARVE", path);
	process_setenv(h->gateway, "LD_PRELOAD", object);
	return starve;
}
