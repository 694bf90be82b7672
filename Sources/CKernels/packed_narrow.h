// Products with packed matrices for CPUs with sixteen vector registers: included once for each width, with LANES lanes
// a vector, TARGET before every function and names made by NARROW.
//
// A tile is six rows by two vectors: twelve sums, two vectors of the panel and one broadcast value fill the registers.
// A block of a panel, 256 deep, fits the first-level cache and a chunk of rows the second: every value of A is read
// once a panel from there, every value of the panel once a chunk from memory.

typedef float NARROW(vector) __attribute__((vector_size(4 * LANES)));
typedef uint32_t NARROW(words) __attribute__((vector_size(4 * LANES)));

TARGET INLINE NARROW(vector) NARROW(load)(const float *x) {
  NARROW(vector) value;
  memcpy(&value, x, sizeof value);
  return value;
}

// Sums of a tile to C: whole vectors, or as many columns as there are.
TARGET INLINE void NARROW(store)(
    const int rows, NARROW(vector) sum[][2], float *c, size_t stride_c, size_t columns, int accumulate) {
  for (int row = 0; row < rows; row++, c += stride_c) {
    if (columns >= 2 * LANES) {
      for (int half = 0; half < 2; half++) {
        NARROW(vector) value = sum[row][half];
        if (accumulate) value += NARROW(load)(c + half * LANES);
        memcpy(c + half * LANES, &value, sizeof value);
      }
    } else {
      float values[2 * LANES];
      memcpy(values, sum[row], sizeof values);
      for (size_t column = 0; column < columns; column++)
        c[column] = accumulate ? c[column] + values[column] : values[column];
    }
  }
}

// `rows` is a constant where these are inlined, so that sums stay in registers.
TARGET INLINE void NARROW(float_tile)(
    const int rows, size_t depth, const float *a, size_t stride_a, const float *panel, float *c, size_t stride_c,
    size_t columns, int accumulate) {
  NARROW(vector) sum[NARROW_ROWS][2] = {{{0}}};
  for (size_t index = 0; index < depth; index++, panel += NARROW_PANEL) {
    NARROW(vector) left = NARROW(load)(panel), right = NARROW(load)(panel + LANES);
    for (int row = 0; row < rows; row++) {
      float x = a[row * stride_a + index];
      sum[row][0] += x * left;
      sum[row][1] += x * right;
    }
  }
  NARROW(store)(rows, sum, c, stride_c, columns, accumulate);
}

// A bfloat16 is the upper half of a Float32: of a pair the first is shifted up, the second is masked out.
TARGET INLINE NARROW(vector) NARROW(widened)(const uint16_t *panel, const int second) {
  NARROW(words) pairs;
  memcpy(&pairs, panel, sizeof pairs);
  NARROW(words) bits = second ? pairs & 0xffff0000u : pairs << 16;
  return (NARROW(vector))bits;
}

// A product of two bfloat16 is exact in Float32; sums are rounded to it. Rows come widened.
TARGET INLINE void NARROW(bfloat16_tile)(
    const int rows, size_t depth, const float *a, size_t stride_a, const uint16_t *panel, float *c,
    size_t stride_c, size_t columns, int accumulate) {
  NARROW(vector) sum[NARROW_ROWS][2] = {{{0}}};
  for (size_t index = 0; index < depth; index++, panel += 2 * NARROW_PANEL) {
    // First all firsts, then all seconds: both at once would need more registers than there are.
    for (int second = 0; second < 2; second++) {
      NARROW(vector) left = NARROW(widened)(panel, second), right = NARROW(widened)(panel + 2 * LANES, second);
      for (int row = 0; row < rows; row++) {
        float x = a[row * stride_a + 2 * index + second];
        sum[row][0] += x * left;
        sum[row][1] += x * right;
      }
    }
  }
  NARROW(store)(rows, sum, c, stride_c, columns, accumulate);
}

