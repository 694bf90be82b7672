// What happens where the system refuses memory.
#ifndef XSPRESS_ALLOCATION_H
#define XSPRESS_ALLOCATION_H

// Has this process end without its line from now on: another one waits for it, and has the line to say.
void allocation_end_silently(void);

#endif
