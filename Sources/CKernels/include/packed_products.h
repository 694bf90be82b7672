// Products of activations with frozen matrices that were packed once for the kernels.
//
//   C[M, N] (+)= A[M, K] * P        P is a packed [N, K] matrix, so C = A * W^T
//
// OpenBLAS packs its right factor anew at every call. A tuning step multiplies a few hundred rows with the
// same weights again and again, so packing is a sixth of its time; here it is done once. And Debian's OpenBLAS
// has no bfloat16 product; where the CPU has none either, pairs are widened to Float32, which halves the memory and not
// the time.
//
// Packed layout: panels of packed_panel() columns of C (rows of W), the last one narrower, padded to 16. Inside a panel,
// for every k (Float32) or pair of k (bfloat16), the panel's columns follow one another, for bfloat16 as
// pairs (k, k + 1). Padding is zero.
#ifndef XSPRESS_PACKED_PRODUCTS_H
#define XSPRESS_PACKED_PRODUCTS_H

#include <stddef.h>
#include <stdint.h>

// Columns of a panel on this CPU.
size_t packed_panel(void);

// Elements (of float or uint16_t) of the packed form of an [n, k] matrix.
size_t packed_float_count(size_t n, size_t k);
size_t packed_bfloat16_count(size_t n, size_t k);

// Packs W: element (row n, column k) lies at w[n * row_stride + k * column_stride], so that W and its
// transpose are both read in place. `out` holds packed_*_count elements.
void packed_float_pack(
    const float *w, size_t n, size_t k, size_t row_stride, size_t column_stride, float *out);
void packed_bfloat16_pack(
    const float *w, size_t n, size_t k, size_t row_stride, size_t column_stride, uint16_t *out);

// The same for `count` rows of W from row `first` on, [count, k] row-major in `w`; all rows in turn, in any order, pack W whole.
void packed_float_place(const float *w, size_t count, size_t n, size_t k, size_t first, float *out);
void packed_bfloat16_place(const float *w, size_t count, size_t n, size_t k, size_t first, uint16_t *out);
// The same for the transpose: `count` rows [count, n] of W are packed as columns `first` on of an [n, k] matrix.
void packed_float_place_turned(const float *w, size_t count, size_t n, size_t k, size_t first, float *out);
void packed_bfloat16_place_turned(const float *w, size_t count, size_t n, size_t k, size_t first, uint16_t *out);

// Depths (k, or pairs of k) that are summed before they are added to C. Sums over a whole vocabulary in one accumulator would
// lose three digits; in blocks the error grows with the block, and the block of a panel stays in the caches. A product in
// parts of so many depths, each added to C, gives the same bits.
enum { PACKED_DEPTH_BLOCK = 256 };

// Of W, packed as an [n, k] matrix, `count` <= PACKED_DEPTH_BLOCK rows from row `first` on of one panel of its transpose, packed
// as a [k, n] matrix: that of the columns of W from `start` on. `first` and `start` are multiples of packed_panel(). `out` holds
// count * packed_panel() elements. For products with the transpose that are too few to keep it packed beside W.
void packed_float_turn(
    const float *packed, size_t n, size_t k, size_t start, size_t first, size_t count, float *out);

// Rounds rows to bfloat16, to nearest, ties to even; `stride_out` is even and at least `columns`; an odd last
// column is followed by a zero. NaN stays NaN.
void packed_round_rows(
    const float *x, size_t rows, size_t columns, size_t stride, uint16_t *out, size_t stride_out);

// C[m, n] = A[m, k] * W^T, or C += where `accumulate` is not 0. Strides in elements.
void packed_float_product(
    size_t m, size_t n, size_t k, const float *a, size_t stride_a, const float *packed, float *c,
    size_t stride_c, int accumulate);
// The same for rows rounded to bfloat16; sums are in Float32. `stride_a` is even, and where k is odd the
// element after the last one of every row is zero.
void packed_bfloat16_product(
    size_t m, size_t n, size_t k, const uint16_t *a, size_t stride_a, const uint16_t *packed, float *c,
    size_t stride_c, int accumulate);

#endif
