public import Faults
import Files
import Foundation
import JSON

/// The side of ``WorkerSupervisor`` that works.
public enum WorkerProcess {
  /// Reads the order of the supervisor, and from then on ends this process when its standard input ends: the supervisor
  /// is gone, and nobody would hear the result.
  ///
  /// Whatever is being written then is a temporary file, and the same command goes on from what is done.
  static func order() throws(Fault) -> WorkerOrder {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while byte != UInt8(ascii: "\n") {
      let count = read(STDIN_FILENO, &byte, 1)
      if count < 0 && errno == EINTR { continue }
      guard count == 1, line.count < 64 << 20 else {
        throw Fault(.internalError, "BATCH-WORKER", "the worker process got no order")
      }
      line.append(byte)
    }
    endWithSupervisor()
    return try WorkerOrder(json: try JSONValue.parse(line))
  }

  private static func endWithSupervisor() {
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while true {
        let count = read(STDIN_FILENO, &byte, 1)
        if count == 0 || (count < 0 && errno != EINTR) { kill(getpid(), SIGKILL) }
      }
    }
  }

  /// Tells the supervisor what became of a job.
  static func tell(_ result: JobResult) { write(result.line) }

  /// Tells the supervisor why the worker ends before its order is done: one line on standard error is the supervisor's.
  public static func tell(_ fault: Fault) { write(.object(["ended": fault.json])) }

  private static func write(_ line: JSONValue) {
    _ = Array((line.text() + "\n").utf8).withUnsafeBytes {
      SystemCalls.posix.write(STDOUT_FILENO, $0)
    }
  }
}
