#include "daemon/cameras.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/shown.h"
#include "util/json.h"
#include "util/log.h"

#define HEAD                                                                                \
	"# For go2rtc.yaml. The addresses hold passwords: keep the file to yourself.\n"     \
	"# Home Assistant's Generic Camera, and what is like it, gets stream and picture\n" \
	"# from go2rtc, by the addresses in the comments, which hold no password.\n"        \
	"streams:\n"

#define ADDRESS_MAX 1024
#define LETTERS     "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS      "0123456789"

/* What a name in YAML, in go2rtc's own addresses and in those of others is made of. */
struct stream_name {
	char text[RECORDS_ID_MAX + 1];
};

static struct stream_name stream_name(const char *mac)
{
	struct stream_name name;

	(void)snprintf(name.text, sizeof(name.text), "%s", mac);
	for (char *c = name.text; *c; c++)
		if (!strchr(LETTERS DIGITS, *c))
			*c = '_';
	return name;
}

/* go2rtc runs what addresses of other schemes say, replaces ${NAME} by what it finds in its
 * environment, and takes what follows "#" for options of its own. No right address holds a byte
 * that YAML or any of these would look at. Source: RFC 3986, appendix A. */
static bool is_plain(const char *address)
{
	if (strncmp(address, "rtsp://", 7) != 0 && strncmp(address, "rtsps://", 8) != 0)
		return false;
	return strlen(address) <= ADDRESS_MAX &&
	       address[strspn(address, LETTERS DIGITS "-._~:/?[]@!$&'()*+,;=%")] == '\0';
}

/* False if this stream was there before: one door phone may serve several homes, and go2rtc wants
 * no name twice. */
static bool is_new(struct cameras *cameras, const char *name)
{
	if (!cameras->streams)
		cameras->streams = json_object_new_object();
	return !json_get(cameras->streams, name) &&
	       json_set(cameras->streams, name, json_object_new_boolean(true)) >= 0;
}

/* For each device, as a survey tells it: prints its stream to stdout, if it has one. The address
 * holds a password, so this is for the terminal of the administrator only. */
void cameras_print(const struct device_record *record, void *userdata)
{
	struct stream_name name = stream_name(record->mac);
	struct shown device = shown(record->name);
	struct cameras *cameras = userdata;

	if (!*record->rtsp)
		return;
	if (!is_plain(record->rtsp)) {
		(void)printf("# Left out, its address is not a plain one: %s\n", device.text);
		return;
	}
	if (!is_new(cameras, name.text))
		return;
	if (json_object_object_length(cameras->streams) == 1)
		(void)printf(HEAD);
	(void)printf("  # %s\n"
		     "  #   rtsp://127.0.0.1:8554/akuvox_%s\n"
		     "  #   http://127.0.0.1:1984/api/frame.jpeg?src=akuvox_%s\n"
		     "  akuvox_%s:\n"
		     "    - \"%s\"\n",
		device.text, name.text, name.text, name.text, record->rtsp);
}

/* Says to whom does not see it what was printed. */
void cameras_done(struct cameras *cameras)
{
	if (cameras->streams && !isatty(STDOUT_FILENO))
		log_warning("What was printed holds passwords of cameras: keep it to yourself");
	cameras->streams = json_free(cameras->streams);
}
