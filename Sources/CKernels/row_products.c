#include <string.h>

#include "eight_by_eight.h"
#include "thin_products.h"

// Sums of every eighth column of one row.
INLINE void add_products(size_t n, const float *x, const float *y, floats *total) {
#pragma clang fp contract(off)
  for (size_t j = 0; j + LANES <= n; j += LANES) {
    floats left, right;
    memcpy(&left, x + j, sizeof left);
    memcpy(&right, y + j, sizeof right);
    *total += left * right;
  }
}

// total[i] = the lanes of rows[i] from the first on.
INLINE void add_lanes(const floats rows[LANES], float total[LANES]) {
  floats columns[LANES];
  transpose(rows, columns);
  floats sum = columns[0];
  for (int k = 1; k < LANES; k++) sum += columns[k];
  memcpy(total, &sum, sizeof sum);
}

FOR_EVERY_CPU
void row_products(size_t rows, size_t n, const float *x, const float *y, float *out) {
#pragma clang fp contract(off)
  for (size_t first = 0; first < rows; first += LANES) {
    size_t present = rows - first < LANES ? rows - first : LANES;
    floats parts[LANES] = {{0}};
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
