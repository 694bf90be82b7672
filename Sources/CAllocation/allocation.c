#include "allocation.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static atomic_bool is_silent;
static atomic_flag is_ending = ATOMIC_FLAG_INIT;

void allocation_end_silently(void) { atomic_store(&is_silent, 1); }

// Sanitizers have an allocator of their own, with its own end.
#if !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer) && !__has_feature(memory_sanitizer)

// The C library's allocator, under the names that remain when the usual ones are ours.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

// Fault.Kind.resources.
enum { exit_code = 71 };

static _Noreturn void end_process(size_t size) {
  if (atomic_flag_test_and_set(&is_ending)) {
    // Another thread is saying so.
    for (;;) pause();
  }
  if (!atomic_load(&is_silent)) {
    char line[256];
    int count = snprintf(
        line, sizeof line,
        "error: out of memory: the system refused %zu bytes (ulimit -v, limits of the container); what is done is "
        "kept: MEM-ALLOC\n",
        size);
    // That nobody reads it changes nothing.
    if (count > 0 && write(STDERR_FILENO, line, (size_t)count) < 0) _exit(exit_code);
  }
  _exit(exit_code);
}

static void *checked(void *block, size_t size) {
  if (block == NULL && size != 0) end_process(size);
  return block;
}

void *malloc(size_t size) { return checked(__libc_malloc(size), size); }

void *calloc(size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total)) total = SIZE_MAX;
  return checked(__libc_calloc(count, size), total);
}

// Of no bytes it frees, and returns nothing.
void *realloc(void *block, size_t size) { return checked(__libc_realloc(block, size), size); }

void *aligned_alloc(size_t alignment, size_t size) {
  return checked(__libc_memalign(alignment, size), size);
}

int posix_memalign(void **result, size_t alignment, size_t size) {
  if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
  *result = checked(__libc_memalign(alignment, size), size);
  return 0;
}

#endif
