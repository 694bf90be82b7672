// Types whose codes choose rows of a grid. An octet is eight neighbouring elements.
#include "block_decoding_internal.h"

// MARK: - Octets

// factor * +-g: bit i of `signs` negates element i.
INLINE void put_signed(uint64_t row, uint8_t signs, float factor, float *values) {
  for (int index = 0; index < 8; index++) {
    float value = factor * (float)(uint8_t)(row >> 8 * index);
    uint32_t flip = signs & 1 << index ? 0x80000000u : 0;
    values[index] = from_bits(to_bits(value) ^ flip);
  }
}

// factor * (g + delta), g signed.
INLINE void put_shifted(uint64_t row, float delta, float factor, float *values) {
  for (int index = 0; index < 8; index++)
    values[index] = factor * ((float)(int8_t)(row >> 8 * index) + delta);
}

// Eight signs from seven: the last makes the number of minus signs even.
INLINE uint8_t eight_signs(uint32_t seven) {
  uint32_t parity = seven ^ seven >> 4;
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return (uint8_t)(seven | parity << 7);
}

// MARK: - One bit

// y = (d * (2 * scale + 1)) * (g +- 1/8), scale and sign for each group of 32.
FOR_EVERY_CPU
void decode_iq1_s(const uint8_t *restrict source, size_t blocks, const uint64_t *restrict rows, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 50) {
    float d = scale_at(source);
    for (int octet = 0; octet < 32; octet++, values += 8) {
      int high = word16(source + 34 + 2 * (octet / 4));
      float factor = d * (float)(2 * (high >> 12 & 7) + 1);
      int row = source[2 + octet] | (high >> 3 * (octet % 4) & 7) << 8;
      put_shifted(rows[row], high & 0x8000 ? -0.125f : 0.125f, factor, values);
    }
  }
}

// As IQ1_S with a scale for each 16 elements and a sign for each octet; d is spread over the scales.
FOR_EVERY_CPU
void decode_iq1_m(const uint8_t *restrict source, size_t blocks, const uint64_t *restrict rows, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 56) {
    uint32_t half = 0;
    for (int word = 0; word < 4; word++) half |= (uint32_t)(word16(source + 48 + 2 * word) >> 12) << 4 * word;
    float d = half_value((uint16_t)half);
    for (int octet = 0; octet < 32; octet++, values += 8) {
      int pair = octet / 2;
      int scale = word16(source + 48 + 2 * (pair / 4)) >> 3 * (pair % 4) & 7;
      int high = nibble(source + 32, octet);
      uint64_t row = rows[source[octet] | (high & 7) << 8];
      put_shifted(row, high & 8 ? -0.125f : 0.125f, d * (float)(2 * scale + 1), values);
    }
  }
}

// MARK: - Two bits

// y = (d * (1/2 + scale) * 1/4) * +-g; a group of 32 has four indices of a byte each and one word of signs and scale.
FOR_EVERY_CPU
void decode_iq2_xxs(
    const uint8_t *restrict source, size_t blocks, const uint64_t *restrict rows, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 66) {
    float d = scale_at(source);
    for (int octet = 0; octet < 32; octet++, values += 8) {
      const uint8_t *group = source + 2 + 8 * (octet / 4);
      uint32_t word = word32(group + 4);
      float factor = d * (0.5f + (float)(word >> 28)) * 0.25f;
      put_signed(rows[group[octet % 4]], eight_signs(word >> 7 * (octet % 4) & 127), factor, values);
    }
  }
}

// As IQ2_XXS with 9 bits of index and 7 of signs for each octet, a scale for each 16 elements.
FOR_EVERY_CPU
void decode_iq2_xs(
    const uint8_t *restrict source, size_t blocks, const uint64_t *restrict rows, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 74) {
    float d = scale_at(source);
    for (int octet = 0; octet < 32; octet++, values += 8) {
      int code = word16(source + 2 + 2 * octet);
      float factor = d * (0.5f + (float)nibble(source + 66, octet / 2)) * 0.25f;
      put_signed(rows[code & 511], eight_signs((uint32_t)code >> 9), factor, values);
    }
  }
}

// As IQ2_XS with 10 bits of index and all 8 signs for each octet.
FOR_EVERY_CPU
void decode_iq2_s(const uint8_t *restrict source, size_t blocks, const uint64_t *restrict rows, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 82) {
    float d = scale_at(source);
    for (int octet = 0; octet < 32; octet++, values += 8) {
      int row = source[2 + octet] | (source[66 + octet / 4] >> 2 * (octet % 4) & 3) << 8;
      float factor = d * (0.5f + (float)nibble(source + 74, octet / 2)) * 0.25f;
      put_signed(rows[row], source[34 + octet], factor, values);
    }
  }
}

// MARK: - Three bits

// y = (d * (1/2 + scale) * 1/2) * +-g; an octet is two rows of four.
FOR_EVERY_CPU
void decode_iq3_xxs(
    const uint8_t *restrict source, size_t blocks, const uint64_t *restrict rows, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 98) {
    float d = scale_at(source);
    for (int octet = 0; octet < 32; octet++, values += 8) {
      uint32_t word = word32(source + 66 + 4 * (octet / 4));
      float factor = d * (0.5f + (float)(word >> 28)) * 0.5f;
      uint64_t row = rows[source[2 + 2 * octet]] | rows[source[3 + 2 * octet]] << 32;
      put_signed(row, eight_signs(word >> 7 * (octet % 4) & 127), factor, values);
    }
  }
}

// y = (d * (1 + 2 * scale)) * +-g with 9 bits of index, all 8 signs, and a scale for each 32 elements.
FOR_EVERY_CPU
void decode_iq3_s(const uint8_t *restrict source, size_t blocks, const uint64_t *restrict rows, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 110) {
    float d = scale_at(source);
    for (int octet = 0; octet < 32; octet++, values += 8) {
      int high = source[66 + octet / 4] >> 2 * (octet % 4);
      uint64_t first = rows[source[2 + 2 * octet] | (high & 1) << 8];
      uint64_t second = rows[source[3 + 2 * octet] | (high & 2) << 7];
      float factor = d * (float)(1 + 2 * nibble(source + 106, octet / 4));
      put_signed(first | second << 32, source[74 + octet], factor, values);
    }
  }
}
