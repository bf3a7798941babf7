#include "tests/unit/config_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char config_directory[64];
char config_path[80];
struct config *config;
struct config_errors config_mistakes;

int config_setup(void **state)
{
	(void)snprintf(config_directory, sizeof(config_directory), "%s/test_config.XXXXXX",
		getenv("TMPDIR") ?: "/tmp");
	if (!mkdtemp(config_directory))
		return -1;
	(void)snprintf(config_path, sizeof(config_path), "%s/test.conf", config_directory);
	(void)unsetenv("STATE_DIRECTORY");
	(void)unsetenv("CREDENTIALS_DIRECTORY");
	(void)unsetenv("TZDIR");
	return 0;
}

int config_teardown(void **state)
{
	config = config_free(config);
	config_errors_done(&config_mistakes);
	(void)unlink(config_path);
	return rmdir(config_directory);
}

/* Writes the file and loads it. */
int load_bytes(const char *text, size_t size)
{
	FILE *f = fopen(config_path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
	config = config_free(config);
	config_errors_done(&config_mistakes);
	return config_load(&config, config_path, &config_mistakes);
}

int load(const char *format, ...)
{
	char *text;
	va_list ap;
	int n, r;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	assert_true(n >= 0);
	r = load_bytes(text, (size_t)n);
	free(text);
	return r;
}

/* Line i of them, behind "PATH:". */
const char *mistake(size_t i)
{
	assert_true(i < config_mistakes.n);
	assert_memory_equal(config_mistakes.text[i], config_path, strlen(config_path));
	return config_mistakes.text[i] + strlen(config_path) + 1;
}

void print_mistakes(void)
{
	for (size_t i = 0; i < config_mistakes.n; i++)
		print_message("# %s\n", config_mistakes.text[i]);
}
