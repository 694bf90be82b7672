// Stored weights as Float32: plain elements and the block types of GGUF (formats/gguf.md, section 5, where every
// layout is written down). Each function exists for AVX-512, AVX2 and plain x86-64; all give the same bits, those of
// gguf-py: every product and sum is rounded to Float32, none are fused.
//
// `source` may be at any address and holds `blocks` whole blocks (elements, for plain types), little-endian; `values`
// takes their elements in order and does not overlap it.
#ifndef XSPRESS_BLOCK_DECODING_H
#define XSPRESS_BLOCK_DECODING_H

#include <stddef.h>
#include <stdint.h>

// Plain elements.
void decode_f32(const uint8_t *source, size_t count, float *values);
void decode_f16(const uint8_t *source, size_t count, float *values);
void decode_bf16(const uint8_t *source, size_t count, float *values);
// To nearest, ties to even; beyond Float32 it becomes infinity.
void decode_f64(const uint8_t *source, size_t count, float *values);

// Blocks of 32.
void decode_q4_0(const uint8_t *source, size_t blocks, float *values);
void decode_q4_1(const uint8_t *source, size_t blocks, float *values);
void decode_q5_0(const uint8_t *source, size_t blocks, float *values);
void decode_q5_1(const uint8_t *source, size_t blocks, float *values);
void decode_q8_0(const uint8_t *source, size_t blocks, float *values);

// Blocks of 256.
void decode_q2_k(const uint8_t *source, size_t blocks, float *values);
void decode_q3_k(const uint8_t *source, size_t blocks, float *values);
void decode_q4_k(const uint8_t *source, size_t blocks, float *values);
void decode_q5_k(const uint8_t *source, size_t blocks, float *values);
void decode_q6_k(const uint8_t *source, size_t blocks, float *values);

// Tables.
void decode_iq4_nl(const uint8_t *source, size_t blocks, float *values);
void decode_iq4_xs(const uint8_t *source, size_t blocks, float *values);
void decode_mxfp4(const uint8_t *source, size_t blocks, float *values);
// Without the tensor's own factor, which is another tensor.
void decode_nvfp4(const uint8_t *source, size_t blocks, float *values);

// Few values.
void decode_tq1_0(const uint8_t *source, size_t blocks, float *values);
void decode_tq2_0(const uint8_t *source, size_t blocks, float *values);
void decode_q1_0(const uint8_t *source, size_t blocks, float *values);
void decode_q2_0(const uint8_t *source, size_t blocks, float *values);

// Grids. A row of `rows` is eight or, for IQ3, four bytes, the first in the lowest place; `rows` holds as many as the
// type has indices.
void decode_iq1_s(const uint8_t *source, size_t blocks, const uint64_t *rows, float *values);
void decode_iq1_m(const uint8_t *source, size_t blocks, const uint64_t *rows, float *values);
void decode_iq2_xxs(const uint8_t *source, size_t blocks, const uint64_t *rows, float *values);
void decode_iq2_xs(const uint8_t *source, size_t blocks, const uint64_t *rows, float *values);
void decode_iq2_s(const uint8_t *source, size_t blocks, const uint64_t *rows, float *values);
void decode_iq3_xxs(const uint8_t *source, size_t blocks, const uint64_t *rows, float *values);
void decode_iq3_s(const uint8_t *source, size_t blocks, const uint64_t *rows, float *values);

// 1 where none of the values is NaN or infinite, else 0.
int decode_are_finite(const float *values, size_t count);

#endif
