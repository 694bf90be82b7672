import Faults
import Foundation
import JSON

/// The result of a command on stdout, and nothing else.
enum StandardOutput {
  /// Writes `text` and a newline.
  ///
  /// - Throws: `IO-STDOUT` where the reader is gone or the disk is full.
  static func write(_ text: String) throws(Fault) {
    do {
      try FileHandle.standardOutput.write(contentsOf: Data((text + "\n").utf8))
    } catch {
      throw Fault(.io, "IO-STDOUT", "cannot write the result: \(error.localizedDescription)")
    }
  }

  /// Writes one JSON document.
  static func write(_ value: JSONValue) throws(Fault) { try write(value.text(pretty: true)) }
}
