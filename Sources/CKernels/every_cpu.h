// FOR_EVERY_CPU before a function compiles it for AVX-512, AVX2 and plain x86-64; which one runs is chosen when the
// program is loaded.
#ifndef XSPRESS_EVERY_CPU_H
#define XSPRESS_EVERY_CPU_H

#if defined(__x86_64__) && defined(__linux__)
#define FOR_EVERY_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EVERY_CPU
#endif

#endif
