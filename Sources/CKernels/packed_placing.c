#include <string.h>

#include "eight_by_eight.h"
#include "packed_products.h"

enum { PADDING = 16 };

INLINE size_t minimum(size_t a, size_t b) { return a < b ? a : b; }
INLINE size_t padded(size_t value) { return (value + PADDING - 1) / PADDING * PADDING; }

INLINE uint32_t rounded(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint32_t nearest = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return (bits & 0x7fffffffu) > 0x7f800000u ? (bits >> 16) | 0x40u : nearest;
}

// Units of four bytes: a number, or a pair of neighbours in bfloat16.
INLINE float single(const float *row, size_t unit, size_t k) {
  (void)k;
  return row[unit];
}

INLINE float pair(const float *row, size_t unit, size_t k) {
  uint32_t bits = rounded(row[2 * unit]);
  if (2 * unit + 1 < k) bits |= rounded(row[2 * unit + 1]) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// Squares of eight rows by eight units where they are whole; unit after unit of a panel, so that it is written in order.
#define PLACE(NAME, UNIT, STEP, TARGET)                                                                       \
  FOR_EVERY_CPU                                                                                               \
  void NAME(const float *w, size_t count, size_t n, size_t k, size_t first, TARGET *out) {                    \
    size_t panel = packed_panel(), end = first + count, units = (k + STEP - 1) / STEP;                        \
    size_t limit = end == n ? padded(n) : end;                                                                \
    for (size_t begin = first / panel * panel; begin < limit; begin += panel) {                               \
      size_t width = minimum(panel, padded(n - begin));                                                       \
      size_t low = begin < first ? first - begin : 0, high = minimum(width, limit - begin);                   \
      float *target = (float *)out + begin * units;                                                           \
      for (size_t unit = 0; unit < units; unit += LANES) {                                                    \
        size_t present = minimum(LANES, units - unit);                                                        \
        for (size_t lane = low; lane < high;) {                                                               \
          const float *row = w + (begin + lane - first) * k;                                                  \
          if (lane % LANES == 0 && lane + LANES <= high && begin + lane + LANES <= end &&                     \
              STEP * (unit + LANES) <= k) {                                                                   \
            floats before[LANES], after[LANES];                                                               \
            for (int i = 0; i < LANES; i++) {                                                                 \
              float values[LANES];                                                                            \
              for (int j = 0; j < LANES; j++) values[j] = UNIT(row + i * k, unit + j, k);                     \
              memcpy(&before[i], values, sizeof before[i]);                                                   \
            }                                                                                                 \
            transpose(before, after);                                                                         \
            for (int j = 0; j < LANES; j++)                                                                   \
              memcpy(target + (unit + j) * width + lane, &after[j], sizeof after[j]);                         \
            lane += LANES;                                                                                    \
          } else {                                                                                            \
            for (size_t j = 0; j < present; j++)                                                              \
              target[(unit + j) * width + lane] = begin + lane < end ? UNIT(row, unit + j, k) : 0;            \
            lane++;                                                                                           \
          }                                                                                                   \
        }                                                                                                     \
      }                                                                                                       \
    }                                                                                                         \
  }

PLACE(packed_float_place, single, 1, float)
PLACE(packed_bfloat16_place, pair, 2, uint16_t)

// A row of W is a row of every panel.
FOR_EVERY_CPU
void packed_float_place_turned(
    const float *w, size_t count, size_t n, size_t k, size_t first, float *out) {
  size_t panel = packed_panel();
  for (size_t begin = 0; begin < n; begin += panel) {
    size_t width = minimum(panel, padded(n - begin)), filled = minimum(panel, n - begin);
    for (size_t row = 0; row < count; row++) {
      float *target = out + begin * k + (first + row) * width;
      memcpy(target, w + row * n + begin, filled * sizeof *target);
      memset(target + filled, 0, (width - filled) * sizeof *target);
    }
  }
}

FOR_EVERY_CPU
void packed_bfloat16_place_turned(
    const float *w, size_t count, size_t n, size_t k, size_t first, uint16_t *out) {
  size_t panel = packed_panel(), depth = (k + 1) / 2 * 2, end = first + count;
  for (size_t begin = 0; begin < n; begin += panel) {
    size_t width = minimum(panel, padded(n - begin)), filled = minimum(panel, n - begin);
    for (size_t row = first; row < end;) {
      uint16_t *target = out + begin * depth + row / 2 * 2 * width;
      const float *source = w + (row - first) * n + begin;
      if (row % 2 == 0 && row + 2 <= end) {
        for (size_t lane = 0; lane < filled; lane++) {
          uint32_t bits = rounded(source[lane]) | rounded(source[n + lane]) << 16;
          memcpy(target + 2 * lane, &bits, sizeof bits);
        }
        memset(target + 2 * filled, 0, 2 * (width - filled) * sizeof *target);
        row += 2;
        continue;
      }
      for (size_t lane = 0; lane < width; lane++) {
        target[2 * lane + row % 2] = lane < filled ? (uint16_t)rounded(source[lane]) : 0;
        if (row + 1 == k && row % 2 == 0) target[2 * lane + 1] = 0;
      }
      row++;
    }
  }
}
