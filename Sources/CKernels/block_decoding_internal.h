// What the decoders share. Included by block_decoding*.c alone.
#ifndef XSPRESS_BLOCK_DECODING_INTERNAL_H
#define XSPRESS_BLOCK_DECODING_INTERNAL_H

#include <stdint.h>
#include <string.h>

#include "block_decoding.h"
#include "every_cpu.h"

// A fused multiply-add would round once where gguf-py rounds twice.
#pragma STDC FP_CONTRACT OFF

INLINE uint16_t word16(const uint8_t *bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

INLINE uint32_t word32(const uint8_t *bytes) { return word16(bytes) | (uint32_t)word16(bytes + 2) << 16; }

INLINE float from_bits(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

INLINE uint32_t to_bits(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

// Half to single without a branch: shift the fields into place and multiply by 2^112, which is exact for normal and
// subnormal halves; infinities and NaN take the maximum exponent instead.
INLINE float half_value(uint16_t half) {
  uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
  uint32_t finite = to_bits(from_bits(magnitude) * 0x1p112f);
  uint32_t value = (half & 0x7c00) == 0x7c00 ? magnitude | 0x7f800000u : finite;
  return from_bits(value | (uint32_t)(half & 0x8000) << 16);
}

// The half-precision number at `bytes`.
INLINE float scale_at(const uint8_t *bytes) { return half_value(word16(bytes)); }

// Nibble `index`, the low one of a byte first.
INLINE int nibble(const uint8_t *bytes, int index) { return bytes[index / 2] >> 4 * (index % 2) & 15; }

// Sixteen bytes as 32 codes: low nibbles are elements 0 to 15, high ones 16 to 31.
INLINE void split_nibbles(const uint8_t *bytes, uint8_t codes[32]) {
  uint8_t packed[16];
  memcpy(packed, bytes, 16);
  for (int index = 0; index < 16; index++) codes[index] = packed[index] & 15;
  for (int index = 0; index < 16; index++) codes[16 + index] = packed[index] >> 4;
}

#endif
