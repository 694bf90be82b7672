// One source for several instruction sets.
#ifndef XSPRESS_EVERY_CPU_H
#define XSPRESS_EVERY_CPU_H

#include "cpu.h"

#define INLINE __attribute__((always_inline)) static inline

// FOR_EVERY_CPU before a function compiles it for AVX-512, AVX2 and plain x86-64; which one runs is chosen when the
// program is loaded. For functions that give the same bits in each. Not under ThreadSanitizer, whose own code is not
// there yet when that is chosen.
#ifdef __has_feature
#if __has_feature(thread_sanitizer)
#define HAS_THREAD_SANITIZER
#endif
#endif
#if defined(__x86_64__) && defined(__linux__) && !defined(HAS_THREAD_SANITIZER)
#define FOR_EVERY_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EVERY_CPU
#endif

// BY_LEVEL(name, parameters, arguments) defines `void name parameters` from the inline function `name_body`, compiled
// likewise; cpu_level() decides which one runs. For functions whose last bits differ. BY_LEVEL_OF takes what is to be
// done at each level, from the widest on, where constants differ. Without a minimum, vectors of 64 bytes are cut in two.
#if defined(__x86_64__)
#define BY_LEVEL_OF(NAME, PARAMETERS, ARGUMENTS, WIDE, MIDDLE, PLAIN)                                       \
  __attribute__((target("arch=x86-64-v4"), min_vector_width(512))) static void NAME##_v4 PARAMETERS { WIDE; } \
  __attribute__((target("arch=x86-64-v3"))) static void NAME##_v3 PARAMETERS { MIDDLE; }                    \
  static void NAME##_plain PARAMETERS { PLAIN; }                                                            \
  void NAME PARAMETERS {                                                                                    \
    switch (cpu_level()) {                                                                                  \
      case CPU_GENERIC: NAME##_plain ARGUMENTS; break;                                                      \
      case CPU_AVX2: NAME##_v3 ARGUMENTS; break;                                                            \
      default: NAME##_v4 ARGUMENTS; break;                                                                  \
    }                                                                                                       \
  }
#else
#define BY_LEVEL_OF(NAME, PARAMETERS, ARGUMENTS, WIDE, MIDDLE, PLAIN) \
  void NAME PARAMETERS { PLAIN; }
#endif
#define BY_LEVEL(NAME, PARAMETERS, ARGUMENTS) \
  BY_LEVEL_OF(NAME, PARAMETERS, ARGUMENTS, NAME##_body ARGUMENTS, NAME##_body ARGUMENTS, NAME##_body ARGUMENTS)

#endif
