// Which kernels run: chosen once a process, by the CPU or by the environment variable XSPRESS_CPU.
//
// Levels differ in the width of a vector and so in the order of sums: results differ in the last bits. Decoding of
// stored weights (block_decoding.h) is bit-equal on every CPU and chosen by the loader, whatever the variable says.
#ifndef XSPRESS_CPU_H
#define XSPRESS_CPU_H

enum {
  CPU_GENERIC = 0,     // what the compiler makes of four lanes: SSE2, NEON
  CPU_AVX2 = 1,        // AVX2 and FMA (x86-64-v3)
  CPU_AVX512 = 2,      // AVX-512 F, BW, CD, DQ, VL (x86-64-v4)
  CPU_AVX512BF16 = 3,  // and its products of bfloat16
  CPU_LEVELS = 4,
  CPU_UNKNOWN = -1,  // XSPRESS_CPU is none of the names
};

// "generic", "avx2", "avx512", "avx512bf16".
const char *cpu_name(int level);

// The highest level this CPU has.
int cpu_best(void);

// The level that is quickest on this CPU, by its maker: not always the highest.
int cpu_quickest(void);

// What XSPRESS_CPU asks for: a level, perhaps above cpu_best(), or CPU_UNKNOWN; cpu_quickest() where it is not set or empty.
int cpu_asked(void);

// The level in force: the lower of both, never CPU_UNKNOWN.
int cpu_level(void);

#endif
