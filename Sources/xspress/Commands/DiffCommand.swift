import ArgumentParser
import Faults
import Reports
import Sessions
import Tools

/// `xspress diff A.loraxs B.loraxs`.
struct DiffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compares two artifacts of one base, module by module.",
    discussion: """
      Chosen directions are compared by their numbers; top, own and random ones, and residuals, need --base.

      EXAMPLES
        xspress diff a.loraxs b.loraxs
        xspress diff top.loraxs selected.loraxs --base model.gguf
      """)

  @Argument(help: "The first artifact.")
  var left: String

  @Argument(help: "The second artifact.")
  var right: String

  @Option(help: "Their base.")
  var base: String?

  @Option(help: "A pack of bases (.xsbases) in place of an SVD.")
  var bases: String?

  @Flag(help: "Print one JSON document.")
  var json = false

  @OptionGroup(title: "Everywhere") var shared: SharedOptions

  func run() throws {
    let session = try base.map { try shared.session(base: $0, pack: bases) }
    let difference = try ArtifactDifference(
      left, right, session: session, memory: try shared.memoryBudget())
    if json { return try StandardOutput.write(difference.json) }
    var text = difference.isSame == true ? "the same\n\n" : ""
    if !difference.settings.isEmpty {
      text +=
        TextTable.text(
          ["setting", "A", "B"], difference.settings.map { [$0.name, $0.left, $0.right] }) + "\n\n"
    }
    func figure(_ value: Double?) -> String { value.map { Numerals.fixed($0, 4) } ?? "–" }
    func shape(_ shape: [Int]?) -> String {
      shape.map { $0.map(String.init).joined(separator: "x") } ?? "–"
    }
    text += TextTable.text(
      ["module", "A", "B", "norm A", "norm B", "difference", "cosine"],
      difference.modules.map {
        [
          $0.name, shape($0.left), shape($0.right), figure($0.norms?.left), figure($0.norms?.right),
          figure($0.relative), figure($0.cosine),
        ]
      })
    if session == nil, difference.modules.contains(where: { $0.norms == nil && $0.left != nil }) {
      text += "\n\nWhat has no figure needs the base: --base"
    }
    try StandardOutput.write(text)
  }
}
