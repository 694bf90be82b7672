#ifndef XSPRESS_EXACT_PRODUCTS_H
#define XSPRESS_EXACT_PRODUCTS_H

#include <stddef.h>

/// C[m, n] = sum over k of X[k, m] * Y[k, n], Float32 factors, products and sums in Float64.
///
/// For thin matrices, whose few columns are summed over many rows: m and n of a few tens. Element (k, i) of X lies at
/// x[k * x_step + i * x_stride], and of Y alike; C is row-major and overwritten.
void exact_product(
    size_t depth, const float *x, size_t m, size_t x_step, size_t x_stride, const float *y, size_t n, size_t y_step,
    size_t y_stride, double *c);

/// C[m, n] = sum over k of X[k, m] * Y[k, n], and gram[n, n] = Y^T Y, both as
/// `exact_product` gives them, bit for bit; of at most 16 columns each in one pass over the factors.
void exact_product_and_gram(
    size_t depth, const float *x, size_t m, size_t x_step, size_t x_stride, const float *y, size_t n, size_t y_step,
    size_t y_stride, double *c, double *gram);

#endif
