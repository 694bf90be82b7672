#include "activations.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "every_cpu.h"

// exp(x), relative error below 3e-7; 0 below -86, exp(88) above 88. x = n ln 2 + r with |r| <= ln 2 / 2, a polynomial
// of degree 6 in r, and 2^n through the exponent bits (the split of ln 2 and the coefficients are those of Cephes'
// expf). Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
INLINE float exponential(float x) {
  const float magic = 12582912.0f;
  float clamped = x < -86.0f ? -86.0f : x > 88.0f ? 88.0f : x;
  float shifted = clamped * 1.44269504f + magic;
  float n = shifted - magic;
  float r = clamped - n * 0.693359375f - n * -2.12194440e-4f;
  float p = 1.98756915e-4f;
  p = p * r + 1.39819995e-3f;
  p = p * r + 8.33345190e-3f;
  p = p * r + 4.16657960e-2f;
  p = p * r + 1.66666655e-1f;
  p = p * r + 5.00000010e-1f;
  p = p * r * r + r + 1.0f;
  uint32_t bits;
  memcpy(&bits, &shifted, sizeof bits);
  bits = (bits - 0x4b400000u + 127u) << 23;
  float scale;
  memcpy(&scale, &bits, sizeof scale);
  return x < -86.0f ? 0.0f : p * scale;
}

INLINE void activation_swiglu_body(const float *gate, const float *up, size_t count, float *out) {
  for (size_t index = 0; index < count; index++)
    out[index] = gate[index] / (1.0f + exponential(-gate[index])) * up[index];
}

BY_LEVEL(
    activation_swiglu, (const float *gate, const float *up, size_t count, float *out), (gate, up, count, out))

INLINE void activation_swiglu_gradient_body(
    const float *gate, const float *up, const float *d, size_t count, float *d_gate, float *d_up) {
  for (size_t index = 0; index < count; index++) {
    float g = gate[index];
    float s = 1.0f / (1.0f + exponential(-g));
    float slope = d[index] * s;
    d_gate[index] = slope * up[index] * (1.0f + g * (1.0f - s));
    d_up[index] = slope * g;
  }
}

BY_LEVEL(
    activation_swiglu_gradient,
    (const float *gate, const float *up, const float *d, size_t count, float *d_gate, float *d_up),
    (gate, up, d, count, d_gate, d_up))

// Value and slope of an activation at x; the compiler drops what a caller does not ask for.
typedef struct {
  float value, slope;
} point;

INLINE point silu(float x) {
  float s = 1.0f / (1.0f + exponential(-x));
  return (point){x * s, s * (1.0f + x * (1.0f - s))};
}

// (1 + tanh u) / 2 is 1 / (1 + exp(-2u)).
INLINE point gelu_tanh(float x) {
  const float root = 0.7978845608f, cubic = 0.044715f;
  float s = 1.0f / (1.0f + exponential(-2.0f * root * (x + cubic * x * x * x)));
  return (point){x * s, s + x * s * (1.0f - s) * 2.0f * root * (1.0f + 3.0f * cubic * x * x)};
}

INLINE point gelu(float x) {
  float share = 0.5f * erfcf(-0.7071067812f * x);
  return (point){x * share, share + x * 0.3989422804f * exponential(-0.5f * x * x)};
}

INLINE point relu(float x) { return (point){x > 0.0f ? x : 0.0f, x > 0.0f ? 1.0f : 0.0f}; }

#define ACTIVATION(NAME)                                                                                            \
  INLINE void activation_##NAME##_body(const float *x, size_t count, float *out) {                                  \
    for (size_t index = 0; index < count; index++) out[index] = NAME(x[index]).value;                               \
  }                                                                                                                 \
  BY_LEVEL(activation_##NAME, (const float *x, size_t count, float *out), (x, count, out))                          \
  INLINE void activation_##NAME##_gradient_body(const float *x, const float *d, size_t count, float *d_x) {         \
    for (size_t index = 0; index < count; index++) d_x[index] = d[index] * NAME(x[index]).slope;                    \
  }                                                                                                                 \
  BY_LEVEL(                                                                                                         \
      activation_##NAME##_gradient, (const float *x, const float *d, size_t count, float *d_x), (x, d, count, d_x))

#define GATED_ACTIVATION(NAME)                                                                                      \
  INLINE void activation_gated_##NAME##_body(const float *gate, const float *up, size_t count, float *out) {        \
    for (size_t index = 0; index < count; index++) out[index] = NAME(gate[index]).value * up[index];                \
  }                                                                                                                 \
  BY_LEVEL(                                                                                                         \
      activation_gated_##NAME, (const float *gate, const float *up, size_t count, float *out), (gate, up, count, out)) \
  INLINE void activation_gated_##NAME##_gradient_body(                                                              \
      const float *gate, const float *up, const float *d, size_t count, float *d_gate, float *d_up) {               \
    for (size_t index = 0; index < count; index++) {                                                                \
      point at = NAME(gate[index]);                                                                                 \
      d_gate[index] = d[index] * up[index] * at.slope;                                                              \
      d_up[index] = d[index] * at.value;                                                                            \
    }                                                                                                               \
  }                                                                                                                 \
  BY_LEVEL(                                                                                                         \
      activation_gated_##NAME##_gradient,                                                                           \
      (const float *gate, const float *up, const float *d, size_t count, float *d_gate, float *d_up),               \
      (gate, up, d, count, d_gate, d_up))

ACTIVATION(silu)
ACTIVATION(gelu_tanh)
ACTIVATION(gelu)
ACTIVATION(relu)
GATED_ACTIVATION(gelu_tanh)
GATED_ACTIVATION(gelu)
GATED_ACTIVATION(relu)
