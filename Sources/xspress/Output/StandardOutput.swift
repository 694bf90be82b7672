import Faults
import Files
import Glibc
import JSON
import Reports

/// The result of a command on stdout, and nothing else.
enum StandardOutput {
  /// Writes `text`, and a newline where it does not end in one.
  ///
  /// Lines from `text`: names in it come from untrusted files, so nothing but the ends of lines moves the cursor.
  ///
  /// - Throws: 74 `IO-STDOUT` with the system's reason where the reader is gone or the disk is full.
  static func write(_ text: String) throws(Fault) {
    let lines = text.unicodeScalars.split(separator: "\n", omittingEmptySubsequences: false)
    try send(lines.map { VisibleText.of(String($0)) }.joined(separator: "\n"))
  }

  /// Writes one JSON document, its characters that a terminal would obey as escapes.
  static func write(_ value: JSONValue) throws(Fault) {
    try send(VisibleText.json(value.text(pretty: true)))
  }

  private static func send(_ text: String) throws(Fault) {
    var bytes = Array(text.utf8)
    if bytes.last != UInt8(ascii: "\n") { bytes.append(UInt8(ascii: "\n")) }
    let failure = bytes.withUnsafeBytes { SystemCalls.posix.writeAll(STDOUT_FILENO, $0) }
    guard failure == 0 else {
      throw Fault(.io, "IO-STDOUT", "cannot write the result: \(Fault.text(errno: failure))")
    }
  }
}
