#include "util/hash.h"

static uint64_t rotated(uint64_t v, int bits)
{
	return v << bits | v >> (64 - bits);
}

static void mix(uint64_t v[4], int rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[1] = rotated(v[1], 13) ^ v[0];
		v[0] = rotated(v[0], 32);
		v[2] += v[3];
		v[3] = rotated(v[3], 16) ^ v[2];
		v[0] += v[3];
		v[3] = rotated(v[3], 21) ^ v[0];
		v[2] += v[1];
		v[1] = rotated(v[1], 17) ^ v[2];
		v[2] = rotated(v[2], 32);
	}
}

static uint64_t word(const unsigned char *bytes, size_t size)
{
	uint64_t w = 0;

	for (size_t i = 0; i < size; i++)
		w |= (uint64_t)bytes[i] << 8 * i;
	return w;
}

/* SipHash-2-4: the same on every machine. With a secret key nobody can make two texts collide.
 * None of the libraries we have offers a hash that is stable and fit for texts of others. */
uint64_t hash_bytes(struct hash_key key, const void *bytes, size_t size)
{
	const unsigned char *p = bytes;
	uint64_t v[4] = {
		key.k0 ^ UINT64_C(0x736f6d6570736575),
		key.k1 ^ UINT64_C(0x646f72616e646f6d),
		key.k0 ^ UINT64_C(0x6c7967656e657261),
		key.k1 ^ UINT64_C(0x7465646279746573),
	};
	size_t left = size;

	for (;; p += 8, left -= 8) {
		uint64_t m = left >= 8 ? word(p, 8) : word(p, left) | (uint64_t)size << 56;

		v[3] ^= m;
		mix(v, 2);
		v[0] ^= m;
		if (left < 8)
			break;
	}
	v[2] ^= 0xff;
	mix(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
