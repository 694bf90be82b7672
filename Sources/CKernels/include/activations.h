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

#endif
