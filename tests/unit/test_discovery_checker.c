#include "tests/unit/cmocka-all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/discovery_checker.h"
#include "util/cleanup.h"
#include "util/clock.h"
#include "util/json.h"

/* Does the checker find what it is to find? Each fault is put into a document that has none. In texts
 * ' stands for ". */

#define TOPIC "homeassistant/device/node/phone/config"

static const char good[] =
	"{'device':{'identifiers':['phone'],'name':'Phone',"
	"'connections':[['mac','0c:11:05:aa:aa:aa']]},"
	"'origin':{'name':'akuvox2mqtt','support_url':'https://example.org'},"
	"'components':{"
	"'lock':{'platform':'lock','name':null,'unique_id':'u1','qos':1,"
	"'default_entity_id':'lock.phone_door','command_topic':'c','state_topic':'s',"
	"'message_expiry_interval':5,'optimistic':false,"
	"'availability':[{'topic':'a'},{'topic':'b'}],'availability_mode':'all'},"
	"'bell':{'platform':'event','name':'Bell','unique_id':'u2','qos':1,"
	"'device_class':'doorbell','event_types':['ring'],'state_topic':'e'},"
	"'online':{'platform':'binary_sensor','name':'On','unique_id':'u3','qos':1,"
	"'device_class':'connectivity','entity_category':'diagnostic','state_topic':'b',"
	"'availability':[{'topic':'a'}]},"
	"'cloud':{'platform':'sensor','name':'Cloud','unique_id':'u4','qos':1,"
	"'icon':'mdi:cloud','device_class':'enum','options':['on'],'state_topic':'x',"
	"'value_template':'{{ value }}'},"
	"'pin':{'platform':'text','name':'PIN','unique_id':'u5','qos':1,'mode':'password',"
	"'min':0,'max':8,'command_topic':'p','state_topic':'b','entity_category':'config',"
	"'value_template':'{{ \\'\\' }}','message_expiry_interval':5},"
	"'pic':{'platform':'image','name':'Pic','unique_id':'u6','qos':1,'image_topic':'i'}}}";

/* The first from in the document becomes to, and the checker says why. */
static const struct {
	const char *from, *to, *why;
} faults[] = {
	{"'device':{", "'d':{}, 'device':{", "has \"d\""},
	{"'components':{", "'availability':[{'topic':'a'}],'components':{", "\"availability\""},
	{"'components':{", "'~':'x','components':{", "\"~\""},
	{"'components':{", "'c':{", "\"c\""},
	{"'name':'Phone'", "'name':''", "name is no text"},
	{"'name':'Phone'", "'name':null", "name is null"},
	{",'name':'Phone'", "", "device has no name"},
	{"'name':'Phone'", "'name':'Phone','model':null", "model is null"},
	{"'name':'Phone'", "'name':'Phone','colour':'red'", "\"colour\""},
	{"'name':'Phone'", "'name':'Phone','via_device':'other'", "via other"},
	{"'name':'Phone'", "'name':'Phone','configuration_url':'x'", "configuration_url"},
	{"['phone']", "[]", "identifiers"},
	{"0c:11", "0C:11", "is no MAC"},
	{"['mac','0c:11:05:aa:aa:aa']", "'0c:11:05:aa:aa:aa'", "no pair"},
	{"'name':'akuvox2mqtt',", "", "origin has no name"},
	{"https:", "ftp:", "support_url"},
	{"'support_url'", "'url'", "\"url\""},
	{"'lock':{'p", "'lo ck':{'p", "\"lo ck\""},
	{"'platform':'lock'", "'platform':'valve2'", "no known platform"},
	{"'platform':'lock',", "", "no known platform"},
	{"'unique_id':'u1',", "", "no unique_id"},
	{"'unique_id':'u1'", "'unique_id':'u2'", "u2 is also on"},
	{"'name':null", "'name':''", "name is no text"},
	{"'name':null,", "", "has no name"},
	{"'qos':1", "'qos':0", "qos"},
	{"'optimistic':false", "'optimistic':true", "optimistic"},
	{"'optimistic':false", "'retain':true", "retained"},
	{"'optimistic':false", "'payload_pres':'x'", "\"payload_pres\""},
	{"lock.phone_door", "lock.phone__door", "default_entity_id"},
	{"lock.phone_door", "button.phone_door", "default_entity_id"},
	{"lock.phone_door", "lock.Phone", "default_entity_id"},
	{"'command_topic':'c',", "", "no command_topic"},
	{",'state_topic':'s'", "", "no state_topic"},
	{"'command_topic':'c'", "'command_topic':'c/+'", "command_topic is no topic"},
	{"'command_topic':'c'", "'command_topic':'~/c'", "command_topic is no topic"},
	{"'command_topic':'c'", "'command_topic':null", "is null"},
	{"'message_expiry_interval':5,", "", "live for ever"},
	{"'availability_mode':'all'", "'availability_mode':'any'", "mode all"},
	{",'availability_mode':'all'", "", "mode all"},
	{"'availability_mode':'all'", "'availability_topic':'x'", "and availability_topic"},
	{"[{'topic':'a'},{'topic':'b'}]", "[]", "availability is no list"},
	{"[{'topic':'a'},{'topic':'b'}]", "[{'topic':''}]", "availability has no topic"},
	{"[{'topic':'a'},{'topic':'b'}]", "[{'topic':'a','t':1}]", "\"t\""},
	{"'event_types':['ring'],", "", "no event_types"},
	{"['ring']", "['call']", "does not ring"},
	{"['ring']", "[]", "event_types is no list"},
	{"'state_topic':'e'", "'state_topic':'e','availability':[{'topic':'a'}]",
		"event with availability"},
	{"'device_class':'doorbell'", "'device_class':'bell'", "device_class"},
	{"[{'topic':'a'}]}", "[{'topic':'b'}]}", "unavailable where"},
	{"'diagnostic'", "'config'", "entity_category"},
	{"'diagnostic'", "'other'", "entity_category"},
	{",'options':['on']", "", "options"},
	{"'device_class':'enum',", "", "options"},
	{"'options':['on']", "'options':['on'],'state_class':'measurement'", "a unit"},
	{"mdi:cloud", "cloud", "icon"},
	{"{{ value }}", "{{ value }", "no template"},
	{"{{ \\'\\' }}", "{{ value }}", "password with a state"},
	{"'max':8", "'max':256", "make no sense"},
	{"'min':0", "'min':8", "make no sense"},
	{"'command_topic':'p','state_topic':'b'", "'command_topic':'p'", "no state_topic"},
	{"'image_topic':'i'", "'image_topic':'i','url_topic':'u'", "one of image_topic"},
	{",'image_topic':'i'", "", "one of image_topic"},
};

