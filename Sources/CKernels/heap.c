#include "heap.h"

#include <limits.h>
#include <malloc.h>

void heap_keep_freed(void) {
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
}

void heap_give_back(void) { malloc_trim(0); }
