#define _GNU_SOURCE
#include "machine_faults.h"

#include <aio.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char *call_that_fails;
static const char *mark;
static long first, least;
static int number, lasts, killing;
static atomic_long count;

static long variable(const char *name) {
  const char *text = getenv(name);
  return text == NULL ? 0 : atol(text);
}

__attribute__((constructor)) static void read_environment(void) {
  first = variable("FAULT_AT");
  least = variable("FAULT_BYTES");
  number = (int)variable("FAULT_ERRNO");
  lasts = getenv("FAULT_ALWAYS") != NULL;
  killing = getenv("FAULT_KILL") != NULL;
  mark = getenv("FAULT_MARK");
  // Last: before it nothing is counted.
  call_that_fails = getenv("FAULT_CALL");
}

// The calls that change what is on disk, counted as one.
static int is_change(const char *call) {
  static const char *const names[] = {"write", "pwrite", "fsync", "aio_fsync", "posix_fallocate", "ftruncate",
                                      "rename", "unlink", "mkdir", "close", "open"};
  for (size_t index = 0; index < sizeof names / sizeof *names; index++)
    if (strcmp(names[index], call) == 0) return 1;
  return 0;
}

static int is_meant(const char *call) {
  return call_that_fails != NULL &&
         (strcmp(call_that_fails, call) == 0 || (strcmp(call_that_fails, "change") == 0 && is_change(call)));
}

// The error number that a call is to fail with, 0 for none.
static int failure(const char *call) {
  if (!is_meant(call)) return 0;
  long place = atomic_fetch_add(&count, 1) + 1;
  if (place < first || (place > first && !lasts)) return 0;
  // By system calls, which are not counted. Of several processes one is killed: the first to make the mark.
  long file = -1;
  if (mark != NULL) file = syscall(SYS_openat, AT_FDCWD, mark, O_CREAT | O_WRONLY | (killing ? O_EXCL : 0), 0600);
  if (file >= 0) syscall(SYS_close, file);
  if (!killing) return number;
  if (file >= 0) syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
  return 0;
}

static int is_regular(int descriptor) {
  struct stat status;
  return fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
}

// Foundation traps where it cannot list /proc.
static int is_on_disk(DIR *folder) {
  struct statfs status;
  return fstatfs(dirfd(folder), &status) == 0 && status.f_type != PROC_SUPER_MAGIC;
}

// The function of this name behind this library.
#define REAL(result, name, parameters)                                                       \
  static result(*real) parameters;                                                           \
  if (real == NULL) real = (result(*) parameters)dlsym(RTLD_NEXT, #name);

#define CALL(condition, result, failed, name, parameters, arguments) \
  result name parameters {                                           \
    REAL(result, name, parameters)                                   \
    int error = (condition) ? failure(#name) : 0;                    \
    if (error == 0) return real arguments;                           \
    errno = error;                                                   \
    return failed;                                                   \
  }

// MARK: - Files

CALL(1, DIR *, NULL, opendir, (const char *path), (path))
CALL(is_on_disk(folder), struct dirent *, NULL, readdir, (DIR *folder), (folder))
CALL(is_regular(file), ssize_t, -1, read, (int file, void *bytes, size_t size), (file, bytes, size))
CALL(is_regular(file), ssize_t, -1, pread, (int file, void *bytes, size_t size, off_t place), (file, bytes, size, place))
CALL(is_regular(file), ssize_t, -1, write, (int file, const void *bytes, size_t size), (file, bytes, size))
CALL(1, ssize_t, -1, pwrite, (int file, const void *bytes, size_t size, off_t place), (file, bytes, size, place))
CALL(1, int, -1, fsync, (int file), (file))
CALL(1, int, -1, aio_fsync, (int operation, struct aiocb *block), (operation, block))
CALL(1, int, error, posix_fallocate, (int file, off_t place, off_t size), (file, place, size))
CALL(1, int, -1, ftruncate, (int file, off_t size), (file, size))
CALL(1, int, -1, rename, (const char *from, const char *to), (from, to))
CALL(1, int, -1, unlink, (const char *path), (path))
CALL(1, int, -1, mkdir, (const char *path, mode_t mode), (path, mode))
CALL(1, void *, MAP_FAILED, mmap, (void *at, size_t size, int access, int flags, int file, off_t place),
     (at, size, access, flags, file, place))

int open(const char *path, int flags, ...) {
  REAL(int, open, (const char *path, int flags, ...))
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list list;
    va_start(list, flags);
    mode = va_arg(list, mode_t);
    va_end(list);
  }
  int isReading = (flags & O_ACCMODE) == O_RDONLY && !(flags & O_CREAT);
  int error = isReading && killing ? 0 : failure("open");
  if (error == 0) return real(path, flags, mode);
  errno = error;
  return -1;
}

// What fails to close is closed all the same.
int close(int file) {
  REAL(int, close, (int))
  int error = is_regular(file) ? failure("close") : 0;
  int status = real(file);
  if (error == 0) return status;
  errno = error;
  return -1;
}

// MARK: - Memory

// The tool's own allocator asks by these names (Sources/CAllocation).
#define MEMORY(size, name, parameters, arguments)                              \
  void *name parameters {                                                      \
    REAL(void *, name, parameters)                                             \
    int error = (long)(size) >= least ? failure("memory") : 0;                 \
    if (error == 0) return real arguments;                                     \
    errno = error;                                                             \
    return NULL;                                                               \
  }

MEMORY(size, __libc_malloc, (size_t size), (size))
MEMORY(count * size, __libc_calloc, (size_t count, size_t size), (count, size))
MEMORY(size, __libc_realloc, (void *block, size_t size), (block, size))
MEMORY(size, __libc_memalign, (size_t alignment, size_t size), (alignment, size))

// MARK: - Decompositions

// What LAPACK would return that did not converge: the number itself.
CALL(1, int, error, LAPACKE_dgesdd,
     (int layout, char job, int rows, int columns, double *a, int lda, double *values, double *left, int ldu,
      double *right, int ldvt),
     (layout, job, rows, columns, a, lda, values, left, ldu, right, ldvt))
CALL(1, int, error, LAPACKE_dsyevd,
     (int layout, char job, char triangle, int size, double *a, int lda, double *values),
     (layout, job, triangle, size, a, lda, values))
