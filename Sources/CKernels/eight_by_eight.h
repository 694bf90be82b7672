// Eight rows of eight numbers in registers.
#ifndef XSPRESS_EIGHT_BY_EIGHT_H
#define XSPRESS_EIGHT_BY_EIGHT_H

#include "every_cpu.h"

enum { LANES = 8 };
typedef float floats __attribute__((vector_size(LANES * sizeof(float))));

// columns[k][i] = rows[i][k]: pairs, fours and eights of rows change places.
INLINE void transpose(const floats rows[LANES], floats columns[LANES]) {
  floats pairs[LANES], fours[LANES];
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
}

#endif
