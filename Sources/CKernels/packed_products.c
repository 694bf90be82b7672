#include "packed_products.h"

#include <string.h>

#include "every_cpu.h"

// Columns are padded to `PADDING`. A panel has `WIDE_PANEL` of them where there are 32 vector registers of 16 lanes, else
// `NARROW_PANEL`.
enum { PADDING = 16, WIDE_PANEL = 64, NARROW_PANEL = 16, NARROW_ROWS = 6, NARROW_CHUNK = 96 };

static size_t minimum(size_t a, size_t b) { return a < b ? a : b; }
static size_t round_up(size_t value, size_t step) { return (value + step - 1) / step * step; }

size_t packed_float_count(size_t n, size_t k) { return round_up(n, PADDING) * k; }
size_t packed_bfloat16_count(size_t n, size_t k) { return round_up(n, PADDING) * round_up(k, 2); }

size_t packed_panel(void) { return cpu_level() >= CPU_AVX512 ? WIDE_PANEL : NARROW_PANEL; }

INLINE uint16_t bfloat16(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)((bits >> 16) | 0x40u);
  return (uint16_t)((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

void packed_float_pack(
    const float *w, size_t n, size_t k, size_t row_stride, size_t column_stride, float *out) {
  size_t panel = packed_panel();
  for (size_t start = 0; start < n; start += panel) {
    size_t width = minimum(panel, round_up(n - start, PADDING));
    size_t filled = minimum(panel, n - start);
    for (size_t column = 0; column < k; column++) {
      for (size_t row = 0; row < width; row++)
        out[row] = row < filled ? w[(start + row) * row_stride + column * column_stride] : 0;
      out += width;
    }
  }
}

void packed_bfloat16_pack(
    const float *w, size_t n, size_t k, size_t row_stride, size_t column_stride, uint16_t *out) {
  size_t panel = packed_panel();
  for (size_t start = 0; start < n; start += panel) {
    size_t width = minimum(panel, round_up(n - start, PADDING));
    size_t filled = minimum(panel, n - start);
    for (size_t column = 0; column < k; column += 2) {
      for (size_t row = 0; row < width; row++) {
        for (size_t half = 0; half < 2; half++)
          out[2 * row + half] =
              row < filled && column + half < k
                  ? bfloat16(w[(start + row) * row_stride + (column + half) * column_stride])
                  : 0;
      }
      out += 2 * width;
    }
  }
}

// The depths of a block of pairs.
enum { WIDE_DEPTH = 2 * PACKED_DEPTH_BLOCK };

INLINE void widen(size_t count, const uint16_t *values, float *out) {
  for (size_t index = 0; index < count; index++) {
    uint32_t bits = (uint32_t)values[index] << 16;
    memcpy(out + index, &bits, sizeof bits);
  }
}

INLINE void round_rows(
    const float *x, size_t rows, size_t columns, size_t stride, uint16_t *out, size_t stride_out) {
  for (size_t row = 0; row < rows; row++, x += stride, out += stride_out) {
    for (size_t column = 0; column < columns; column++) out[column] = bfloat16(x[column]);
    if (columns % 2) out[columns] = 0;
  }
}

#if defined(__x86_64__)

#include <immintrin.h>

#define NARROW(NAME) NAME##_avx2
#define LANES 8
#define TARGET __attribute__((target("avx2,fma")))
#include "packed_narrow.h"

enum { PANEL = WIDE_PANEL };
#define LANES 16

#define FLOAT_TARGET __attribute__((target("avx512f")))
#define BFLOAT16_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
// 24 accumulators of 16 lanes: with four registers for the panel and one for the broadcast all 32 are used,
// and a row is loaded once for four multiply-adds.
enum { ROWS = 6 };

// The last 16 columns of C may be fewer: a mask of those that exist.
FLOAT_TARGET INLINE void store(
    float *c, __m512 sum, __mmask16 mask, int accumulate) {
  if (accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, c));
  _mm512_mask_storeu_ps(c, mask, sum);
}

// What is read next, a line an index: a panel comes from memory while the rows are multiplied with the one before it, since
// without rows enough for the latter the former is what takes the time. A step of 0 asks for what is there.
struct ahead {
  const char *start;
  size_t step;
};
enum { LINE = 64 };

// `rows` <= 6 and `vectors` <= 4 are constants where this is inlined, so the loops over them unroll.
FLOAT_TARGET INLINE void float_tile(
    const int rows, const int vectors, size_t k, const float *a, size_t stride_a, const float *panel,
    float *c, size_t stride_c, __mmask16 last, int accumulate, struct ahead ahead) {
  __m512 sum[ROWS][4];
  for (int row = 0; row < rows; row++)
    for (int vector = 0; vector < vectors; vector++) sum[row][vector] = _mm512_setzero_ps();
  for (size_t index = 0; index < k; index++, ahead.start += ahead.step) {
    _mm_prefetch(ahead.start, _MM_HINT_T1);
    __m512 b[4];
    for (int vector = 0; vector < vectors; vector++)
      b[vector] = _mm512_loadu_ps(panel + LANES * vector);
    panel += LANES * vectors;
    for (int row = 0; row < rows; row++) {
      __m512 x = _mm512_set1_ps(a[row * stride_a + index]);
      for (int vector = 0; vector < vectors; vector++)
        sum[row][vector] = _mm512_fmadd_ps(x, b[vector], sum[row][vector]);
    }
  }
  for (int row = 0; row < rows; row++)
    for (int vector = 0; vector < vectors; vector++)
      store(
          c + row * stride_c + LANES * vector, sum[row][vector],
          vector + 1 == vectors ? last : (__mmask16)0xffff, accumulate);
}

BFLOAT16_TARGET INLINE void bfloat16_tile(
    const int rows, const int vectors, size_t pairs, const uint16_t *a, size_t stride_a,
    const uint16_t *panel, float *c, size_t stride_c, __mmask16 last, int accumulate, struct ahead ahead) {
  __m512 sum[ROWS][4];
  for (int row = 0; row < rows; row++)
    for (int vector = 0; vector < vectors; vector++) sum[row][vector] = _mm512_setzero_ps();
  for (size_t index = 0; index < pairs; index++, ahead.start += ahead.step) {
    _mm_prefetch(ahead.start, _MM_HINT_T1);
    __m512bh b[4];
    for (int vector = 0; vector < vectors; vector++)
      b[vector] = (__m512bh)_mm512_loadu_si512(panel + 2 * LANES * vector);
    panel += 2 * LANES * vectors;
    for (int row = 0; row < rows; row++) {
      int pair;
      memcpy(&pair, a + row * stride_a + 2 * index, sizeof pair);
      __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
      for (int vector = 0; vector < vectors; vector++)
        sum[row][vector] = _mm512_dpbf16_ps(sum[row][vector], x, b[vector]);
    }
  }
  for (int row = 0; row < rows; row++)
    for (int vector = 0; vector < vectors; vector++)
      store(
          c + row * stride_c + LANES * vector, sum[row][vector],
          vector + 1 == vectors ? last : (__mmask16)0xffff, accumulate);
}

// One block of one panel against all rows of A; `next` is what is read after it.
#define PANEL_WIDTH(NAME, TARGET, TILE, ROW, ELEMENT)                                                      \
  TARGET INLINE void NAME##_width(                                                                    \
      const int vectors, size_t m, size_t depth, const ROW *a, size_t stride_a,                       \
      const ELEMENT *panel, const char *next, float *c, size_t stride_c, __mmask16 last, int accumulate) { \
    size_t row = 0;                                                                                   \
    const char *end = next + vectors * LINE * depth;                                                  \
    struct ahead ahead = {next, LINE};                                                                \
    for (; row + ROWS <= m; row += ROWS) {                                                            \
      TILE(                                                                                           \
          ROWS, vectors, depth, a + row * stride_a, stride_a, panel, c + row * stride_c, stride_c,    \
          last, accumulate, ahead);                                                                   \
      ahead.start += ahead.step * depth;                                                              \
      if (ahead.start >= end) ahead = (struct ahead){next, 0};                                        \
    }                                                                                                 \
    a += row * stride_a;                                                                              \
    c += row * stride_c;                                                                              \
    switch (m - row) {                                                                                \
      case 5: TILE(5, vectors, depth, a, stride_a, panel, c, stride_c, last, accumulate, ahead); break;      \
      case 4: TILE(4, vectors, depth, a, stride_a, panel, c, stride_c, last, accumulate, ahead); break;      \
      case 3: TILE(3, vectors, depth, a, stride_a, panel, c, stride_c, last, accumulate, ahead); break;      \
      case 2: TILE(2, vectors, depth, a, stride_a, panel, c, stride_c, last, accumulate, ahead); break;      \
      case 1: TILE(1, vectors, depth, a, stride_a, panel, c, stride_c, last, accumulate, ahead); break;      \
      default: break;                                                                                 \
    }                                                                                                 \
  }

