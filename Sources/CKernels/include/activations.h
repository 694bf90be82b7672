// Elementwise activations. Each function exists for AVX-512, AVX2 and plain x86-64, chosen by cpu.h; results of the
// three differ in the last bits. (The same holds of exact_products.h.)
#ifndef XSPRESS_ACTIVATIONS_H
#define XSPRESS_ACTIVATIONS_H

#include <stddef.h>

// out = silu(gate) * up, silu(g) = g / (1 + exp(-g)).
void activation_swiglu(const float *gate, const float *up, size_t count, float *out);

// Gradients of the above for d = dL/dout: with s = 1 / (1 + exp(-g)),
// d_gate = d * up * s * (1 + g * (1 - s)), d_up = d * g * s.
void activation_swiglu_gradient(
    const float *gate, const float *up, const float *d, size_t count, float *d_gate, float *d_up);

// Others, and those without a gate: out = act(x), d_x = d * act'(x); out = act(gate) * up and its gradient.
// gelu_tanh(x) = x / (1 + exp(-2u)), u = sqrt(2/pi) (x + 0.044715 x^3); gelu(x) = x erfc(-x / sqrt 2) / 2.
#define ACTIVATION_FUNCTIONS(NAME)                                                                                  \
  void activation_##NAME(const float *x, size_t count, float *out);                                                 \
  void activation_##NAME##_gradient(const float *x, const float *d, size_t count, float *d_x);
#define GATED_ACTIVATION_FUNCTIONS(NAME)                                                                            \
  void activation_gated_##NAME(const float *gate, const float *up, size_t count, float *out);                       \
  void activation_gated_##NAME##_gradient(                                                                          \
      const float *gate, const float *up, const float *d, size_t count, float *d_gate, float *d_up);

ACTIVATION_FUNCTIONS(silu)
ACTIVATION_FUNCTIONS(gelu_tanh)
ACTIVATION_FUNCTIONS(gelu)
ACTIVATION_FUNCTIONS(relu)
GATED_ACTIVATION_FUNCTIONS(gelu_tanh)
GATED_ACTIVATION_FUNCTIONS(gelu)
GATED_ACTIVATION_FUNCTIONS(relu)
#undef ACTIVATION_FUNCTIONS
#undef GATED_ACTIVATION_FUNCTIONS

#endif
