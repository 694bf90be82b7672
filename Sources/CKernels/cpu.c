#include "cpu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[CPU_LEVELS] = {"generic", "avx2", "avx512", "avx512bf16"};

const char *cpu_name(int level) { return level >= 0 && level < CPU_LEVELS ? names[level] : "unknown"; }

int cpu_best(void) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return CPU_GENERIC;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
      !__builtin_cpu_supports("avx512vl"))
    return CPU_AVX2;
  return __builtin_cpu_supports("avx512bf16") ? CPU_AVX512BF16 : CPU_AVX512;
#else
  return CPU_GENERIC;
#endif
}

int cpu_quickest(void) {
  int best = cpu_best();
#if defined(__x86_64__)
  // Intel's cores take longer for a product of bfloat16 pairs than for the two of Float32 that it stands for: 83 GFLOP/s, widened
  // 129, in Float32 145 (Xeon, family 6, model 207). AMD's take half the time (Zen 4, Zen 5).
  if (best == CPU_AVX512BF16 && __builtin_cpu_is("intel")) return CPU_AVX512;
#endif
  return best;
}

int cpu_asked(void) {
  const char *word = getenv("XSPRESS_CPU");
  if (word == NULL || *word == 0) return cpu_quickest();
  for (int level = 0; level < CPU_LEVELS; level++)
    if (strcmp(word, names[level]) == 0) return level;
  return CPU_UNKNOWN;
}

int cpu_level(void) {
  // Level + 1; 0 before the first call. Two threads that come first find the same.
  static atomic_int known = 0;
  int level = atomic_load_explicit(&known, memory_order_relaxed) - 1;
  if (level >= 0) return level;
  int best = cpu_best(), asked = cpu_asked();
  level = asked >= 0 && asked < best ? asked : best;
  atomic_store_explicit(&known, level + 1, memory_order_relaxed);
  return level;
}
