// What the C library does with freed memory.
#ifndef XSPRESS_HEAP_H
#define XSPRESS_HEAP_H

// Keeps freed memory of any size for later requests; to be called before threads start.
void heap_keep_freed(void);

// Gives the pages of all free blocks back to the kernel.
void heap_give_back(void);

#endif
