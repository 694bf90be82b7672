/// The command line of this process as a user can type it again.
enum CommandLineText {
  static var own: String {
    (["xspress"] + CommandLine.arguments.dropFirst()).map(quoted).joined(separator: " ")
  }

  /// What a shell takes for one word.
  static func quoted(_ word: String) -> String {
    let isPlain =
      !word.isEmpty
      && word.unicodeScalars.allSatisfy {
        $0.isASCII
          && ($0.properties.isAlphabetic || "0123456789_-+=./:,%@".unicodeScalars.contains($0))
      }
    return isPlain ? word : "'" + word.replacing("'", with: "'\\''") + "'"
  }
}
