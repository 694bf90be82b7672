// Plain elements, blocks of 32 and blocks of 256. Loops run over whole vectors of codes that are loaded before anything
// is stored; the compiler makes vector instructions of them.
#include "block_decoding_internal.h"

// MARK: - Plain

void decode_f32(const uint8_t *source, size_t count, float *values) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  memcpy(values, source, 4 * count);
#else
  for (size_t index = 0; index < count; index++) values[index] = from_bits(word32(source + 4 * index));
#endif
}

FOR_EVERY_CPU
void decode_f16(const uint8_t *restrict source, size_t count, float *restrict values) {
  for (size_t index = 0; index < count; index++) values[index] = scale_at(source + 2 * index);
}

FOR_EVERY_CPU
void decode_bf16(const uint8_t *restrict source, size_t count, float *restrict values) {
  for (size_t index = 0; index < count; index++)
    values[index] = from_bits((uint32_t)word16(source + 2 * index) << 16);
}

FOR_EVERY_CPU
void decode_f64(const uint8_t *restrict source, size_t count, float *restrict values) {
  for (size_t index = 0; index < count; index++) {
    const uint8_t *bytes = source + 8 * index;
    uint64_t bits = word32(bytes) | (uint64_t)word32(bytes + 4) << 32;
    double value;
    memcpy(&value, &bits, sizeof value);
    values[index] = (float)value;
  }
}

// Adding one to a full exponent carries into the sign place, so one bit of the union tells whether any value is not
// finite.
FOR_EVERY_CPU
int decode_are_finite(const float *values, size_t count) {
  uint32_t all = 0;
  for (size_t index = 0; index < count; index++) all |= (to_bits(values[index]) & 0x7fffffffu) + 0x00800000u;
  return all >> 31 == 0;
}

// MARK: - Blocks of 32

// Bit i of `bits` as code i, 0 or 16: the fifth bits of sixteen codes.
INLINE void add_fifth_bits(uint8_t codes[16], uint16_t bits) {
  for (int index = 0; index < 16; index++) {
    uint8_t byte = (uint8_t)(index < 8 ? bits : bits >> 8);
    codes[index] |= byte & 1 << index % 8 ? 16 : 0;
  }
}

FOR_EVERY_CPU
void decode_q4_0(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 18, values += 32) {
    float d = scale_at(source);
    uint8_t codes[32];
    split_nibbles(source + 2, codes);
    for (int index = 0; index < 32; index++) values[index] = d * (float)((int)codes[index] - 8);
  }
}

FOR_EVERY_CPU
void decode_q4_1(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 20, values += 32) {
    float d = scale_at(source), m = scale_at(source + 2);
    uint8_t codes[32];
    split_nibbles(source + 4, codes);
    for (int index = 0; index < 32; index++) values[index] = d * (float)codes[index] + m;
  }
}

FOR_EVERY_CPU
void decode_q5_0(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 22, values += 32) {
    float d = scale_at(source);
    uint8_t codes[32];
    split_nibbles(source + 6, codes);
    add_fifth_bits(codes, word16(source + 2));
    add_fifth_bits(codes + 16, word16(source + 4));
    for (int index = 0; index < 32; index++) values[index] = d * (float)((int)codes[index] - 16);
  }
}

FOR_EVERY_CPU
void decode_q5_1(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 24, values += 32) {
    float d = scale_at(source), m = scale_at(source + 2);
    uint8_t codes[32];
    split_nibbles(source + 8, codes);
    add_fifth_bits(codes, word16(source + 4));
    add_fifth_bits(codes + 16, word16(source + 6));
    for (int index = 0; index < 32; index++) values[index] = d * (float)codes[index] + m;
  }
}

FOR_EVERY_CPU
void decode_q8_0(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 34, values += 32) {
    float d = scale_at(source);
    for (int index = 0; index < 32; index++) values[index] = d * (float)(int8_t)source[2 + index];
  }
}

// MARK: - Blocks of 256

// y = (d * scale) * q - dmin * min, 16 groups of 16 with 4-bit scale and min.
FOR_EVERY_CPU
void decode_q2_k(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 84) {
    float d = scale_at(source + 80), dmin = scale_at(source + 82);
    float factors[16], offsets[16];
    for (int k = 0; k < 16; k++) factors[k] = d * (float)(source[k] & 15);
    for (int k = 0; k < 16; k++) offsets[k] = dmin * (float)(source[k] >> 4);
    for (int k = 0; k < 16; k++, values += 16) {
      uint8_t packed[16];
      memcpy(packed, source + 16 + 32 * (k / 8) + 16 * (k % 2), 16);
      int shift = 2 * (k / 2 % 4);
      for (int index = 0; index < 16; index++)
        values[index] = factors[k] * (float)(packed[index] >> shift & 3) - offsets[k];
    }
  }
}

