#include "cache/schema.h"

/* A step that was released stays as it is for ever; a change is a new step at the end.
 *
 * Devices and relays are numbered within their home, in the order in which they came up, so the
 * rows of a home lie side by side and one save touches a page or two of an SD card. */
static const char *const steps[] = {
	"CREATE TABLE residence ("
	"  id TEXT NOT NULL PRIMARY KEY,"
	"  name TEXT NOT NULL,"
	"  online INTEGER NOT NULL,"
	"  installed INTEGER NOT NULL,"
	"  members INTEGER NOT NULL," /* -1: not known */
	"  gone INTEGER NOT NULL"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE device ("
	"  residence_id TEXT NOT NULL REFERENCES residence (id) ON DELETE CASCADE,"
	"  device INTEGER NOT NULL,"
	"  mac TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  type TEXT NOT NULL,"
	"  sip TEXT NOT NULL,"
	"  is_public INTEGER NOT NULL,"
	"  online INTEGER NOT NULL,"
	"  gone INTEGER NOT NULL,"
	"  PRIMARY KEY (residence_id, device)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE relay ("
	"  residence_id TEXT NOT NULL,"
	"  device INTEGER NOT NULL,"
	"  relay INTEGER NOT NULL,"
	"  id TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  number TEXT NOT NULL,"
	"  security INTEGER NOT NULL,"
	"  gone INTEGER NOT NULL,"
	"  PRIMARY KEY (residence_id, device, relay),"
	"  FOREIGN KEY (residence_id, device)"
	"    REFERENCES device (residence_id, device) ON DELETE CASCADE"
	") STRICT, WITHOUT ROWID;",

	/* Histories outlive their home's row, which is deleted and written anew with each change. */
	"CREATE TABLE history_source ("
	"  source INTEGER NOT NULL PRIMARY KEY,"
	"  residence_id TEXT NOT NULL,"
	"  kind INTEGER NOT NULL,"   /* enum history_kind */
	"  seeded INTEGER NOT NULL," /* what is new from now on is an event */
	"  pruned INTEGER NOT NULL," /* rows up to this time were deleted: not taken again */
	"  UNIQUE (residence_id, kind)"
	") STRICT;"
	"CREATE TABLE history ("
	"  row INTEGER NOT NULL PRIMARY KEY,"
	"  source INTEGER NOT NULL REFERENCES history_source (source),"
	"  time TEXT NOT NULL," /* as the cloud writes it */
	"  epoch INTEGER NOT NULL,"
	"  event_id TEXT NOT NULL,"
	"  type INTEGER NOT NULL," /* enum event_type */
	"  told INTEGER NOT NULL," /* it was made an event */
	"  mac TEXT NOT NULL,"
	"  name TEXT NOT NULL,"
	"  sip TEXT NOT NULL,"
	"  device TEXT NOT NULL,"
	"  door_type TEXT NOT NULL,"
	"  picture TEXT NOT NULL,"
	"  thumbnail TEXT NOT NULL"
	") STRICT;"
	"CREATE INDEX history_time ON history (source, time);"
	"CREATE INDEX history_epoch ON history (source, epoch);"
	/* What the broker has not acknowledged yet. */
	"CREATE TABLE outbox ("
	"  entry INTEGER NOT NULL PRIMARY KEY,"
	"  row INTEGER NOT NULL REFERENCES history (row) ON DELETE CASCADE,"
	"  picture INTEGER NOT NULL" /* not the event, but a picture that came later */
	") STRICT;"
	"CREATE INDEX outbox_row ON outbox (row);",
};

/* Lives as long as the program. */
const struct store_schema *cache_schema(void)
{
	static const struct store_schema schema = {steps, ELEMENTS(steps)};

	return &schema;
}
