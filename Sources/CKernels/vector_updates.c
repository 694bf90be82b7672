#include "vector_updates.h"

#include <string.h>

#include "every_cpu.h"

// As many numbers as are kept in registers while one vector after another is read.
enum { BLOCK = 32 };

FOR_EVERY_CPU
void vectors_subtract(size_t length, size_t vectors, const double *x, const double *factors, double *y) {
#pragma clang fp contract(off)
  size_t i = 0;
  for (; i + BLOCK <= length; i += BLOCK) {
    double sums[BLOCK];
    memcpy(sums, y + i, sizeof sums);
    for (size_t v = 0; v < vectors; v++)
      for (int k = 0; k < BLOCK; k++) sums[k] -= factors[v] * x[v * length + i + k];
    memcpy(y + i, sums, sizeof sums);
  }
  for (size_t v = 0; v < vectors; v++)
    for (size_t j = i; j < length; j++) y[j] -= factors[v] * x[v * length + j];
}

FOR_EVERY_CPU
void vectors_downdate(size_t length, size_t vectors, const double *y, const double *factors, double *x) {
#pragma clang fp contract(off)
  for (size_t v = 0; v < vectors; v++)
    for (size_t i = 0; i < length; i++) x[v * length + i] -= factors[v] * y[i];
}

FOR_EVERY_CPU
void vectors_square(size_t length, size_t vectors, const double *x, double *out) {
#pragma clang fp contract(off)
  size_t i = 0;
  for (; i + BLOCK <= length; i += BLOCK) {
    double sums[BLOCK] = {0};
    for (size_t v = 0; v < vectors; v++)
      for (int k = 0; k < BLOCK; k++) sums[k] += x[v * length + i + k] * x[v * length + i + k];
    memcpy(out + i, sums, sizeof sums);
  }
  for (size_t j = i; j < length; j++) out[j] = 0;
  for (size_t v = 0; v < vectors; v++)
    for (size_t j = i; j < length; j++) out[j] += x[v * length + j] * x[v * length + j];
}