static char *quoted(const char *text)
{
	char *copy = strdup(text), *to = copy;

	assert_non_null(copy);
	for (const char *from = copy; *from; from++) {
		if (from[0] == '\\' && from[1] == '\'')
			*to++ = *++from;
		else
			*to++ = *from == '\'' ? '"' : *from;
	}
	*to = '\0';
	return copy;
}

static const char *take(
	struct discovery_checker *c, const char *topic, const char *text, uint64_t now)
{
	_cleanup_free_ char *json = quoted(text);

	return checker_take(c, topic, json, strlen(json), now);
}

static void expect(const char *why, const char *part)
{
	if (!why || !strstr(why, part))
		fail_msg("\"%s\" instead of \"%s\"", why ? why : "nothing", part);
}

static void expect_good(const char *why)
{
	if (why)
		fail_msg("%s", why);
}

static void each_fault_is_found(void **state)
{
	for (size_t i = 0; i < ELEMENTS(faults); i++) {
		struct discovery_checker *c = checker_new("homeassistant");
		const char *at = strstr(good, faults[i].from);
		_cleanup_free_ char *text = NULL;

		assert_non_null(at);
		assert_true(asprintf(&text, "%.*s%s%s", (int)(at - good), good, faults[i].to,
				    at + strlen(faults[i].from)) > 0);
		expect(take(c, TOPIC, text, 0), faults[i].why);
		(void)checker_free(c);
	}
}

static void count_each(const char *platform, struct json_object *component, void *userdata)
{
	assert_non_null(json_text(component, "unique_id"));
	++*(size_t *)userdata;
}

static void a_good_document_is_good(void **state)
{
	struct discovery_checker *c = checker_new("homeassistant");
	size_t n = 0;

	expect_good(take(c, TOPIC, good, 0));
	expect_good(take(c, TOPIC, good, 1));
	checker_each(c, count_each, &n);
	assert_int_equal(n, 6);
	assert_int_equal(checker_count(c, NULL), 6);
	assert_int_equal(checker_count(c, "lock"), 1);
	expect_good(take(c, TOPIC, "", 2));
	assert_int_equal(checker_count(c, NULL), 0);
	expect_good(take(c, TOPIC, good, 3));
	(void)checker_free(c);
}

static void topics_are_checked(void **state)
{
	static const char *const topics[][2] = {
		{"homeassist/device/node/phone/config", "not below"},
		{"homeassistant/device/node/phone", "no discovery topic"},
		{"homeassistant/device/config", "no discovery topic"},
		{"homeassistant/device/a/b/c/config", "no discovery topic"},
		{"homeassistant/device/no:de/phone/config", "no:de"},
		{"homeassistant/device//phone/config", "a level \"\""},
		{"homeassistant/infrared/node/phone/config", "infrared"},
	};
	struct discovery_checker *c = checker_new("homeassistant");

	for (size_t i = 0; i < ELEMENTS(topics); i++)
		expect(take(c, topics[i][0], good, 0), topics[i][1]);
	expect_good(take(c, "homeassistant/device/phone/config", good, 0));
	(void)checker_free(c);
}

