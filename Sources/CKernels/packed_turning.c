#include <string.h>

#include "eight_by_eight.h"
#include "packed_products.h"

enum { PADDING = 16 };

INLINE size_t minimum(size_t a, size_t b) { return a < b ? a : b; }
INLINE size_t padded(size_t value) { return (value + PADDING - 1) / PADDING * PADDING; }

// Squares of eight by eight: panels are padded to a multiple of that.
FOR_EVERY_CPU
void packed_float_turn(
    const float *packed, size_t n, size_t k, size_t start, size_t first, size_t count, float *out) {
  size_t panel = packed_panel(), end = first + count;
  size_t width = minimum(panel, padded(k - start)), filled = minimum(panel, k - start);
  for (size_t begin = first; begin < end; begin += panel) {
    size_t lanes = minimum(panel, padded(n - begin)), rows = minimum(panel, end - begin);
    const float *source = packed + begin * k + start * lanes;
    float *target = out + (begin - first) * width;
    for (size_t row = 0; row < rows; row += LANES) {
      size_t present = minimum(LANES, rows - row);
      for (size_t column = 0; column < width; column += LANES) {
        floats before[LANES] = {{0}}, after[LANES];
        for (size_t i = 0; i < LANES && column + i < filled; i++)
          memcpy(&before[i], source + (column + i) * lanes + row, sizeof before[i]);
        transpose(before, after);
        for (size_t i = 0; i < present; i++)
          memcpy(target + (row + i) * width + column, &after[i], sizeof after[i]);
      }
    }
  }
}