// All blocks of all panels.
#define PANEL_PRODUCT(NAME, TARGET, ELEMENT, UNIT)                                                    \
  TARGET static void NAME(                                                                            \
      size_t m, size_t n, size_t depth, const ELEMENT *a, size_t stride_a, const ELEMENT *packed,     \
      float *c, size_t stride_c, int accumulate) {                                                    \
    for (size_t start = 0; start < n; start += PANEL, c += PANEL) {                                   \
      size_t filled = minimum(PANEL, n - start);                                                      \
      size_t vectors = round_up(filled, LANES) / LANES;                                               \
      size_t odd = filled % LANES;                                                                    \
      __mmask16 last = odd ? (__mmask16)((1u << odd) - 1) : (__mmask16)0xffff;                        \
      size_t done = 0;                                                                                \
      do {                                                                                            \
        size_t part = minimum(PACKED_DEPTH_BLOCK, depth - done);                                      \
        const ELEMENT *x = a + UNIT * done;                                                           \
        const char *next = (const char *)(packed + vectors * LANES * UNIT * part);                    \
        int add = accumulate || done > 0;                                                             \
        switch (vectors) {                                                                            \
          case 4: NAME##_width(4, m, part, x, stride_a, packed, next, c, stride_c, last, add); break; \
          case 3: NAME##_width(3, m, part, x, stride_a, packed, next, c, stride_c, last, add); break; \
          case 2: NAME##_width(2, m, part, x, stride_a, packed, next, c, stride_c, last, add); break; \
          default: NAME##_width(1, m, part, x, stride_a, packed, next, c, stride_c, last, add); break; \
        }                                                                                             \
        packed += vectors * LANES * UNIT * part;                                                      \
        done += part;                                                                                 \
      } while (done < depth);                                                                         \
    }                                                                                                 \
  }

