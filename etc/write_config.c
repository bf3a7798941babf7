#include <stdio.h>
#include <string.h>

#include "daemon/commands_write.h"
#include "daemon/config.h"

/* Writes what follows from the tables of configuration keys and of commands, for "make
 * update-config". */
int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "example") == 0)
		return config_write_example(stdout) < 0;
	if (argc == 2 && strcmp(argv[1], "man") == 0)
		return config_write_man(stdout) < 0;
	if (argc == 2 && strcmp(argv[1], "commands") == 0)
		return commands_write_man(stdout) < 0;
	(void)fputs("usage: write_config example|man|commands\n", stderr);
	return 2;
}
