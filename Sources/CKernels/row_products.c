#include <string.h>

#include "every_cpu.h"
#include "thin_products.h"

typedef float vector __attribute__((vector_size(32)));
enum { LANES = 8 };

// Sums of every eighth column of one row.
INLINE void add_products(size_t n, const float *x, const float *y, vector *total) {
#pragma clang fp contract(off)
  for (size_t j = 0; j + LANES <= n; j += LANES) {
    vector left, right;
    memcpy(&left, x + j, sizeof left);
    memcpy(&right, y + j, sizeof right);
    *total += left * right;
  }
}

// total[i] = the lanes of rows[i] from the first on: pairs, fours and eights of rows change places.
INLINE void add_lanes(const vector rows[LANES], float total[LANES]) {
  vector pairs[LANES], fours[LANES], columns[LANES];
  for (int i = 0; i < LANES; i += 2) {
    pairs[i] = __builtin_shufflevector(rows[i], rows[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
    pairs[i + 1] = __builtin_shufflevector(rows[i], rows[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
  }
  for (int i = 0; i < LANES; i += 4) {
    for (int half = 0; half < 2; half++) {
      fours[i + half] = __builtin_shufflevector(pairs[i + half], pairs[i + 2 + half], 0, 1, 8, 9, 4, 5, 12, 13);
      fours[i + 2 + half] = __builtin_shufflevector(pairs[i + half], pairs[i + 2 + half], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
  for (int k = 0; k < LANES / 2; k++) {
    columns[k] = __builtin_shufflevector(fours[k], fours[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    columns[k + 4] = __builtin_shufflevector(fours[k], fours[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
  }
  vector sum = columns[0];
  for (int k = 1; k < LANES; k++) sum += columns[k];
  memcpy(total, &sum, sizeof sum);
}

FOR_EVERY_CPU
void row_products(size_t rows, size_t n, const float *x, const float *y, float *out) {
#pragma clang fp contract(off)
  for (size_t first = 0; first < rows; first += LANES) {
    size_t present = rows - first < LANES ? rows - first : LANES;
    vector parts[LANES] = {{0}};
    for (size_t i = 0; i < present; i++) add_products(n, x + (first + i) * n, y + (first + i) * n, &parts[i]);
    float total[LANES];
    add_lanes(parts, total);
    for (size_t i = 0; i < present; i++) {
      const float *left = x + (first + i) * n, *right = y + (first + i) * n;
      float sum = total[i];
      for (size_t j = n - n % LANES; j < n; j++) sum += left[j] * right[j];
      out[first + i] = sum;
    }
  }
}
