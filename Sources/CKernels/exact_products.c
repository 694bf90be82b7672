#include "exact_products.h"

#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#define FOR_EVERY_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EVERY_CPU
#endif
#define INLINE __attribute__((always_inline)) static inline

typedef double vector __attribute__((vector_size(64)));

// A strip is 16 columns of a factor in Float64, `DEPTH` rows of it at a time: two of them stay in the first-level cache.
// 16 sums of 8 lanes, half of a 16x16 tile, stay in registers.
enum { LANES = 8, STRIP = 16, DEPTH = 64, HALF = 8 };

static size_t minimum(size_t a, size_t b) { return a < b ? a : b; }

// Columns beyond `width` become 0.
INLINE void pack(
    const float *x, size_t depth, size_t width, size_t step, size_t stride, double *out) {
  if (width == STRIP && stride == 1) {
    for (size_t k = 0; k < depth; k++)
      for (size_t i = 0; i < STRIP; i++) out[k * STRIP + i] = x[k * step + i];
    return;
  }
  if (width < STRIP) memset(out, 0, depth * STRIP * sizeof *out);
  for (size_t i = 0; i < width; i++)
    for (size_t k = 0; k < depth; k++) out[k * STRIP + i] = x[k * step + i * stride];
}

// C[8, 16] += X^T Y over `depth` rows of two strips; X from its column `first` on.
INLINE void tile(
    size_t depth, const double *x, const double *y, double c[HALF][STRIP]) {
  vector sum[HALF][STRIP / LANES];
  memcpy(sum, c, sizeof sum);
  for (size_t k = 0; k < depth; k++) {
    vector left, right;
    memcpy(&left, y + k * STRIP, sizeof left);
    memcpy(&right, y + k * STRIP + LANES, sizeof right);
    for (int row = 0; row < HALF; row++) {
      sum[row][0] += x[k * STRIP + row] * left;
      sum[row][1] += x[k * STRIP + row] * right;
    }
  }
  memcpy(c, sum, sizeof sum);
}

FOR_EVERY_CPU
void exact_product(
    size_t depth, const float *x, size_t m, size_t x_step, size_t x_stride, const float *y, size_t n, size_t y_step,
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
        tile(some, a, b, sums);
        if (height > HALF) tile(some, a + HALF, b, sums + HALF);
      }
      for (size_t i = 0; i < height; i++) memcpy(c + (row + i) * n + column, sums[i], width * sizeof *c);
    }
  }
}
