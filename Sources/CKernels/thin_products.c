#include "thin_products.h"

// A value of W is broadcast and meets sixteen vectors at once. Eight rows share a load of X or of Z, and are few enough
// to stay in the second-level cache between both products.
enum { GROUP = 8, DEPTH = 256 };

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("avx512f")))
#define INLINE __attribute__((always_inline)) static inline

int thin_supported(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512f") != 0;
}

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

TARGET void thin_images(size_t rows, size_t n, const float *w, size_t stride, const float *x, float *p) {
  size_t i = 0;
  for (; i + GROUP <= rows; i += GROUP) images(GROUP, n, w + i * stride, stride, x, p + i * THIN_WIDTH);
  for (; i < rows; i++) images(1, n, w + i * stride, stride, x, p + i * THIN_WIDTH);
}

TARGET void thin_add_transposed(size_t rows, size_t n, const float *w, size_t stride, const float *p, float *z) {
  size_t i = 0;
  for (; i + GROUP <= rows; i += GROUP) add_transposed(GROUP, n, w + i * stride, stride, p + i * THIN_WIDTH, z);
  for (; i < rows; i++) add_transposed(1, n, w + i * stride, stride, p + i * THIN_WIDTH, z);
}

TARGET void thin_add_gram(size_t rows, size_t n, const float *w, size_t stride, const float *x, float *z) {
  float p[GROUP * THIN_WIDTH];
  size_t i = 0;
  for (; i + GROUP <= rows; i += GROUP) {
    images(GROUP, n, w + i * stride, stride, x, p);
    add_transposed(GROUP, n, w + i * stride, stride, p, z);
  }
  for (; i < rows; i++) {
    images(1, n, w + i * stride, stride, x, p);
    add_transposed(1, n, w + i * stride, stride, p, z);
  }
}

#else

// No kernels for this CPU yet: `thin_supported` says so and nothing below is called.
int thin_supported(void) { return 0; }
void thin_images(size_t rows, size_t n, const float *w, size_t stride, const float *x, float *p) { __builtin_trap(); }
void thin_add_transposed(size_t rows, size_t n, const float *w, size_t stride, const float *p, float *z) {
  __builtin_trap();
}
void thin_add_gram(size_t rows, size_t n, const float *w, size_t stride, const float *x, float *z) { __builtin_trap(); }

#endif
