#include "thin_products.h"

#include <string.h>

#include "every_cpu.h"

// A value of W is broadcast and meets sixteen vectors at once. A group of rows shares a load of X or of Z, and is small
// enough to stay in the second-level cache between both products.
enum { DEPTH = 256 };

// The three products from those of one group of GROUP rows.
#define THIN_FUNCTIONS(TARGET, IMAGES, ADD_TRANSPOSED, NAME)                                                    \
  TARGET static void NAME(thin_images)(                                                                         \
      size_t rows, size_t n, const float *w, size_t stride, const float *x, float *p) {                         \
    size_t i = 0;                                                                                               \
    for (; i + GROUP <= rows; i += GROUP) IMAGES(GROUP, n, w + i * stride, stride, x, p + i * THIN_WIDTH);      \
    for (; i < rows; i++) IMAGES(1, n, w + i * stride, stride, x, p + i * THIN_WIDTH);                          \
  }                                                                                                             \
  TARGET static void NAME(thin_add_transposed)(                                                                 \
      size_t rows, size_t n, const float *w, size_t stride, const float *p, float *z) {                         \
    size_t i = 0;                                                                                               \
    for (; i + GROUP <= rows; i += GROUP) ADD_TRANSPOSED(GROUP, n, w + i * stride, stride, p + i * THIN_WIDTH, z); \
    for (; i < rows; i++) ADD_TRANSPOSED(1, n, w + i * stride, stride, p + i * THIN_WIDTH, z);                  \
  }                                                                                                             \
  TARGET static void NAME(thin_add_gram)(                                                                       \
      size_t rows, size_t n, const float *w, size_t stride, const float *x, float *z) {                         \
    float p[GROUP * THIN_WIDTH];                                                                                \
    size_t i = 0;                                                                                               \
    for (; i + GROUP <= rows; i += GROUP) {                                                                     \
      IMAGES(GROUP, n, w + i * stride, stride, x, p);                                                           \
      ADD_TRANSPOSED(GROUP, n, w + i * stride, stride, p, z);                                                   \
    }                                                                                                           \
    for (; i < rows; i++) {                                                                                     \
      IMAGES(1, n, w + i * stride, stride, x, p);                                                               \
      ADD_TRANSPOSED(1, n, w + i * stride, stride, p, z);                                                       \
    }                                                                                                           \
  }

#if defined(__x86_64__)

#include <immintrin.h>

#define NARROW(NAME) NAME##_avx2
#define LANES 8
#define GROUP 6
#define TARGET __attribute__((target("avx2,fma")))
#include "thin_narrow.h"

#define GROUP 8
#define TARGET __attribute__((target("avx512f")))
#define WIDE(NAME) NAME##_avx512

// `rows` <= GROUP is a constant where this is inlined, so that sums stay in registers.
TARGET INLINE void images(const int rows, size_t n, const float *w, size_t stride, const float *x, float *p) {
  __m512 total[GROUP];
  for (int i = 0; i < rows; i++) total[i] = _mm512_setzero_ps();
  for (size_t start = 0; start < n; start += DEPTH) {
    size_t end = n - start < DEPTH ? n : start + DEPTH;
    __m512 sum[GROUP];
    for (int i = 0; i < rows; i++) sum[i] = _mm512_setzero_ps();
    for (size_t j = start; j < end; j++) {
      __m512 values = _mm512_loadu_ps(x + j * THIN_WIDTH);
      for (int i = 0; i < rows; i++)
        sum[i] = _mm512_fmadd_ps(_mm512_set1_ps(w[i * stride + j]), values, sum[i]);
    }
    for (int i = 0; i < rows; i++) total[i] = _mm512_add_ps(total[i], sum[i]);
  }
  for (int i = 0; i < rows; i++) _mm512_storeu_ps(p + i * THIN_WIDTH, total[i]);
}

TARGET INLINE void add_transposed(const int rows, size_t n, const float *w, size_t stride, const float *p, float *z) {
  __m512 factors[GROUP];
  for (int i = 0; i < rows; i++) factors[i] = _mm512_loadu_ps(p + i * THIN_WIDTH);
  for (size_t j = 0; j < n; j++) {
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < rows; i++) sum = _mm512_fmadd_ps(_mm512_set1_ps(w[i * stride + j]), factors[i], sum);
    _mm512_storeu_ps(z + j * THIN_WIDTH, _mm512_add_ps(_mm512_loadu_ps(z + j * THIN_WIDTH), sum));
  }
}

THIN_FUNCTIONS(TARGET, images, add_transposed, WIDE)
#undef GROUP
#undef TARGET

#endif

#define NARROW(NAME) NAME##_generic
#define LANES 4
#define GROUP 2
#define TARGET
#include "thin_narrow.h"

#if defined(__x86_64__)
#define BY_CPU(NAME, ...)                                    \
  switch (cpu_level()) {                                     \
    case CPU_GENERIC: NAME##_generic(__VA_ARGS__); break;    \
    case CPU_AVX2: NAME##_avx2(__VA_ARGS__); break;          \
    default: NAME##_avx512(__VA_ARGS__); break;              \
  }
#else
#define BY_CPU(NAME, ...) NAME##_generic(__VA_ARGS__);
#endif

void thin_images(size_t rows, size_t n, const float *w, size_t stride, const float *x, float *p) {
  BY_CPU(thin_images, rows, n, w, stride, x, p)
}

void thin_add_transposed(size_t rows, size_t n, const float *w, size_t stride, const float *p, float *z) {
  BY_CPU(thin_add_transposed, rows, n, w, stride, p, z)
}

void thin_add_gram(size_t rows, size_t n, const float *w, size_t stride, const float *x, float *z) {
  BY_CPU(thin_add_gram, rows, n, w, stride, x, z)
}
