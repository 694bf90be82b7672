// One source for several instruction sets.
#ifndef XSPRESS_EVERY_CPU_H
#define XSPRESS_EVERY_CPU_H

#include "cpu.h"

#define INLINE __attribute__((always_inline)) static inline

// FOR_EVERY_CPU before a function compiles it for AVX-512, AVX2 and plain x86-64; which one runs is chosen when the
// program is loaded. For functions that give the same bits in each.
#if defined(__x86_64__) && defined(__linux__)
#define FOR_EVERY_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EVERY_CPU
#endif

// BY_LEVEL(name, parameters, arguments) defines `void name parameters` from the inline function `name_body`, compiled
// likewise; cpu_level() decides which one runs. For functions whose last bits differ.
#if defined(__x86_64__)
#define BY_LEVEL(NAME, PARAMETERS, ARGUMENTS)                                                               \
  __attribute__((target("arch=x86-64-v4"))) static void NAME##_v4 PARAMETERS { NAME##_body ARGUMENTS; }     \
  __attribute__((target("arch=x86-64-v3"))) static void NAME##_v3 PARAMETERS { NAME##_body ARGUMENTS; }     \
  static void NAME##_plain PARAMETERS { NAME##_body ARGUMENTS; }                                            \
  void NAME PARAMETERS {                                                                                    \
    switch (cpu_level()) {                                                                                  \
      case CPU_GENERIC: NAME##_plain ARGUMENTS; break;                                                      \
      case CPU_AVX2: NAME##_v3 ARGUMENTS; break;                                                            \
      default: NAME##_v4 ARGUMENTS; break;                                                                  \
    }                                                                                                       \
  }
#else
#define BY_LEVEL(NAME, PARAMETERS, ARGUMENTS) \
  void NAME PARAMETERS { NAME##_body ARGUMENTS; }
#endif

#endif