static void what_is_no_document(void **state)
{
	struct discovery_checker *c = checker_new("homeassistant");
	char *large = calloc(1, 2000002);

	memset(large, ' ', 2000001);
	expect(take(c, TOPIC, large, 0), "too large");
	expect(take(c, TOPIC, "[]", 0), "no JSON object");
	expect(take(c, TOPIC, "{", 0), "no JSON object");
	expect(take(c, TOPIC, "{}", 0), "has no device");
	expect(take(c, TOPIC, "{'migrate_discovery':true,'x':1}", USEC_PER_SEC), "marker and more");
	free(large);
	(void)checker_free(c);
}

#define HEAD "{'device':{'identifiers':['x'],'name':'X'},'origin':{'name':'y'},"
#define BELL                                                                                  \
	"'bell':{'platform':'button','name':'B','unique_id':'u','command_topic':'c','qos':1," \
	"'message_expiry_interval':1}"
#define MORE                                                                                  \
	"'more':{'platform':'button','name':'M','unique_id':'v','command_topic':'c','qos':1," \
	"'message_expiry_interval':1}"

static void removals_take_two_steps(void **state)
{
	struct discovery_checker *c = checker_new("homeassistant");

	expect_good(take(c, TOPIC, HEAD "'components':{" BELL "," MORE "}}", 0));
	expect(take(c, TOPIC, HEAD "'components':{" BELL "}}", 10 * USEC_PER_SEC),
		"leaves more out");
	expect(take(c, TOPIC, HEAD "'components':{" BELL ",'more':{'platform':'lock'}}}",
		       10 * USEC_PER_SEC),
		"another platform");
	expect(take(c, TOPIC, HEAD "'components':{" BELL ",'more':{'platform':'button'}}}",
		       USEC_PER_SEC - 1),
		"twice within");
	expect_good(take(c, TOPIC, HEAD "'components':{" BELL ",'more':{'platform':'button'}}}",
		USEC_PER_SEC));
	assert_int_equal(checker_count(c, NULL), 1);
	expect_good(take(c, TOPIC, HEAD "'components':{" BELL "}}", 2 * USEC_PER_SEC));
	expect(take(c, TOPIC, HEAD "'components':{}}", 3 * USEC_PER_SEC), "leaves bell out");
	(void)checker_free(c);
}

#define SINGLE                                                         \
	HEAD "'name':'B','unique_id':'u','command_topic':'c','qos':1," \
	     "'message_expiry_interval':1}"

static void no_entity_is_on_two_topics(void **state)
{
	static const char single[] = "homeassistant/button/x-bell/config";
	struct discovery_checker *c = checker_new("homeassistant");

	expect_good(take(c, TOPIC, HEAD "'components':{" BELL "}}", 0));
	expect(take(c, single, SINGLE, 0), "u is also on " TOPIC);
	(void)checker_free(c);
	c = checker_new("homeassistant");
	expect_good(take(c, TOPIC, HEAD "'components':{" BELL "}}", 0));
	expect_good(take(c, TOPIC, "{'migrate_discovery':true}", USEC_PER_SEC));
	expect_good(take(c, single, SINGLE, USEC_PER_SEC));
	assert_int_equal(checker_count(c, "button"), 1);
	expect(take(c, TOPIC, HEAD "'components':{" BELL "}}", 2 * USEC_PER_SEC),
		"u is also on homeassistant/button");
	(void)checker_free(c);
}

static void a_single_is_checked_too(void **state)
{
	static const char single[] = "homeassistant/button/x-bell/config";
	struct discovery_checker *c = checker_new("homeassistant");

	expect(take(c, single, HEAD "'platform':'button','name':'B','unique_id':'u'}", 0),
		"\"platform\"");
	expect(take(c, "homeassistant/lock/x-bell/config", SINGLE, 0), "no state_topic");
	expect(take(c, single, "{'name':'B','unique_id':'u'}", USEC_PER_SEC), "has no device");
	(void)checker_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_document_is_good),
		cmocka_unit_test(each_fault_is_found),
		cmocka_unit_test(topics_are_checked),
		cmocka_unit_test(what_is_no_document),
		cmocka_unit_test(removals_take_two_steps),
		cmocka_unit_test(no_entity_is_on_two_topics),
		cmocka_unit_test(a_single_is_checked_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
