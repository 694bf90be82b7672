import Faults
import Fleet

/// The command line of this process as a user can type it again.
enum CommandLineText {
  static var own: String {
    (["xspress"] + CommandLine.arguments.dropFirst()).map(\.shellWord).joined(separator: " ")
  }

  /// Refuses words that are no text, which would name other files than they say: paths are kept as text.
  ///
  /// - Throws: 64 `USAGE` with the place of the first.
  static func checkEncoding() throws(Fault) {
    for (place, word) in CommandLine.arguments.enumerated() {
      guard let bytes = CommandLine.unsafeArgv[place], String(validatingCString: bytes) == nil
      else { continue }
      throw Fault(
        .usage, "USAGE",
        "argument \(place), \"\(Fault.escaped(word, limit: 96))\", is not UTF-8; rename the file or link to it"
      )
    }
  }
}