// Scale k of the 16 six-bit scales of Q3_K in twelve bytes.
INLINE int q3_k_scale(const uint8_t *packed, int k) {
  int low = k < 8 ? packed[k] & 15 : packed[k - 8] >> 4;
  return low | (packed[8 + k % 4] >> 2 * (k / 4) & 3) << 4;
}

// y = (d * (scale - 32)) * q, q from -4 to 3 with its top bit inverted in the mask.
FOR_EVERY_CPU
void decode_q3_k(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 110) {
    float d = scale_at(source + 108);
    uint8_t mask[32];
    memcpy(mask, source, 32);
    for (int group = 0; group < 8; group++, values += 32) {
      uint8_t packed[32];
      memcpy(packed, source + 32 + 32 * (group / 4), 32);
      int shift = 2 * (group % 4);
      for (int side = 0; side < 2; side++) {
        float factor = d * (float)(q3_k_scale(source + 96, 2 * group + side) - 32);
        for (int index = 16 * side; index < 16 * side + 16; index++) {
          int code = (packed[index] >> shift & 3) | (mask[index] >> group & 1) << 2;
          values[index] = factor * (float)(code - 4);
        }
      }
    }
  }
}

// The scales and mins of Q4_K and Q5_K, six bits each in twelve bytes, times d and dmin.
INLINE void six_bit_pairs(const uint8_t *packed, float d, float dmin, float factors[8], float offsets[8]) {
  for (int k = 0; k < 4; k++) {
    uint8_t mixed = packed[8 + k];
    factors[k] = d * (float)(packed[k] & 63);
    offsets[k] = dmin * (float)(packed[4 + k] & 63);
    factors[4 + k] = d * (float)((mixed & 15) | packed[k] >> 6 << 4);
    offsets[4 + k] = dmin * (float)(mixed >> 4 | packed[4 + k] >> 6 << 4);
  }
}

// y = (d * scale) * q - dmin * min, 8 groups of 32.
FOR_EVERY_CPU
void decode_q4_k(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 144) {
    float factors[8], offsets[8];
    six_bit_pairs(source + 4, scale_at(source), scale_at(source + 2), factors, offsets);
    for (int pair = 0; pair < 4; pair++, values += 64) {
      uint8_t packed[32];
      memcpy(packed, source + 16 + 32 * pair, 32);
      for (int index = 0; index < 32; index++)
        values[index] = factors[2 * pair] * (float)(packed[index] & 15) - offsets[2 * pair];
      for (int index = 0; index < 32; index++)
        values[32 + index] = factors[2 * pair + 1] * (float)(packed[index] >> 4) - offsets[2 * pair + 1];
    }
  }
}

// As Q4_K, with the fifth bit of group k in bit k of the high bytes.
FOR_EVERY_CPU
void decode_q5_k(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 176) {
    float factors[8], offsets[8];
    six_bit_pairs(source + 4, scale_at(source), scale_at(source + 2), factors, offsets);
    uint8_t high[32];
    memcpy(high, source + 16, 32);
    for (int pair = 0; pair < 4; pair++, values += 64) {
      uint8_t packed[32];
      memcpy(packed, source + 48 + 32 * pair, 32);
      for (int index = 0; index < 32; index++) {
        int code = (packed[index] & 15) | (high[index] >> 2 * pair & 1) << 4;
        values[index] = factors[2 * pair] * (float)code - offsets[2 * pair];
      }
      for (int index = 0; index < 32; index++) {
        int code = packed[index] >> 4 | (high[index] >> (2 * pair + 1) & 1) << 4;
        values[32 + index] = factors[2 * pair + 1] * (float)code - offsets[2 * pair + 1];
      }
    }
  }
}

// y = (d * scale) * (q - 32), 16 groups of 16 with signed 8-bit scales. Groups of 32: 0 and 1 of a half are low
// nibbles, 2 and 3 high ones.
FOR_EVERY_CPU
void decode_q6_k(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 210) {
    float d = scale_at(source + 208);
    for (int group = 0; group < 8; group++, values += 32) {
      int half = group / 4, part = group % 4;
      uint8_t packed[32], high[32];
      memcpy(packed, source + 64 * half + 32 * (part % 2), 32);
      memcpy(high, source + 128 + 32 * half, 32);
      int shift = part < 2 ? 0 : 4;
      for (int side = 0; side < 2; side++) {
        float factor = d * (float)(int8_t)source[192 + 2 * group + side];
        for (int index = 16 * side; index < 16 * side + 16; index++) {
          int code = (packed[index] >> shift & 15) | (high[index] >> 2 * part & 3) << 4;
          values[index] = factor * (float)(code - 32);
        }
      }
    }
  }
}
