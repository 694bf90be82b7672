// Types whose codes stand for values of a table, and types of few values.
#include "block_decoding_internal.h"

// MARK: - Tables

typedef int8_t bytes16 __attribute__((vector_size(16)));

// The sixteen values of IQ4_NL and IQ4_XS. They ascend, so a value is the sum of the steps up to it: compares and adds
// on whole vectors of codes, where a look-up is one element at a time on many CPUs. A compare gives all ones or zero.
INLINE void nonlinear(const uint8_t codes[16], int8_t values[16]) {
  static const int8_t steps[16] = {-127, 23, 21, 18, 16, 14, 13, 12, 11, 12, 12, 13, 15, 16, 20, 24};
  bytes16 places, found = (bytes16){0} + steps[0];
  memcpy(&places, codes, sizeof places);
  for (int8_t step = 1; step < 16; step++) found += (places >= step) & steps[step];
  memcpy(values, &found, sizeof found);
}

// Twice the values of E2M1: 0 1 2 3 4 6 8 12 and, with bit 3, their negatives (0 has no sign).
INLINE void doubled_e2m1(const uint8_t *codes, int8_t *found, int count) {
  for (int index = 0; index < count; index++) {
    int8_t place = codes[index] & 7;
    int8_t magnitude = (int8_t)(place + (place >= 5 ? 1 : 0) + (place >= 6 ? 1 : 0) + (place >= 7 ? 3 : 0));
    found[index] = (int8_t)(codes[index] & 8 ? -magnitude : magnitude);
  }
}

INLINE void decode_nonlinear(const uint8_t *bytes, float factor, float *values) {
  uint8_t codes[32];
  int8_t found[32];
  split_nibbles(bytes, codes);
  nonlinear(codes, found);
  nonlinear(codes + 16, found + 16);
  for (int index = 0; index < 32; index++) values[index] = factor * (float)found[index];
}

FOR_EVERY_CPU
void decode_iq4_nl(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 18, values += 32)
    decode_nonlinear(source + 2, scale_at(source), values);
}

// y = (d * (scale - 32)) * K[q], 8 groups of 32.
FOR_EVERY_CPU
void decode_iq4_xs(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 136) {
    float d = scale_at(source);
    uint16_t high = word16(source + 2);
    for (int group = 0; group < 8; group++, values += 32) {
      int scale = nibble(source + 4, group) | (high >> 2 * group & 3) << 4;
      decode_nonlinear(source + 8 + 16 * group, d * (float)(scale - 32), values);
    }
  }
}

// y = 2^(e - 128) * K2[q]; the two smallest exponents are subnormal in Float32.
FOR_EVERY_CPU
void decode_mxfp4(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 17, values += 32) {
    uint32_t e = source[0];
    float factor = from_bits(e < 2 ? 0x00200000u << e : (e - 1) << 23);
    uint8_t codes[32];
    int8_t found[32];
    split_nibbles(source + 1, codes);
    doubled_e2m1(codes, found, 32);
    for (int index = 0; index < 32; index++) values[index] = factor * (float)found[index];
  }
}

// Four bits of exponent (bias 7), three of mantissa, no sign; 0x7F stands for 0.
INLINE float unsigned_e4m3(uint8_t code) {
  if (code == 0x7f) return 0;
  uint32_t exponent = code >> 3 & 15, mantissa = code & 7;
  if (exponent == 0) return (float)mantissa / 512;
  return from_bits((exponent + 120) << 23 | mantissa << 20);
}

// y = (s / 2) * K2[q], four groups of 16 with a scale s each; the low nibbles are the first eight of a group.
FOR_EVERY_CPU
void decode_nvfp4(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 36)
    for (int group = 0; group < 4; group++, values += 16) {
      float factor = 0.5f * unsigned_e4m3(source[group]);
      uint8_t packed[8], codes[16];
      int8_t found[16];
      memcpy(packed, source + 4 + 8 * group, 8);
      for (int index = 0; index < 8; index++) codes[index] = packed[index] & 15;
      for (int index = 0; index < 8; index++) codes[8 + index] = packed[index] >> 4;
      doubled_e2m1(codes, found, 16);
      for (int index = 0; index < 16; index++) values[index] = factor * (float)found[index];
    }
}

// MARK: - Few values

// `count` bytes of base-3 digits; digit n of byte i is element count * n + i.
INLINE void decode_digits(const uint8_t *bytes, int count, int digits, float d, float *values) {
  uint8_t power = 1;
  for (int n = 0; n < digits; n++, power = (uint8_t)(3 * power))
    for (int index = 0; index < count; index++) {
      uint8_t shifted = (uint8_t)(bytes[index] * power);
      values[count * n + index] = d * (float)((shifted * 3 >> 8) - 1);
    }
}

// Five base-3 digits a byte: digit n of byte b is ((b * 3^n mod 256) * 3) >> 8; y = d * (digit - 1).
FOR_EVERY_CPU
void decode_tq1_0(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 54, values += 256) {
    float d = scale_at(source + 52);
    decode_digits(source, 32, 5, d, values);
    decode_digits(source + 32, 16, 5, d, values + 160);
    decode_digits(source + 48, 4, 4, d, values + 240);
  }
}

// Element 128h + 32j + l is bits 2j of byte 32h + l; y = d * (q - 1).
FOR_EVERY_CPU
void decode_tq2_0(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 66) {
    float d = scale_at(source + 64);
    for (int group = 0; group < 8; group++, values += 32) {
      const uint8_t *packed = source + 32 * (group / 4);
      int shift = 2 * (group % 4);
      for (int index = 0; index < 32; index++)
        values[index] = d * (float)((packed[index] >> shift & 3) - 1);
    }
  }
}

// One bit an element, the lowest of a byte first: d where it is set, else -d.
FOR_EVERY_CPU
void decode_q1_0(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 18) {
    float d = scale_at(source);
    for (int octet = 0; octet < 16; octet++, values += 8) {
      int bits = source[2 + octet];
      for (int index = 0; index < 8; index++) values[index] = bits & 1 << index ? d : -d;
    }
  }
}

// Two bits an element, the lowest of a byte first: y = d * (q - 1).
FOR_EVERY_CPU
void decode_q2_0(const uint8_t *restrict source, size_t blocks, float *restrict values) {
  for (size_t block = 0; block < blocks; block++, source += 18)
    for (int pair = 0; pair < 8; pair++, values += 8) {
      float d = scale_at(source);
      int packed = word16(source + 2 + 2 * pair);
      for (int index = 0; index < 8; index++) values[index] = d * (float)((packed >> 2 * index & 3) - 1);
    }
}
