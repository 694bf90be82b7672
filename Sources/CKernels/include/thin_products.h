#ifndef XSPRESS_THIN_PRODUCTS_H
#define XSPRESS_THIN_PRODUCTS_H

#include <stddef.h>

/// Products of a matrix with few vectors, bound by reading it once: no packing. Vectors are kept side by side, sixteen
/// values of one coordinate together: X[n, 16]. W is [rows, n] with `stride` values from row to row.
enum { THIN_WIDTH = 16 };

/// P[rows, 16] = W X: every row of P is overwritten. Sums in blocks of 256.
void thin_images(size_t rows, size_t n, const float *w, size_t stride, const float *x, float *p);

/// out[rows] = the products of rows of X and Y `[rows, n]` with each other, the same bits on every CPU: eight sums of every
/// eighth column, added from the first on, then the columns that are left.
void row_products(size_t rows, size_t n, const float *x, const float *y, float *out);

/// Z[n, 16] += W^T P.
void thin_add_transposed(size_t rows, size_t n, const float *w, size_t stride, const float *p, float *z);

/// Z[n, 16] += W^T (W X), a few rows of W at a time: each is read from memory once.
void thin_add_gram(size_t rows, size_t n, const float *w, size_t stride, const float *x, float *z);

#endif