PANEL_WIDTH(float_product, FLOAT_TARGET, float_tile, float, float)
PANEL_WIDTH(bfloat16_product, BFLOAT16_TARGET, bfloat16_tile, uint16_t, uint16_t)

// For AVX-512 without quick products of bfloat16. A bfloat16 is the upper half of a Float32: of a pair in the panel the first is
// shifted up and the second masked out, for all rows at once; rows are widened before, so that their values are read as operands.
FLOAT_TARGET INLINE void wide_tile(
    const int rows, const int vectors, size_t pairs, const float *a, size_t stride_a, const uint16_t *panel,
    float *c, size_t stride_c, __mmask16 last, int accumulate, struct ahead ahead) {
  __m512 sum[ROWS][4];
  const __m512i upper = _mm512_set1_epi32((int)0xffff0000u);
  for (int row = 0; row < rows; row++)
    for (int vector = 0; vector < vectors; vector++) sum[row][vector] = _mm512_setzero_ps();
  for (size_t index = 0; index < pairs; index++, ahead.start += ahead.step) {
    _mm_prefetch(ahead.start, _MM_HINT_T1);
    for (int second = 0; second < 2; second++) {
      __m512 b[4];
      for (int vector = 0; vector < vectors; vector++) {
        __m512i both = _mm512_loadu_si512(panel + 2 * LANES * vector);
        b[vector] = _mm512_castsi512_ps(second ? _mm512_and_si512(both, upper) : _mm512_slli_epi32(both, 16));
      }
      for (int row = 0; row < rows; row++) {
        __m512 x = _mm512_set1_ps(a[row * stride_a + 2 * index + second]);
        for (int vector = 0; vector < vectors; vector++)
          sum[row][vector] = _mm512_fmadd_ps(x, b[vector], sum[row][vector]);
      }
    }
    panel += 2 * LANES * vectors;
  }
  for (int row = 0; row < rows; row++)
    for (int vector = 0; vector < vectors; vector++)
      store(
          c + row * stride_c + LANES * vector, sum[row][vector],
          vector + 1 == vectors ? last : (__mmask16)0xffff, accumulate);
}

