#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "util/cleanup.h"

/* In place of libFuzzer: fuzz_NAME runs what tests/fuzz/corpus/NAME holds, or the files it is given,
 * and tells of each in TAP. */

#define INPUT_MAX (1 << 20)

static int replay(unsigned number, const char *path)
{
	_cleanup_free_ uint8_t *data = malloc(INPUT_MAX), *exact = NULL;
	FILE *f = fopen(path, "re");
	size_t size;

	if (!f || !data) {
		printf("not ok %u - %s: %s\n", number, path, strerror(errno));
		return 1;
	}
	size = fread(data, 1, INPUT_MAX, f);
	(void)fclose(f);
	/* No byte more than there is, so that the sanitizers see a step beyond it. */
	exact = malloc(size + !size);
	if (!exact)
		return 1;
	memcpy(exact, data, size);
	(void)LLVMFuzzerTestOneInput(exact, size);
	printf("ok %u - %s\n", number, path);
	return 0;
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int replay_corpus(const char *name)
{
	const char *top = getenv("TOP_SRCDIR");
	struct dirent **entries = NULL;
	char directory[4096], path[8192];
	int n, failed = 0;

	(void)snprintf(directory, sizeof(directory), "%s/tests/fuzz/corpus/%s", top ?: ".", name);
	n = scandir(directory, &entries, is_input, alphasort);
	if (n <= 0) {
		printf("Bail out! %s: no corpus\n", directory);
		return 1;
	}
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", directory, entries[i]->d_name);
		failed |= replay((unsigned)i + 1, path);
		free(entries[i]);
	}
	free(entries);
	return failed;
}

int main(int argc, char **argv)
{
	const char *name = program_invocation_short_name;
	int failed = 0;

	if (argc < 2)
		return replay_corpus(strncmp(name, "fuzz_", 5) == 0 ? name + 5 : name);
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc; i++)
		failed |= replay((unsigned)i, argv[i]);
	return failed;
}
