#if canImport(Glibc)
  import Glibc
#endif

extension ProgressLog {
  /// Columns of the terminal behind stderr, less one so that the last column never wraps; 79 if unknown.
  @Sendable public static func terminalWidth() -> Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 79 }
    return Int(size.ws_col) - 1
  }

  /// Writes `text` to stderr in whole; a closed stderr is not an error.
  @Sendable public static func writeToStandardError(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let written = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
      if written > 0 {
        bytes = bytes.dropFirst(written)
      } else if errno != EINTR {
        return
      }
    }
  }
}