// `part` depths from `done` on of some rows with all panels; `a` lies at the first of these depths.
#define NARROW_PART(PART, TILE, ELEMENT, UNIT)                                                                    \
  TARGET INLINE void NARROW(PART)(                                                                                \
      size_t m, size_t n, size_t depth, size_t done, size_t part, const float *a, size_t stride_a,                \
      const ELEMENT *packed, float *c, size_t stride_c, int accumulate) {                                         \
    int add = accumulate || done > 0;                                                                             \
    for (size_t column = 0; column < n; column += 2 * LANES) {                                                    \
      const ELEMENT *panel = packed + column / NARROW_PANEL * NARROW_PANEL * UNIT * depth +                       \
                             (done * NARROW_PANEL + column % NARROW_PANEL) * UNIT;                                \
      size_t columns = n - column, row = 0;                                                                       \
      for (; row + NARROW_ROWS <= m; row += NARROW_ROWS)                                                          \
        NARROW(TILE)(                                                                                             \
            NARROW_ROWS, part, a + row * stride_a, stride_a, panel, c + row * stride_c + column, stride_c,        \
            columns, add);                                                                                        \
      const float *x = a + row * stride_a;                                                                        \
      float *y = c + row * stride_c + column;                                                                     \
      switch (m - row) {                                                                                          \
        case 5: NARROW(TILE)(5, part, x, stride_a, panel, y, stride_c, columns, add); break;                      \
        case 4: NARROW(TILE)(4, part, x, stride_a, panel, y, stride_c, columns, add); break;                      \
        case 3: NARROW(TILE)(3, part, x, stride_a, panel, y, stride_c, columns, add); break;                      \
        case 2: NARROW(TILE)(2, part, x, stride_a, panel, y, stride_c, columns, add); break;                      \
        case 1: NARROW(TILE)(1, part, x, stride_a, panel, y, stride_c, columns, add); break;                      \
        default: break;                                                                                           \
      }                                                                                                           \
    }                                                                                                             \
  }

NARROW_PART(float_part, float_tile, float, 1)
NARROW_PART(bfloat16_part, bfloat16_tile, uint16_t, 2)

TARGET static void NARROW(float_product)(
    size_t m, size_t n, size_t depth, const float *a, size_t stride_a, const float *packed, float *c,
    size_t stride_c, int accumulate) {
  size_t done = 0;
  do {
    size_t part = minimum(PACKED_DEPTH_BLOCK, depth - done);
    for (size_t first = 0; first < m; first += NARROW_CHUNK)
      NARROW(float_part)(
          minimum(NARROW_CHUNK, m - first), n, depth, done, part, a + first * stride_a + done, stride_a, packed,
          c + first * stride_c, stride_c, accumulate);
    done += part;
  } while (done < depth);
}

TARGET static void NARROW(bfloat16_product)(
    size_t m, size_t n, size_t depth, const uint16_t *a, size_t stride_a, const uint16_t *packed, float *c,
    size_t stride_c, int accumulate) {
  // As many bytes as a chunk of rows in Float32 has.
  enum { CHUNK = NARROW_CHUNK / 2 };
  float rows[CHUNK * WIDE_DEPTH];
  size_t done = 0;
  do {
    size_t part = minimum(PACKED_DEPTH_BLOCK, depth - done);
    for (size_t first = 0; first < m; first += CHUNK) {
      size_t some = minimum(CHUNK, m - first);
      for (size_t row = 0; row < some; row++)
        widen(2 * part, a + (first + row) * stride_a + 2 * done, rows + row * WIDE_DEPTH);
      NARROW(bfloat16_part)(
          some, n, depth, done, part, rows, WIDE_DEPTH, packed, c + first * stride_c, stride_c, accumulate);
    }
    done += part;
  } while (done < depth);
}

#undef NARROW_PART
#undef NARROW
#undef LANES
#undef TARGET
