#include "tests/unit/cmocka-all.h"

#include "util/cleanup.h"
#include "util/hash.h"

/* The vectors of the SipHash paper's reference code: bytes 0, 1, 2, … */
static void known_answers(void **state)
{
	const struct hash_key key = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
	static const struct {
		size_t size;
		uint64_t hash;
	} known[] = {
		{0, UINT64_C(0x726fdb47dd0e0e31)},
		{1, UINT64_C(0x74f839c593dc67fd)},
		{8, UINT64_C(0x93f5f5799a932462)},
		{15, UINT64_C(0xa129ca6149be45e5)},
	};
	unsigned char bytes[16];

	for (unsigned char i = 0; i < sizeof(bytes); i++)
		bytes[i] = i;
	for (size_t i = 0; i < ELEMENTS(known); i++)
		assert_true(hash_bytes(key, bytes, known[i].size) == known[i].hash);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {cmocka_unit_test(known_answers)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
