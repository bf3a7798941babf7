#pragma once

#include <sys/types.h>

/* Of systemd/sysusers.d and the unit. */
#define OWNER_USER "akuvox2mqtt"

/* Who the gateway runs as: whose its state directory is. A value. */
struct owner {
	uid_t uid;
	gid_t gid;
	char name[64], group[64];
};

enum owner_result {
	OWNER_UNKNOWN = 1, /* there is no state directory yet, and no user OWNER_USER */
};

int owner_find(struct owner *ret, const char *state_directory);
int owner_become(const struct owner *owner);
int owner_access(const struct owner *owner, const char *path, int mode);
int owner_blame(const struct owner *owner, const char *path, char **ret_folder);
