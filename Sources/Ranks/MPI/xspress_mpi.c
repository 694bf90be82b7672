/* What `xspress --mpi` needs of an MPI library: a library of its own, loaded only then, since the binary interfaces of
 * Open MPI and MPICH differ. Build it against yours with
 *
 *   mpicc -O2 -shared -fPIC -o libxspress-mpi.so xspress_mpi.c        (make mpi-shim)
 *
 * and put it beside xspress, into ../lib/xspress, or name it in XSPRESS_MPI.
 *
 * Every function returns MPI_SUCCESS or a code that xspress_mpi_error explains; all are called by one thread. */
#include <mpi.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Of this interface: raised where a function changes. */
int xspress_mpi_version(void) { return 1; }

int xspress_mpi_init(void) {
  int given;
  int status = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given);
  if (status != MPI_SUCCESS) return status;
  return MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
}

int xspress_mpi_rank(int *rank) { return MPI_Comm_rank(MPI_COMM_WORLD, rank); }

int xspress_mpi_size(int *size) { return MPI_Comm_size(MPI_COMM_WORLD, size); }

/* How many bytes each rank brings to the next xspress_mpi_allgather_bytes, by rank. */
int xspress_mpi_allgather_counts(uint64_t mine, uint64_t *counts) {
  return MPI_Allgather(&mine, 1, MPI_UINT64_T, counts, 1, MPI_UINT64_T, MPI_COMM_WORLD);
}

/* Everybody's bytes one after another, by rank. Counts of MPI calls are ints, so large ones go in pieces. */
int xspress_mpi_allgather_bytes(const void *mine, void *all, const uint64_t *counts) {
  const uint64_t most = 1u << 30;
  int rank, size;
  int status = MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (status == MPI_SUCCESS) status = MPI_Comm_size(MPI_COMM_WORLD, &size);
  if (status != MPI_SUCCESS) return status;
  char *place = all;
  for (int root = 0; root < size; root++) {
    if (root == rank && counts[root] > 0) memcpy(place, mine, counts[root]);
    for (uint64_t done = 0; done < counts[root]; done += most) {
      uint64_t left = counts[root] - done;
      status = MPI_Bcast(place + done, (int)(left < most ? left : most), MPI_BYTE, root, MPI_COMM_WORLD);
      if (status != MPI_SUCCESS) return status;
    }
    place += counts[root];
  }
  return MPI_SUCCESS;
}

int xspress_mpi_finalize(void) { return MPI_Finalize(); }

/* What `status` means, as a C string of at most `size` bytes. */
void xspress_mpi_error(int status, char *text, int size) {
  char whole[MPI_MAX_ERROR_STRING];
  int length = 0;
  if (size < 1) return;
  if (MPI_Error_string(status, whole, &length) != MPI_SUCCESS) length = 0;
  snprintf(text, size, "%.*s", length, whole);
}
