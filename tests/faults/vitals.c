#include "tests/faults/vitals.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/cleanup.h"

/* All zero if there is no such process. */
struct vitals vitals_of(pid_t pid)
{
	struct vitals v = {0};
	size_t of_files;
	char path[64];
	FILE *file;
	DIR *folder;

	(void)snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return v;
	if (fscanf(file, "%*u %zu %zu", &v.memory, &of_files) == 2)
		v.memory = (v.memory - of_files) * (size_t)sysconf(_SC_PAGESIZE);
	(void)fclose(file);
	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	folder = opendir(path);
	if (!folder)
		return v;
	for (const struct dirent *entry; (entry = readdir(folder));)
		v.descriptors += *entry->d_name != '.';
	(void)closedir(folder);
	return v;
}

size_t vitals_database(const char *path)
{
	static const char *const suffixes[] = {"", "-wal"};
	size_t size = 0;

	for (size_t i = 0; i < ELEMENTS(suffixes); i++) {
		char whole[256];
		struct stat st;

		(void)snprintf(whole, sizeof(whole), "%s%s", path, suffixes[i]);
		if (stat(whole, &st) == 0)
			size += (size_t)st.st_size;
	}
	return size;
}
