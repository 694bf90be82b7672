import Foundation

/// The side of ``BatchSupervisor`` that works.
public enum BatchWorker {
  /// Ends this process when its standard input ends: the supervisor is gone, and nobody would hear the result.
  ///
  /// Whatever was being written is a temporary file, and the same command goes on from what is done.
  public static func endWithSupervisor() {
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while true {
        let count = read(STDIN_FILENO, &byte, 1)
        if count == 0 || (count < 0 && errno != EINTR) { kill(getpid(), SIGKILL) }
      }
    }
  }
}
