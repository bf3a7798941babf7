#include "tests/unit/cmocka-all.h"

#include "tests/unit/capture.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void capture_begin(struct capture *capture)
{
	capture->file = memfd_create("stderr", MFD_CLOEXEC);
	assert_true(capture->file >= 0);
	capture->saved = dup(STDERR_FILENO);
	assert_true(capture->saved >= 0);
	assert_int_equal(dup2(capture->file, STDERR_FILENO), STDERR_FILENO);
}

/* What was written since capture_begin(); valid as long as capture is. */
const char *capture_end(struct capture *capture)
{
	ssize_t n;

	assert_int_equal(dup2(capture->saved, STDERR_FILENO), STDERR_FILENO);
	(void)close(capture->saved);
	n = pread(capture->file, capture->text, sizeof(capture->text) - 1, 0);
	(void)close(capture->file);
	assert_true(n >= 0);
	capture->text[n] = '\0';
	return capture->text;
}

/* How often words stand in text. */
unsigned capture_count(const char *text, const char *words)
{
	unsigned n = 0;

	for (text = strstr(text, words); text; text = strstr(text + strlen(words), words))
		n++;
	return n;
}
