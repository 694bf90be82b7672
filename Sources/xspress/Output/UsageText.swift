import ArgumentParser
import Faults
import JSON

/// What is wrong with a command line, in one line: the parser's message, or the word that it stumbled over.
struct UsageText {
  private let arguments: [String]
  private let root: JSONField

  /// Of the words behind the program's name.
  init(_ arguments: [String]) {
    self.arguments = arguments
    let help = RootCommand._dumpHelp()
    root = JSONField((try? JSONValue.parse(Array(help.utf8))) ?? .null)["command"]
  }

  /// The fault for an error of the parser.
  func fault(_ error: any Error) -> Fault {
    let (command, path) = command(arguments)
    let message =
      unknownWord(command, path) ?? UsageText.line(RootCommand.message(for: error))
    let help = path.isEmpty ? "xspress --help" : "xspress help \(path.joined(separator: " "))"
    return Fault(.usage, "USAGE", "\(message); see \(help)")
  }

  /// Refuses `help` of a command that is none.
  ///
  /// - Throws: 64 `USAGE`.
  static func checkHelp(_ arguments: [String]) throws(Fault) {
    guard arguments.first == "help" else { return }
    let words = arguments.dropFirst().filter { !$0.hasPrefix("-") }
    let known = UsageText(arguments).command(words).path
    guard known.count < words.count else { return }
    throw Fault(.usage, "USAGE", "Unknown command '\(words[known.count])'; see xspress --help")
  }

  /// The command that the first of `words` name, and its names.
  private func command(_ words: [String]) -> (field: JSONField, path: [String]) {
    var (command, path) = (root, [String]())
    for word in words {
      let commands = (try? command["subcommands"].array()) ?? []
      guard let next = commands.first(where: { $0["commandName"].value?.stringValue == word })
      else { break }
      command = next
      path.append(word)
    }
    return (command, path)
  }

  /// An option or a command that is none: the parser looks at what is missing first.
  private func unknownWord(_ command: JSONField, _ path: [String]) -> String? {
    if command["subcommands"].isPresent {
      guard let word = arguments.dropFirst(path.count).first, !word.hasPrefix("-") else {
        return nil
      }
      return "Unknown command '\(word)'"
    }
    let known = Set(
      ((try? command["arguments"].array()) ?? []).flatMap { argument in
        ((try? argument["names"].array()) ?? []).compactMap { $0["name"].value?.stringValue }
      })
    for word in arguments.dropFirst(path.count) {
      guard word != "--" else { return nil }
      guard word.hasPrefix("--") else { continue }
      let name = word.dropFirst(2).prefix { $0 != "=" }
      if !known.contains(String(name)) { return "Unknown option '--\(name)'" }
    }
    return nil
  }

  /// The first line of a message, with the values that it lists below.
  private static func line(_ message: String) -> String {
    let lines = message.split(separator: "\n")
    let values = lines.dropFirst().prefix { $0.hasPrefix("  - ") }.map { $0.dropFirst(4) }
    let first = lines.first.map(String.init) ?? "bad command line"
    return values.isEmpty ? first : "\(first) \(values.joined(separator: ", "))"
  }
}