enum { WIDE_ROWS = 4 * ROWS };

PANEL_WIDTH(wide, FLOAT_TARGET, wide_tile, float, uint16_t)

FLOAT_TARGET INLINE void bfloat16_product_wide_width(
    const int vectors, size_t m, size_t pairs, const uint16_t *a, size_t stride_a, const uint16_t *panel,
    const char *next, float *c, size_t stride_c, __mmask16 last, int accumulate) {
  float rows[WIDE_ROWS * WIDE_DEPTH];
  for (size_t first = 0; first < m; first += WIDE_ROWS) {
    size_t some = minimum(WIDE_ROWS, m - first);
    for (size_t row = 0; row < some; row++) widen(2 * pairs, a + (first + row) * stride_a, rows + row * WIDE_DEPTH);
    wide_width(
        vectors, some, pairs, rows, WIDE_DEPTH, panel, next, c + first * stride_c, stride_c, last, accumulate);
  }
}

PANEL_PRODUCT(float_product, FLOAT_TARGET, float, 1)
PANEL_PRODUCT(bfloat16_product, BFLOAT16_TARGET, uint16_t, 2)
PANEL_PRODUCT(bfloat16_product_wide, FLOAT_TARGET, uint16_t, 2)

BFLOAT16_TARGET static void round_rows_avx512(
    const float *x, size_t rows, size_t columns, size_t stride, uint16_t *out, size_t stride_out) {
  for (size_t row = 0; row < rows; row++, x += stride, out += stride_out) {
    size_t column = 0;
    for (; column + LANES <= columns; column += LANES) {
      __m256i rounded = (__m256i)_mm512_cvtneps_pbh(_mm512_loadu_ps(x + column));
      _mm256_storeu_si256((__m256i *)(out + column), rounded);
    }
    for (; column < columns; column++) out[column] = bfloat16(x[column]);
    if (columns % 2) out[columns] = 0;
  }
}

__attribute__((target("avx2"))) static void round_rows_avx2(
    const float *x, size_t rows, size_t columns, size_t stride, uint16_t *out, size_t stride_out) {
  round_rows(x, rows, columns, stride, out, stride_out);
}

#endif

#define NARROW(NAME) NAME##_generic
#undef LANES
#define LANES 4
#define TARGET
#include "packed_narrow.h"

void packed_float_product(
    size_t m, size_t n, size_t k, const float *a, size_t stride_a, const float *packed, float *c,
    size_t stride_c, int accumulate) {
  switch (cpu_level()) {
#if defined(__x86_64__)
    case CPU_AVX512BF16:
    case CPU_AVX512: float_product(m, n, k, a, stride_a, packed, c, stride_c, accumulate); break;
    case CPU_AVX2: float_product_avx2(m, n, k, a, stride_a, packed, c, stride_c, accumulate); break;
#endif
    default: float_product_generic(m, n, k, a, stride_a, packed, c, stride_c, accumulate); break;
  }
}

void packed_bfloat16_product(
    size_t m, size_t n, size_t k, const uint16_t *a, size_t stride_a, const uint16_t *packed, float *c,
    size_t stride_c, int accumulate) {
  size_t pairs = round_up(k, 2) / 2;
  switch (cpu_level()) {
#if defined(__x86_64__)
    case CPU_AVX512BF16: bfloat16_product(m, n, pairs, a, stride_a, packed, c, stride_c, accumulate); break;
    case CPU_AVX512: bfloat16_product_wide(m, n, pairs, a, stride_a, packed, c, stride_c, accumulate); break;
    case CPU_AVX2: bfloat16_product_avx2(m, n, pairs, a, stride_a, packed, c, stride_c, accumulate); break;
#endif
    default: bfloat16_product_generic(m, n, pairs, a, stride_a, packed, c, stride_c, accumulate); break;
  }
}

void packed_round_rows(
    const float *x, size_t rows, size_t columns, size_t stride, uint16_t *out, size_t stride_out) {
  switch (cpu_level()) {
#if defined(__x86_64__)
    case CPU_AVX512BF16: round_rows_avx512(x, rows, columns, stride, out, stride_out); break;
    case CPU_AVX512:
    case CPU_AVX2: round_rows_avx2(x, rows, columns, stride, out, stride_out); break;
#endif
    default: round_rows(x, rows, columns, stride, out, stride_out); break;
  }
}
