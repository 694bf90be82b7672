// Calls of the C library that fail when a test says so: a library to be preloaded (LD_PRELOAD), told what to do by
// variables of the environment. The Nth call fails, N = 1, 2, 3, ... until a run is not reached by it.
//
//   FAULT_CALL    which call, by its name: open, opendir, readdir, read, pread, write, pwrite, fsync, aio_fsync,
//                 posix_fallocate, ftruncate, rename, unlink, mkdir, mmap, close; or memory, for every request of it
//   FAULT_AT      the first that fails, from 1
//   FAULT_ALWAYS  any value: all behind it fail too
//   FAULT_ERRNO   the error number
//   FAULT_BYTES   of memory: smaller requests are not counted
//   FAULT_MARK    a file that is made when a call fails
//
// LAPACKE_dgesdd and LAPACKE_dsyevd are calls too: they return the number without a result, as where they do not converge.
// Reads and writes of anything but regular files are not counted: a pipe has no full disk. Of
// directories those of /proc are not.
#ifndef MACHINE_FAULTS_H
#define MACHINE_FAULTS_H
#endif
