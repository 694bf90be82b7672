internal import CKernels

/// How this process keeps its memory.
public enum ProcessMemory {
  /// Keeps what is freed for what is asked for next, instead of giving it back to the kernel.
  ///
  /// The C library maps every block above some MiB anew and unmaps it when freed; the pages of the next tensor
  /// are then zeroed again, which takes as long as decoding it and is done by one thread at a time. To be called
  /// before threads start. The most memory in use at once stays what it was, but for gaps.
  public static func keepFreed() { heap_keep_freed() }
}
