internal import CKernels

/// How this process keeps its memory.
public enum ProcessMemory {
  /// Keeps what is freed for what is asked for next, instead of giving it back to the kernel.
  ///
  /// The C library maps every block above some MiB anew and unmaps it when freed; the pages of the next tensor
  /// are then zeroed again, which takes as long as decoding it and is done by one thread at a time. To be called
  /// before threads start. See ``giveBack()``.
  public static func keepFreed() { heap_keep_freed() }

  /// Gives all that is free at this moment back to the kernel; for the end of a stage whose buffers the next does not have.
  ///
  /// Freed blocks lie between those in use, and blocks of other sizes would be put beside them: without it the most memory in
  /// use grows from stage to stage.
  public static func giveBack() { heap_give_back() }
}
