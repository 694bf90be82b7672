#include "exact_products.h"

#include <string.h>

#include "eight_by_eight.h"

typedef double vector __attribute__((vector_size(64)));

// A strip is 16 columns of a factor in Float64, `DEPTH` rows of it at a time: two of them stay in the first-level cache.
// A part of a 16x16 tile is as many rows of 8 sums as stay in registers: where vectors of 64 bytes are one register,
// two of sixteen, and four of sixteen.
enum { STRIP = 16, DEPTH = 64, WIDE_PART = 8, MIDDLE_PART = 6, PLAIN_PART = 2 };

static size_t minimum(size_t a, size_t b) { return a < b ? a : b; }

// out[k, i] = x[i, k] for 8 rows of 8, in Float64.
INLINE void widen_transposed(const float *x, size_t stride, double *out) {
  floats rows[LANES], columns[LANES];
  for (int i = 0; i < LANES; i++) memcpy(&rows[i], x + i * stride, sizeof rows[i]);
  transpose(rows, columns);
  for (int k = 0; k < LANES; k++) {
    vector wide = __builtin_convertvector(columns[k], vector);
    memcpy(out + k * STRIP, &wide, sizeof wide);
  }
}

// Columns beyond `width` become 0.
INLINE void pack(
    const float *x, size_t depth, size_t width, size_t step, size_t stride, double *out) {
  if (width == STRIP && stride == 1) {
    for (size_t k = 0; k < depth; k++)
      for (size_t i = 0; i < STRIP; i++) out[k * STRIP + i] = x[k * step + i];
    return;
  }
  if (width == STRIP && step == 1 && depth == DEPTH) {
    for (size_t k = 0; k < DEPTH; k += LANES)
      for (size_t i = 0; i < STRIP; i += LANES) widen_transposed(x + k + i * stride, stride, out + k * STRIP + i);
    return;
  }
  if (width < STRIP) memset(out, 0, depth * STRIP * sizeof *out);
  for (size_t i = 0; i < width; i++)
    for (size_t k = 0; k < depth; k++) out[k * STRIP + i] = x[k * step + i * stride];
}

// C[rows, 8] += X^T Y over `depth` rows of two strips; `rows` is a constant where this is inlined.
INLINE void part(const int rows, size_t depth, const double *x, const double *y, double *c) {
  vector sum[WIDE_PART];
  for (int row = 0; row < rows; row++) memcpy(&sum[row], c + row * STRIP, sizeof sum[row]);
  for (size_t k = 0; k < depth; k++) {
    vector values;
    memcpy(&values, y + k * STRIP, sizeof values);
    for (int row = 0; row < rows; row++) sum[row] += x[k * STRIP + row] * values;
  }
  for (int row = 0; row < rows; row++) memcpy(c + row * STRIP, &sum[row], sizeof sum[row]);
}

// C[16, 16] += X^T Y over `depth` rows of two strips, `rows` of the result at a time.
INLINE void tile(const int rows, size_t depth, const double *x, const double *y, double c[STRIP][STRIP]) {
  for (int column = 0; column < STRIP; column += LANES) {
    int row = 0;
    for (; row + rows <= STRIP; row += rows) part(rows, depth, x + row, y + column, &c[row][column]);
    part(STRIP % rows, depth, x + row, y + column, &c[row][column]);
  }
}

INLINE void exact_product_body(
    const int part_rows, size_t depth, const float *x, size_t m, size_t x_step, size_t x_stride, const float *y, size_t n, size_t y_step,
    size_t y_stride, double *c) {
  double a[DEPTH * STRIP], b[DEPTH * STRIP], sums[STRIP][STRIP];
  for (size_t row = 0; row < m; row += STRIP) {
    for (size_t column = 0; column < n; column += STRIP) {
      size_t height = minimum(STRIP, m - row), width = minimum(STRIP, n - column);
      memset(sums, 0, sizeof sums);
      for (size_t k = 0; k < depth; k += DEPTH) {
        size_t some = minimum(DEPTH, depth - k);
        pack(x + k * x_step + row * x_stride, some, height, x_step, x_stride, a);
        pack(y + k * y_step + column * y_stride, some, width, y_step, y_stride, b);
        tile(part_rows, some, a, b, sums);
      }
      for (size_t i = 0; i < height; i++) memcpy(c + (row + i) * n + column, sums[i], width * sizeof *c);
    }
  }
}

// X^T Y and Y^T Y of at most one strip each: each is packed once for both.
INLINE void exact_product_and_gram_body(
    const int part_rows, size_t depth, const float *x, size_t m, size_t x_step, size_t x_stride, const float *y, size_t n, size_t y_step,
    size_t y_stride, double *c, double *gram) {
  double a[DEPTH * STRIP], b[DEPTH * STRIP], sums[STRIP][STRIP], squares[STRIP][STRIP];
  memset(sums, 0, sizeof sums);
  memset(squares, 0, sizeof squares);
  for (size_t k = 0; k < depth; k += DEPTH) {
    size_t some = minimum(DEPTH, depth - k);
    pack(x + k * x_step, some, m, x_step, x_stride, a);
    pack(y + k * y_step, some, n, y_step, y_stride, b);
    tile(part_rows, some, a, b, sums);
    tile(part_rows, some, b, b, squares);
  }
  for (size_t i = 0; i < m; i++) memcpy(c + i * n, sums[i], n * sizeof *c);
  for (size_t i = 0; i < n; i++) memcpy(gram + i * n, squares[i], n * sizeof *gram);
}

#define ARGUMENTS depth, x, m, x_step, x_stride, y, n, y_step, y_stride, c
BY_LEVEL_OF(
    exact_product,
    (size_t depth, const float *x, size_t m, size_t x_step, size_t x_stride, const float *y, size_t n, size_t y_step,
     size_t y_stride, double *c),
    (ARGUMENTS), exact_product_body(WIDE_PART, ARGUMENTS), exact_product_body(MIDDLE_PART, ARGUMENTS),
    exact_product_body(PLAIN_PART, ARGUMENTS))

#define GRAM_ARGUMENTS ARGUMENTS, gram
BY_LEVEL_OF(
    exact_product_and_gram_of_strips,
    (size_t depth, const float *x, size_t m, size_t x_step, size_t x_stride, const float *y, size_t n, size_t y_step,
     size_t y_stride, double *c, double *gram),
    (GRAM_ARGUMENTS), exact_product_and_gram_body(WIDE_PART, GRAM_ARGUMENTS),
    exact_product_and_gram_body(MIDDLE_PART, GRAM_ARGUMENTS), exact_product_and_gram_body(PLAIN_PART, GRAM_ARGUMENTS))

void exact_product_and_gram(
    size_t depth, const float *x, size_t m, size_t x_step, size_t x_stride, const float *y, size_t n, size_t y_step,
    size_t y_stride, double *c, double *gram) {
  if (m <= STRIP && n <= STRIP) {
    exact_product_and_gram_of_strips(GRAM_ARGUMENTS);
    return;
  }
  exact_product(ARGUMENTS);
  exact_product(depth, y, n, y_step, y_stride, y, n, y_step, y_stride, gram);
}
