// Thin products for CPUs with sixteen vector registers: included once for each width, with LANES lanes a vector, GROUP
// rows at a time, TARGET before every function and names made by NARROW. Sixteen values are 16 / LANES vectors, and a
// group's sums leave registers for the vectors of X and a value of W.

typedef float NARROW(vector) __attribute__((vector_size(4 * LANES)));
enum { NARROW(parts) = THIN_WIDTH / LANES };

TARGET INLINE NARROW(vector) NARROW(load)(const float *x) {
  NARROW(vector) value;
  memcpy(&value, x, sizeof value);
  return value;
}

// `rows` <= GROUP is a constant where this is inlined, so that sums stay in registers.
TARGET INLINE void NARROW(images)(
    const int rows, size_t n, const float *w, size_t stride, const float *x, float *p) {
  NARROW(vector) total[GROUP][NARROW(parts)] = {{{0}}};
  for (size_t start = 0; start < n; start += DEPTH) {
    size_t end = n - start < DEPTH ? n : start + DEPTH;
    NARROW(vector) sum[GROUP][NARROW(parts)] = {{{0}}};
    for (size_t j = start; j < end; j++) {
      // A value of W is loaded once for all parts: loads are what such a CPU has least of.
      NARROW(vector) values[NARROW(parts)];
      for (int part = 0; part < NARROW(parts); part++) values[part] = NARROW(load)(x + j * THIN_WIDTH + part * LANES);
      for (int i = 0; i < rows; i++)
        for (int part = 0; part < NARROW(parts); part++) sum[i][part] += w[i * stride + j] * values[part];
    }
    for (int i = 0; i < rows; i++)
      for (int part = 0; part < NARROW(parts); part++) total[i][part] += sum[i][part];
  }
  for (int i = 0; i < rows; i++) memcpy(p + i * THIN_WIDTH, total[i], sizeof total[i]);
}

TARGET INLINE void NARROW(add_transposed)(
    const int rows, size_t n, const float *w, size_t stride, const float *p, float *z) {
  NARROW(vector) factors[GROUP][NARROW(parts)];
  for (int i = 0; i < rows; i++) memcpy(factors[i], p + i * THIN_WIDTH, sizeof factors[i]);
  for (size_t j = 0; j < n; j++) {
    for (int part = 0; part < NARROW(parts); part++) {
      NARROW(vector) sum = {0};
      for (int i = 0; i < rows; i++) sum += w[i * stride + j] * factors[i][part];
      sum += NARROW(load)(z + j * THIN_WIDTH + part * LANES);
      memcpy(z + j * THIN_WIDTH + part * LANES, &sum, sizeof sum);
    }
  }
}

THIN_FUNCTIONS(TARGET, NARROW(images), NARROW(add_transposed), NARROW)
#undef NARROW
#undef LANES
#undef GROUP
#undef TARGET
