// Updates of several vectors by one factor each, in Float64: what a greedy choice does after every step. Each function exists
// for AVX-512, AVX2 and plain x86-64; all give the same bits: every product and difference is rounded, none are fused.
#ifndef XSPRESS_VECTOR_UPDATES_H
#define XSPRESS_VECTOR_UPDATES_H

#include <stddef.h>

// y[i] -= factors[v] * x[v * length + i] for v = 0, 1, ... in this order.
void vectors_subtract(size_t length, size_t vectors, const double *x, const double *factors, double *y);

// x[v * length + i] -= factors[v] * y[i] for every v.
void vectors_downdate(size_t length, size_t vectors, const double *y, const double *factors, double *x);

// out[i] = sum over v of x[v * length + i] squared, in the order of v.
void vectors_square(size_t length, size_t vectors, const double *x, double *out);

#endif
